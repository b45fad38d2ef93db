"""Which question is put to one relation of a derivation: an identity, a law, a solution, a proportion, a bound."""

from __future__ import annotations

from typing import Final

from grader.theory import tree as t
from grader.theory.questions import FAMILY
from grader.theory.scope import Scope
from grader.theory.step_bench import Bench, Outcome
from grader.theory.step_equations import is_algebraic, is_unknown, mentions_unknown, root_of, unknown_key
from grader.theory.step_laws import in_law
from grader.theory.step_lines import Statement
from grader.theory.step_models import StepModel
from grader.theory.step_relations import identity, ordered, proportional, shifted, states_density

_CONSTANTS: Final = frozenset({"const", "C", "c", "Z", "constant"})
_ORDER: Final = frozenset({"≤", "≥", "<", ">"})


class Deciding:
    """The part of the checker that decides one relation."""

    bench: Bench
    _equation: tuple[t.Node, t.Node] | None
    _up_to_factor: bool

    def _decide(self, left: t.Node, right: t.Node, relation: str, statement: Statement) -> tuple[str, Outcome]:
        """(how it was checked, what was found)."""
        if relation == "∝":
            self._up_to_factor = True
            outcome = proportional(self.bench, left, right)
            if outcome.truth == "fails" and shifted(self.bench, left, right).truth == "holds":
                return "∝", Outcome("holds", note="equal up to an additive constant, which is no “∝”")
            return "∝", outcome
        if relation in _ORDER:
            return relation, ordered(self.bench, left, relation, right)
        if relation not in ("=", "≈"):
            return relation, Outcome("unknown", f"the relation {relation} is not checked")
        outcome = self._equal(left, right)
        if outcome.truth == "holds" or (outcome.truth == "unknown" and self._equation is None):
            if outcome.truth == "unknown" and self._is_equation(left, right):
                self._equation = (left, right)
                return "equation", outcome
            return "=", outcome
        solved = self._at_solution(left, right, statement)
        if solved is not None:
            return solved
        if outcome.truth == "fails" and relation == "≈":
            return "≈", Outcome("unknown", "an approximation is not checked")
        if outcome.truth == "fails":
            outcome = self._lenient(left, right, outcome)
        return ("law" if self._random(left, right) else "="), outcome

    def _equal(self, left: t.Node, right: t.Node) -> Outcome:
        if self._random(left, right):
            return in_law(self.bench, left, right)
        outcome = identity(self.bench, left, right)
        if outcome.truth == "unknown":
            named = self._with_exponent(left, right)
            return named if named is not None else outcome
        return outcome

    def _random(self, left: t.Node, right: t.Node) -> bool:
        noises = {d.name for d in self.bench.definitions if d.law}
        return (
            any(
                isinstance(n, t.Sym) and (n.name.startswith("epsilon") or n.name in noises)
                for side in (left, right)
                for n in t.walk(side)
            )
            and FAMILY[self.bench.question] == "diffusion"
        )

    def _with_exponent(self, left: t.Node, right: t.Node) -> Outcome | None:
        """∂r/∂x, where r names the last exponent in words: it can follow, but a difference decides nothing."""
        if self.bench.exponent is None or not isinstance(left, t.Grad) or not isinstance(left.body, (t.Sym, t.Call)):
            return None
        for body in (self.bench.exponent, t.Neg(self.bench.exponent), t.Mul((t.number(-2), self.bench.exponent))):
            outcome = identity(self.bench, t.Grad(left.wrt, body), right)
            if outcome.truth == "holds":
                return outcome
        return None

    def _is_equation(self, left: t.Node, right: t.Node) -> bool:
        zero = t.number(0)
        return (right == zero or left == zero) and unknown_key(self.bench) is not None

    def _at_solution(self, left: t.Node, right: t.Node, statement: Statement) -> tuple[str, Outcome] | None:
        """What does not hold everywhere may be an equation, or hold at the solution of the one before."""
        key = unknown_key(self.bench)
        single = len(statement.relations) == 1 and not statement.goes_on
        if key is None or not (single or statement.follows or self._is_equation(left, right)):
            return None
        if self._equation is None or (self._is_equation(left, right) and not statement.follows):
            if self._is_equation(left, right):
                self._equation = (left, right)
                return "equation", Outcome("unknown")
            return self._stationary(left, right)
        first, second = self._equation
        roots = {model.seed: root_of(self.bench, model, first, second) for model in self.bench.models}
        if any(root is None for root in roots.values()):
            return "=", Outcome("unknown", "the equation before it was not solved here")

        def bound(model: StepModel) -> Scope:
            return self.bench.evaluator(model).base.with_value(key, roots[model.seed])

        outcome = identity(self.bench, left, right, bound)
        if outcome.truth == "holds":
            return "solution", outcome
        return ("solution", outcome) if statement.follows or is_unknown(self.bench, left) else None

    def _stationary(self, left: t.Node, right: t.Node) -> tuple[str, Outcome] | None:
        """An equation for the unknown without one before it: it should hold at what is looked for.

        That it does not is no proof of a mistake, since it may be about something else.
        """
        key = unknown_key(self.bench)
        if key is None or not (is_algebraic(self.bench, left) and is_algebraic(self.bench, right)):
            return None
        if not (mentions_unknown(self.bench, left) or mentions_unknown(self.bench, right)):
            return None

        def sought(model: StepModel) -> Scope:
            evaluator = self.bench.evaluator(model)
            value = evaluator.posterior()[0] if key != "D" else evaluator.best_discriminator(evaluator.base.atom)
            return evaluator.base.with_value(key, value)

        outcome = identity(self.bench, left, right, sought)
        if outcome.truth == "holds":
            self._equation = (left, right)
            return "solution", outcome
        return "=", Outcome("unknown", "an equation that holds only at some value of the unknown")

    def _lenient(self, left: t.Node, right: t.Node, outcome: Outcome) -> Outcome:
        """After a ∝ a factor may be dropped, and with a constant C on a side only what varies is compared."""
        names = {n.name for side in (left, right) for n in t.walk(side) if isinstance(n, (t.Sym, t.Call))}
        if self._up_to_factor:
            dropped = proportional(self.bench, left, right)
            if dropped.truth == "holds":
                return Outcome("holds", note="equal up to a factor, as after the ∝ before")
            if dropped.truth == "fails" and names.isdisjoint(_CONSTANTS):
                return outcome
        if names & _CONSTANTS:
            return Outcome("unknown", "a constant that is not named")
        if states_density(left) != states_density(right) and self.bench.question != "1.2":
            for up_to in (proportional, shifted):
                if up_to(self.bench, left, right).truth == "holds":
                    return Outcome("unknown", "equal only up to a constant, which “=” does not say")
        return outcome
