"""How jobs are run side by side. The local executor: warm grading processes on this machine, one for each job slot."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from grader.cohort.messages import Begun, Failed, Finished, Job, Setup
from grader.cohort.process import GradingProcess, ProcessEnded
from grader.model import GraderError
from grader.student.nursery import Nursery

MOST_ATTEMPTS = 4
"""Grading processes that one submission may take with it before it is left to the instructor."""
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Event:
    """What a live display is told: a submission began, or came to a question."""

    key: str
    number: str = ""
    done: int = 0
    total: int = 0


Listener: TypeAlias = Callable[[Event], None]


class Executor(Protocol):
    """Runs jobs in any order; every job is answered exactly once."""

    def run(self, jobs: Iterable[Job], listener: Listener) -> Iterator[Finished | Failed]:
        """Takes jobs as slots become free and yields the answers as they come. Closing it ends what runs."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def persist(process: GradingProcess, job: Job, listener: Listener = lambda _: None) -> Finished | Failed:
    """Grades a job whatever it does to its grading process: a question that ends one is given up, the rest goes on."""

    def tell(begun: Begun) -> None:
        listener(Event(job.key, begun.number, begun.done, begun.total))

    reasons: list[str] = []
    for _ in range(MOST_ATTEMPTS):
        try:
            return process.grade(job, tell)
        except ProcessEnded as end:
            reasons.append(str(end))
            if end.number:
                job = msgspec.structs.replace(job, given_up=(*job.given_up, end.number))
    return Failed(job.key, "", f"Gave up after {MOST_ATTEMPTS} attempts: {' | '.join(reasons)}"[-4000:], ours=True)


class LocalExecutor:
    """`jobs` grading processes on this machine, warm for the whole run; all student code comes from one zygote."""

    def __init__(
        self, setup: Setup, jobs: int, start: Callable[[Setup, Nursery], GradingProcess] = GradingProcess
    ) -> None:
        self._nursery = Nursery()
        self._processes = [start(setup, self._nursery) for _ in range(jobs)]

    def run(self, jobs: Iterable[Job], listener: Listener) -> Iterator[Finished | Failed]:
        """See Executor. Raises GraderError when no grading process can be started."""
        source, lock, stopped = iter(jobs), threading.Lock(), threading.Event()
        answers: queue.Queue[Finished | Failed | GraderError | None] = queue.Queue(len(self._processes))

        def put(answer: Finished | Failed | GraderError | None) -> None:
            """Waits while the store is slower than the grading: what is not stored yet must not pile up."""
            while not stopped.is_set():
                try:
                    return answers.put(answer, timeout=POLL_S)
                except queue.Full:
                    continue

        def work(process: GradingProcess) -> None:
            try:
                while not stopped.is_set():
                    with lock:
                        job = next(source, None)
                    if job is None:
                        break
                    listener(Event(job.key))
                    put(persist(process, job, listener))
            except GraderError as error:
                put(error)
            except Exception as error:
                put(GraderError(f"A job slot failed: {type(error).__name__}: {error}"))
            finally:
                process.close()
                put(None)

        threads = [threading.Thread(target=work, args=(p,), daemon=True) for p in self._processes]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                try:
                    answer = answers.get(timeout=POLL_S)
                except queue.Empty:
                    continue
                if answer is None:
                    running -= 1
                elif isinstance(answer, GraderError):
                    raise answer
                else:
                    yield answer
        finally:
            stopped.set()
            while alive := [thread for thread in threads if thread.is_alive()]:
                for process in self._processes:
                    process.stop()
                alive[0].join(timeout=POLL_S)
            self._nursery.close()
