"""The run ends before the container's limit: cheapest first, the rest is not measured, and that is ours to fix."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from grader.gradescope_run import grade_tree
from tests.gradescope.test_results import ROOT, valid


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [0.3, 0.6])
def test_a_short_container_keeps_what_was_earned_and_loses_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float
) -> None:
    rubric = tmp_path / "rubric.toml"
    text = (ROOT / "reference" / "rubric.toml").read_text("utf-8")
    rubric.write_text(text.replace("container_minutes = 10", f"container_minutes = {minutes}"), "utf-8")
    monkeypatch.setattr("grader.run.default_paths", lambda: (rubric, ROOT / "reference" / "tolerances.toml"))
    tree = tmp_path / "autograder"
    shutil.copytree(ROOT / "submissions" / "perfect", tree / "submission")
    begun = time.monotonic()
    grade_tree(tree)
    assert time.monotonic() - begun < minutes * 60
    document = valid(json.loads((tree / "results" / "results.json").read_text("utf-8")))
    skipped = [t for t in document["tests"] if t["extra_data"]["outcome"] == "skipped"]
    assert {"4.6", "5.9"} <= {t["number"] for t in skipped}
    for test in document["tests"]:
        assert test["score"] + test["extra_data"]["awaiting_review"] == test["max_score"], test
    for test in skipped:
        assert "time" in test["output"]
        assert "ours to fix" in test["output"]
        assert "status" not in test
    assert document["score"] > 0
