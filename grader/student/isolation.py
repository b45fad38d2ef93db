"""Untrusted side: the layers that a fresh worker puts around itself, each followed by its own probe.

The order matters: the parent-death signal is cleared by a change of user, so it comes after; Landlock and seccomp
come last because they forbid what the others need. A layer counts as active only when something that worked just
before it is refused just after it (or, where nothing can be tried harmlessly, when the kernel itself says so).
"""

from __future__ import annotations

import mmap
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

from grader.student import kernel, namespaces, seccomp_filter
from grader.student.namespaces import Report

SCRATCH = "/tmp"


class Isolation:
    """Puts one worker inside its layers. ``plan`` is the zygote's, filled in by the grader."""

    def __init__(self, plan: dict[str, Any], zygote_report: Report, uid: int | None) -> None:
        self._plan = plan
        self._off: Sequence[str] = plan["off"]
        self.report: Report = dict(zygote_report)
        self.uid = uid

    def enter(self, limits: dict[str, Any], scratch: str) -> None:
        """Apply every layer that the plan asks for; never raises for a layer that the machine refuses."""
        self._mark("process", os.getsid(0) == os.getpid() or os.getpid() == 1, "it shares the session of its parent")
        self._mark("environment", sys.flags.isolated == 1 and sys.flags.no_site == 1, "the interpreter is not isolated")
        self._prepare_scratch(limits, scratch)
        steps: list[tuple[str, Callable[[], None]]] = [
            ("limits", lambda: self._limits(limits)),
            ("user_drop", self._drop_user),
            ("capabilities", self._capabilities),
            ("death_signal", self._death_signal),
            ("undumpable", self._undumpable),
            ("no_new_privs", self._no_new_privs),
            ("landlock", lambda: self._landlock(scratch)),
            ("seccomp", self._seccomp),
        ]
        for name, step in steps:
            if name in self._off:
                self.report[name] = ("off", "switched off")
                continue
            try:
                step()
            except _Absent as reason:
                self.report[name] = ("absent", str(reason))
            except OSError as error:
                self.report[name] = ("absent", f"this machine refuses it ({error.strerror or error})")

    def _mark(self, name: str, stopped: bool, otherwise: str) -> None:
        self.report[name] = ("active", "") if stopped else ("ineffective", otherwise)

    def _prepare_scratch(self, limits: dict[str, Any], scratch: str) -> None:
        uid = self.uid if self.uid is not None else os.geteuid()
        if self.report.get("mount", ("", ""))[0] == "active":
            namespaces.mount_scratch(SCRATCH, limits["scratch_bytes"], uid, uid if self.uid else os.getegid())
        elif self.uid is not None:
            os.chown(scratch, uid, uid)
        os.chdir(scratch)
        os.umask(0o077)

    def _limits(self, limits: dict[str, Any]) -> None:
        hard = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: limits["file_bytes"],
            resource.RLIMIT_NOFILE: limits["open_files"],
            resource.RLIMIT_CPU: limits["cpu_s"],
            resource.RLIMIT_DATA: limits["memory_bytes"],
        }
        if self.uid is not None:
            hard[resource.RLIMIT_NPROC] = limits["processes"]
        for what, value in hard.items():
            resource.setrlimit(what, (value, value))
        stopped = all(resource.getrlimit(what) == (value, value) for what, value in hard.items())
        if sys.platform == "linux":
            try:
                mmap.mmap(-1, limits["memory_bytes"] + (1 << 20), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
                stopped = False
            except (OSError, ValueError):
                pass
        self._mark("limits", stopped, "memory over the limit could be reserved")

    def _drop_user(self) -> None:
        if os.geteuid() != 0:
            raise _Absent("the grader does not run as root")
        if self.uid is None:
            closed = self._plan["closed_folder"]
            raise _Absent(f"other users cannot read {closed}, where Python is: put the environment in a readable place")
        os.setgroups([])
        os.setresgid(self.uid, self.uid, self.uid)
        os.setresuid(self.uid, self.uid, self.uid)
        self._mark("user_drop", _refused(lambda: os.setuid(0)) and os.getuid() == self.uid, "root could be regained")

    def _capabilities(self) -> None:
        kernel.drop_capabilities()
        stopped = kernel.effective_capabilities() == 0 and _refused(lambda: os.chroot("/"))
        self._mark("capabilities", stopped, "chroot was still allowed")

    def _death_signal(self) -> None:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        self._mark("death_signal", kernel.parent_death_signal() == signal.SIGKILL, "the kernel does not report it")

    def _undumpable(self) -> None:
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        self._mark("undumpable", kernel.prctl(kernel.PR_GET_DUMPABLE) == 0, "the kernel does not report it")

    def _no_new_privs(self) -> None:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        self._mark("no_new_privs", kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) == 1, "the kernel does not report it")

    def _landlock(self, scratch: str) -> None:
        import py_landlock
        from py_landlock import AccessFs, Landlock

        candidates = (namespaces.LANDLOCK_PROBE, *self._plan["landlock_probes"])
        probe = next((path for path in candidates if _opens(path)), None)
        try:
            rules = Landlock(strict=False)
            for path in self._plan["readable"]:
                if os.path.isdir(path):
                    rules.allow_read(path)
                elif os.path.exists(path):
                    rules.add_path_rule(path, access=AccessFs.READ_FILE)
            for device in namespaces.DEVICES:
                rules.add_path_rule(device, access=AccessFs.READ_FILE | AccessFs.WRITE_FILE)
            rules.allow_read_write(scratch)
            rules.apply()
        except py_landlock.LandlockError as error:
            raise _Absent(f"the kernel has no Landlock ({error})") from None
        if probe is None:
            raise _Absent("applied, but no file was readable before it that could show its effect")
        self._mark("landlock", not _opens(probe), f"{probe} could still be read")

    def _seccomp(self) -> None:
        if (reason := self._plan.get("no_seccomp")) is not None:
            raise _Absent(reason)
        before = _refused(lambda: socket.socket(socket.AF_UNIX).close())
        seccomp_filter.install()
        stopped = _refused(lambda: socket.socket(socket.AF_UNIX).close()) and _refused(lambda: os.chmod(".", 0o700))
        self._mark("seccomp", stopped and not before, "a socket could still be made")


class _Absent(Exception):
    """Why a layer is not used here."""


def _refused(action: Callable[[], object]) -> bool:
    try:
        action()
    except OSError:
        return True
    return False


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
