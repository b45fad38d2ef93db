"""Checks a derivation relation by relation: what follows, what does not, what cannot be decided.

Each relation of a chain a = b ∝ c is checked by itself, whatever the ones before: one mistake costs one step. An
equation (… = 0) claims nothing; what is introduced by ⇒ must hold at its solution. What cannot be read or evaluated
is undecided and costs nothing.
"""

from __future__ import annotations

import re
from typing import Final

from grader.theory import tree as t
from grader.theory.answer_text import AnswerText
from grader.theory.definitions import Definition, definition_of
from grader.theory.questions import FAMILY, FIXED
from grader.theory.step_bench import Bench, Outcome
from grader.theory.step_deciding import Deciding
from grader.theory.step_laws import in_law
from grader.theory.step_lines import Side, Statement, definitions_of, statements_of
from grader.theory.step_mistakes import MESSAGES, name_of
from grader.theory.step_relations import identity
from grader.theory.step_verdicts import StepsJudgement, StepVerdict, counterexample, shortened
from grader.theory.typesetting import typeset

MAX_RELATIONS: Final = 120
"""Relations of one derivation that are checked, about two milliseconds each; a careful one has thirty."""

_UNDER: Final = re.compile(r"\b(?:if|when|whenever|assum\w+|suppos\w+|in case|special case)\b[^.]*$", re.IGNORECASE)
"""Words that put the formula behind them under a condition."""

_NOTATION: Final = frozenset({"sigma", "alpha", "alpha_bar", "beta_bar", "beta_tilde", "Sigma", "m", "c", "C", "Z"})


def check_steps(question: str, answer: AnswerText) -> StepsJudgement:
    """Check the steps of an answer to a question of the handout; never raises on a student's text."""
    if question not in FAMILY or not answer.steps:
        return StepsJudgement((), None)
    checker = _Checker(question)
    for group in definitions_of(question, answer):
        for statement in group:
            checker.declare(statement)
    for group in statements_of(question, answer):
        for statement in group[1:]:
            checker.declare(statement, only_notation=True)
        for statement in group:
            checker.take(statement)
    verdicts = tuple(checker.verdicts)
    wrong = next((k for k, verdict in enumerate(verdicts) if verdict.status == "wrong"), None)
    return StepsJudgement(verdicts, wrong)


