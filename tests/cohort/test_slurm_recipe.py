"""The recipe of docs/cluster.md, taken from the page as it stands, on a SLURM that is played by two small scripts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from grader.cohort.store import Store

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

SBATCH = """#!/usr/bin/env bash
# Keeps a copy of the job script and runs it here, as SLURM does on a node, and says its number.
cp "${@: -1}" "$JOBS/$$.sh"
setsid bash "$JOBS/$$.sh" > "$JOBS/$$.out" 2>&1 &
echo $! >> "$JOBS/started"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/usr/bin/env bash
for job in "$@"; do kill -TERM -- "-$job" 2> /dev/null; done
exit 0
"""


def recipe() -> str:
    """The Python of the SLURM section, for two processes on this machine instead of eight on a node."""
    page = (ROOT / "docs" / "cluster.md").read_text("utf-8")
    section = page.partition("## SLURM")[2].partition("\n## ")[0]
    source = re.search(r"```python\n(.*?)```", section, re.S)
    assert source is not None
    text, count = re.subn(r"\b(cores|processes|maximum_jobs)=8\b", r"\1=2", source.group(1))
    assert count == 3
    return text.replace("maximum_jobs=2", "maximum_jobs=1")


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The scheduler's address that the recipe prints, and the folder of the jobs' outputs."""
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    jobs, tools, home = tmp_path / "jobs", tmp_path / "bin", tmp_path / "home"
    for folder in (jobs, tools, home):
        folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (home / "grader").symlink_to(ROOT)
    (tmp_path / "slurm_cluster.py").write_text(recipe())
    environment = {**os.environ, "HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}", "JOBS": str(jobs)}
    process = subprocess.Popen(
        [sys.executable, "slurm_cluster.py"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), jobs
    finally:
        process.communicate("\n", timeout=60)
        started = [int(pid) for pid in (jobs / "started").read_text().split()]
        left = [p for pid in started if psutil.pid_exists(pid) for p in (psutil.Process(pid),)]
        for job in left:
            for process_left in (*job.children(recursive=True), job):
                process_left.kill()


def test_the_slurm_recipe_grades_a_class(slurm: tuple[str, Path], tmp_path: Path) -> None:
    address, jobs = slurm
    assert re.fullmatch(r"tcp://[\d.]+:\d+", address)
    answers = (ROOT / "submissions" / "perfect" / "answers.toml").read_text("utf-8")
    for i in range(4):
        (tmp_path / "class" / f"s{i}").mkdir(parents=True)
        (tmp_path / "class" / f"s{i}" / "answers.toml").write_text(f"{answers}\n# {i}\n")
    store = tmp_path / "class.sqlite"
    command = [sys.executable, "-m", "grader", "cohort", str(tmp_path / "class"), "--store", str(store), "--quick"]
    begun = time.monotonic()
    done = subprocess.run([*command, "--dask", address], cwd=ROOT, capture_output=True, text=True, timeout=400)
    outputs = "\n".join(path.read_text() for path in jobs.glob("*.out"))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{outputs[-4000:]} {time.monotonic() - begun:.0f} s"
    with Store(store) as opened:
        assert [row.state for row in opened.rows()] == ["done"] * 4
