"""The commands as an instructor types them, on stored evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from grader.cli import app
from grader.cohort.class_run import ClassOptions, plan
from grader.cohort.settings import ClassSettings
from grader.cohort.store import Store
from grader.run import default_paths
from tests.cohort.conftest import MakeClass

runner = CliRunner()


@pytest.mark.parametrize("command", ["cohort", "review", "regrade", "export", "report", "similar"])
def test_every_command_has_an_example(command: str) -> None:
    shown = runner.invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert f"Example: grader {command}" in shown.stdout


@pytest.mark.parametrize("arguments", [["regrade"], ["export", "--csv", "-"], ["report", "--html", "x"], ["review"]])
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
                pack_verdict(
                    skipped(q, "quick", ours=True) if q in trained else Verdict("failed", Fraction(0), mistake="m")
                ),
            )
            for row in store.rows()
            for q in questions
        ]
        with store.transaction():
            store.append_grades(rows, settings.stamp, "graded")
        assert plan(store, settings, ClassOptions(quick=True)) == []
        jobs = plan(store, settings, ClassOptions())
        assert [job.only for job in jobs] == [tuple(q.number for q in trained)] * 2


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
