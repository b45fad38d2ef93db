"""`grader calibrate` measures on the reference, and writes what each number stands on."""

from __future__ import annotations

import pytest

from grader.calibrate import Calibration, calibrate, table, updated
from grader.model import GraderError
from grader.scoring.tolerances import read_tolerances


def test_closed_form_bounds_are_far_above_the_reference() -> None:
    names = ["score.loss_match", "score.net_output", "score.step_size"]
    results = list(calibrate(dict(read_tolerances()), 30, names=names, first_seed=500))
    assert [r.name for r in results] == ["score.net_output", "score.loss_match", "score.step_size"]
    assert all(r.sound and r.runs == 30 for r in results), table(results)


def test_an_unknown_bound_is_refused() -> None:
    with pytest.raises(GraderError, match="nothing to measure"):
        list(calibrate(dict(read_tolerances()), 1, names=["gan.nonsense"]))


def test_only_runs_and_false_fail_are_rewritten() -> None:
    text = '["a.b"]\nvalue = 1.0\nwhat = "w"\nruns = 3\nfalse_fail = 1e-4\n\n["c.d"]\nvalue = 2\nwhat = "v"\nruns = 5\n'
    text += "false_fail = 0.1\n"
    new = updated(text, [Calibration("a.b", 1.0, 200, 0.1, 0.2, 3e-6)])
    assert new == text.replace("runs = 3\nfalse_fail = 1e-4", "runs = 200\nfalse_fail = 3e-06")
