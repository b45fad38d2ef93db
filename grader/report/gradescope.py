"""A report as Gradescope's results.json; metadata travel on gradescope-utils' decorators, applied from the rubric."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradescope_utils.autograder_utils.decorators import number, tags, visibility, weight

from grader.model import Json, Question, QuestionResult, Report
from grader.report.document import points
from grader.report.html import PictureBudget, result_html
from grader.report.text import result_text, summary_text
from grader.rubric import Feedback

log = logging.getLogger(__name__)

STATUS = {"passed": "passed", "partial": "failed", "failed": "failed"}
"""Gradescope knows passed and failed; what a person decides has neither."""

MOST_DETAIL = 4000
"""Characters of our own fault that are kept for the instructor."""


def decorated(question: Question) -> Callable[[], None]:
    """A function that carries the question's metadata as gradescope-utils' decorators put them there."""

    def test() -> None: ...

    test.__doc__ = question.title
    for decorator in (
        weight(points(question.points)),
        number(question.number),
        visibility(question.visibility),
        tags(*question.tags),
    ):
        test = decorator(test)
    return test


PLAIN = Feedback(format="text")

LEADERBOARD = ("energy", "Energy distance of the samples")
"""The metric of a training's checkpoints that the leaderboard shows, and its name there; smaller is better."""


def results_document(report: Report, feedback: Feedback = PLAIN) -> dict[str, Json]:
    """The results.json of a report. Valid at every moment of a run; `score` is the sum of the tests' scores.

    What is said of the whole (text, time, leaderboard, how many pictures fit, whether the run has ended) counts visible
    questions only: a hidden one is not given away by a sum. Pictures are sent once the last visible one is graded.
    """
    shown = tuple(r for r in report.results if r.question.visibility == "visible")
    complete = not any(r.question.number in report.waiting for r in shown)
    budget = PictureBudget(feedback.picture_kb if complete else 0)
    made = {r.question.number: _test(r, feedback, budget) for r in shown}
    left_out = budget.left_out
    tests = [made.get(r.question.number) or _test(r, feedback, budget) for r in report.results]
    document = {
        "score": points(report.score),
        "execution_time": round(sum(r.evidence.seconds for r in shown)),
        "output": summary_text(replace(report, results=shown, complete=complete)),
        "output_format": "text",
        "test_output_format": feedback.format,
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "digest": report.digest,
            "track": report.track,
            "isolation": list(report.isolation),
            "complete": report.complete,
            "awaiting_review": points(report.awaiting),
            "pictures_left_out": left_out,
        },
    }
    if feedback.leaderboard:
        document["leaderboard"] = leaderboard(shown)
    return document


def leaderboard(results: Sequence[QuestionResult]) -> list[dict[str, Json]]:
    """The best energy distance that a training of the student's networks reached; empty when none was measured."""
    metric, name = LEADERBOARD
    values = [
        checkpoint[metric]
        for result in results
        for tried in (result.evidence.facts.get("training") or {}).get("tries", ())
        for checkpoint in tried
        if isinstance(checkpoint.get(metric), int | float) and math.isfinite(checkpoint[metric])
    ]
    return [{"name": name, "value": round(min(values), 5), "order": "asc"}] if values else []


def could_not_grade(sentence: str, *, ours: bool) -> dict[str, Json]:
    """A valid results.json for a submission that could not be graded at all."""
    advice = "This is our fault, not yours: the course staff will look at it." if ours else "Please hand in again."
    return {
        "score": 0,
        "output": f"The submission could not be graded. {sentence} {advice}",
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [],
        "extra_data": {"complete": False, "grader_error": ours},
    }


def _output(result: QuestionResult, feedback: Feedback, budget: PictureBudget) -> dict[str, str]:
    """The feedback on one question; plain text whenever the HTML of it can't be made."""
    if feedback.format == "html":
        try:
            return {"output": result_html(result, budget), "output_format": "html"}
        except Exception:
            log.exception("the HTML feedback of %s failed; plain text is sent", result.question.number)
    return {"output": result_text(result), "output_format": "text"}


def _test(result: QuestionResult, feedback: Feedback, budget: PictureBudget) -> dict[str, Json]:
    test: Any = decorated(result.question)
    verdict = result.verdict
    document: dict[str, Json] = {
        "score": points(verdict.points),
        "max_score": test.__weight__,
        "name": test.__doc__,
        "number": test.__number__,
        **_output(result, feedback, budget),
        "visibility": test.__visibility__,
        "tags": list(test.__tags__),
        "extra_data": {
            "outcome": verdict.outcome,
            "mistake": verdict.mistake,
            "awaiting_review": points(verdict.awaiting),
            "seconds": round(result.evidence.seconds, 3),
        },
    }
    if verdict.outcome == "grader_error":
        document["extra_data"]["grader_fault"] = " ".join(verdict.notes)[:MOST_DETAIL]
    if verdict.outcome in STATUS:
        document["status"] = STATUS[verdict.outcome]
    return document
