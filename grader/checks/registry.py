"""How a check is written: a measurement of one promise, and its judge, tied together by a name.

    @check("gan.generator_loss", module="hw5_gan", driver="stand_in+gan")
    def generator_loss(bench: Bench, record: Record) -> None:
        '''_get_loss_g falls as the discriminator is fooled'''
        logits = bench.rng.normal(size=(8, 1)) * 4
        loss = bench.call("generator_loss", logits)          # runs in the student process
        record(error=relative(loss, reference_value))

    @generator_loss.judge
    def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
        if not settings.within("gan.loss", seen.facts["error"]):
            yield Lost("unnamed", "…")

The docstring's first line is what a student reads. The measurement is slow and happens once; the judge is a pure
function of the evidence and the settings. Neither knows points or tolerances: those stand in the rubric and in
reference/tolerances.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, Protocol

import numpy as np

from grader.model import (
    Array,
    Evidence,
    Failure,
    Finding,
    GraderError,
    Json,
    Question,
    SubmissionError,
)

Cost = Literal["instant", "cheap", "training", "picture"]


class StudentFailure(SubmissionError):
    """A failure of the student's code while it was measured, with its named cause."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


class OutOfTime(GraderError):
    """The run's own time was up before the limit of a call: nobody knows what the student's code would have done."""


class Bench(Protocol):
    """What a coding measurement may use. Everything hidden stays on this side."""

    question: Question
    rng: np.random.Generator
    """Seeded from the submission's file, the rubric's key and the check's name."""
    quick: bool
    """No training, no pictures."""
    pictures: bool
    """Train the homework's own networks for their figures too, within the time that is left; they decide nothing."""
    device: str

    def call(self, function: str, *args: Any, limit_s: float | None = None, **kwargs: Any) -> Any:
        """Runs a driver function in the student process; a fresh worker follows one that died.

        Raises StudentFailure with the named cause, and OutOfTime where the run ends first. `limit_s` is at the speed of
        the machine on which the limits were set; it is scaled to this one.
        """

    def time_left_s(self) -> float:
        """Wall seconds before the run must end."""

    def file(self, name: str) -> bytes | None:
        """A data file of the submission (a checkpoint), if it is there."""


class Settings(Protocol):
    """What a judge may know besides the evidence."""

    @property
    def question(self) -> Question: ...

    def policy(self, name: str) -> Json:
        """The question's own switch or the rubric's; GraderError when neither has it."""

    def tolerance(self, name: str) -> float:
        """The calibrated bound of reference/tolerances.toml; GraderError when it is missing."""

    def within(self, name: str, value: float | None) -> bool:
        """value <= tolerance(name), and value is a finite number."""


class Record:
    """Where a measurement writes down what it saw."""

    def __init__(self) -> None:
        self.facts: dict[str, Json] = {}
        self.arrays: dict[str, Array] = {}
        self.failures: dict[str, Failure] = {}
        self.notes: list[str] = []

    def __call__(self, **facts: Json) -> None:
        """Keeps facts by name: numbers, strings, lists, dicts."""
        self.facts.update(facts)

    def array(self, name: str, values: Array) -> None:
        """Keeps an array, for a picture or a later judgement."""
        self.arrays[name] = np.asarray(values)

    def note(self, sentence: str) -> None:
        """Keeps a sentence that the student may read and that costs nothing."""
        self.notes.append(sentence)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measures one part: a failure of the student's code in it is recorded and the next part goes on."""
        try:
            yield
        except StudentFailure as fault:
            self.failures[name] = fault.failure


Measure = Callable[[Any, Record], None]
Judge = Callable[[Evidence, Settings], Iterator[Finding]]


@dataclass(slots=True)
class Check:
    """One promise: how it is measured, how it is judged.

    None depends on another: a question that calls a student's other functions is measured with those planted, too.
    """

    name: str
    measure: Measure
    module: str | None
    """The student's module that it runs ('hw5_gan'); None for theory."""
    driver: str | None
    """Stem of the driver file under checks/drivers/; "a+b" runs the texts of both, one after the other."""
    cost: Cost
    promise: str
    """First line of the measurement's docstring: what the student reads."""
    judge_function: Judge | None = field(default=None)

    def judge(self, function: Judge) -> Judge:
        """Registers the judge of this check (used as a decorator)."""
        self.judge_function = function
        return function


REGISTRY: dict[str, Check] = {}


def check(
    name: str,
    *,
    module: str | None = None,
    driver: str | None = None,
    cost: Cost = "cheap",
) -> Callable[[Measure], Check]:
    """Registers a measurement under the name that the rubric uses. Raises GraderError for a name used twice."""

    def register(measure: Measure) -> Check:
        promise = (measure.__doc__ or "").strip().splitlines()
        if not promise:
            raise GraderError(f"The check {name!r} has no docstring: its first line is what a student reads.")
        if name in REGISTRY:
            raise GraderError(f"Two checks are called {name!r}.")
        REGISTRY[name] = Check(name, measure, module, driver, cost, promise[0])
        return REGISTRY[name]

    return register


def lost_share(settings: Settings, credit: str) -> Fraction:
    """What is lost where the rubric's policy called `credit` says what is kept. Raises GraderError as `policy` does."""
    return 1 - Fraction(str(settings.policy(credit)))
