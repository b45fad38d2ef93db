"""Untrusted side: the zygote's loop. Reads orders, forks workers into their layers, reports how they ended."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import traceback
from typing import Any, NoReturn

from grader.student import isolation, kernel, namespaces, wire, worker


class Zygote:
    """Holds the control socket and the living workers."""

    def __init__(
        self, control: socket.socket, plan: dict[str, Any], report: namespaces.Report, own_pids: int | None
    ) -> None:
        self._control = control
        self._plan = plan
        self._report = report
        self._own_pids = own_pids
        self._children: dict[int, int] = {}
        self._data: dict[str, bytes] = {}
        self._buffer = b""
        self._fds: list[int] = []

    def send(self, op: str, key: int = 0, **body: Any) -> None:
        """One event to the grader."""
        self._control.sendall(wire.encode(wire.Event(op, key, body)))

    def serve(self) -> None:
        """Until the grader closes the control socket; then every worker is killed."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            readable, _, _ = select.select([self._control.fileno(), wake_read], [], [])
            if wake_read in readable:
                os.read(wake_read, 4096)
                self._reap()
            if self._control.fileno() in readable and not self._receive():
                for pid in self._children:
                    with contextlib.suppress(OSError):
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
        scratch = self._make_scratch(order.key)
        if self._own_pids is not None:
            kernel.unshare(kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            self._become_worker(order, fds, scratch)
        if self._own_pids is not None:
            kernel.setns(self._own_pids, kernel.CLONE_NEWPID)
        for fd in fds:
            os.close(fd)
        self._children[pid] = order.key

    def _become_worker(self, order: wire.Order, fds: list[int], scratch: str) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            kept = worker.keep_only(fds)
            layers = isolation.Isolation(self._plan, self._report)
            layers.enter(order.body["limits"], scratch)
            worker.run(*kept, order.body, self._data, layers.report, layers.uid)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)

    def _make_scratch(self, key: int) -> str:
        if self._report.get("mount", ("", ""))[0] == "active":
            return isolation.SCRATCH
        path = os.path.join(self._plan["scratch"], str(key))
        os.mkdir(path, 0o700)
        return path

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
                self._sweep()
                if self._report.get("mount", ("", ""))[0] != "active":
                    shutil.rmtree(os.path.join(self._plan["scratch"], str(key)), ignore_errors=True)
                self.send("ended", key, status=status, cpu_s=usage.ru_utime + usage.ru_stime, rss=usage.ru_maxrss)

    def _sweep(self) -> None:
        """Kill what a worker left behind: orphans come to this process, which asked to be their reaper."""
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                children = [int(pid) for pid in file.read().split()]
        except OSError:
            return
        for pid in children:
            if pid not in self._children:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
