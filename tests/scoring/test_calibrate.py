"""`grader calibrate` measures on the reference, and writes what each number stands on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from grader.calibrate import SOURCES, Calibration, calibrate, table, updated
from grader.cli import app
from grader.model import GraderError
from grader.scoring.tolerances import DEFAULT_TOLERANCES, read_tolerances


def test_closed_form_bounds_are_far_above_the_reference() -> None:
    names = ["score.loss_match", "score.net_output", "score.step_size"]
    results = list(calibrate(dict(read_tolerances()), 30, names=names, first_seed=500))
    assert [r.name for r in results] == ["score.net_output", "score.loss_match", "score.step_size"]
    assert all(r.sound and r.runs == 30 for r in results), table(results)


def test_every_bound_has_a_source_and_the_judge_says_what_it_compares() -> None:
    assert set(SOURCES) == set(read_tolerances())
    names = ["gan.loss", "gan.steps", "ddpm.loss", "ddpm.weights", "ddpm.last_step", "ddpm.surprise"]
    results = {r.name: r for r in calibrate(dict(read_tolerances()), 2, names=names)}
    assert set(results) == set(names)
    for name in ("gan.loss", "gan.steps", "ddpm.loss", "ddpm.weights", "ddpm.last_step"):
        assert 0 < results[name].worst < results[name].value / 10, results[name]
    assert results["ddpm.surprise"].false_fail == read_tolerances()["ddpm.surprise"].false_fail


def test_a_reference_that_its_judge_fails_is_never_sound() -> None:
    tolerances = dict(read_tolerances())
    strict = {**tolerances, "gan.loss": replace(tolerances["gan.loss"], value=1e-12)}
    result = next(calibrate(strict, 2, names=["gan.loss"]))
    assert result.worst > result.value
    assert not result.sound


def test_the_command_prints_the_table_and_writes_only_when_asked() -> None:
    before = DEFAULT_TOLERANCES.read_bytes()
    shown = CliRunner().invoke(app, ["calibrate", "--runs", "1", "--only", "gan.init_bias"])
    assert "gan.init_bias" in shown.output
    assert "no tail is fitted" in shown.output
    assert DEFAULT_TOLERANCES.read_bytes() == before
    refused = CliRunner().invoke(app, ["calibrate", "--only", "gan.nonsense"])
    assert refused.exit_code == 1


def test_an_unknown_bound_is_refused() -> None:
    with pytest.raises(GraderError, match="nothing to measure"):
        list(calibrate(dict(read_tolerances()), 1, names=["gan.nonsense"]))


def test_only_runs_and_false_fail_are_rewritten() -> None:
    text = '["a.b"]\nvalue = 1.0\nwhat = "w"\nruns = 3\nfalse_fail = 1e-4\n\n["c.d"]\nvalue = 2\nwhat = "v"\nruns = 5\n'
    text += "false_fail = 0.1\n"
    new = updated(text, [Calibration("a.b", 1.0, 200, 0.1, 0.2, 3e-6)])
    assert new == text.replace("runs = 3\nfalse_fail = 1e-4", "runs = 200\nfalse_fail = 3e-06")
