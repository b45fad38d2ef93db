"""Lateness is a pure function of time and policy, it says what it takes off, and Gradescope and a class agree on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from grader.cohort.late import lateness, read_late_policy
from grader.metadata import late_by, read_metadata, with_lateness
from grader.model import GraderError
from grader.report.standing import Student
from grader.rubric import Feedback

TEXT = """
due = 2024-04-12T23:59:00-05:00
grace_minutes = 15
per_day = "0.1"
at_most = "0.25"
closed_after_days = 5
[extensions]
"ada@example.edu" = 2024-04-14T23:59:00-05:00
"""
DUE = datetime.fromisoformat("2024-04-12T23:59:00-05:00")
FEEDBACK = Feedback(late_grace_minutes=15, late_loss_per_day="0.1", late_at_most="0.25", late_closed_after_days=5)
GRACE, DAY, SECOND = timedelta(minutes=15), timedelta(days=1), timedelta(seconds=1)
SAID = "Handed in {} after 2024-04-13 04:59 UTC"

BOUNDARIES = [
    (-SECOND, 1, ""),
    (timedelta(0), 1, ""),
    (SECOND, 1, SAID.format("1 min") + ", within the grace period."),
    (GRACE, 1, SAID.format("15 min") + ", within the grace period."),
    (GRACE + SECOND, Fraction(9, 10), SAID.format("16 min") + ": 10% of the points are taken off."),
    (DAY, Fraction(9, 10), SAID.format("24 h 00 min") + ": 10% of the points are taken off."),
    (DAY + SECOND, Fraction(9, 10), SAID.format("24 h 01 min") + ": 10% of the points are taken off."),
    (DAY + GRACE, Fraction(9, 10), SAID.format("24 h 15 min") + ": 10% of the points are taken off."),
    (DAY + GRACE + SECOND, Fraction(8, 10), SAID.format("24 h 16 min") + ": 20% of the points are taken off."),
    (4 * DAY, Fraction(3, 4), SAID.format("4 d 0 h") + ": 25% of the points are taken off."),
    (5 * DAY + GRACE, Fraction(3, 4), SAID.format("5 d 0 h") + ": 25% of the points are taken off."),
    (5 * DAY + GRACE + SECOND, 0, SAID.format("5 d 0 h") + ": too late to count."),
]
WITHOUT_GRACE = [(SECOND, 1), (DAY, 1), (DAY + SECOND, 2), (2 * DAY, 2), (2 * DAY + SECOND, 3)]


@pytest.mark.parametrize(("late", "kept", "sentence"), BOUNDARIES)
def test_a_class_and_gradescope_take_off_the_same_and_say_the_same(
    late: timedelta, kept: Fraction, sentence: str, tmp_path: Path
) -> None:
    of_class = lateness(read_late_policy(TEXT), DUE + late, "s", ())
    metadata = {"created_at": (DUE + late).isoformat(), "assignment": {"due_date": DUE.isoformat()}}
    (tmp_path / "submission_metadata.json").write_text(json.dumps(metadata))
    read = read_metadata(tmp_path / "submission_metadata.json")
    assert read is not None
    assert of_class == late_by(read, FEEDBACK)
    assert (of_class.factor, of_class.sentence) == (kept, sentence)
    assert of_class.late_s == max(0, late.total_seconds())
    shown = with_lateness({"score": 20, "output": "All."}, read, FEEDBACK)
    assert shown["score"] == pytest.approx(float(20 * kept))
    assert shown["output"] == (f"{sentence}\nAll." if sentence else "All.")


@pytest.mark.parametrize(("late", "days"), WITHOUT_GRACE)
def test_without_grace_each_begun_day_after_the_due_date_counts(late: timedelta, days: int) -> None:
    policy = read_late_policy('due = 2024-04-12T23:59:00-05:00\nper_day = "0.1"')
    assert lateness(policy, DUE + late, "s", ()).factor == 1 - Fraction(days, 10)


def test_what_the_class_file_leaves_out_is_as_on_gradescope() -> None:
    due = "due = 2024-04-12T23:59:00-05:00\n"
    late = DUE + 3 * DAY
    assert lateness(read_late_policy(due, FEEDBACK), late, "s", ()).factor == Fraction(3, 4)
    assert lateness(read_late_policy(due + 'at_most = "0.2"', FEEDBACK), late, "s", ()).factor == Fraction(8, 10)
    assert lateness(read_late_policy(due), late, "s", ()).factor == 1
    none = msgspec.structs.replace(FEEDBACK, late_closed_after_days=None)
    assert lateness(read_late_policy(due, none), DUE + 90 * DAY, "s", ()).factor == Fraction(3, 4)


def test_a_share_that_is_no_whole_percentage_is_said_as_it_is() -> None:
    policy = read_late_policy('due = 2024-04-12T23:59:00-05:00\nper_day = "1/8"')
    assert "12.5% of the points" in lateness(policy, DUE + DAY, "s", ()).sentence


def test_a_group_has_the_extension_of_any_member() -> None:
    students = (Student("Alan"), Student("Ada", "ADA@example.edu"))
    assert lateness(read_late_policy(TEXT), DUE + 2 * DAY, "s", students).factor == 1
    assert lateness(read_late_policy(TEXT), DUE + 2 * DAY, "s", students[:1]).factor == Fraction(8, 10)


def test_without_policy_or_time_nothing_is_taken_off() -> None:
    assert lateness(None, DUE, "s", ()).factor == 1
    assert lateness(read_late_policy(TEXT), None, "s", ()).factor == 1
    assert lateness(read_late_policy(TEXT), (DUE + DAY).astimezone(UTC), "s", ()).factor == Fraction(9, 10)


@pytest.mark.parametrize(
    "text",
    [
        "due = 3",
        "due = 2024-04-12T23:59:00",
        TEXT.replace('"0.1"', '"2"'),
        TEXT.replace('"0.1"', '"a tenth"'),
        TEXT.replace("= 15", "= -1"),
        TEXT.replace("= 5\n", "= -5\n"),
        TEXT.replace("grace", "grease"),
        "due =",
    ],
)
def test_a_wrong_policy_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    (tmp_path / "late.toml").write_text(text)
    with pytest.raises(GraderError, match=r"late\.toml"):
        read_late_policy(tmp_path / "late.toml")
