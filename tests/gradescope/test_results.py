"""results.json: valid against Gradescope's documentation in every state, silent about what is hidden."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import psutil
import pytest

from grader.checks.registry import Check, Record
from grader.judge import JudgeSettings, judge
from grader.lab import CodingBench, Lab
from grader.model import Evidence
from grader.report.gradescope import could_not_grade, results_document
from grader.rubric import Feedback, read_rubric
from grader.run import Options, default_paths, grade, measure
from grader.scoring.tolerances import read_tolerances
from grader.student import StudentFault
from grader.student import Worker as StudentWorker
from grader.submission import Submission
from grader.tracks import open_homework
from tests.report.synthetic import HOSTILE, SECRET, full_report, report, result

SCHEMA = json.loads((Path(__file__).parent / "results.schema.json").read_text("utf-8"))
ROOT = Path(__file__).resolve().parents[2]


def valid(document: Any) -> dict[str, Any]:
    """The document as it is read back from disk, after it was held against the schema."""
    again = json.loads(json.dumps(document, allow_nan=False))
    jsonschema.validate(again, SCHEMA)
    return again


@pytest.mark.parametrize("format_", ["html", "text"])
@pytest.mark.parametrize("board", [True, False])
def test_every_outcome_makes_a_valid_document(format_: str, board: bool) -> None:
    document = valid(results_document(full_report(), Feedback(format=format_, leaderboard=board)))  # type: ignore[arg-type]
    assert document["score"] == pytest.approx(sum(t["score"] for t in document["tests"]))
    assert len(document["tests"]) == len(full_report().results)


def test_a_report_of_nothing_and_one_that_could_not_be_made_are_valid() -> None:
    valid(results_document(report()))
    valid(could_not_grade("hw5.zip is not a zip.", ours=False))
    valid(could_not_grade("", ours=True))


def test_the_entrys_first_word_is_valid_even_when_the_setup_fails(tmp_path: Path) -> None:
    tree = tmp_path / "autograder"
    (tree / "source").mkdir(parents=True)
    (tree / "submission").mkdir()
    (tree / "source" / "setup.sh").write_text("#!/bin/sh\nexit 1\n")
    (tree / "source" / "setup.sh").chmod(0o755)
    entry = tree / "run_autograder"
    entry.write_bytes((ROOT / "run_autograder").read_bytes())
    entry.chmod(0o755)
    done = subprocess.run(
        [entry], env={**os.environ, "AUTOGRADER_ROOT": str(tree)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    document = valid(json.loads((tree / "results" / "results.json").read_text("utf-8")))
    assert "our fault" in document["output"]


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_html_feedback_is_plain_tags_only_whatever_a_student_printed() -> None:
    document = results_document(full_report(), Feedback())
    for test in document["tests"]:
        assert HOSTILE not in test["output"]
        for tag, attributes in _Tags(test["output"]).tags:
            assert tag in {"p", "strong", "em", "code", "pre", "ol", "li", "br", "img"}
            assert set(attributes) <= {"src", "alt", "width"}
            assert str(attributes.get("src", "data:image/png;base64,")).startswith("data:image/png;base64,")


def test_pictures_keep_to_their_budget_and_are_counted_when_left_out() -> None:
    for kilobytes in (0, 20, 1000):
        document = results_document(full_report(), Feedback(picture_kb=kilobytes))
        sent = re.findall(r'src="(data:image/png;base64,[^"]+)"', " ".join(t["output"] for t in document["tests"]))
        assert sum(map(len, sent)) <= kilobytes * 1000
        assert len(sent) + document["extra_data"]["pictures_left_out"] == 5


def test_text_feedback_needs_no_html() -> None:
    document = results_document(full_report(), Feedback(format="text"))
    assert all(t["output_format"] == "text" and "<p>" not in t["output"] for t in document["tests"])


def test_a_failure_of_the_html_costs_the_markup_not_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError("no template")

    monkeypatch.setattr("grader.report.gradescope.result_html", broken)
    document = valid(results_document(full_report(), Feedback()))
    assert {t["output_format"] for t in document["tests"]} == {"text"}
    assert "The mask multiplies only x_known." in document["tests"][1]["output"]


def test_no_hidden_value_reaches_what_a_student_reads() -> None:
    document = results_document(full_report(), Feedback())
    assert SECRET not in document["output"] + "".join(t["output"] for t in document["tests"])


def test_points_are_exact_numbers() -> None:
    document = results_document(report(result("1", "partial", points="3/2"), result("2", "passed", points="2")))
    assert document["score"] == 3.5
    assert [t["score"] for t in document["tests"]] == [1.5, 2]


def test_the_leaderboard_shows_the_best_finite_value_or_nothing() -> None:
    facts = {
        "training": {"tries": [[{"energy": None, "step": 1}, {"energy": 0.25}], [{"energy": 0.0625}, {"other": 1}]]}
    }
    trained = result("5.9", "passed", points="2", evidence=Evidence("ddpm.training", facts))
    document = valid(results_document(report(trained), Feedback(leaderboard=True)))
    assert document["leaderboard"] == [{"name": "Energy distance of the samples", "value": 0.0625, "order": "asc"}]
    assert results_document(report(result("1", "passed")), Feedback(leaderboard=True))["leaderboard"] == []
    assert "leaderboard" not in results_document(report(trained), Feedback())


def test_a_grader_fault_is_for_the_instructor_and_awaits_a_person() -> None:
    test = results_document(full_report())["tests"][5]
    assert "our fault" in test["output"].lower()
    assert test["extra_data"]["awaiting_review"] == 2
    assert "status" not in test


def test_nothing_in_the_evidence_can_make_invalid_json() -> None:
    odd = Evidence(
        "gan.training", {"training": {"tries": [[{"energy": float("nan")}]]}}, {"picture.loss": np.full(3, np.nan)}
    )
    valid(results_document(report(result("4.6", "failed", evidence=odd)), Feedback(leaderboard=True)))


@pytest.mark.parametrize(("left_s", "ours"), [(2.0, True), (200.0, False)])
def test_a_call_that_the_end_of_the_run_cuts_short_is_ours_and_one_that_had_its_time_is_not(
    left_s: float, ours: bool
) -> None:
    class Stuck:
        output, notes, end = "", (), None

        def call(self, *_: object, **__: object) -> None:
            raise StudentFault("timeout", "no answer in time")

    rubric = read_rubric()
    question = next(q for q in rubric.questions if q.check == "gan.dnet")
    session = SimpleNamespace(speed=1.0)
    submission = Submission({"hw5_gan.py": b""}, (), "here", "ab" * 32)
    lab = Lab(submission, rubric, Options(), time.monotonic() + left_s, session)  # type: ignore[arg-type]

    def stuck(bench: CodingBench, record: Record) -> None:
        """It is stuck"""
        bench._worker = Stuck()  # type: ignore[assignment]
        bench.call("dnet_outputs")

    check = Check("gan.stuck", stuck, "hw5_gan", "gan", "cheap", "It is stuck")
    evidence = measure(check, question, None, lab)  # type: ignore[arg-type]
    verdict = judge(check, evidence, JudgeSettings(question, rubric.policy, {}))
    assert verdict.outcome == ("skipped" if ours else "failed")
    assert verdict.awaiting == (question.points if ours else 0)
    assert ("ours to fix" in verdict.message) is ours


@pytest.mark.parametrize(("deaths", "outcome"), [(1, "passed"), (1000, "failed")])
def test_a_student_process_that_the_kernel_took_is_asked_once_more(
    monkeypatch: pytest.MonkeyPatch, deaths: int, outcome: str
) -> None:
    rubric = read_rubric()
    submission = open_homework(ROOT / "submissions" / "perfect")
    left = deaths
    own = StudentWorker.call

    def call(worker: StudentWorker, function: str, *args: Any, **named: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            assert worker._client.process_id is not None
            for process in psutil.Process(worker._client.process_id).children(recursive=True):
                process.kill()
        return own(worker, function, *args, **named)

    monkeypatch.setattr(StudentWorker, "call", call)
    report_ = grade(submission, rubric, read_tolerances(default_paths()[1]), Options(only=("5.1",)))
    assert [r.verdict.outcome for r in report_.results] == [outcome]
