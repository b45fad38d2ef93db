"""Trusted side: starts the zygote, gives it orders, hears of its workers' ends, and respawns it when it dies."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from grader.student import wire
from grader.student.faults import StudentProcessError
from grader.student.layers import Layers
from grader.student.limits import Limits
from grader.student.plan import Plan

EVENT_BYTES = 1 << 20
SPAWN_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class WorkerEnd:
    """How a worker's process ended: ``status`` as from waitpid (None when only the zygote's own end is known)."""

    status: int | None
    cpu_s: float
    peak_bytes: int


class ZygoteClient:
    """One zygote process and the thread that listens to it. `generation` grows with every respawn."""

    def __init__(self, limits: Limits, data_files: Mapping[str, bytes], layers: Layers) -> None:
        self._limits = limits
        self._data_files = dict(data_files)
        self._layers = layers
        self._folder: str | None = None
        self._changed = threading.Condition()
        self._send_lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready: dict[str, Any] | None = None
        self._pids: dict[int, int] = {}
        self._ends: dict[int, WorkerEnd] = {}
        self._active: set[int] = set()
        self._next_key = 0
        self._errors = b""
        self.generation = 0

    # life

    def start(self) -> None:
        """Exec the zygote and return at once; `wait_ready` waits for it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = self._make_folder()
        plan = Plan.make(folder, sorted(self._layers.off))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment = {**threads, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "MPLBACKEND": "Agg"}
        process = subprocess.Popen(
            plan.command(theirs.fileno()),
            env=environment,
            pass_fds=[theirs.fileno()],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        theirs.close()
        with self._changed:
            self.generation += 1
            self._process, self._control, self._ready = process, ours, None
            self._active.clear()
        threading.Thread(target=self._collect_errors, args=(process,), daemon=True).start()
        threading.Thread(target=self._listen, args=(process, ours, self.generation), daemon=True).start()
        self._send(wire.Order("data", 0, self._data_files))

    def close(self) -> None:
        """Kill the zygote with everything under it, and wait until it is gone."""
        with self._changed:
            process, control = self._process, self._control
            self._process = self._control = None
        if control is not None:
            with contextlib.suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)
            control.close()
        if process is not None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _make_folder(self) -> str:
        """The session's own temporary folder: a mount point, and scratch folders where there are no mounts."""
        self._folder = folder = tempfile.mkdtemp(prefix="grader-session-")
        os.chmod(folder, 0o711)
        for name in ("root", "scratch"):
            os.mkdir(os.path.join(folder, name), 0o711)
            os.chmod(os.path.join(folder, name), 0o711)
        return folder

    def wait_ready(self) -> dict[str, Any]:
        """What the zygote said of itself once warm. Raises `StudentProcessError` after `SPAWN_ATTEMPTS` deaths."""
        for _ in range(SPAWN_ATTEMPTS):
            if not self.alive():
                self.close()
                self.start()
            with self._changed:
                self._changed.wait_for(
                    lambda: self._ready is not None or not self._is_running(), timeout=self._limits.start_s
                )
                if self._ready is not None and self._is_running():
                    return self._ready
            complaint = self.complaint() or "no message"
            self.close()
        raise StudentProcessError(f"the student process did not start in {SPAWN_ATTEMPTS} attempts: {complaint}")

    def alive(self) -> bool:
        with self._changed:
            return self._is_running()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def _is_running(self) -> bool:
        return self._process is not None and self._control is not None and self._process.poll() is None

    def complaint(self) -> str:
        """The last lines that the zygote wrote on its standard error."""
        with self._changed:
            return bytes(self._errors).decode("utf-8", "replace").strip()[-2000:]

    def _collect_errors(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(process.stderr.fileno(), 1 << 14):
                with self._changed:
                    self._errors = (self._errors + data)[-(1 << 14) :]

    # orders

    def fork(self, fds: list[int], boot: dict[str, Any]) -> int:
        """Order a worker that inherits ``fds``; returns its key."""
        with self._changed:
            self._next_key += 1
            key = self._next_key
            self._active.add(key)
        self._send(wire.Order("fork", key, boot), fds)
        return key

    def signal(self, op: str, key: int) -> None:
        """Order ``kill`` or ``trace`` for a worker; a dead zygote is not an error here."""
        with contextlib.suppress(StudentProcessError):
            self._send(wire.Order(op, key, {}))

    def wait_end(self, key: int, timeout_s: float) -> WorkerEnd | None:
        """How the worker ended, or None when the zygote did not say so in time."""
        with self._changed:
            self._changed.wait_for(lambda: key in self._ends, timeout_s)
            self._active.discard(key)
            return self._ends.pop(key, None)

    def pid_of(self, key: int) -> int | None:
        with self._changed:
            return self._pids.get(key)

    def _send(self, order: wire.Order, fds: list[int] | None = None) -> None:
        message = memoryview(wire.encode(order))
        control = self._control
        if control is None:
            raise StudentProcessError("the student process is not running")
        try:
            with self._send_lock:
                sent = socket.send_fds(control, [message[: 1 << 16]], fds or [])
                control.sendall(message[sent:])
        except OSError as error:
            raise StudentProcessError(f"the student process cannot be reached: {error}") from error

    def _listen(self, process: subprocess.Popen[bytes], control: socket.socket, generation: int) -> None:
        stream = control.makefile("rb")
        try:
            while len(header := stream.read(4)) == 4:
                (length,) = wire.HEADER.unpack(header)
                if length > EVENT_BYTES:
                    break
                self._hear(wire.event_decoder.decode(stream.read(length)), generation)
        except (OSError, ValueError, msgspec.MsgspecError):
            pass
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1.0)
            if process.poll() is None:
                process.kill()
            with self._changed:
                if generation == self.generation:
                    for key in self._active:
                        self._ends.setdefault(key, WorkerEnd(None, 0.0, 0))
                    self._active.clear()
                self._changed.notify_all()

    def _hear(self, event: wire.Event, generation: int) -> None:
        with self._changed:
            if generation != self.generation:
                return
            if event.op == "ready":
                self._ready = {**event.body, "heard": time.monotonic()}
            elif event.op == "forked":
                self._pids[event.key] = int(event.body["pid"])
            elif event.op == "ended":
                body = event.body
                scale = 1 if sys.platform == "darwin" else 1024
                self._ends[event.key] = WorkerEnd(int(body["status"]), float(body["cpu_s"]), int(body["rss"]) * scale)
                self._active.discard(event.key)
                self._pids.pop(event.key, None)
            self._changed.notify_all()
