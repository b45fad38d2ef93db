"""A killable judging process: the last resort behind the bounds, so that no answer takes longer than its limit."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from grader.theory.bounds import TIME_LIMIT_S
from grader.theory.verdict import AnswerPolicy, Judgement

START_LIMIT_S = 60.0
"""For the process to import the reader; a loaded machine may need long, and it is paid once."""

TIMED_OUT = "The answer took longer than {:g} s to decide and was stopped; a person looks at it."


class JudgeFault(Exception):
    """The judging process failed: ours, never the student's."""


class JudgeWorker:
    """One process that judges answers. Use as a context manager; it is restarted after a kill."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""

    def __enter__(self) -> JudgeWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def send(self, request: dict[str, Any]) -> None:
        """Hands over one request; `receive` waits for its answer."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()

    def receive(self, limit_s: float = TIME_LIMIT_S) -> dict[str, Any] | None:
        """The answer to the last request; None when it took too long (the process is gone then)."""
        line = self._line(limit_s)
        if line is None:
            self.stop()
            return None
        reply = json.loads(line)
        if not isinstance(reply, dict) or "fault" in reply:
            raise JudgeFault(str(reply))
        return reply

    def judge(
        self, question: str, lang: str, text: str, policy: AnswerPolicy | None = None, limit_s: float = TIME_LIMIT_S
    ) -> Judgement:
        """`judge_answer` with a time limit. Raises JudgeFault when the process fails."""
        request: dict[str, Any] = {"question": question, "lang": lang, "text": text}
        if policy is not None:
            request["policy"] = {
                "constant_in_elbo": policy.constant_in_elbo,
                "assume_standard_alpha": policy.assume_standard_alpha,
            }
        self.send(request)
        reply = self.receive(limit_s)
        if reply is None:
            return Judgement("undecided", "time_limit", TIMED_OUT.format(limit_s))
        reply.pop("ms", None)
        return Judgement(**reply)

    def stop(self) -> None:
        """Kills the process."""
        process, self._process, self._buffer = self._process, None, b""
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "grader.theory.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        if self._line(START_LIMIT_S) != b"ready":
            self.stop()
            raise JudgeFault("The judging process did not start.")
        return self._process

    def _line(self, limit_s: float) -> bytes | None:
        process = self._process
        if process is None or process.stdout is None:
            raise JudgeFault("There is no judging process.")
        deadline = time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return None
                chunk = os.read(process.stdout.fileno(), 65536)
                if not chunk:
                    raise JudgeFault("The judging process ended.")
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line
