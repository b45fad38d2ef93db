"""Stored evidence → verdicts, as a run would give them, with the decisions of reviewers laid over them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from grader.checks.catalogue import find_check
from grader.cohort.decisions import Decisions, decision_on
from grader.cohort.records import Decision
from grader.cohort.settings import ClassSettings
from grader.judge import JudgeSettings, judge, skipped
from grader.model import Evidence, Outcome, Question, Verdict
from grader.report.text import number as points_text

_NOISE = re.compile(r"[\s.,;:!?'\"()\-–—]+")
_LATEX_NOISE = re.compile(r"\\(left|right|big|Big|bigg|Bigg|displaystyle|quad|qquad|[,;:! ])|[\s~&]|\\\\")


def answer_text(evidence: Evidence) -> str:
    """What the student wrote, as the reviewer reads it; empty for code."""
    facts = evidence.facts
    if isinstance(facts.get("answer"), str) and facts["answer"].strip():
        return str(facts["answer"])
    steps = facts.get("steps")
    if isinstance(steps, list) and steps:
        return "\n".join(str(s.get("text", "")) for s in steps if isinstance(s, Mapping))
    for name in ("text", "words"):
        if isinstance(facts.get(name), str):
            return str(facts[name])
    return ""


def answer_key(question: Question, evidence: Evidence, submission_key: str) -> str:
    """The same for answers that differ only in spelling; code and empty answers are each their own."""
    facts = evidence.facts
    text = answer_text(evidence)
    if question.check in ("theory.free_text", "theory.true_false"):
        normal = _NOISE.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()
    elif isinstance(facts.get("reading"), str) and facts["reading"] and "steps" not in facts:
        normal = str(facts["reading"])
    else:
        normal = _LATEX_NOISE.sub("", text)
    if not normal or not question.check.startswith("theory."):
        normal = f"\0{submission_key}"
    return hashlib.sha256(f"{question.number}\0{normal}".encode("utf-8", "backslashreplace")).hexdigest()[:20]


def decided(verdict: Verdict, question: Question, decision: Decision) -> Verdict:
    """A verdict whose awaiting points a person has given or not."""
    points = verdict.points + verdict.awaiting * decision.share
    outcome: Outcome = "passed" if points == question.points else ("partial" if points else "failed")
    given = f"{points_text(verdict.awaiting * decision.share)} of {points_text(verdict.awaiting)}"
    message = decision.comment or f"A person has read it: {given} points."
    keep = verdict.message if verdict.mistakes else ""
    mistakes = verdict.mistakes if decision.share == 1 or verdict.mistakes else ("reviewed",)
    return replace(
        verdict,
        outcome=outcome,
        points=points,
        awaiting=Fraction(0),
        mistakes=mistakes,
        mistake=mistakes[0] if mistakes else None,
        message=f"{keep} {message}".strip(),
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts of one submission, and the questions that must be measured before they can be judged."""

    verdicts: dict[str, Verdict]
    missing: tuple[str, ...]


def judge_submission(
    settings: ClassSettings,
    track: str,
    key: str,
    evidence: Mapping[str, Evidence],
    before: Mapping[str, Verdict],
    decisions: Decisions,
) -> Judged:
    """Judges what is stored of one submission. `before` tells what was skipped, and why."""
    questions = settings.rubric.for_track(track)
    verdicts: dict[str, Verdict] = {}
    missing: list[str] = []
    for question in questions:
        check = find_check(question.check)
        seen = evidence.get(question.number)
        if seen is not None and seen.check == question.check:
            verdict = judge(check, seen, JudgeSettings(question, settings.rubric.policy, settings.tolerances))
            decision = decision_on(decisions, question.number, answer_key(question, seen, key), key)
            if decision is not None and verdict.awaiting:
                verdict = decided(verdict, question, decision)
        else:
            missing.append(question.number)
            verdict = skipped(question, _why(before.get(question.number)))
        verdicts[question.number] = verdict
    return Judged(verdicts, tuple(missing))


def _why(before: Verdict | None) -> str:
    if before is not None and before.outcome == "skipped" and before.awaiting:
        return before.message
    return "Not measured yet: the rubric asks for it since this submission was graded."
