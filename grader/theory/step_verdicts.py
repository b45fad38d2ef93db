"""What is said of one relation of a derivation, with the point at which a wrong one fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from grader.theory.step_bench import Bench, Outcome

_ORDER: Final = frozenset({"≤", "≥", "<", ">"})

QUOTED: Final = 120
"""Characters of a step that a message quotes."""

Status = Literal["follows", "wrong", "undecided"]


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """One relation of the derivation.

    text: both sides as written; reading: as understood; line: in the student's file, 0 where unknown.
    mistake, message, counterexample: for a wrong step; message also says why a step is undecided.
    """

    text: str
    reading: str
    status: Status
    mistake: str | None = None
    message: str = ""
    counterexample: Mapping[str, Any] | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class StepsJudgement:
    """All checked relations in order; first_wrong: index of the first that does not follow."""

    steps: tuple[StepVerdict, ...]
    first_wrong: int | None


def shortened(reading: str) -> str:
    """Beginning and end of a long formula."""
    return reading if len(reading) <= QUOTED else f"{reading[: QUOTED // 2]} … {reading[-QUOTED // 2 :]}"


def counterexample(bench: Bench, kind: str, outcome: Outcome) -> dict[str, Any]:
    """The point at which both sides differ, with their values there: the student's own expressions only."""
    pair = next(
        pair
        for pair in outcome.pairs
        if any(not bench.numbers.close(a, b) for a, b in zip(pair.left, pair.right, strict=True)) or kind in _ORDER
    )
    model = pair.model
    at: dict[str, float] = {}
    if model.family == "diffusion":
        at = {f"beta_{k}": round(float(model.beta(k)), 4) for k in range(1, model.t + 1)}
    left, right = [float(v) for v in pair.left], [float(v) for v in pair.right]
    what = {
        "law": "factor of the state and variance: left",
        "∝": "when the variable moves, the left side is multiplied by",
    }.get(kind, "at a random example the left side is")
    middle = "the right side by" if kind == "∝" else "the right side"
    sentence = f"For instance, {what} {_shown(left)}, {middle} {_shown(right)}."
    return {"sentence": sentence, "at": at, "left": left, "right": right}


def _shown(values: list[float]) -> str:
    text = ", ".join(f"{value:.5g}" for value in values)
    return text if len(values) == 1 else f"({text})"
