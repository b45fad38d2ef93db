"""submission_metadata.json: lateness, the number of the try, and the last valid score when tries are limited."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grader.gradescope_run import grade_tree
from grader.metadata import late_by, read_metadata, refused, with_lateness
from grader.report.gradescope import results_document
from grader.rubric import Feedback, RubricError, read_rubric
from tests.gradescope.test_results import valid
from tests.report.synthetic import full_report, report, result

NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


def earlier(hours: float, score: float = 7, **extra: Any) -> dict[str, Any]:
    results = results_document(report(result("1.1", "passed", points="2")))
    results["score"] = score
    results["extra_data"].update(extra)
    return {"submission_time": (NOW - timedelta(hours=hours)).isoformat(), "score": str(score), "results": results}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "submission_metadata.json"
    document = {
        "id": 1,
        "created_at": NOW.isoformat(),
        "assignment": {"due_date": "2026-04-01T23:00:00-07:00", "late_due_date": None, "total_points": "40.0"},
        "users": [{"email": "s@example.edu", "id": 1, "name": "A Student"}],
        "previous_submissions": [],
        **changes,
    }
    path.write_text(json.dumps(document))
    return path


def test_a_late_hand_in_is_told_so_and_loses_what_the_policy_says(tmp_path: Path) -> None:
    metadata = read_metadata(written(tmp_path))  # 06:00 UTC was the end, 12:00 is now
    assert metadata is not None
    plain = with_lateness(results_document(full_report()), metadata, Feedback())
    assert plain["output"].startswith("Handed in 6 h 00 min after 2026-04-02 06:00 UTC.\n")
    assert plain["score"] == 4.5 + 0
    costly = valid(with_lateness(results_document(full_report()), metadata, Feedback(late_loss_per_day="0.1")))
    assert costly["score"] == 4.05
    assert "10% of the points are taken off" in costly["output"]
    assert costly["extra_data"]["score_before_lateness"] == 4.5


@pytest.mark.parametrize(
    ("changes", "grace", "late"),
    [
        ({}, 0, True),
        ({}, 360, False),
        ({"assignment": {"due_date": None}}, 0, False),
        ({"assignment": {}}, 0, False),
        ({"assignment": {"due_date": "2026-04-02T12:00:00+00:00"}}, 0, False),
        ({"users": [{"id": 1, "assignment": {"due_date": "2026-04-05T00:00:00+00:00"}}]}, 0, False),
        ({"users": [{"id": 1, "assignment": {"due_date": None}}]}, 0, True),
    ],
)
def test_no_date_a_grace_or_an_extension_is_not_late(
    tmp_path: Path, changes: dict[str, Any], grace: float, late: bool
) -> None:
    metadata = read_metadata(written(tmp_path, **changes))
    assert metadata is not None
    found = late_by(metadata, Feedback(late_grace_minutes=grace, late_loss_per_day="0.1"))
    assert (found.factor < 1) is late
    assert ("within the grace period" in found.sentence) is (grace > 0)


def test_no_more_than_everything_is_lost(tmp_path: Path) -> None:
    metadata = read_metadata(written(tmp_path, assignment={"due_date": "2025-01-01T00:00:00+00:00"}))
    assert metadata is not None
    document = valid(with_lateness(results_document(full_report()), metadata, Feedback(late_loss_per_day="1/4")))
    assert document["score"] == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"created_at": 3}', '{"created_at": "yesterday"}', "\x00"])
def test_metadata_that_cannot_be_read_cost_nobody_anything(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    assert read_metadata(tmp_path / "m.json") is None
    assert read_metadata(tmp_path / "missing.json") is None


def test_past_the_limit_the_last_valid_score_stays_with_a_word_on_top(tmp_path: Path) -> None:
    refusal = {"complete": False, "refused_for_frequency": True}
    tries = [earlier(30, 1), earlier(20, 5), earlier(10, 9), earlier(5, 9, **refusal), earlier(1, 0, complete=False)]
    metadata = read_metadata(written(tmp_path, previous_submissions=tries))
    assert metadata is not None
    assert metadata.attempt == 6
    kept = refused(metadata, Feedback(attempts_per_day=2))
    assert kept is not None
    assert valid(kept)["score"] == 9
    assert "2026-04-02 16:00 UTC" in kept["output"]  # a day after the older of the two that count
    assert refused(metadata, Feedback(attempts_per_day=3)) is None
    assert refused(metadata, Feedback()) is None


def test_a_limited_try_is_answered_without_grading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rubric = tmp_path / "rubric.toml"
    text = (ROOT / "reference" / "rubric.toml").read_text("utf-8")
    rubric.write_text(text.replace("attempts_per_day = 0", "attempts_per_day = 1"), "utf-8")
    monkeypatch.setattr("grader.run.default_paths", lambda: (rubric, ROOT / "reference" / "tolerances.toml"))
    tree = tmp_path / "autograder"
    tree.mkdir()
    written(tree, previous_submissions=[earlier(3, 11)])
    grade_tree(tree)  # there is no submission folder: grading would fail
    document = valid(json.loads((tree / "results" / "results.json").read_text("utf-8")))
    assert document["score"] == 11
    assert "not graded" in document["output"]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('format = "pdf"', "pdf"),
        ("picture_kb = -1", ">= 0"),
        ('late_loss_per_day = "2"', "at most"),
        ('late_loss_per_day = "ten"', "decimal string"),
        ('late_at_most = "1.5"', "at most"),
        ("late_closed_after_days = -1", ">= 0"),
        ("late_grace_minutes = inf", "minutes of grace"),
        ("atempts_per_day = 3", "atempts_per_day"),
    ],
)
def test_a_wrong_feedback_setting_is_refused_with_its_line(tmp_path: Path, line: str, word: str) -> None:
    text = (ROOT / "reference" / "rubric.toml").read_text("utf-8")
    start = text.index("[feedback]")
    end = text.index("[policy]")
    path = tmp_path / "rubric.toml"
    path.write_text(text[:start] + f"[feedback]\n{line}\n\n" + text[end:], "utf-8")
    number = text[:start].count("\n") + 2
    with pytest.raises(RubricError, match=rf"line {number}: .*{word}"):
        read_rubric(path)


def test_a_rubric_without_the_table_has_the_defaults(tmp_path: Path) -> None:
    text = (ROOT / "reference" / "rubric.toml").read_text("utf-8")
    path = tmp_path / "rubric.toml"
    path.write_text(text[: text.index("[feedback]")] + text[text.index("[policy]") :], "utf-8")
    assert read_rubric(path).feedback == Feedback()
