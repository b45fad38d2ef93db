"""Trusted side: a session of the student process, and the workers that a check opens in it.

with StudentSession({"hw5_gan": text}) as session:
    with session.worker("hw5_gan", driver=DRIVER, seed=7) as worker:
        logits = worker.call("dnet_outputs", weights, images, limit_s=5.0)
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType

from grader.student.faults import StudentFault
from grader.student.import_memory import ImportMemory
from grader.student.layers import IsolationReport, Layers
from grader.student.limits import Limits
from grader.student.lobby import Lobby
from grader.student.remote import Worker
from grader.student.zygote_client import ZygoteClient


class StudentSession:
    """One zygote and its workers; ``sources`` maps module names (``hw5_gan``) to their text."""

    def __init__(
        self,
        sources: Mapping[str, str],
        *,
        limits: Limits | None = None,
        data_files: Mapping[str, bytes] | None = None,
        isolation: Layers | None = None,
        device: str = "cpu",
        lobby: Lobby | None = None,
    ) -> None:
        self.sources = dict(sources)
        self.limits = limits or Limits()
        self.device = device
        self._client = ZygoteClient(self.limits, data_files or {}, isolation or Layers.from_environment(), lobby)
        self._report: IsolationReport | None = None
        self._memory = ImportMemory()
        self._open: set[Worker] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> StudentSession:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Exec the zygote; returns at once, the first worker waits for it."""
        self._client.start()

    def close(self) -> None:
        """End every worker, then the zygote; returns when all of them are gone."""
        with self._lock:
            workers = list(self._open)
        for worker in workers:
            worker.close()
        self._client.close()

    @property
    def speed(self) -> float:
        """How many times slower this machine is than the one the limits are written for (never below 1)."""
        seconds = float(self._client.wait_ready()["workload_s"])
        return min(max(seconds / self.limits.workload_s, 1.0), self.limits.most_scaling)

    @property
    def isolation(self) -> IsolationReport:
        """Which layers are active, each by its own probe in a worker before any student code."""
        if self._report is None:
            probe = Worker(self._client, self.limits, 1.0)
            try:
                probe.spawn()
                self._report = probe.layers
            finally:
                probe.close()
        assert self._report is not None
        return self._report

    @property
    def process_id(self) -> int | None:
        """The process at the head of everything untrusted, for measurements."""
        return self._client.process_id

    def active_layers(self) -> tuple[str, ...]:
        """Names of the layers whose probes were stopped, for the report."""
        return self.isolation.active

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the report should know of this machine: isolation and speed, in sentences."""
        lines = [] if self.isolation.contained else [self.isolation.sentence]
        if self.speed > 1.5:
            lines.append(
                f"This machine is {self.speed:.1f} times slower than the limits are written for; they were scaled."
            )
        return tuple(lines)

    @contextlib.contextmanager
    def worker(
        self, module: str, *, driver: str, seed: int, sources: Mapping[str, str] | None = None
    ) -> Iterator[Worker]:
        """A fresh isolated process that has imported ``module``.

        Raises `StudentFault` when there is no such file or its import fails, and `StudentProcessError` (ours).
        ``sources`` stands in for the session's own, for a caller who grades many submissions with one zygote.
        """
        own = self.sources if sources is None else dict(sources)
        if module not in own:
            raise StudentFault("missing_file", f"{module}.py is not in the submission")
        worker = Worker(self._client, self.limits, self.speed)
        with self._lock:
            self._open.add(worker)
        try:
            worker.open(module, own, driver, seed, self._memory)
            self._report = self._report or worker.layers
            yield worker
        finally:
            worker.close()
            with self._lock:
                self._open.discard(worker)
