"""Tolerances are read whole or refused with the place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.scoring.tolerances import DEFAULT_TOLERANCES, ToleranceError, read_tolerances

GOOD = '["gan.loss"]\nvalue = 0.5\nwhat = "relative error"\nruns = 10\nfalse_fail = 1e-5\nmiss = 0.0\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tolerances.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_tolerances_are_valid_and_say_what_they_bound() -> None:
    tolerances = read_tolerances()
    assert all(t.what and t.false_fail <= 1e-3 for t in tolerances.values())
    assert DEFAULT_TOLERANCES.exists()


def test_an_entry_is_read_with_all_that_it_stands_on(tmp_path: Path) -> None:
    entry = read_tolerances(write(tmp_path, GOOD))["gan.loss"]
    assert (entry.value, entry.what, entry.runs, entry.false_fail, entry.miss) == (0.5, "relative error", 10, 1e-5, 0.0)


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("value = 0.5", "value = -1", 2, "value"),
        ("value = 0.5", 'value = "half"', 2, "float"),
        ("value = 0.5", "value = nan", 2, "finite"),
        ("runs = 10", "runs = -3", 4, "negative"),
        ("false_fail = 1e-5", "false_fail = 2", 5, "share"),
        ("miss = 0.0", "mis = 0.0", 6, "mis"),
        ('what = "relative error"', 'what = " "', 3, "what"),
        ('["gan.loss"]', '["Loss"]', 1, "lower case"),
    ],
)
def test_a_bad_entry_is_refused_with_its_line(tmp_path: Path, old: str, new: str, line: int, word: str) -> None:
    with pytest.raises(ToleranceError, match=f"line {line}: .*{word}"):
        read_tolerances(write(tmp_path, GOOD.replace(old, new)))


def test_a_missing_file_and_broken_toml_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ToleranceError, match="there are no tolerances here"):
        read_tolerances(tmp_path / "none.toml")
    with pytest.raises(ToleranceError, match="not TOML"):
        read_tolerances(write(tmp_path, "[["))
