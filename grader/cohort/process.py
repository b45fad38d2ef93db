"""The run's handle on one warm grading process: ask, watch, end, start again."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import msgspec

from grader.cohort import messages
from grader.cohort.messages import Begun, Failed, Finished, Job, Setup, Warm
from grader.model import GraderError
from grader.student.nursery import Nursery

WARM_S = 180.0
"""A grading process that is not ready after so long cannot be started on this machine."""
GRACE_S = 60.0
"""Beyond a submission's own deadline: after it the grading process is stuck, and is ended."""
POLL_S = 0.5
MOST_RESIDENT_BYTES = 2 << 30
"""A grading process that holds more is replaced by a fresh one after its job."""
COMMAND = (sys.executable, "-m", "grader.cohort.worker")
ROOT = Path(__file__).resolve().parent.parent.parent


class ProcessEnded(Exception):
    """The grading process died or had to be ended while it worked on a job."""

    def __init__(self, why: str, number: str) -> None:
        super().__init__(why)
        self.number = number
        """The question that it was measuring; empty when it had none."""


class GradingProcess:
    """One grading process; it starts on the first job and after each end. With a nursery it shares a warm zygote."""

    def __init__(
        self,
        setup: Setup,
        nursery: Nursery | None = None,
        *,
        command: Sequence[str] = COMMAND,
        grace_s: float = GRACE_S,
    ) -> None:
        self._setup, self._nursery, self._command, self._grace_s = setup, nursery, tuple(command), grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._stopped = False

    def start(self) -> None:
        """Executes the process and sends it the rubric; returns before it is warm."""
        if self._stopped:
            raise ProcessEnded("the run was stopped", "")
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        with ExitStack() as until_executed:
            lobby = self._nursery.admit() if self._nursery is not None else None
            handed = [until_executed.enter_context(lobby).fileno()] if lobby is not None else []
            self._process = subprocess.Popen(
                [*self._command, *map(str, handed)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, **threads, "PYTHONPATH": str(ROOT)},
                pass_fds=handed,
                start_new_session=True,
            )
        self._send(self._setup)

    def grade(self, job: Job, begun: Callable[[Begun], None] = lambda _: None) -> Finished | Failed:
        """Grades a job. Raises ProcessEnded when the process died or was stuck; the next job gets a fresh one."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self.start()
            self._wait_warm()
        number = ""
        self._send(job)
        deadline = time.monotonic() + job.deadline_s + self._grace_s
        while True:
            answer = self._receive(deadline, number)
            if isinstance(answer, Begun):
                number = answer.number
                begun(answer)
            elif isinstance(answer, Finished | Failed):
                if isinstance(answer, Finished) and answer.resident_bytes > MOST_RESIDENT_BYTES:
                    self.close()
                return answer

    def stop(self) -> None:
        """Kills the process for good; from any thread. Who uses it finds that it ended, and closes it."""
        self._stopped = True
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Ends the process with everything under it."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if self._log is not None:
            self._log.close()

    def _wait_warm(self) -> None:
        deadline = time.monotonic() + WARM_S
        try:
            while not isinstance(self._receive(deadline, ""), Warm):
                pass
        except ProcessEnded as end:
            raise GraderError(f"A grading process could not be started: {end}") from end

    def _send(self, message: messages.Message) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its end shows when the answer is read
            messages.write(self._process.stdin.write, message)
            self._process.stdin.flush()

    def _receive(self, deadline: float, number: str) -> messages.Message:
        try:
            message = messages.read(lambda count: self._exactly(count, deadline))
        except TimeoutError:
            self._end(f"it did not come back in time and was ended{_at(number)}", number)
        except (msgspec.MsgspecError, ValueError) as error:
            self._end(f"it answered what is no answer{_at(number)}: {error}", number)
        if message is None:
            self._end(f"it died{_at(number)}", number)
        assert message is not None
        return message

    def _end(self, why: str, number: str) -> None:
        last_words = self._last_words()
        self.close()
        raise ProcessEnded(f"{why}. {last_words}".strip(), number)

    def _last_words(self) -> str:
        if self._log is None or self._log.closed:
            return ""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 2000))
        return self._log.read().decode("utf-8", "replace").strip()

    def _exactly(self, count: int, deadline: float) -> bytes:
        """`count` bytes, or fewer when the process ended. Raises TimeoutError at the deadline."""
        assert self._process is not None
        assert self._process.stdout is not None
        found = bytearray()
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while len(found) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                if selector.select(min(left, POLL_S)):
                    part = os.read(descriptor, min(count - len(found), 1 << 20))
                    if not part:
                        break
                    found += part
        return bytes(found)


def _at(number: str) -> str:
    return f" in question {number}" if number else ""
