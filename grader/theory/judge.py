"""One answer → one judgement. The order is: read, compare in random models, and only then name the mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from grader.theory import tree as t
from grader.theory.deciding import (
    ERROR_BOUND,
    PLANS,
    Difference,
    Plan,
    component_index,
    make_evaluator,
    make_model,
    many_digits,
    point,
    same,
    scopes,
    shown,
)
from grader.theory.elbo import elbo_equal
from grader.theory.errors import (
    EvaluationError,
    ExtremeNumber,
    KindMismatch,
    NotEvaluated,
    ReadError,
    Singular,
    TooMuchWork,
    UnknownSymbol,
)
from grader.theory.evaluate import Evaluator
from grader.theory.gaussians import transition_equal
from grader.theory.laws import NotADensity
from grader.theory.questions import family_of, is_answer_side, known_names
from grader.theory.reading import Reading, Statement, read
from grader.theory.reference_answers import right_answer
from grader.theory.values import FIRST_DIGITS, MORE_DIGITS, kind_of
from grader.theory.verdict import AnswerPolicy, Judgement

DEFAULT_POLICY = AnswerPolicy()

OUT_OF_SCOPE = (
    "The running index stands outside its sum or product: as typed, that ends before. Are parentheses missing?"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comparing one member with the right answer gave."""

    verdict: str
    difference: Difference | None = None
    mistake: str | None = None
    sentence: str = ""
    draws: int = 0
    credit_hint: str | None = None


def judge_answer(question: str, lang: str, text: str, policy: AnswerPolicy = DEFAULT_POLICY) -> Judgement:
    """Judges one answer.

    question: "1.1" … "2.5"; lang: "latex", "text" or "auto". Never raises on a student's text: what cannot be read is
    the verdict "unreadable" with a sentence and a column, what cannot be decided is "undecided".
    """
    try:
        reading = read(question, lang, text)
    except ReadError as error:
        return Judgement("unreadable", error.kind, sentence_of(error, text), column=error.column)
    return judge_reading(reading, policy)


def sentence_of(error: ReadError, text: str) -> str:
    """The error with the place shown in the student's own characters."""
    around = printable(text[max(0, error.column - 12) : error.column + 12])
    place = f" (column {error.column + 1}: …{around}…)" if around else ""
    return f"The answer could not be read: {printable(error.sentence)}{place}"


def printable(text: str) -> str:
    """Text with control characters and lone surrogates escaped."""
    return "".join(c if c.isprintable() else " " if c == "\n" else c.encode("unicode_escape").decode() for c in text)


def judge_reading(reading: Reading, policy: AnswerPolicy = DEFAULT_POLICY) -> Judgement:
    """Judges an answer that was read already."""
    outcomes: list[Outcome] = []
    for statement in reading.answers:
        try:
            outcomes.append(_judge_statement(reading, statement, policy))
        except ReadError as error:
            if _outside_its_sum(statement, error):
                return Judgement("incorrect", "index_out_of_scope", OUT_OF_SCOPE, reading=reading.typeset)
            return Judgement(
                "unreadable", error.kind, sentence_of(error, reading.text), reading=reading.typeset, column=error.column
            )
        except RecursionError:
            return Judgement(
                "undecided", None, "The formula is too deeply nested to be evaluated.", reading=reading.typeset
            )
    verdicts = {o.verdict for o in outcomes}
    if len(verdicts) > 1:
        return Judgement(
            "undecided",
            None,
            "The text states several answers that do not agree; a person decides which one counts.",
            reading=reading.typeset,
        )
    return _judgement(reading, outcomes[0], answer_and_reference(reading, reading.answers[0])[0])


def _outside_its_sum(statement: Statement, error: ReadError) -> bool:
    """Is the unknown symbol the index of a ∑ or ∏ of the same answer, as in ∏_{i=1}^t 1 − β_i?"""
    node = statement.final.node
    if not isinstance(error, UnknownSymbol) or node is None:
        return False
    running = {part.var for part in t.walk(node) if isinstance(part, t.Big)}
    return any(isinstance(p, t.Sym) and p.name in running and p.column == error.column for p in t.walk(node))


