"""The commands on real submissions: kills, resumption, a cluster that loses a worker. One minute or two."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from grader.cohort.store import Store

ROOT = Path(__file__).resolve().parents[2]
GRADER = (sys.executable, "-m", "grader")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def a_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Right, wrong, empty and broken submissions; theory and a little code."""
    folder = tmp_path_factory.mktemp("class")
    answers = (ROOT / "submissions" / "perfect" / "answers.toml").read_text("utf-8")
    for i in range(6):
        (folder / f"theory{i}").mkdir()
        (folder / f"theory{i}" / "answers.toml").write_text(answers + f"\n# {i}\n", encoding="utf-8")
    shutil.copytree(ROOT / "submissions" / "perfect", folder / "whole")
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "hw5_gan.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    (folder / "no_zip.zip").write_bytes(b"PK\x03\x04 not really")
    return folder


def cohort(folder: Path, store: Path, *more: str) -> subprocess.Popen[bytes]:
    command = (*GRADER, "cohort", str(folder), "--store", str(store), "--quick", "--jobs", "2", *more)
    return subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def finish(process: subprocess.Popen[bytes]) -> str:
    output = process.communicate(timeout=500)[0].decode()
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def undisturbed(a_class: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store") / "class.sqlite"
    finish(cohort(a_class, store))
    return store


def fingerprint(store: Path) -> str:
    with Store(store) as opened:
        return opened.fingerprint()


def test_a_finished_class_is_not_graded_again(a_class: Path, undisturbed: Path) -> None:
    with Store(undisturbed) as store:
        states = {row.key: row.state for row in store.rows()}
        assert states.pop("no_zip.zip") == "failed"
        assert set(states.values()) == {"done"}
        grades = store.connection.execute("SELECT count(*) FROM grade").fetchone()
        outcomes = {n: g.verdict.outcome for n, g in store.grades()[store.row("broken").id].items()}
        assert outcomes["4.1"] == "failed"
    begun = time.monotonic()
    output = finish(cohort(a_class, undisturbed))
    assert "0 graded now, 10 before" in output
    assert time.monotonic() - begun < 60
    with Store(undisturbed) as store:
        assert store.connection.execute("SELECT count(*) FROM grade").fetchone() == grades


def test_all_slots_share_one_warm_zygote(a_class: Path, tmp_path: Path) -> None:
    process = cohort(a_class, tmp_path / "class.sqlite")
    executed: set[int] = set()
    copies: set[int] = set()
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                if "zygote.py" in " ".join(child.cmdline()):
                    (executed if child.ppid() == process.pid else copies).add(child.pid)
        time.sleep(0.1)
    finish(process)
    assert len(executed) == 1, "torch is imported for student code once, whatever the number of jobs"
    assert len(copies) >= 2


def test_kills_at_random_moments_lose_nothing_and_change_nothing(
    a_class: Path, undisturbed: Path, tmp_path: Path
) -> None:
    store = tmp_path / "class.sqlite"
    draw = random.Random(6)
    done = hits = 0
    for _ in range(5):
        process = cohort(a_class, store)
        time.sleep(draw.uniform(1.5, 4.5))
        hits += process.poll() is None
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == [], "nothing outlives a killed run"
        if store.exists():
            with Store(store) as opened:
                now = sum(row.state != "waiting" for row in opened.rows())
            assert now >= done
            done = now
    assert hits >= 2, "the kills came too late to show anything"
    finish(cohort(a_class, store))
    assert fingerprint(store) == fingerprint(undisturbed)


def test_ctrl_c_keeps_what_is_finished(a_class: Path, tmp_path: Path) -> None:
    store = tmp_path / "class.sqlite"
    process = cohort(a_class, store)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.3)
        if store.exists():
            with Store(store) as opened:
                if any(row.state == "done" for row in opened.rows()):
                    break
    os.kill(process.pid, signal.SIGINT)
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 130, output
    assert "the same command goes on" in output
    with Store(store) as opened:
        assert any(row.state == "done" for row in opened.rows())


@contextmanager
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers of one thread, without nannies: a killed worker stays lost."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: ./setup.sh dev")
    run = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": ENVIRONMENT, "cwd": ROOT}
    port = 18786 + os.getpid() % 1000
    address = f"tcp://127.0.0.1:{port}"
    plain = ("--host", "127.0.0.1", "--no-dashboard")
    scheduler = subprocess.Popen([*run, "scheduler", *plain, "--port", str(port)], **quiet)
    each = [*run, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    workers = [subprocess.Popen(each, **quiet) for _ in range(2)]
    try:
        with distributed.Client(address, timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_cluster_gives_the_same_store_though_a_worker_is_lost(
    a_class: Path, undisturbed: Path, tmp_path: Path
) -> None:
    store = tmp_path / "class.sqlite"
    with cluster() as (address, workers):
        process = cohort(a_class, store, "--dask", address)
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.2)
            if store.exists():
                with Store(store) as opened:
                    if sum(row.state == "done" for row in opened.rows()) >= 2:
                        break
        assert process.poll() is None, finish(process)
        children = psutil.Process(workers[0].pid).children(recursive=True)
        workers[0].kill()
        assert children, "the lost worker was grading"
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []
        finish(process)
    assert fingerprint(store) == fingerprint(undisturbed)
    with Store(store) as opened:
        most = "SELECT max(n) FROM (SELECT count(*) AS n FROM grade GROUP BY submission_id, number)"
        assert opened.connection.execute(most).fetchone() == (1,), "nothing is graded twice"
