"""From the archive, in an emulated Gradescope container (768 MB, half a processor): setup, then real submissions.

Slow: the setup installs torch. GRADER_CONTAINER=0 leaves it out on a machine whose registry is far away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from grader.build.archive import archive_files, unpack
from tests.gradescope.container import MEMORY_MB, ROOT, Container, Ran, container, why_not
from tests.gradescope.test_results import valid

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("GRADER_CONTAINER") == "0", reason="GRADER_CONTAINER=0"),
    pytest.mark.skipif(why_not() is not None, reason=f"no throw-away root file system here: {why_not()}"),
]
SETUP_S = 1500.0
RUN_S = 640.0
"""Gradescope's ten minutes and a little, after which the test ends the run."""
FULL_MARKS_S = 300.0
ATTACK = """
import json, os, sys, threading, time
forged = json.dumps({"score": 40, "tests": []})
for place in ("/autograder/results/results.json", "results/results.json", "../results/results.json"):
    try:
        open(place, "w").write(forged)
    except OSError:
        pass
try:
    print("LEAK " + open("/autograder/source/reference/rubric.toml").read()[:200])
except OSError:
    pass
os._exit(0)
"""


def wheels() -> dict[str, str]:
    """This machine's folder of wheels: it stands in for the public index of CPU builds where that is out of reach."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.find-links"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return {"PIP_FIND_LINKS": found} if found else {}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with container(tmp_path_factory.mktemp("gradescope")) as made:
        unpack(archive_files(), made.autograder / "source")
        (made.autograder / "run_autograder").write_bytes((made.autograder / "source" / "run_autograder").read_bytes())
        (made.autograder / "run_autograder").chmod(0o755)
        done = made.run("bash /autograder/source/setup.sh", limited=False, timeout_s=SETUP_S, env=wheels())
        assert done.status == 0, done.output[-4000:]
        print(f"setup: {done.seconds:.0f} s")
        yield made


def folder(name: str) -> dict[str, bytes]:
    place = ROOT / "submissions" / name
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()}


def graded(box: Container, files: dict[str, bytes]) -> tuple[Ran, dict[str, Any]]:
    box.submit(files)
    done = box.run("/autograder/run_autograder", limited=True, timeout_s=RUN_S)
    assert done.status == 0, done.output
    document = valid(json.loads((box.autograder / "results" / "results.json").read_text("utf-8")))
    print(done.output[-1500:])
    print(f"{document['score']} points, {done.seconds:.0f} s, peak {done.peak_mb} MB, {document['extra_data']}")
    return done, document


def test_the_second_setup_is_a_no_op(box: Container) -> None:
    stamp = box.autograder / "source" / ".venv" / ".grader-setup"
    before = stamp.stat().st_mtime_ns
    done = box.run("bash /autograder/source/setup.sh", limited=True, timeout_s=60)
    assert done.status == 0
    assert done.output == ""
    assert done.seconds < 10
    assert stamp.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["perfect", "perfect_score"])
def test_full_marks_within_five_minutes_at_half_a_processor_in_768_mb(box: Container, name: str) -> None:
    done, document = graded(box, folder(name))
    for test in document["tests"]:
        extra = test["extra_data"]
        assert extra["outcome"] in ("passed", "needs_review"), (test["number"], test["output"])
        assert test["score"] + extra["awaiting_review"] == test["max_score"], (test["number"], test["output"])
    assert document["extra_data"]["complete"] is True
    if box.limits.set:
        assert done.seconds < FULL_MARKS_S
        assert done.peak_mb is not None
        assert done.peak_mb <= MEMORY_MB


def test_the_students_code_runs_walled_in(box: Container) -> None:
    _, document = graded(box, folder("perfect"))
    assert {"process", "user_drop", "seccomp"} <= set(document["extra_data"]["isolation"])


def test_an_empty_hand_in_gets_nothing_and_a_reason_each(box: Container) -> None:
    _, document = graded(box, {})
    assert document["score"] == 0
    assert all(test["output"] for test in document["tests"]) or "could not be graded" in document["output"]


def test_an_attack_gains_nothing_and_costs_only_its_own_file(box: Container) -> None:
    files = {**folder("perfect"), "hw5_gan.py": ATTACK.encode() + folder("template")["hw5_gan.py"]}
    _, document = graded(box, files)
    by_number = {test["number"]: test for test in document["tests"]}
    assert sum(test["score"] for number, test in by_number.items() if number.startswith("4.")) == 0
    assert all(t["score"] == t["max_score"] for n, t in by_number.items() if n.startswith("5."))
    assert "seed_key" not in json.dumps(document)
