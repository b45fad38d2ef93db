"""A report as Gradescope's results.json; metadata travel on gradescope-utils' decorators, applied from the rubric."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradescope_utils.autograder_utils.decorators import number, tags, visibility, weight

from grader.model import Json, Question, QuestionResult, Report
from grader.report.document import points, write_json
from grader.report.text import result_text, summary_text

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


def results_document(report: Report) -> dict[str, Json]:
    """The results.json of a report. Valid at every moment of a run; `score` is the sum of the tests' scores."""
    return {
        "score": points(report.score),
        "execution_time": round(report.seconds),
        "output": summary_text(report),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(r) for r in report.results],
        "extra_data": {
            "digest": report.digest,
            "track": report.track,
            "isolation": list(report.isolation),
            "complete": report.complete,
            "awaiting_review": points(report.awaiting),
        },
    }


def write_results(report: Report, path: Path) -> None:
    """Writes results.json aside and renames it."""
    write_json(path, results_document(report))


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


def _test(result: QuestionResult) -> dict[str, Json]:
    test: Any = decorated(result.question)
    verdict = result.verdict
    document: dict[str, Json] = {
        "score": points(verdict.points),
        "max_score": test.__weight__,
        "name": test.__doc__,
        "number": test.__number__,
        "output": result_text(result),
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