class _Checker(Deciding):
    """Walks through the statements, keeping what was defined and the last equation."""

    def __init__(self, question: str) -> None:
        self.bench = Bench(question)
        self.verdicts: list[StepVerdict] = []
        self._last: Side | None = None
        """The last member that was not “…”."""
        self._skipped = False
        """“…” stood behind it: steps were left out."""
        self._equation: tuple[t.Node, t.Node] | None = None
        self._assumed = False
        """A condition such as p_r = p_g was stated: what fails in general may hold under it."""
        self._up_to_factor = False
        """A ∝ came earlier in this chain: a later “=” may drop a factor, too."""

    # ---------------------------------------------------------------- statements

    def declare(self, statement: Statement, *, only_notation: bool = False) -> None:
        """A statement that only declares notation; only_notation: the usual letters, beside a claim that uses them."""
        if len(statement.sides) == 2 and statement.sides[0].node is not None:
            definition = definition_of(statement.sides[0].node, statement.sides[1].node)
            notation = definition is not None and (not only_notation or definition.name in _NOTATION)
            if definition is not None and notation and definition.name not in FIXED:
                self.bench.define(definition)

    def take(self, statement: Statement) -> None:
        """The next statement of the derivation."""
        sides, relations = list(statement.sides), list(statement.relations)
        if statement.goes_on and self._last is not None:
            sides.insert(0, self._last)
        elif statement.goes_on:
            relations = relations[1:]
        else:
            self._up_to_factor = False
        previous = self._last
        if self._states_condition(statement):
            self._assumed = True
            return
        self._assumed = (self._assumed and statement.follows) or _UNDER.search(statement.words) is not None
        skipped = statement.goes_on and self._skipped
        if sides:
            self._skipped = sides[-1].dots
            self._last = sides[-1] if not sides[-1].dots else next((s for s in reversed(sides) if not s.dots), previous)
        if statement.condition or not relations or len(sides) != len(relations) + 1:
            self._remember_exponent(sides)
            if len(sides) == 1 and not statement.condition:
                self._alone(previous, sides[0], statement.line)
            return
        if "~" in relations:
            self._law(sides, relations, statement.line)
            return
        if not statement.goes_on and self._is_definition(sides, relations):
            sides, relations = sides[1:], relations[1:]
        for place, relation in enumerate(relations):
            self._relation(sides, place, relation, statement, skipped and place == 0)
        self._remember_exponent(sides)

    def _alone(self, previous: Side | None, side: Side, line: int) -> None:
        """An expression without a relation: it may repeat the one before in another form, and claims nothing else."""
        if side.node is None:
            self._undecided(side.text, side.error, line)
        elif previous is not None and previous.node is not None:
            outcome = self._equal(previous.node, side.node)
            if outcome.truth == "holds":
                self._record(previous, "=", side, "=", outcome, line)
            else:
                self._undecided(side.text, "It is not said how this line follows from the one before.", line)

    def _states_condition(self, statement: Statement) -> bool:
        """p_r = p_g by itself: a case that is looked at, no claim."""
        names = [side.node.name for side in statement.sides if isinstance(side.node, (t.Sym, t.Call))]
        return len(names) == len(statement.sides) > 1 and set(names) == {"p_r", "p_g"}

    def _remember_exponent(self, sides: list[Side]) -> None:
        for side in sides:
            if side.node is not None:
                for node in t.walk(side.node):
                    if isinstance(node, t.Fun) and node.name == "exp":
                        self.bench.exponent = node.arg

    def _is_definition(self, sides: list[Side], relations: list[str]) -> bool:
        """A chain that begins with a name which the question does not know (or with the notation itself)."""
        left, body = sides[0].node, next((side.node for side in sides[1:] if side.node is not None), None)
        definition = definition_of(left, body) if relations[0] == "=" else None
        if definition is None or left is None or body is None or definition.lhs != left or definition.name in FIXED:
            return False
        base = definition.name
        if base in ("sigma", "Sigma"):
            self.bench.define(definition)
            return True
        outcome = identity(self.bench, left, body)
        if outcome.truth == "unknown" and "not a symbol of this question" in outcome.why:
            if isinstance(left, t.Sym) and left.name in ("D_star",):
                return False
            readable = identity(self.bench, body, body)
            if readable.truth == "holds":
                self.bench.define(definition)
                return True
            return False
        if base in _NOTATION and any(isinstance(n, t.Big) for n in t.walk(body)):
            self.bench.define(definition)
            return True
        if base == "alpha":
            self.bench.define(definition)
            return True
        return False

    def _law(self, sides: list[Side], relations: list[str], line: int) -> None:
        """x_t ∼ N(…) claims a law; ε ∼ N(0, I) declares a noise."""
        left, right = sides[0].node, sides[-1].node
        if len(sides) != 2 or left is None or right is None:
            self._undecided(" ".join(side.text for side in sides), "a law that is not checked", line)
            return
        if isinstance(left, t.Sym) and left.name != "x":
            self.bench.define(Definition(left.name, left, right, index=left.index, law=True))
            return
        if isinstance(right, t.Gauss):
            self._record(sides[0], "∼", sides[1], "law", in_law(self.bench, left, right), line)

    # ---------------------------------------------------------------- relations

    def _relation(
        self, sides: list[Side], place: int, relation: str, statement: Statement, skipped: bool = False
    ) -> None:
        left, right = sides[place], sides[place + 1]
        if len(self.verdicts) >= MAX_RELATIONS:
            return
        if right.dots:
            return
        skipped = skipped or left.dots
        if left.dots:
            left = next((side for side in reversed(sides[:place]) if not side.dots), left)
        if left.node is None or right.node is None:
            missing = left if left.node is None else right
            self._undecided(f"{left.text} {relation} {right.text}", missing.error, statement.line)
            return
        kind, outcome = self._decide(left.node, right.node, relation, statement)
        if kind == "equation":
            return
        if skipped and outcome.truth == "fails":
            outcome = Outcome("unknown", "steps are left out here")
        if self._assumed and outcome.truth == "fails":
            outcome = Outcome("unknown", "it is stated under a condition")
        self._record(left, relation, right, kind, outcome, statement.line)

    # ---------------------------------------------------------------- verdicts

    def _undecided(self, text: str, why: str, line: int) -> None:
        if len(self.verdicts) < MAX_RELATIONS:
            self.verdicts.append(StepVerdict(text, "", "undecided", None, why or "It could not be read.", None, line))

    def _record(self, left: Side, relation: str, right: Side, kind: str, outcome: Outcome, line: int) -> None:
        text = f"{left.text} {relation} {right.text}"
        assert left.node is not None
        assert right.node is not None
        reading = f"{typeset(left.node)} {relation} {typeset(right.node)}"
        place = f"“{shortened(reading)}”{f' (line {line})' if line else ''} does not follow."
        if outcome.not_densities and outcome.truth != "unknown":
            mistake = "kl_second_argument" if _has_divergence(right.node) else None
            if mistake is not None and not _already(self.verdicts, mistake):
                self.verdicts.append(
                    StepVerdict(text, reading, "wrong", mistake, f"{place} {MESSAGES[mistake]}", None, line)
                )
                return
        if outcome.truth == "holds":
            self.verdicts.append(StepVerdict(text, reading, "follows", None, outcome.note, None, line))
            return
        if outcome.truth == "unknown":
            self.verdicts.append(StepVerdict(text, reading, "undecided", None, outcome.why, None, line))
            return
        mistake = name_of(self.bench, left.node, right.node, kind, outcome.pairs)
        example = counterexample(self.bench, kind, outcome)
        named = f"{MESSAGES[mistake]} " if mistake else ""
        message = f"{place} {named}{example.pop('sentence')}"
        self.verdicts.append(StepVerdict(text, reading, "wrong", mistake, message, example, line))


def _already(verdicts: list[StepVerdict], mistake: str) -> bool:
    return any(verdict.mistake == mistake for verdict in verdicts)


def _has_divergence(node: t.Node) -> bool:
    return any(isinstance(n, t.Divergence) for n in t.walk(node))