def _judgement(reading: Reading, outcome: Outcome, node: t.Node) -> Judgement:
    if outcome.verdict == "correct" and reading.conditional:
        message = "The answer is stated under a condition; a person decides whether it is meant in general."
        return Judgement("undecided", None, message, reading=reading.typeset)
    if outcome.verdict == "correct" and any(d.name in ("p_r", "p_g") and d.lhs != d.body for d in reading.definitions):
        message = "The answer sets p_r or p_g to something else; a person decides whether it is meant in general."
        return Judgement("undecided", None, message, reading=reading.typeset)
    if outcome.verdict == "correct":
        proof = f"equal to the right answer in {outcome.draws} random models, error ≤ {ERROR_BOUND}"
        message = outcome.sentence or "The answer is right."
        return Judgement(
            "correct", None, message, proof=proof, reading=reading.typeset, credit_hint=outcome.credit_hint
        )
    if outcome.verdict == "undecided":
        return Judgement("undecided", outcome.mistake, outcome.sentence, reading=reading.typeset)
    mistake, sentence = outcome.mistake, outcome.sentence
    if mistake is None:
        from grader.theory.mistakes import name_mistake

        named = name_mistake(reading, node)
        if named is not None:
            mistake, sentence = named
    difference = outcome.difference
    counterexample = None
    if difference is not None:
        counterexample = {"point": difference.point, "student": difference.left, "expected": difference.right}
        shown_point = (
            f"{difference.where + ': ' if difference.where else ''}your expression has the value {difference.left}"
        )
        sentence = (sentence or "The answer is not equal to the right one.") + (
            f" In a concrete case ({shown_point}) the right value is another."
        )
    return Judgement(
        "incorrect",
        mistake,
        sentence or "The answer is not right.",
        counterexample=counterexample,
        reading=reading.typeset,
    )


def _judge_statement(reading: Reading, statement: Statement, policy: AnswerPolicy) -> Outcome:
    question = reading.question
    node, reference, relation = answer_and_reference(reading, statement)
    deciders: dict[str, Callable[..., Outcome]] = {"2.1": _decide_elbo, "2.3": _decide_transition}
    decide = deciders.get(question, _decide_value)
    outcome = _guarded(lambda digits: decide(reading, node, reference, relation, policy, digits))
    if question == "2.5" and outcome.mistake == "kind_mismatch" and component_index(node):
        sentence = (
            f"Components (index {component_index(node)}) and whole vectors stand side by side; a person looks at it."
        )
        return Outcome("undecided", sentence=sentence)
    if outcome.verdict == "correct" and many_digits(node):
        outcome = _guarded(lambda digits: decide(reading, node, reference, relation, policy, MORE_DIGITS))
    if outcome.verdict == "correct" and (doubt := left_side_doubt(reading, statement, node, policy)):
        return Outcome("undecided", sentence=doubt)
    loose = ("≈", "∝") if question != "2.3" else ("≈",)
    if outcome.verdict == "correct" and relation in (*loose, *(("≤", "≥") if question != "2.1" else ())):
        return Outcome("undecided", sentence=f"The answer is stated with “{relation}” where an equation is asked for.")
    return outcome


def answer_and_reference(reading: Reading, statement: Statement) -> tuple[t.Node, t.Node, str]:
    """The student's final member, what it must equal, and the relation that leads to it."""
    question = reading.question
    members = statement.members
    relation = statement.relations[-1] if statement.relations else "="
    final = statement.final
    if (
        question == "2.1"
        and len(members) > 1
        and relation == "≤"
        and _is_evidence(final.node)
        and not _is_evidence(members[0].node)
    ):
        final, relation = members[-2], statement.relations[-2] if len(members) > 2 else "≥"
    if (
        len(members) > 1
        and relation == "="
        and _only_a_name(question, final.node, reading)
        and members[-2].node is not None
    ):
        final = members[-2]
        members = members[:-1] if len(members) > 2 else (final,)
    if final.node is None:
        raise final.error or ReadError("The answer could not be read.", final.start)
    node, reference = final.node, right_answer(question)
    left = members[0].node if len(members) > 1 else None
    if question == "2.3.beta_bar" and isinstance(left, t.Sym) and left.name == "beta_bar" and len(left.index) == 1:
        stated_for = left.index[0]  # β̄_{t−1} = … is another quantity than β̄_t
        if isinstance(stated_for, t.Sym) and stated_for.name in ("s", "i", "j", "k", "n", "tau"):
            return t.substitute(node, lambda n: t.Sym("t") if n == stated_for else None), reference, relation
        reference = t.substitute(reference, lambda n: stated_for if n == t.Sym("t") else None)
    if left is not None:
        if isinstance(left, t.Neg) and (is_answer_side(question, left.arg) or _is_evidence(left.arg)):
            return t.Neg(node), reference, {"≤": "≥", "≥": "≤"}.get(relation, relation)
        if not is_answer_side(question, left) and question not in ("2.1", "2.3"):
            replaced = t.substitute(left, lambda n: reference if _asked_for(question, n) else None)
            if replaced is not left:
                reference = replaced
    return node, reference, relation


