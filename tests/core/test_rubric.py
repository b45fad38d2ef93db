"""The rubric: exact points, and a refusal with file, line and reason for every kind of error."""

from fractions import Fraction
from pathlib import Path

import pytest

from grader.checks.catalogue import CHECK_NAMES
from grader.rubric import DEFAULT_RUBRIC, RubricError, read_rubric


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = DEFAULT_RUBRIC.read_text("utf-8")
    assert old in text
    path = tmp_path / "rubric.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


@pytest.mark.parametrize("track", ["ddpm", "score"])
def test_each_track_is_worth_forty_points_exactly(track: str) -> None:
    questions = read_rubric(checks=CHECK_NAMES).for_track(track)
    assert sum(q.points for q in questions) == 40
    assert all(isinstance(q.points, Fraction) for q in questions)


@pytest.mark.parametrize(
    ("number", "points"),
    [
        ("4.1", "2"),
        ("4.2", "2"),
        ("4.3", "1"),
        ("4.4", "2"),
        ("4.5", "2"),
        ("4.6", "1"),
        ("5.8", "0.5"),
        ("5.9", "1.5"),
    ],
)
def test_coding_questions_are_worth_what_the_handout_says(number: str, points: str) -> None:
    found = {q.number: q.points for q in read_rubric().for_track("ddpm")}
    assert found[number] == Fraction(points)


@pytest.mark.parametrize(
    ("old", "new", "line_text", "reason"),
    [
        ('points = "40"', 'points = "41"', 'points = "41"', "sum to 40"),
        ('points = "1.5"', "points = 1.5", "points = 1.5", "Expected 'str'"),
        ('points = "1.5"', 'points = "one"', 'points = "one"', "decimal string"),
        ('check = "gan.dnet"', 'check = "gan.dnett"', 'check = "gan.dnett"', "no check called 'gan.dnett'"),
        ('title = "DNet"', 'titel = "DNet"', "titel", "unknown field 'titel'"),
        ("expected = true", 'expected = "yes"', 'expected = "yes"', "bool"),
        ('number = "4.2"', 'number = "4.1"', 'number = "4.1"', "numbered 4.1"),
        ('parts = { mean = "1", variance = "1" }', 'parts = { mean = "1", variance = "2" }', "parts", "sum to"),
    ],
)
def test_an_error_is_refused_with_its_line(tmp_path: Path, old: str, new: str, line_text: str, reason: str) -> None:
    if old not in DEFAULT_RUBRIC.read_text("utf-8"):
        pytest.skip("this rubric does not use the field")
    path = edited(tmp_path, old, new)
    with pytest.raises(RubricError) as refused:
        read_rubric(path, checks=CHECK_NAMES)
    message = str(refused.value)
    assert str(path) in message
    assert reason in message
    lines = path.read_text("utf-8").splitlines()
    number = int(message.split("line ")[1].split(":")[0])
    assert line_text in lines[number - 1]


def test_a_misspelled_visibility_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, 'check = "gan.dnet"', 'check = "gan.dnet"\nvisibility = "hiden"')
    with pytest.raises(RubricError, match=r"rubric\.toml, line \d+: .*hiden"):
        read_rubric(path)


def test_a_missing_a_binary_and_a_broken_rubric_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RubricError, match="no rubric here"):
        read_rubric(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RubricError, match="cannot be read"):
        read_rubric(tmp_path / "binary.toml")
    (tmp_path / "broken.toml").write_text("[assignment]\ntitle = \n", "utf-8")
    with pytest.raises(RubricError, match="line 2: this is not TOML"):
        read_rubric(tmp_path / "broken.toml")
