"""Untrusted side: the warm process that every worker is forked from.

It is exec'd (never forked from the grader), with an empty environment and an isolated interpreter, imports torch
once, runs nothing of a student's, and holds no secret. Started by `grader.student.session` as

    python -I -S -B zygote.py CONTROL_FD PACKAGE_DIR SITE_PACKAGES...
"""

from __future__ import annotations

import sys
import types
from pathlib import Path


def _make_importable(package_dir: str, paths: list[str]) -> None:
    """Make `grader.student` importable from its own folder, and nothing else of the grader."""
    sys.path.extend(paths)
    for name, places in (("grader", []), ("grader.student", [package_dir])):
        module = types.ModuleType(name)
        module.__path__ = places
        sys.modules[name] = module


if __name__ == "__main__":
    _make_importable(sys.argv[2], sys.argv[3:])

import os
import select
import signal
import socket
import time
from typing import Any

import msgspec

from grader.student import wire


def warm_up() -> float:
    """Import what students use, take one optimizer step, and time a fixed workload. Returns seconds (median)."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    import torch.nn.functional as F
    import torch.utils.data

    from grader.student import worker  # noqa: F401

    net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Conv1d(1, 1, 1))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 8)).sum().backward()
    optimizer.step()
    np.random.default_rng(0).normal(size=4)
    x, weight, kernel = torch.ones(64, 256), torch.ones(256, 256), torch.ones(8, 8, 3, 3)
    images = torch.ones(16, 8, 14, 14)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(10):
            x = torch.tanh(x @ weight)
            F.conv2d(images, kernel, padding=1).relu()
        sum(i * i for i in range(20_000))
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


class Zygote:
    """Reads orders from the grader, forks workers, reports their ends."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}
        self._data: dict[str, bytes] = {}
        self._buffer = b""
        self._fds: list[int] = []

    def send(self, op: str, key: int = 0, **body: Any) -> None:
        self._control.sendall(wire.encode(wire.Event(op, key, body)))

    def serve(self) -> None:
        """Loop until the grader closes the control socket."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._private_fds = [wake_read, wake_write, self._control.fileno()]
        while True:
            readable, _, _ = select.select([self._control, wake_read], [], [])
            if wake_read in readable:
                os.read(wake_read, 4096)
                self._reap()
            if self._control in readable and not self._receive():
                for pid in self._children:
                    os.kill(pid, signal.SIGKILL)
                return

    def _receive(self) -> bool:
        chunk, fds, _, _ = socket.recv_fds(self._control, 1 << 20, 16)
        if not chunk:
            return False
        self._fds.extend(fds)
        self._buffer += chunk
        while len(self._buffer) >= 4:
            end = 4 + wire.HEADER.unpack(self._buffer[:4])[0]
            if len(self._buffer) < end:
                break
            order = wire.order_decoder.decode(self._buffer[4:end])
            self._buffer = self._buffer[end:]
            self._obey(order)
        return True

    def _obey(self, order: wire.Order) -> None:
        if order.op == "data":
            self._data = dict(order.body)
        elif order.op == "fork":
            fds, self._fds = self._fds[:3], self._fds[3:]
            self._fork(order, fds)
        else:
            pid = next((pid for pid, key in self._children.items() if key == order.key), None)
            if pid is not None:
                os.kill(pid, signal.SIGKILL if order.op == "kill" else signal.SIGUSR1)

    def _fork(self, order: wire.Order, fds: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            from grader.student import worker

            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            for fd in self._private_fds:
                os.close(fd)
            worker.run(fds[0], fds[1], fds[2], order.body, self._data)
        for fd in fds:
            os.close(fd)
        self._children[pid] = order.key
        self.send("forked", order.key, pid=pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            key = self._children.pop(pid, None)
            if key is not None:
                self.send("ended", key, status=status, cpu_s=usage.ru_utime + usage.ru_stime, rss=usage.ru_maxrss)


def main() -> None:
    import gc

    control = socket.socket(fileno=int(sys.argv[1]))
    seconds = warm_up()
    gc.collect()
    gc.freeze()
    zygote = Zygote(control)
    zygote.send("ready", 0, workload_s=seconds, pid=os.getpid())
    zygote.serve()


if __name__ == "__main__":
    main()
