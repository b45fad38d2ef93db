"""What a person sees while a class is graded: done, running, the slowest, time left; and the terminal after Ctrl-C."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from grader.cohort.display import Display
from grader.cohort.executor import Event
from grader.cohort.messages import Failed
from grader.cohort.store import Store

ROOT = Path(__file__).resolve().parents[2]
CODES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def on(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None, _environ={})


def shown(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def failed(key: str) -> Failed:
    return Failed(key, "", "", ours=False)


def test_the_terminal_shows_done_running_the_slowest_and_the_time_left() -> None:
    clock, console = Clock(), on(True)
    with Display(4, 3, clock, console) as display:
        for key in ("ada", "alan"):
            display.event(Event(key))
        clock.now += 5
        display.event(Event("ada", "4.1", 7, 30))
        display._live.refresh()
        early = CODES.sub("", shown(console))
        clock.now += 15
        display.answer(failed("alan"))
        display.event(Event("emmy"))
        display.event(Event("emmy", "1.1", 0, 30))
        clock.now += 10
        display.answer(failed("emmy"))
        display._live.refresh()
    late = CODES.sub("", shown(console))[len(early) :]
    assert "0 of 4 graded, 3 before, 2 running" in early
    assert "left" not in early, "nothing is known of the pace before the first answer"
    assert re.search(r"ada +question 4\.1 \(7 of 30\) +5 s", early)
    assert re.search(r"alan +begins +5 s", early)
    assert "2 of 4 graded, 3 before, 1 running, slowest alan 20.0 s, about 30 s left" in late
    assert re.search(r"2/4", late)
    assert re.search(r"ada +question 4\.1 \(7 of 30\) +30 s", late)
    assert not re.search(r"emmy +question", late.partition("2 of 4")[2])


def test_the_terminal_is_left_as_it_was_whatever_ends_the_run() -> None:
    console = on(True)

    def interrupted() -> None:
        with Display(2, 0, Clock(), console) as display:
            display.event(Event("ada", "4.1", 1, 30))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    codes = shown(console)
    assert codes.count("\x1b[?25l") == codes.count("\x1b[?25h") == 1, "the cursor is shown again"
    assert codes.endswith("\x1b[2K"), "the live lines are wiped away"


def test_more_than_fit_on_a_screen_are_not_listed() -> None:
    clock, console = Clock(), on(True)
    display = Display(100, 0, clock, console)
    for index in range(40):
        clock.now += 1
        display.event(Event(f"s{index:02d}"))
    console.print(display)
    assert "40 running" in shown(console)
    assert re.findall(r"s(\d\d) ", shown(console)) == [f"{i:02d}" for i in range(16)], "the longest running first"


def test_without_a_terminal_there_are_plain_lines_now_and_then_and_at_the_end() -> None:
    clock, console = Clock(), on(False)
    with Display(30, 0, clock, console) as display:
        for index in range(30):
            display.event(Event(f"s{index}"))
            clock.now += 3
            display.answer(failed(f"s{index}"))
    lines = shown(console).splitlines()
    assert len(lines) == 8
    assert lines[0] == "4 of 30 graded, 0 running, slowest s3 3.0 s, about 1 min 18 s left"
    assert lines[-1].startswith("30 of 30 graded, 0 running")
    assert "\x1b" not in shown(console)


COMMAND = """
import grader.cohort.executor as executor
from tests.cohort.test_executor import stub
real = executor.LocalExecutor
executor.LocalExecutor = lambda setup, jobs: real(setup, jobs, stub)
from grader.cli import app
app()
"""


def typed(folder: Path, store: Path, *more: str, stop_at: str = "") -> tuple[int, str]:
    """Runs `grader cohort` on stub workers in a terminal of its own; types Ctrl-C where `stop_at` is seen.

    Nothing that the run began may be there when it has ended.
    """
    arguments = ["cohort", str(folder), "--store", str(store), "--jobs", "2", *more]
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120", "OMP_NUM_THREADS": "1"}
        os.execve(sys.executable, [sys.executable, "-c", COMMAND, *arguments], environment)
    below: list[psutil.Process] = []
    seen, until = b"", time.monotonic() + 120
    while time.monotonic() < until:
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not part:
            break
        seen += part
        if stop_at and re.search(stop_at, CODES.sub("", seen.decode("utf-8", "replace"))):
            below = psutil.Process(process).children(recursive=True)
            assert below, "it works on something"
            os.write(terminal, b"\x03")
            stop_at = ""
    os.close(terminal)
    assert psutil.wait_procs(below, timeout=10)[1] == []
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), seen.decode("utf-8", "replace")


@pytest.mark.slow
def test_ctrl_c_on_the_command_leaves_a_readable_terminal_and_a_store_that_goes_on(tmp_path: Path) -> None:
    for key in ("ada", "alan", "hangs-1.1"):
        (tmp_path / "class" / key).mkdir(parents=True)
        (tmp_path / "class" / key / "answers.toml").write_text("")
    store = tmp_path / "class.sqlite"
    code, seen = typed(tmp_path / "class", store, stop_at=r"2 of 3 graded.*1 running")
    assert code == 130, seen
    last = seen.rpartition("\x1b[?25h")
    assert last[1], "the cursor is shown again"
    assert "\x1b[?25l" not in last[2]
    assert "Stopped. What was finished is kept; the same command goes on." in CODES.sub("", last[2])
    assert "Traceback" not in seen
    with Store(store) as opened:
        assert {row.key: row.state for row in opened.rows()} == {
            "ada": "failed",
            "alan": "failed",
            "hangs-1.1": "waiting",
        }
    code, seen = typed(tmp_path / "class", store, "--minutes", "0.1")
    assert code == 0, seen
    assert "2 before" in CODES.sub("", seen)
    assert "3 cannot be graded as they are" not in seen
    with Store(store) as opened:
        assert opened.row("hangs-1.1").error == "given up: ('1.1',)"
