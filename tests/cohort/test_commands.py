"""The commands as an instructor types them, on stored evidence."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grader.cli import app
from grader.cohort.class_run import ClassOptions, plan
from grader.cohort.review import decide, queue
from grader.cohort.roster import HandIn
from grader.cohort.settings import ClassSettings, rules_history
from grader.cohort.store import Store
from grader.report.standing import Student
from grader.run import default_paths
from tests.cohort.conftest import MakeClass

runner = CliRunner()


@pytest.mark.parametrize("command", ["cohort", "review", "regrade", "history", "export", "report", "similar"])
def test_every_command_has_an_example(command: str) -> None:
    shown = runner.invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert f"Example: grader {command}" in shown.stdout


@pytest.mark.parametrize(
    "arguments", [["regrade"], ["history"], ["export", "--csv", "-"], ["report", "--html", "x"], ["review"]]
)
def test_a_store_that_is_not_there_is_one_sentence(tmp_path: Path, arguments: list[str]) -> None:
    shown = runner.invoke(app, [arguments[0], str(tmp_path / "none.sqlite"), *arguments[1:]])
    assert shown.exit_code == 1
    assert "there is no store here" in shown.stderr
    assert not (tmp_path / "none.sqlite").exists()


def test_a_regrade_shows_first_and_writes_only_when_told(make_class: MakeClass, tmp_path: Path) -> None:
    path = make_class({"ada": {}, "alan": {"1.1.result": "incorrect"}})
    text = default_paths()[0].read_text("utf-8").replace('"3.3"\nexpected = true', '"3.3"\nexpected = false')
    (tmp_path / "rubric.toml").write_text(text, encoding="utf-8")
    command = ["regrade", str(path), "--rubric", str(tmp_path / "rubric.toml")]
    shown = runner.invoke(app, [*command, "--dry-run"])
    assert "2 of 2 submissions change." in shown.stdout
    with Store(path) as store:
        before = store.fingerprint()
    refused = runner.invoke(app, command, input="n\n")
    assert refused.exit_code == 1
    with Store(path) as store:
        assert store.fingerprint() == before
    assert runner.invoke(app, [*command, "--yes"]).exit_code == 0
    with Store(path) as store:
        assert store.fingerprint() != before
    again = runner.invoke(app, [*command, "--dry-run"])
    assert "0 of 2 submissions change." in again.stdout


def test_what_the_quick_mode_left_out_is_all_that_a_full_run_measures(
    make_class: MakeClass, settings: ClassSettings
) -> None:
    from fractions import Fraction

    from grader.cohort.pack import pack_verdict
    from grader.judge import skipped
    from grader.model import Verdict

    with Store(make_class({"ada": {}, "alan": {}})) as store:
        questions = settings.rubric.for_track("ddpm")
        trained = [q for q in questions if q.check.endswith(".training")]
        rows = [
            (
                row.id,
                q.number,
                pack_verdict(skipped(q, "quick") if q in trained else Verdict("failed", Fraction(0), mistake="m")),
            )
            for row in store.rows()
            for q in questions
        ]
        with store.transaction():
            store.append_grades(rows, settings.stamp, "graded")
        assert plan(store, settings, ClassOptions(quick=True)) == []
        jobs = plan(store, settings, ClassOptions())
        assert [job.only for job in jobs] == [tuple(q.number for q in trained)] * 2
        assert [job.pictures for job in plan(store, settings, ClassOptions(pictures=True))] == [True, True]


def test_pictures_are_not_promised_where_the_trainings_are_left_out(tmp_path: Path) -> None:
    command = ["cohort", str(tmp_path), "--store", str(tmp_path / "s.sqlite"), "--quick", "--pictures"]
    shown = runner.invoke(app, command)
    assert (shown.exit_code, "--pictures needs" in shown.stderr) == (2, True)


def test_what_the_grader_failed_on_is_measured_again_by_the_same_command(
    make_class: MakeClass, settings: ClassSettings
) -> None:
    from grader.cohort.pack import pack_verdict
    from grader.judge import grader_fault
    from grader.model import Verdict

    with Store(make_class({"ada": {}})) as store:
        questions = settings.rubric.for_track("ddpm")
        verdicts = {q.number: pack_verdict(Verdict("passed", q.points)) for q in questions}
        verdicts["2.3.result"] = pack_verdict(grader_fault(questions[0], "a broken machine"))
        with store.transaction():
            store.append_grades([(1, n, v) for n, v in verdicts.items()], settings.stamp, "graded")
        assert [job.only for job in plan(store, settings, ClassOptions(quick=True))] == [("2.3.result",)]


LATE = 'due = 2024-04-12T00:00:00Z\nper_day = "0.1"\n'


@pytest.fixture
def late_class(make_class: MakeClass, settings: ClassSettings, tmp_path: Path) -> Path:
    """Ada is a day and an hour late, Alan in time; the store has a policy of a tenth a day."""
    path = make_class({"ada": {}, "alan": {}})
    with Store(path) as store:
        for key, day in (("ada", 13), ("alan", 11)):
            when = datetime(2024, 4, day, 1, tzinfo=UTC)
            store.enrol([HandIn(key, store.row(key).path, (Student(key, f"{key}@example.edu"),), when)])
    (tmp_path / "late.toml").write_text(LATE)
    command = ["export", str(path), "--csv", "-", "--late", str(tmp_path / "late.toml")]
    assert runner.invoke(app, command).exit_code == 0
    return path


def total(path: Path, name: str) -> str:
    table = runner.invoke(app, ["export", str(path), "--csv", "-"]).stdout
    return next(row["Total Score"] for row in csv.DictReader(io.StringIO(table)) if row["First Name"] == name)


def test_a_changed_late_policy_is_shown_in_the_points_that_count_before_it_is_written(
    late_class: Path, tmp_path: Path
) -> None:
    before = Fraction(total(late_class, "ada")) / Fraction(8, 10)
    (tmp_path / "harder.toml").write_text(LATE.replace("0.1", "0.25"))
    command = ["regrade", str(late_class), "--late", str(tmp_path / "harder.toml"), "--by", "emmy"]
    with Store(late_class) as store:
        kept = (store.fingerprint(), store.setting("late_policy"), len(rules_history(store)))
    shown = runner.invoke(app, [*command, "--dry-run"])
    assert shown.exit_code == 0
    assert "1 of 2 submissions change." in shown.stdout
    assert "Late hand-ins that lose points: 1 before, 1 after." in shown.stdout
    (line,) = (line for line in shown.stdout.splitlines() if "ada" in line)
    change = before * Fraction(-3, 10)
    for words in (
        f" {float(before * Fraction(8, 10)):g} ",
        f" {float(before / 2):g} ",
        f" {float(change):g} ",
        "20% → 50%",
    ):
        assert words in line
    assert runner.invoke(app, command, input="n\n").exit_code == 1
    with Store(late_class) as store:
        assert (store.fingerprint(), store.setting("late_policy"), len(rules_history(store))) == kept
    other = runner.invoke(app, ["report", str(late_class), "--html", str(tmp_path / "x"), "--late", command[3]])
    assert (other.exit_code, "grader regrade" in other.stderr) == (1, True)
    (tmp_path / "late.toml").write_text(f"# the same in other words\n{LATE}")
    same = ["export", str(late_class), "--csv", "-", "--late", str(tmp_path / "late.toml")]
    assert runner.invoke(app, same).exit_code == 0
    assert runner.invoke(app, [*command, "--yes"]).exit_code == 0
    assert Fraction(total(late_class, "ada")) == before / 2
    with Store(late_class) as store:
        held = rules_history(store)
        assert store.setting(f"file:{held[-1].late_digest}") == LATE.replace("0.1", "0.25")
        assert (held[-1].by_whom, len(held)) == ("emmy", kept[2] + 1)
    assert "0 of 2 submissions change." in runner.invoke(app, [*command, "--dry-run"]).stdout


def test_terms_that_the_late_file_leaves_to_the_rubric_are_regraded_with_it(late_class: Path, tmp_path: Path) -> None:
    (tmp_path / "due.toml").write_text(LATE.partition("per_day")[0])
    text = default_paths()[0].read_text("utf-8").replace('late_loss_per_day = "0"', 'late_loss_per_day = "0.1"')
    (tmp_path / "rubric.toml").write_text(text, encoding="utf-8")
    first = ["regrade", str(late_class), "--late", str(tmp_path / "due.toml"), "--yes"]
    assert "20% → 0%" in runner.invoke(app, first).stdout
    again = ["regrade", str(late_class), "--rubric", str(tmp_path / "rubric.toml"), "--dry-run"]
    assert "0% → 20%" in runner.invoke(app, again).stdout


def test_an_extension_for_nobody_is_said(late_class: Path, tmp_path: Path) -> None:
    extensions = '[extensions]\n"ada@example.edu" = 2024-04-14T00:00:00Z\n"aleph" = 2024-04-14T00:00:00Z\n'
    (tmp_path / "more.toml").write_text(LATE + extensions)
    shown = runner.invoke(app, ["regrade", str(late_class), "--late", str(tmp_path / "more.toml"), "--dry-run"])
    assert "20% → 0%" in shown.stdout
    assert "extension for aleph" in shown.stderr
    assert "ada@example.edu" not in shown.stderr
    assert "have no time" not in shown.stderr


def test_a_late_policy_that_finds_no_times_says_so(make_class: MakeClass, tmp_path: Path) -> None:
    (tmp_path / "late.toml").write_text(LATE)
    command = ["regrade", str(make_class({"ada": {}})), "--late", str(tmp_path / "late.toml"), "--dry-run"]
    assert "1 of 1 hand-ins have no time" in runner.invoke(app, command).stderr


def test_the_history_of_a_class_and_of_a_grade_can_be_read(late_class: Path, settings: ClassSettings) -> None:
    with Store(late_class) as store:
        pseudonym = store.row("ada").pseudonym
        group = next(g for g in queue(store, settings) if g.question.number == "1.3")
        one = next(m for m in group.members if m.key == "ada")
        decide(store, settings, group, Fraction(1, 2), [], "", "emmy")
        decide(store, settings, group, Fraction(1), [], "Better than it reads.", "emmy", one)
    command = ["history", str(late_class)]
    of_class = runner.invoke(app, command).stdout
    digests = (settings.stamp.rubric_digest, settings.stamp.tolerances_digest)
    assert f"rubric {digests[0][:8]}, tolerances {digests[1][:8]}, grader " in of_class
    assert "1/2 of the awaiting points of 1.3 for everyone with the answer; by emmy" in of_class
    assert f"1 of the awaiting points of 1.3 for {pseudonym}: Better than it reads.; by emmy" in of_class
    assert "ada" not in of_class, "the history of the class names nobody"
    for name in ("ada", pseudonym):
        head, *lines = runner.invoke(app, [*command, name, "--question", "1.3"]).stdout.splitlines()
        assert head == "1.3"
        told = [re.fullmatch(r"  \S+ \S+  (.*?); (\w+ by \w+); rubric .*", line).groups() for line in lines]
        assert told == [
            ("0 (+1?) points, a person decides", "graded by grader"),
            ("0.5 points, partly right, reviewed", "reviewed by emmy"),
            ("1 points, right", "reviewed by emmy"),
        ]
    assert "knows no submission" in runner.invoke(app, [*command, "nobody"]).stderr
    assert "has no grade of question 9.9" in runner.invoke(app, [*command, "ada", "--question", "9.9"]).stderr
