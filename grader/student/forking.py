"""Untrusted side: the zygote's loop. Reads orders, forks workers into their layers, reports how they ended.

A zygote can also be shared: through a lobby, a grading process asks it for a copy of itself, forked in milliseconds.
The copy has its own control socket and its own workers, so that what ends one copy costs the others nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import signal
import socket
import traceback
from collections.abc import Iterator
from typing import Any, NoReturn

from grader.student import isolation, kernel, namespaces, warm, wire, worker

SWEEPS = 50
FDS_OF = {"fork": 3, "admit": 1, "share": 1}
"""Descriptors that ride along with an order."""


class OrderStream:
    """A socket that orders are read from, with the descriptors that came beside them."""

    def __init__(self, socket_: socket.socket) -> None:
        self.socket = socket_
        self._buffer = b""
        self._fds: list[int] = []

    def receive(self) -> Iterator[tuple[wire.Order, list[int]]]:
        """The whole orders that have come. Raises EOFError when the other end is closed."""
        chunk, fds, _, _ = socket.recv_fds(self.socket, 1 << 20, 16)
        if not chunk:
            raise EOFError
        self._fds.extend(fds)
        self._buffer += chunk
        start = wire.HEADER.size
        while len(self._buffer) >= start:
            end = start + wire.HEADER.unpack(self._buffer[:start])[0]
            if len(self._buffer) < end:
                break
            order = wire.order_decoder.decode(self._buffer[start:end])
            self._buffer = self._buffer[end:]
            count = FDS_OF.get(order.op, 0)
            taken, self._fds = self._fds[:count], self._fds[count:]
            yield order, taken

    def close(self) -> None:
        """Closes the socket and every descriptor that no order took."""
        self.socket.close()
        for fd in self._fds:
            os.close(fd)
        self._fds = []


class Zygote:
    """Holds the control socket, the living workers, and the copies of itself."""

    def __init__(
        self, control: socket.socket, plan: dict[str, Any], report: namespaces.Report, own_pids: int | None
    ) -> None:
        self._control = OrderStream(control)
        self._lobbies: list[OrderStream] = []
        self._copies: set[int] = set()
        self._wake: tuple[int, int] = (-1, -1)
        self._plan = plan
        self._report = report
        self._own_pids = own_pids
        self._children: dict[int, int] = {}
        self._data: dict[str, bytes] = {}
        self._uids: dict[int, int] = {}
        self._mounts = report.get("mount", ("", ""))[0] == "active"
        proc = plan.get("proc_fd")
        self._proc: int | None = proc if isinstance(proc, int) else None

    def serve(self, workload_s: float) -> None:
        """Until the grader closes the control socket; then every worker is killed. ``workload_s`` is this machine's."""
        self._say("ready", workload_s=workload_s, threads=warm.thread_count())
        self._wake = wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            streams = [stream.socket.fileno() for stream in (self._control, *self._lobbies)]
            readable, _, _ = select.select([*streams, wake_read], [], [])
            if wake_read in readable:
                os.read(wake_read, 4096)
                self._reap()
            for lobby in [lobby for lobby in self._lobbies if lobby.socket.fileno() in readable]:
                self._serve_lobby(lobby)
            if self._control.socket.fileno() in readable and not self._serve_control():
                self._kill_workers()
                return

    def _kill_workers(self) -> None:
        """With the copies' workers too: a copy is asked (as by the death of this process), for only it knows them."""
        for pid in self._children:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._copies:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)

    def _leave(self, *_: object) -> NoReturn:
        self._kill_workers()
        os._exit(0)

    def _say(self, op: str, key: int = 0, **body: Any) -> None:
        """One event to the grader."""
        self._control.socket.sendall(wire.frame(wire.Event(op, key, body)))

    def _serve_control(self) -> bool:
        try:
            for order, fds in self._control.receive():
                self._obey(order, fds)
        except EOFError:
            return False
        return True

    def _serve_lobby(self, lobby: OrderStream) -> None:
        """Copies for who asks; a lobby that is left, or that asks for anything else, is closed."""
        try:
            for order, fds in lobby.receive():
                try:
                    if order.op != "share" or len(fds) != 1:
                        raise EOFError
                    self._share(fds[0], str(order.body["scratch"]))
                finally:
                    for fd in fds:
                        os.close(fd)
        except (EOFError, OSError, LookupError, ValueError):
            self._lobbies.remove(lobby)
            lobby.close()

    def _obey(self, order: wire.Order, fds: list[int]) -> None:
        if order.op == "data":
            self._data = dict(order.body)
        elif order.op == "fork":
            self._fork(order, fds)
        elif order.op == "admit":
            self._lobbies.append(OrderStream(socket.socket(fileno=fds[0])))
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

    def _share(self, control_fd: int, scratch: str) -> None:
        """A copy of this process that serves another control socket, in the same namespaces and equally warm."""
        pid = os.fork()
        if pid:
            self._copies.add(pid)
            return
        try:
            signal.set_wakeup_fd(-1)
            for fd in self._wake:
                os.close(fd)
            for stream in (self._control, *self._lobbies):
                stream.close()
            os.setsid()
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
            plan = {**self._plan, "scratch": scratch}
            copy = Zygote(socket.socket(fileno=control_fd), plan, self._report, self._own_pids)
            signal.signal(signal.SIGTERM, copy._leave)
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
            copy.serve(warm.measure())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)

    def _become_worker(self, order: wire.Order, fds: list[int], scratch: str, uid: int | None) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
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
            is_copy = pid in self._copies
            self._copies.discard(pid)
            key = self._children.pop(pid, None)
            uid = self._uids.pop(pid, None)
            clean = (self._own_pids is not None and not is_copy) or self._sweep(pid, uid)
            _, status, usage = os.wait4(pid, 0)
            if key is None:
                continue
            if not self._mounts:
                shutil.rmtree(os.path.join(self._plan["scratch"], str(key)), ignore_errors=True)
            spent = {"cpu_s": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss}
            self._say("ended", key, status=status, clean=clean, **spent)

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
        own = self._children.keys() | self._copies
        return [pid for pid in children if pid not in own and pid != ended]
