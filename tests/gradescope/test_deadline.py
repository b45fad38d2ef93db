"""The run ends before the container's limit, whatever the code in it does: the cheapest checks come first, what is left
out is said to be ours to fix and costs nothing, and results.json is valid at every moment.

Each run is a process of its own with the archive's files, whose rubric has a short limit.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.build.archive import archive_files, unpack
from grader.checks.catalogue import find_check
from grader.rubric import read_rubric
from grader.run import COST_ORDER
from tests.gradescope.test_results import ROOT, valid

pytestmark = pytest.mark.slow
QUESTIONS = {q.number: q for q in read_rubric().for_track("ddpm")}
HANG = ast.parse("while True: pass").body


def perfect() -> dict[str, str]:
    folder = ROOT / "submissions" / "perfect"
    return {p.name: p.read_text("utf-8") for p in folder.iterdir() if p.suffix in (".py", ".toml", ".md", ".tex")}


def hangs_in_every_function() -> dict[str, str]:
    files = perfect()
    for name in [n for n in files if n.endswith(".py")]:
        tree = ast.parse(files[name])
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.body = HANG
        files[name] = ast.unparse(tree)
    return files


def hangs_at_import() -> dict[str, str]:
    return {n: f"while True: pass\n{t}" if n.endswith(".py") else t for n, t in perfect().items()}


@dataclass
class Seen:
    """A run as somebody saw it who read results.json all the while."""

    seconds: float
    status: int
    document: dict[str, Any]
    states: int = 0


def run(
    folder: Path, minutes: float, files: dict[str, str], stop: Callable[[dict[str, Any]], bool] | None = None
) -> Seen:
    """Grades the files with that limit; reads results.json at every moment; kills the run when `stop` says so."""
    source, tree = folder / "source", folder / "autograder"
    unpack(archive_files(), source)
    rubric = source / "reference" / "rubric.toml"
    text = rubric.read_text("utf-8")
    assert text.count("container_minutes = 10 ") == 1
    rubric.write_text(text.replace("container_minutes = 10 ", f"container_minutes = {minutes} "), "utf-8")
    (tree / "submission").mkdir(parents=True)
    for name, content in files.items():
        (tree / "submission" / name).write_text(content, "utf-8")
    os.chmod(folder, 0o755)
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "grader", "gradescope", "--root", str(tree)]
    results = tree / "results" / "results.json"
    states: set[str] = set()
    begun = time.monotonic()
    with subprocess.Popen(command, cwd=source, env=environment, start_new_session=True) as process:
        while process.poll() is None:
            if results.exists():
                content = results.read_text("utf-8")
                if content not in states:
                    states.add(content)
                    if stop is not None and stop(valid(json.loads(content))):
                        os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.01)
    seconds = time.monotonic() - begun
    for content in states:
        valid(json.loads(content))
    document = valid(json.loads(results.read_text("utf-8")))
    return Seen(seconds, process.returncode, document, len(states))


def nothing_is_lost(document: dict[str, Any]) -> None:
    """Every question has its points, or says that a person decides; what was not measured is said to be ours."""
    for test in document["tests"]:
        assert test["score"] + test["extra_data"]["awaiting_review"] == test["max_score"], test
        if test["extra_data"]["outcome"] == "skipped":
            assert "ours to fix" in test["output"]
            assert "status" not in test


def cheapest_first(document: dict[str, Any]) -> None:
    """No check was measured that costs more than one for which there was no time."""
    cost = {t["number"]: COST_ORDER[find_check(QUESTIONS[t["number"]].check).cost] for t in document["tests"]}
    skipped = {t["number"] for t in document["tests"] if t["extra_data"]["outcome"] == "skipped"}
    measured = set(cost) - skipped
    assert max((cost[n] for n in measured), default=0) <= min((cost[n] for n in skipped), default=9)


@pytest.mark.parametrize("minutes", [0.3, 0.6])
def test_a_short_container_keeps_what_was_earned_and_loses_nothing_else(tmp_path: Path, minutes: float) -> None:
    seen = run(tmp_path, minutes, perfect())
    print(f"{seen.seconds:.1f} s of {minutes * 60:.0f}, {seen.document['score']} points, {seen.states} states")
    assert seen.seconds < minutes * 60
    nothing_is_lost(seen.document)
    cheapest_first(seen.document)
    outcomes = {t["number"]: t["extra_data"]["outcome"] for t in seen.document["tests"]}
    theory = [n for n in outcomes if n[0] in "123"]
    assert not [n for n in theory if outcomes[n] not in ("passed", "needs_review")]  # a second's work
    if minutes == 0.3:  # a training isn't begun with less than 20 s
        assert outcomes["4.6"] == outcomes["5.9"] == "skipped"
        assert "Not enough time" in next(t["output"] for t in seen.document["tests"] if t["number"] == "5.9")
    assert seen.document["score"] >= sum(t["score"] for t in seen.document["tests"] if t["number"] in theory) > 10


@pytest.mark.parametrize("make", [hangs_in_every_function, hangs_at_import])
@pytest.mark.parametrize("minutes", [0.2, 0.7])
def test_code_that_hangs_cannot_outlast_the_container(
    tmp_path: Path, minutes: float, make: Callable[[], dict[str, str]]
) -> None:
    seen = run(tmp_path, minutes, make())
    print(f"{seen.seconds:.1f} s of {minutes * 60:.0f}, status {seen.status}, {seen.document['score']} points")
    assert seen.seconds < minutes * 60
    coding = [t for t in seen.document["tests"] if t["number"][0] in "45"]
    if make is hangs_in_every_function:
        assert not [t for t in coding if t["score"]]
    else:  # what is defined below a loop that runs at import is graded as if the loop were not there
        assert not [t for t in coding if t["score"] + t["extra_data"]["awaiting_review"] < t["max_score"]]


def test_a_kill_at_any_moment_leaves_what_was_earned(tmp_path: Path) -> None:
    def five_graded(document: dict[str, Any]) -> bool:
        return sum(t["extra_data"]["outcome"] == "passed" for t in document["tests"]) >= 5

    seen = run(tmp_path, 5, perfect(), stop=five_graded)
    assert seen.status == -signal.SIGKILL
    assert seen.document["score"] > 0
    assert seen.document["extra_data"]["complete"] is False
    nothing_is_lost(seen.document)
