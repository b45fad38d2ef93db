"""What the relations of one derivation are checked with: models, definitions, and pairs of values that differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from grader.theory import tree as t
from grader.theory.definitions import Definition
from grader.theory.questions import family_of
from grader.theory.step_models import StepEvaluator, StepModel
from grader.theory.values import Matrix, Numbers, Real, Row, Value, Vec

MODELS: Final = 3
"""Draws of sixty digits, of which forty are compared: one already tells wrong from right."""
Truth = Literal["holds", "fails", "unknown"]
Numeric = tuple[Real, ...]


@dataclass(slots=True)
class Bench:
    """The models of one derivation and what the student has defined so far."""

    question: str
    definitions: list[Definition] = field(default_factory=list)
    numbers: Numbers = field(default_factory=Numbers)
    models: tuple[StepModel, ...] = ()
    exponent: t.Node | None = None
    """Argument of the last exponential: what “the polynomial in the exponential” names."""

    def __post_init__(self) -> None:
        family = family_of(self.question)
        self.models = tuple(StepModel(family, f"steps {self.question} {k}", self.numbers) for k in range(MODELS))

    def evaluator(self, model: StepModel) -> StepEvaluator:
        return StepEvaluator(self.question, model, tuple(self.definitions))

    def define(self, definition: Definition) -> None:
        """A later definition of a name replaces an earlier one."""
        self.definitions = [d for d in self.definitions if (d.name, d.index) != (definition.name, definition.index)]
        self.definitions.append(definition)

    @property
    def variable(self) -> str:
        """What a “∝” of this question leaves free, as the key of a binding."""
        return {"2.3": f"x[{self.models[0].t}]", "2.4": f"x[{self.models[0].t - 1}]"}.get(self.question, "x")


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of a relation in one model."""

    model: StepModel
    left: Numeric
    right: Numeric


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of a relation. why: for unknown; pairs: the values that were compared."""

    truth: Truth
    why: str = ""
    pairs: tuple[Pair, ...] = ()
    not_densities: bool = False
    note: str = ""


def numeric(value: Value) -> Numeric:
    """A value as plain numbers."""
    items = value.items if isinstance(value, (Vec, Matrix, Row)) else (value,)
    return tuple(item.value if hasattr(item, "slope") else item for item in items)


def broadcast(model: StepModel, left: Numeric, right: Numeric) -> Pair | None:
    """Sides of equal length; a zero stands for the zero vector."""
    if len(left) != len(right):
        if len(left) == 1 and not left[0]:
            left = left * len(right)
        elif len(right) == 1 and not right[0]:
            right = right * len(left)
        else:
            return None
    return Pair(model, left, right)


def equal_pair(numbers: Numbers, pair: Pair) -> bool:
    """Equal in every coordinate to all digits but the last twenty."""
    return all(numbers.close(a, b) for a, b in zip(pair.left, pair.right, strict=True))


def sentence_of(error: Exception) -> str:
    return str(getattr(error, "sentence", error))
