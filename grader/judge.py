"""Evidence → verdict: a pure function of what was seen, the rubric and the tolerances. It runs no student code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from grader.checks.registry import Check
from grader.model import (
    NO_TIME,
    WHOLE,
    Evidence,
    Finding,
    GraderError,
    Json,
    Lost,
    Note,
    Outcome,
    Question,
    Undecided,
    Verdict,
)
from grader.scoring.tolerances import Tolerance

NO_DEVICE = (
    "not compiled with cuda",
    "found no nvidia driver",
    "no cuda gpus are available",
    "nvidia driver on your system is too old",
    "torch.cuda.is_available() is false",
    "cannot access accelerator device",
    "with arguments from the 'cuda' backend",
    "not linked with support for mps",
    "not compiled with mps",
    "mps backend is supported on",
    "torch.backends.mps.is_available() is false",
)
"""What torch says where a device is asked for that the machine lacks."""
DEVICE_ADVICE = (
    "The device is fixed in the code, and this machine has no GPU: take cuda only where torch.cuda.is_available(), "
    "or work on the device of the inputs (x.device)."
)


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """The rubric's policies and the calibrated tolerances, as one question's judge sees them."""

    question: Question
    policies: Mapping[str, Json]
    tolerances: Mapping[str, Tolerance]

    def policy(self, name: str) -> Json:
        """The question's own switch, else the rubric's. Raises GraderError when neither has it."""
        if name in self.question.policy:
            return self.question.policy[name]
        if name not in self.policies:
            raise GraderError(f"The rubric has no policy {name!r}, which {self.question.check} asks for.")
        return self.policies[name]

    def tolerance(self, name: str) -> float:
        """The bound of that name. Raises GraderError when reference/tolerances.toml has none."""
        if name not in self.tolerances:
            raise GraderError(f"reference/tolerances.toml has no {name!r}, which {self.question.check} asks for.")
        return self.tolerances[name].value

    def within(self, name: str, value: float | None) -> bool:
        """Whether a measured deviation is a finite number not above its tolerance."""
        return value is not None and math.isfinite(value) and value <= self.tolerance(name)


@dataclass(frozen=True, slots=True)
class ObservedSettings(JudgeSettings):
    """The same, with a record of what a judge compared: the bound's name, the value, and whether it was within."""

    compared: list[tuple[str, float | None, bool]] = field(default_factory=list)

    @staticmethod
    def of(settings: JudgeSettings) -> ObservedSettings:
        """A fresh record beside these settings."""
        return ObservedSettings(settings.question, settings.policies, settings.tolerances)

    def within(self, name: str, value: float | None) -> bool:
        """See JudgeSettings."""
        inside = JudgeSettings.within(self, name, value)
        self.compared.append((name, value, inside))
        return inside


def judge(check: Check, evidence: Evidence, settings: JudgeSettings) -> Verdict:
    """The verdict on one question. A fault of ours, in the measurement or here, never costs a point."""
    question = settings.question
    if any(f.kind == NO_TIME for f in evidence.failures.values()):
        return skipped(question, NOT_ENOUGH_TIME)
    ours = [f for f in evidence.failures.values() if f.ours]
    if ours:
        return grader_fault(question, ours[0].sentence)
    whole = evidence.failures.get(WHOLE)
    if whole is not None:
        return _combine(question, [Lost(whole.kind, _located(whole.sentence, whole.where))], evidence)
    if check.judge_function is None:
        return grader_fault(question, f"The check {check.name} has no judge.")
    try:
        findings = list(check.judge_function(evidence, settings))
    except Exception as error:
        return grader_fault(question, f"The judge of {check.name} failed: {type(error).__name__}: {error}")
    unknown = {f.part for f in findings if not isinstance(f, Note)} - {WHOLE, *question.parts}
    if unknown:
        return grader_fault(question, f"{check.name} judges the part {min(unknown)!r}, which the rubric does not have.")
    lost_parts = {f.part for f in findings if isinstance(f, Lost)}
    for part, failure in evidence.failures.items():
        target = part if part in question.parts else WHOLE
        if target not in lost_parts:
            findings.append(Lost(failure.kind, _located(failure.sentence, failure.where), part=target))
    return _combine(question, findings, evidence)


NOT_ENOUGH_TIME = (
    "Not enough time was left in the grader's container. This is ours to fix, not yours; a person decides."
)


def grader_fault(question: Question, detail: str) -> Verdict:
    """Our fault: nothing is lost, a person decides."""
    message = (
        "The grader failed on this question. This is our fault, not yours: you lose nothing by it, "
        "and the course staff will decide it."
    )
    return Verdict("grader_error", Fraction(0), question.points, None, (), message, (detail,))


def skipped(question: Question, why: str) -> Verdict:
    """Not measured, which is never the student's fault: the points await a person."""
    return Verdict("skipped", Fraction(0), question.points, None, (), why)


def _without_device(lost: Lost) -> Lost:
    """The finding under the name of its cause, where the code wants a GPU that is not there; its cost stays."""
    text = lost.message.lower()
    if not any(phrase in text for phrase in NO_DEVICE):
        return lost
    return replace(lost, mistake="hard_coded_device", message=f"{lost.message.rstrip('. ')}. {DEVICE_ADVICE}")


def _located(sentence: str, where: str) -> str:
    return f"{sentence} ({where})" if where and where not in sentence else sentence


def _combine(question: Question, findings: Iterable[Finding], evidence: Evidence) -> Verdict:
    findings = [_without_device(f) if isinstance(f, Lost) else f for f in findings]
    parts = question.parts or {WHOLE: question.points}
    points, awaiting = Fraction(0), Fraction(0)
    for part, worth in parts.items():
        lost = sum((f.fraction for f in findings if isinstance(f, Lost) and f.part in (part, WHOLE)), Fraction(0))
        kept = worth * max(Fraction(0), 1 - lost)
        if any(isinstance(f, Undecided) and f.part in (part, WHOLE) for f in findings):
            awaiting += kept
        else:
            points += kept
    losses = [f for f in findings if isinstance(f, Lost)]
    notes = [*evidence.notes, *(f.message for f in findings if isinstance(f, Note))]
    messages = [f.message for f in findings if isinstance(f, Lost | Undecided)]
    outcome: Outcome
    if awaiting:
        outcome = "needs_review"
    elif points == question.points:
        outcome = "passed"
    else:
        outcome = "partial" if points else "failed"
    return Verdict(
        outcome=outcome,
        points=points,
        awaiting=awaiting,
        mistake=losses[0].mistake if losses else None,
        mistakes=tuple(dict.fromkeys(f.mistake for f in losses)),
        message=" ".join(dict.fromkeys(messages)),
        notes=tuple(dict.fromkeys(notes)),
    )
