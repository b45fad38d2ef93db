"""Hidden questions leak neither values nor their existence: with them, a student sees what is seen where they are not.

The same submission is graded under two rubrics, one of which lacks the questions that the other hides. What a student
can see of results.json is compared at every moment of the runs, since a container may be stopped at any of them.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.model import Evidence, Report
from grader.report.gradescope import results_document
from grader.report.page import student_page
from grader.rubric import Feedback, Rubric, read_rubric
from grader.run import Options, Progress, default_paths, grade
from grader.scoring.tolerances import read_tolerances
from grader.tracks import open_homework
from tests.gradescope.test_results import ROOT, valid
from tests.report.synthetic import report, result

HIDDEN = ("1.2.result", "2.3.beta_bar", "3.2.reason", "4.1", "5.")
"""Beginnings of numbers: a result and a part of theory, what the GAN's training needs, a whole file."""
FEEDBACK = Feedback(leaderboard=True, picture_kb=40)


def view(document: dict[str, Any]) -> dict[str, Any]:
    """What a student can see. Gradescope shows extra_data to nobody, and no total where a test is hidden."""
    seen = {k: v for k, v in document.items() if k not in ("extra_data", "score", "execution_time")}
    tests = [t for t in document["tests"] if t["visibility"] == "visible"]
    return {**seen, "tests": [{k: v for k, v in t.items() if k != "extra_data"} for t in tests]}


def is_hidden(number: str) -> bool:
    return number.startswith(HIDDEN)


def with_hidden(rubric: Rubric) -> Rubric:
    questions = (replace(q, visibility="hidden") if is_hidden(q.number) else q for q in rubric.questions)
    return replace(rubric, questions=tuple(questions))


def without_them(rubric: Rubric) -> Rubric:
    return replace(rubric, questions=tuple(q for q in rubric.questions if not is_hidden(q.number)))


@pytest.fixture
def flawed(tmp_path: Path) -> Path:
    """The perfect submission with a wrong DNet, a line cut off at import, packages that are stood in for."""
    folder = tmp_path / "homework"
    shutil.copytree(ROOT / "submissions" / "perfect", folder, ignore=shutil.ignore_patterns("__pycache__"))
    gan, ddpm = folder / "hw5_gan.py", folder / "hw5_ddpm.py"
    gan.write_text(gan.read_text("utf-8").replace("nn.MaxPool2d(", "nn.AvgPool2d("), "utf-8")
    ddpm.write_text("import cv2, seaborn\nraise SystemExit\n" + ddpm.read_text("utf-8"), "utf-8")
    return folder


@pytest.mark.slow
def test_at_every_moment_a_student_sees_what_is_seen_where_the_hidden_questions_do_not_exist(flawed: Path) -> None:
    rubric_path, tolerances_path = default_paths()
    rubric, tolerances = read_rubric(rubric_path), read_tolerances(tolerances_path)
    submission = open_homework(flawed)

    def moments(some: Rubric) -> tuple[list[dict[str, Any]], Report]:
        seen: list[dict[str, Any]] = []

        def keep(progress: Progress) -> None:
            now = view(valid(results_document(progress.report, FEEDBACK)))
            if not seen or seen[-1] != now:
                seen.append(now)

        return seen, grade(submission, some, tolerances, Options(track="ddpm", quick=True), keep)

    (seen, whole), (expected, alone) = moments(with_hidden(rubric)), moments(without_them(rubric))
    assert len(whole.results) > len(alone.results) + 10
    assert next(r.verdict.outcome for r in whole.results if r.question.number == "4.1") == "failed"
    assert any(
        r.evidence.notes for r in whole.results if r.question.number.startswith("5.")
    )  # seen by hidden ones only
    assert [len(json.dumps(s)) for s in seen] == [len(json.dumps(s)) for s in expected]
    assert seen == expected
    said = student_page(whole)
    for number in ("5.3", "1.2.result"):
        assert number not in said


def test_a_hidden_question_changes_no_time_no_picture_and_no_place_on_the_leaderboard() -> None:
    pictures = {"picture.digits.epoch_10": np.random.default_rng(1).random((20, 28, 28))}
    facts = {"training": {"tries": [[{"energy": 0.001}]]}}
    shown = result("4.6", "passed", points="2", evidence=Evidence("gan.training", {}, pictures, seconds=3.0))
    hidden = result(
        "4.0", "failed", worth="5", visibility="hidden", message="secret",
        evidence=Evidence("gan.training", facts, pictures, seconds=9.0),
    )  # fmt: skip
    size = 1 + len(results_document(report(shown), Feedback(picture_kb=1000))["tests"][0]["output"]) // 1000
    for kilobytes in (0, size, 1000):
        feedback = Feedback(picture_kb=kilobytes, leaderboard=True)
        with_it, without = results_document(report(hidden, shown), feedback), results_document(report(shown), feedback)
        assert view(with_it) == view(without)
        assert with_it["execution_time"] == without["execution_time"] == 3
    assert "data:image" in results_document(report(hidden, shown), Feedback(picture_kb=size))["tests"][1]["output"]


def test_a_run_that_is_stopped_among_hidden_questions_looks_ended() -> None:
    shown = result("1.1", "passed", points="2")
    hidden = replace(result("9.9", "skipped", awaiting="5", worth="5", visibility="hidden"))
    stopped = replace(report(shown, hidden), complete=False, waiting=frozenset({"9.9"}))
    assert view(results_document(stopped)) == view(results_document(report(shown)))
    assert results_document(stopped)["extra_data"]["complete"] is False
    among_shown = replace(report(shown, hidden), complete=False, waiting=frozenset({"1.1", "9.9"}))
    assert "has not ended" in results_document(among_shown)["output"]


def test_hidden_questions_are_graded_after_all_visible_ones() -> None:
    from grader.run import _in_order

    order = [q.visibility for q in _in_order(with_hidden(read_rubric()).for_track("ddpm"))]
    assert order == sorted(order, key=lambda v: v != "visible")
    assert len(order) > order.count("hidden") > 10
