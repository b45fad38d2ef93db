"""The same jobs on a Dask cluster: tasks of plain bytes; evidence comes back to the one store beside the client."""

from __future__ import annotations

import atexit
import hashlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from grader.cohort.executor import Event, Listener, persist
from grader.cohort.messages import Failed, Finished, Job, Setup
from grader.cohort.process import GradingProcess
from grader.cohort.version import grader_version
from grader.model import GraderError, SubmissionError
from grader.student.nursery import Nursery
from grader.tracks import open_homework

log = logging.getLogger(__name__)
CONNECT_S = 30.0
LOST_ATTEMPTS = 3
"""How often a submission is begun anew when the worker that graded it is lost."""
ALONE_S = 60.0
"""Without a worker for so long, the run says so: an adaptive cluster may need a while, a broken job script for ever."""
JOBS_IN_FLIGHT = 2
"""For each thread of the cluster: one running and one waiting, so that the client's memory stays flat."""

_here = threading.local()
_all: list[GradingProcess] = []
_nursery = Nursery()
"""One warm zygote for all threads of this Dask worker; executed at its first job."""


def grade_task(version: str, setup: bytes, job: bytes) -> bytes:
    """Runs on a Dask worker: hands the job to this thread's own grading process, which stays warm."""
    own = grader_version()
    if version != own:
        raise GraderError(f"This worker has grader {own}, the client has {version}; install the same.")
    digest = hashlib.sha256(setup).hexdigest()
    if getattr(_here, "digest", None) != digest:
        if hasattr(_here, "process"):
            _here.process.close()
        _here.process = GradingProcess(msgspec.msgpack.decode(setup, type=Setup), _nursery)
        _here.digest = digest
        _all.append(_here.process)
    return msgspec.msgpack.encode(persist(_here.process, msgspec.msgpack.decode(job, type=Job)))


@atexit.register
def _close_all() -> None:
    for process in _all:
        process.stop()
    _nursery.close()


class DaskExecutor:
    """Jobs on the cluster behind a scheduler's address ('tcp://…')."""

    def __init__(self, setup: Setup, address: str) -> None:
        try:
            self._distributed: Any = import_module("distributed")
        except ImportError:
            raise GraderError(
                "--dask needs the package `distributed`: in the grader's folder, .venv/bin/pip install -e '.[cluster]'."
            ) from None
        self._setup = msgspec.msgpack.encode(setup)
        try:
            self._client = self._distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise GraderError(f"No Dask scheduler answers at {address}: {error}") from error

    def run(self, jobs: Iterable[Job], listener: Listener) -> Iterator[Finished | Failed]:
        """See Executor. A lost worker's jobs are begun anew elsewhere; an answer is taken once."""
        source = iter(jobs)
        waiting: dict[str, tuple[Job, int]] = {}
        completed = self._distributed.as_completed(loop=self._client.loop, raise_errors=False)
        patience = threading.Timer(ALONE_S, self._say_if_alone)
        patience.daemon = True
        patience.start()
        try:
            while True:
                for job in self._take(source, len(waiting)):
                    try:
                        submission = open_homework(Path(job.path))
                    except SubmissionError as error:
                        yield Failed(job.key, "", str(error), ours=False)
                        continue
                    job = msgspec.structs.replace(job, submission=submission)
                    waiting[job.key] = (job, 1)
                    listener(Event(job.key))
                    completed.add(self._submit(job))
                if not waiting:
                    return
                future = next(completed)
                key = str(future.key).partition("@")[2].rpartition("#")[0]
                job, attempt = waiting[key]
                answer = self._answer(future, job)
                if isinstance(answer, Failed) and answer.digest == "lost" and attempt < LOST_ATTEMPTS:
                    waiting[key] = (job, attempt + 1)
                    completed.add(self._submit(job, attempt + 1))
                    continue
                del waiting[key]
                yield answer
        finally:
            patience.cancel()
            self._client.cancel(completed.futures)
            self._client.close()

    def _say_if_alone(self) -> None:
        if not self._client.nthreads():
            log.warning(
                "No worker has come to %s in %.0f s. The jobs wait: look at what the cluster's own jobs print.",
                self._client.scheduler.address,
                ALONE_S,
            )

    def _take(self, source: Iterator[Job], in_flight: int) -> Iterator[Job]:
        threads = sum(self._client.nthreads().values())
        for _ in range(max(1, JOBS_IN_FLIGHT * threads) - in_flight):
            job = next(source, None)
            if job is None:
                return
            yield job

    def _submit(self, job: Job, attempt: int = 1) -> Any:
        return self._client.submit(
            grade_task,
            grader_version(),
            self._setup,
            msgspec.msgpack.encode(job),
            key=f"grade-{time.time_ns()}@{job.key}#{attempt}",
            pure=False,
        )

    def _answer(self, future: Any, job: Job) -> Finished | Failed:
        try:
            data = future.result()
        except self._distributed.KilledWorker as error:
            return Failed(job.key, "lost", f"Every worker that graded it was lost: {error}", ours=True)
        except Exception as error:
            return Failed(job.key, "", f"{type(error).__name__}: {error}", ours=True)
        finally:
            future.release()
        return msgspec.msgpack.decode(data, type=Finished | Failed)