def _asked_for(question: str, node: t.Node) -> bool:
    """Does this part of a left side name what is asked for? In 2.5, s_θ(x, δ) without x_known does not."""
    conditional = question != "2.5" or (isinstance(node, t.Call) and bool(node.given))
    return conditional and is_answer_side(question, node)


def left_side_doubt(reading: Reading, statement: Statement, node: t.Node, policy: AnswerPolicy) -> str:
    """A sentence when a right expression is stated for something else than what is asked; empty otherwise."""
    if len(statement.members) < 2:
        return ""
    left = statement.members[0]
    if left.node is None:
        opening = left.text.lstrip(" $({[")
        operators = (
            "-",
            "−",
            "\\frac",
            "\\tfrac",
            "\\dfrac",
            "\\log",
            "\\ln",
            "\\exp",
            "\\sqrt",
            "log",
            "exp",
            "sqrt",
            "√",
        )
        if opening[:1].isdigit() or opening.startswith(operators):
            return "The expression is right for the quantity that is asked for, but its left side could not be read."
        return ""
    other = "The expression is right for what is asked for, but it is stated for something else."
    if reading.question == "2.3" and isinstance(left.node, t.Sym) and left.node.name == "x":
        return "" if left.node.index == (t.Sym("t"),) else other
    if reading.question == "2.1" and isinstance(left.node, t.Fun) and not _is_evidence(left.node):
        return other
    if isinstance(left.node, t.Call) and reading.question in ("2.3", "2.4") and left.node.name in ("q", "p", "law"):
        before = t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),))
        now, start = t.Sym("x", (t.Sym("t"),)), t.Sym("x", (t.number(0),))
        expected = ((now,), {start}) if reading.question == "2.3" else ((before,), {now, start})
        if left.node.args != expected[0] or set(left.node.given) != expected[1]:
            return "The expression is right for the law that is asked for, but it is stated for another one."
    return ""


def _only_a_name(question: str, node: t.Node | None, reading: Reading) -> bool:
    """“… = D*(x)”: the chain ends in the name of what it states."""
    if not isinstance(node, (t.Sym, t.Call)):
        return False
    if is_answer_side(question, node):
        return True
    defined = {d.name for d in reading.definitions}
    return isinstance(node, t.Sym) and node.name not in known_names(question) and node.name not in defined


def _is_evidence(node: t.Node | None) -> bool:
    """log p_θ(x_0)"""
    return (
        isinstance(node, t.Fun)
        and node.name == "log"
        and isinstance(node.arg, t.Call)
        and node.arg.name in ("p_theta", "p")
        and node.arg.args == (t.Sym("x", (t.number(0),)),)
        and not node.arg.given
    )


def _guarded(decide: Callable[[int], Outcome]) -> Outcome:
    """Runs a decision, again with more digits where the first ones did not suffice, and sorts what went wrong."""
    try:
        try:
            return decide(FIRST_DIGITS)
        except ExtremeNumber:
            return decide(MORE_DIGITS)
    except NotADensity as error:
        return Outcome("incorrect", mistake="not_a_density", sentence=error.sentence)
    except KindMismatch as error:
        return Outcome(
            "incorrect", mistake="kind_mismatch", sentence=f"The formula does not fit together: {error.sentence}"
        )
    except Singular as error:
        return Outcome("incorrect", mistake="no_value", sentence=f"The formula has no value: {error.sentence}")
    except (NotEvaluated, TooMuchWork, ExtremeNumber) as error:
        return Outcome("undecided", sentence=f"The answer was read but not decided: {error.sentence}")
    except EvaluationError as error:
        return Outcome("incorrect", mistake="no_value", sentence=f"The formula has no value: {error.sentence}")


def seed_of(reading: Reading) -> str:
    """Fresh draws for every text, the same at every regrade."""
    return blake2b(f"{reading.question}\x00{reading.text}".encode(), digest_size=12).hexdigest()


