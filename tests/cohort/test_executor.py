"""Whatever a submission does to its grading process, it costs only itself, and every job is answered once."""

from __future__ import annotations

import sys
import time

import pytest

from grader.cohort.executor import Event, LocalExecutor
from grader.cohort.messages import Failed, Job, Setup
from grader.cohort.process import GradingProcess
from grader.model import GraderError
from grader.student.nursery import Nursery

STUB = (sys.executable, "-m", "tests.cohort.stub_worker")


def stub(setup: Setup, _: Nursery) -> GradingProcess:
    return GradingProcess(setup, command=STUB, grace_s=1.0)


def run(keys: list[str], slots: int = 2) -> tuple[dict[str, Failed], list[Event]]:
    events: list[Event] = []
    executor = LocalExecutor(Setup(b"", b""), slots, stub)
    answers = list(executor.run(iter([Job(k, "", deadline_s=1.0) for k in keys]), events.append))
    assert sorted(a.key for a in answers) == sorted(keys)
    return {a.key: a for a in answers}, events


@pytest.mark.parametrize("way", ["dies", "hangs", "babbles"])
def test_a_question_that_ends_its_process_is_given_up_and_the_rest_goes_on(way: str) -> None:
    answers, events = run(["a", f"{way}-4.1", "b", "c"])
    assert answers[f"{way}-4.1"].error == "given up: ('4.1',)"
    assert all(answers[k].error == "given up: ()" for k in "abc")
    assert {e.number for e in events if e.key == "a"} == {"", "1.1", "4.1"}


def test_what_ends_every_process_is_left_to_the_instructor_with_its_last_words() -> None:
    answers, _ = run(["dies-everywhere", "a"], slots=1)
    lost = answers["dies-everywhere"]
    # both questions are given up in turn, so that the third attempt answers
    assert lost.error == "given up: ('1.1', '4.1')"
    assert answers["a"].error == "given up: ()"


def test_a_process_that_cannot_start_stops_the_run_with_its_reason() -> None:
    command = (sys.executable, "-c", "raise SystemExit('no')")
    executor = LocalExecutor(Setup(b"", b""), 1, lambda setup, _: GradingProcess(setup, command=command))
    with pytest.raises(GraderError, match=r"could not be started.*no"):
        list(executor.run(iter([Job("a", "")]), lambda _: None))


def test_closing_a_run_ends_its_processes_at_once() -> None:
    executor = LocalExecutor(Setup(b"", b""), 1, stub)
    running = executor.run(iter([Job("a", ""), Job("hangs-1.1", "", deadline_s=500)]), lambda _: None)
    assert next(running).key == "a"
    begun = time.monotonic()
    running.close()
    assert time.monotonic() - begun < 10
    assert all(p._process is None for p in executor._processes)
