"""Trusted side: starts the zygote, gives it orders, hears of its workers' ends, and respawns it when it dies.

A zygote is executed, or taken as a copy of a shared one (`grader.student.nursery`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import psutil

from grader.student import wire
from grader.student.faults import StudentProcessError
from grader.student.layers import Layers
from grader.student.limits import Limits
from grader.student.lobby import Lobby
from grader.student.plan import Plan
from grader.student.processes import ANCILLARY_BYTES, ask_for_senders, end_tree, sender_of

EVENT_BYTES = 1 << 16
SPAWN_ATTEMPTS = 3
ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
    "HOME": "/tmp",
    "MPLBACKEND": "Agg",
}


@dataclass(frozen=True, slots=True)
class WorkerEnd:
    """How a worker's process ended."""

    status: int | None
    """As from waitpid; None when the zygote went with it and nobody could ask."""
    clean: bool = True
    """Nothing that the worker started was left."""
    cpu_s: float = 0.0
    peak_bytes: int = 0


class ZygoteClient:
    """One zygote process and the thread that listens to it; a new one replaces it when it dies."""

    def __init__(
        self, limits: Limits, data_files: Mapping[str, bytes], layers: Layers, lobby: Lobby | None = None
    ) -> None:
        self._limits = limits
        self._data_files = dict(data_files)
        self._layers = layers
        self._lobby = lobby
        self._life = threading.RLock()
        self._changed = threading.Condition()
        self._send_lock = threading.Lock()
        self._process: psutil.Popen | psutil.Process | None = None
        """None until a copy has said its first words."""
        self._control: socket.socket | None = None
        self._folder: str | None = None
        self._ready: dict[str, Any] | None = None
        self._ends: dict[int, WorkerEnd] = {}
        self._active: set[int] = set()
        self._next_key = 0
        self._errors = b""

    # life

    def start(self) -> None:
        """Order the zygote and return at once; `wait_ready` waits for it. Raises `StudentProcessError`."""
        with self._life:
            self.close()
            protect_own_memory(self._layers)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            folder = self._make_folder()
            try:
                process = None if self._copied(folder, ours, theirs) else self._executed(folder, theirs)
            except OSError as error:
                ours.close()
                raise StudentProcessError(f"Python could not be started: {error}") from error
            finally:
                theirs.close()
            with self._changed:
                self._process, self._control, self._ready = process, ours, None
            if process is not None:
                threading.Thread(target=self._collect_errors, args=(process,), daemon=True).start()
            threading.Thread(target=self._listen, args=(ours, process is None), daemon=True).start()

    def _copied(self, folder: str, ours: socket.socket, theirs: socket.socket) -> bool:
        if self._lobby is None:
            return False
        ask_for_senders(ours)
        return self._lobby.ask(theirs, self._layers, os.path.join(folder, "scratch"))

    def _executed(self, folder: str, theirs: socket.socket) -> psutil.Popen:
        return psutil.Popen(
            Plan.make(folder, sorted(self._layers.off)).command(theirs.fileno()),
            env=ENVIRONMENT,
            pass_fds=[theirs.fileno()],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def close(self) -> None:
        """End the zygote with everything under it; returns when all of it is gone."""
        with self._life:
            with self._changed:
                process, control = self._process, self._control
                self._process = self._control = self._ready = None
                for key in self._active:
                    self._ends.setdefault(key, WorkerEnd(None))
                self._active.clear()
                self._changed.notify_all()
            if control is not None:
                with contextlib.suppress(OSError):
                    control.shutdown(socket.SHUT_RDWR)
            if process is not None:
                end_tree(process)
            if control is not None:
                control.close()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def wait_ready(self) -> dict[str, Any]:
        """What the zygote said of itself once warm. Raises `StudentProcessError` after `SPAWN_ATTEMPTS` deaths."""
        with self._changed:
            if self._ready is not None and self.running:
                return self._ready
        with self._life:
            for _ in range(SPAWN_ATTEMPTS):
                if not self.running:
                    self.start()
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._ready is not None or not self.running, timeout=self._limits.start_s
                    )
                    if self._ready is not None and self.running:
                        return self._ready
                self.close()
                self._lobby = None  # no copy came: the next is executed
        complaint = self.complaint() or "it said nothing"
        raise StudentProcessError(f"the student process did not start in {SPAWN_ATTEMPTS} attempts: {complaint}")

    def scratch_of(self, key: int) -> str | None:
        """Where a worker's files are when they are on disk."""
        return None if self._folder is None else os.path.join(self._folder, "scratch", str(key))

    @property
    def process_id(self) -> int | None:
        """The zygote's own process (the one that was executed, where one was), for measurements."""
        return self._process.pid if self._process is not None else None

    def complaint(self) -> str:
        """The last lines that the zygote wrote on its standard error."""
        with self._changed:
            return self._errors.decode("utf-8", "replace").strip()[-2000:]

    @property
    def running(self) -> bool:
        """Whether there is a zygote, warm or not yet."""
        process = self._process
        ended = isinstance(process, psutil.Popen) and process.poll() is not None
        return self._control is not None and not ended

    def _make_folder(self) -> str:
        """The session's own temporary folder: a mount point, and scratch folders where there are no mounts."""
        self._folder = folder = tempfile.mkdtemp(prefix="grader-session-")
        os.chmod(folder, 0o711)
        for name in ("root", "scratch"):
            os.mkdir(os.path.join(folder, name))
            os.chmod(os.path.join(folder, name), 0o711)
        return folder

    # orders

    def fork(self, fds: list[int], limits: Limits) -> int:
        """Order a worker that inherits ``fds``; returns its key."""
        with self._changed:
            self._next_key += 1
            key = self._next_key
            self._active.add(key)
        self.send(wire.Order("fork", key, {"limits": msgspec.to_builtins(limits)}), fds)
        return key

    def signal(self, op: str, key: int) -> None:
        """Order ``kill`` or ``trace`` for a worker; a dead zygote is not an error here."""
        with contextlib.suppress(StudentProcessError):
            self.send(wire.Order(op, key, {}))

    def wait_end(self, key: int, timeout_s: float) -> WorkerEnd | None:
        """How the worker ended, or None when the zygote does not say so in time."""
        with self._changed:
            self._changed.wait_for(lambda: key in self._ends, timeout_s)
            end = self._ends.pop(key, None)
            if end is not None:
                self._active.discard(key)
            return end

    def send(self, order: wire.Order, fds: list[int] | None = None) -> None:
        """Any order, with the descriptors that ride along. Raises `StudentProcessError`."""
        message = memoryview(wire.frame(order))
        control = self._control
        if control is None:
            raise StudentProcessError("the student process is not running")
        try:
            with self._send_lock:
                sent = socket.send_fds(control, [message[: 1 << 15]], fds or [])
                control.sendall(message[sent:])
        except OSError as error:
            raise StudentProcessError(f"the student process cannot be reached: {error}") from error

    # events

    def _collect_errors(self, process: psutil.Popen) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(process.stderr.fileno(), 1 << 14):
                with self._changed:
                    self._errors = (self._errors + data)[-(1 << 14) :]

    def _listen(self, control: socket.socket, copied: bool) -> None:
        if copied:
            self._meet(control)
        with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError), control.makefile("rb") as stream:
            while len(header := stream.read(wire.HEADER.size)) == wire.HEADER.size:
                length, rest = wire.HEADER.unpack(header)
                if length > EVENT_BYTES or rest:
                    break
                self._hear(wire.event_decoder.decode(stream.read(length)), control)
        with self._changed:
            if control is not self._control:
                return
            for key in self._active:
                self._ends.setdefault(key, WorkerEnd(None))
            self._active.clear()
            process, self._control = self._process, None
            self._changed.notify_all()
        if process is not None:
            end_tree(process)

    def _meet(self, control: socket.socket) -> None:
        """Wait for a copy's first byte, and learn from the kernel which process sent it."""
        with contextlib.suppress(OSError):
            _, ancillary, _, _ = control.recvmsg(1, ANCILLARY_BYTES, socket.MSG_PEEK)
            process = sender_of(ancillary)
            with self._changed:
                if control is self._control:
                    self._process = process

    def _hear(self, event: wire.Event, control: socket.socket) -> None:
        with self._changed:
            if control is not self._control:
                return
            body = event.body
            if event.op == "ready":
                with contextlib.suppress(StudentProcessError):  # only now is there someone who reads
                    self.send(wire.Order("data", 0, self._data_files))
                self._ready = dict(body)
            elif event.op == "ended" and event.key in self._active:
                unit = 1 if sys.platform == "darwin" else 1024
                peak = int(body["rss"]) * unit
                self._ends[event.key] = WorkerEnd(int(body["status"]), bool(body["clean"]), float(body["cpu_s"]), peak)
                self._active.discard(event.key)
            self._changed.notify_all()


def protect_own_memory(layers: Layers) -> None:
    """Let no process of the same user read this one's memory, where expected values are (Linux)."""
    if sys.platform == "linux" and "undumpable" not in layers.off:
        from grader.student import kernel

        with contextlib.suppress(OSError):
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