def evaluators(reading: Reading, plan: Plan, k: int, digits: int, policy: AnswerPolicy) -> tuple[Evaluator, Evaluator]:
    """(the student's, the right answer's) evaluator over one model."""
    family = family_of(reading.question)
    model = make_model(family, f"{seed_of(reading)}/{k}", plan, digits)
    model.discriminator_known = reading.question == "1.2"
    mine = make_evaluator(model, reading.definitions, standard_alpha=policy.assume_standard_alpha)
    right = make_evaluator(model)
    right.sigma_source = mine
    return mine, right


def _decide_value(
    reading: Reading, node: t.Node, reference: t.Node, relation: str, policy: AnswerPolicy, digits: int
) -> Outcome:
    """Numbers and vectors: equal at every point of every model."""
    draws = 0
    expected_node = reference
    for k, plan in enumerate(PLANS[family_of(reading.question)]):
        mine, right = evaluators(reading, plan, k, digits, policy)
        if reading.question == "2.3.beta_bar":
            mine.model.free_beta_bar_from = plan.t
        compared, other = (node, expected_node)
        variance_note = False
        if reading.question == "2.4" and isinstance(node, t.Gauss):
            compared, variance_note = node.mean, True
        for where, scope in scopes(mine, compared):
            try:
                value = mine.value(compared, scope)
                if reading.question == "2.5" and kind_of(value) == "number" and _scalar_component(compared):
                    expected = right.value(_componentwise(other, compared), scope)
                else:
                    expected = right.value(other, scope)
            except (Singular, EvaluationError):
                if plan.edge:
                    continue
                raise
            verdict = same(mine.n, value, expected)
            draws += 1
            if verdict == "kind":
                kinds = {"number": "a number", "vector": "a vector", "matrix": "a matrix", "row": "a transposed vector"}
                sentence = f"The answer is {kinds[kind_of(value)]}, but {kinds[kind_of(expected)]} is asked for."
                return Outcome("incorrect", mistake="wrong_kind", sentence=sentence)
            if verdict == "different":
                found = Difference(
                    point(mine.model, where), shown(mine.n, value), shown(mine.n, expected), _where(mine, where)
                )
                return Outcome("incorrect", found)
        if variance_note:
            checked = _posterior_variance(mine, right, node)
            if checked is not None:
                return checked
    return Outcome("correct", draws=draws)


def _posterior_variance(mine: Evaluator, right: Evaluator, node: t.Node) -> Outcome | None:
    """A whole Gaussian where its mean is asked for: the variance must be right too, or a person looks."""
    assert isinstance(node, t.Gauss)
    before = t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),))
    if node.variate is not None and node.variate != before:
        return Outcome("undecided", sentence="The mean is right, but the Gaussian is stated for another variable.")
    _, variance = mine.gaussian(node, mine.base)
    model = right.model
    if model.t == 1:
        return None
    expected = model.beta(model.t) * model.beta_bar(model.t - 1) / model.beta_bar(model.t)
    if all(mine.n.close(v, expected) for v in variance):
        return None
    return Outcome("undecided", sentence="The mean is right, but the Gaussian is stated with another variance.")


def _scalar_component(node: t.Node) -> bool:
    return bool(component_index(node))


def _componentwise(reference: t.Node, node: t.Node) -> t.Node:
    return t.Component(reference, t.Sym(component_index(node)))


def _where(evaluator: Evaluator, where: str) -> str:
    model = evaluator.model
    if model.family in ("diffusion", "elbo"):
        return f"T = {model.steps}, t = {model.t}"
    return where


def _decide_elbo(
    reading: Reading, node: t.Node, reference: t.Node, relation: str, policy: AnswerPolicy, digits: int
) -> Outcome:
    if relation == "≤":
        sentence = "The bound is stated as an upper bound of log p_θ(x_0); it is a lower one."
        return Outcome("incorrect", mistake="upper_bound", sentence=sentence)
    result = elbo_equal(node, reading.definitions, seed_of(reading), digits, policy)
    return _from_result(result)


def _decide_transition(
    reading: Reading, node: t.Node, reference: t.Node, relation: str, policy: AnswerPolicy, digits: int
) -> Outcome:
    result = transition_equal(reading, node, reference, relation, seed_of(reading), digits, policy)
    return _from_result(result)


def _from_result(result: dict[str, Any]) -> Outcome:
    return replace(Outcome(result.pop("verdict")), **result)
