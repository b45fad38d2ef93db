"""Untrusted side: the zygote's loop. Reads orders, forks workers into their layers, reports how they ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import signal
import socket
import traceback
from typing import Any, NoReturn

from grader.student import isolation, kernel, namespaces, wire, worker

SWEEPS = 50


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
        self._uids: dict[int, int] = {}
        self._buffer = b""
        self._fds: list[int] = []
        self._mounts = report.get("mount", ("", ""))[0] == "active"
        proc = plan.get("proc_fd")
        self._proc: int | None = proc if isinstance(proc, int) else None

    def send(self, op: str, key: int = 0, **body: Any) -> None:
        """One event to the grader."""
        self._control.sendall(wire.frame(wire.Event(op, key, body)))

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
        start = wire.HEADER.size
        while len(self._buffer) >= start:
            end = start + wire.HEADER.unpack(self._buffer[:start])[0]
            if len(self._buffer) < end:
                break
            order = wire.order_decoder.decode(self._buffer[start:end])
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
        uid = self._free_uid()
        if self._own_pids is not None:
            kernel.unshare(kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            self._become_worker(order, fds, scratch, uid)
        if self._own_pids is not None:
            kernel.setns(self._own_pids, kernel.CLONE_NEWPID)
        for fd in fds:
            os.close(fd)
        self._children[pid] = order.key
        if uid is not None:
            self._uids[pid] = uid

    def _become_worker(self, order: wire.Order, fds: list[int], scratch: str, uid: int | None) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            kept = worker.keep_only(fds)
            layers = isolation.Isolation(self._plan, self._report, uid)
            layers.enter(order.body["limits"], scratch)
            worker.run(*kept, self._data, layers.report)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)

    def _make_scratch(self, key: int) -> str:
        if self._mounts:
            return isolation.SCRATCH
        path = os.path.join(self._plan["scratch"], str(key))
        os.mkdir(path, 0o700)
        return path

    def _free_uid(self) -> int | None:
        """A user for one worker that owns nothing and is nobody else's; None where users cannot be changed."""
        if os.geteuid() != 0 or "user_drop" in self._plan["off"] or self._plan["closed_folder"]:
            return None
        start, width = self._plan["uids"]
        return int(start) + secrets.randbelow(width)

    def _reap(self) -> None:
        """For each worker that has ended: kill what it left behind while its number is still taken, then report."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            key = self._children.pop(pid, None)
            uid = self._uids.pop(pid, None)
            clean = self._own_pids is not None or self._sweep(pid, uid)
            _, status, usage = os.wait4(pid, 0)
            if key is None:
                continue
            if not self._mounts:
                shutil.rmtree(os.path.join(self._plan["scratch"], str(key)), ignore_errors=True)
            spent = {"cpu_s": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss}
            self.send("ended", key, status=status, clean=clean, **spent)

    def _sweep(self, pid: int, uid: int | None) -> bool:
        """Without a process namespace: kill the group, the user's processes and orphans. True when none is left."""
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        for _ in range(SWEEPS):
            if uid is not None:
                self._kill_user(uid)
            orphans = self._orphans(pid)
            for orphan in orphans:
                with contextlib.suppress(OSError):
                    os.kill(orphan, signal.SIGKILL)
                with contextlib.suppress(OSError):
                    os.waitpid(orphan, 0)
            if not orphans:
                return True
        return False

    def _kill_user(self, uid: int) -> None:
        """Kill every process of ``uid``, from a process of that user (only it can name them all)."""
        pid = os.fork()
        if pid == 0:
            try:
                os.setresgid(uid, uid, uid)
                os.setgroups([])
                os.setresuid(uid, uid, uid)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
        with contextlib.suppress(OSError):
            os.waitpid(pid, 0)

    def _orphans(self, ended: int) -> list[int]:
        """Children that this process did not fork: what a worker left comes to it, as it asked to be their reaper."""
        if self._proc is None:
            return []
        try:
            with open(os.open("thread-self/children", os.O_RDONLY, dir_fd=self._proc)) as file:
                children = [int(pid) for pid in file.read().split()]
        except OSError:
            return []
        return [pid for pid in children if pid not in self._children and pid != ended]
