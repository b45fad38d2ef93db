"""Lateness is a pure function of time and policy, and it says what it takes off."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from grader.cohort.late import lateness, read_late_policy
from grader.model import GraderError
from grader.report.standing import Student

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


@pytest.mark.parametrize(
    ("late", "kept", "words"),
    [
        (timedelta(seconds=-1), 1, ""),
        (timedelta(0), 1, ""),
        (timedelta(minutes=15), 1, "grace"),
        (timedelta(minutes=16), Fraction(9, 10), "10%"),
        (timedelta(days=1), Fraction(9, 10), "10%"),
        (timedelta(days=1, seconds=1), Fraction(8, 10), "20%"),
        (timedelta(days=4), Fraction(3, 4), "25%"),
        (timedelta(days=5, seconds=1), 0, "too late"),
    ],
)
def test_the_policy_takes_off_what_it_says(late: timedelta, kept: Fraction, words: str) -> None:
    found = lateness(read_late_policy(TEXT), DUE + late, "s", ())
    assert found.factor == kept
    assert words in found.sentence


def test_a_group_has_the_extension_of_any_member() -> None:
    students = (Student("Alan"), Student("Ada", "ADA@example.edu"))
    assert lateness(read_late_policy(TEXT), DUE + timedelta(days=2), "s", students).factor == 1
    assert lateness(read_late_policy(TEXT), DUE + timedelta(days=2), "s", students[:1]).factor == Fraction(8, 10)


def test_without_policy_or_time_nothing_is_taken_off() -> None:
    assert lateness(None, DUE, "s", ()).factor == 1
    assert lateness(read_late_policy(TEXT), None, "s", ()).factor == 1


@pytest.mark.parametrize(
    "text",
    ["due = 3", "due = 2024-04-12T23:59:00", TEXT.replace('"0.1"', '"2"'), TEXT.replace("grace", "grease"), "due ="],
)
def test_a_wrong_policy_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    (tmp_path / "late.toml").write_text(text)
    with pytest.raises(GraderError, match=r"late\.toml"):
        read_late_policy(tmp_path / "late.toml")
