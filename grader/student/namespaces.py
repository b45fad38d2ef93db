"""Untrusted side: namespaces of the zygote, and a root folder that holds the libraries and nothing else."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Sequence

from grader.student import kernel

DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
LIBRARIES = ("/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/local/lib")
LANDLOCK_PROBE = "/.probe"
HIGH_UIDS = (1 << 30, 1 << 29)
LOW_UIDS = (20_000, 40_000)
_FLAGS = {
    "mount": kernel.CLONE_NEWNS,
    "network": kernel.CLONE_NEWNET,
    "ipc": kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS,
    "pids": kernel.CLONE_NEWPID,
}
_NAMES = {"mount": "mnt", "network": "net", "ipc": "ipc", "pids": "pid_for_children"}
_KEEP = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC

Report = dict[str, tuple[str, str]]


def enter(off: Sequence[str]) -> Report:
    """Leave the grader's namespaces, in a process that still has one thread. Says of each what came of it."""
    wanted = [name for name in _FLAGS if name not in off]
    report: Report = {name: ("off", "switched off") for name in _FLAGS if name in off}
    if not wanted:
        return report
    before = {name: _identity(name) for name in wanted}
    with socket.create_server(("127.0.0.1", 0)) as server:
        reachable = _connects(server.getsockname()[1])
        failure = _unshare(wanted)
        after_reachable = _connects(server.getsockname()[1])
    for name in wanted:
        changed = before[name] != _identity(name)
        if name == "network" and changed:
            changed = reachable and not after_reachable
        if changed:
            report[name] = ("active", "")
        else:
            report[name] = ("absent", failure.get(name, "the namespace did not change"))
    return report


def _unshare(wanted: Sequence[str]) -> dict[str, str]:
    """One call for all, with a user namespace when there is no privilege; one by one when that is refused."""
    flags = 0
    for name in wanted:
        flags |= _FLAGS[name]
    try:
        if os.geteuid() == 0:
            kernel.unshare(flags)
        else:
            _unshare_as_user(flags)
        return {}
    except OSError as error:
        reason = f"this machine refuses it ({error.strerror})"
    failure = dict.fromkeys(wanted, reason)
    if os.geteuid() == 0:
        for name in wanted:
            try:
                kernel.unshare(_FLAGS[name])
                failure.pop(name)
            except OSError as error:
                failure[name] = f"this machine refuses it ({error.strerror})"
    return failure


def _unshare_as_user(flags: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER | flags)
    for path, text in (
        ("/proc/self/setgroups", "deny"),
        ("/proc/self/uid_map", f"{uid} {uid} 1"),
        ("/proc/self/gid_map", f"{gid} {gid} 1"),
    ):
        with open(path, "w") as file:
            file.write(text)


def _identity(name: str) -> str:
    try:
        return os.readlink(f"/proc/self/ns/{_NAMES[name]}")
    except OSError:
        return "unknown"


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def make_private() -> None:
    """No mount made from here on is seen outside."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)


def enter_small_root(mount_point: str, readable: Sequence[str], hidden: Sequence[str], outside: str) -> None:
    """Swap the root for one of memory with ``readable`` bound read-only, ``hidden`` folders in it emptied.

    Raises OSError when the machine refuses or when ``outside`` can still be seen afterwards.
    """
    make_private()
    kernel.mount("root", mount_point, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m")
    for path in sorted({os.path.abspath(path) for path in readable}, key=len):
        _bind(path, mount_point)
    for path in hidden:
        if os.path.isdir(path):
            target = mount_point + os.path.abspath(path)
            kernel.mount("empty", target, "tmpfs", kernel.MS_RDONLY | _KEEP, "mode=555,size=4k")
    for device in DEVICES:
        target = mount_point + device
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        open(target, "w").close()
        kernel.mount(device, target, None, kernel.MS_BIND)
    for folder in ("/tmp", "/proc", "/etc"):
        os.makedirs(mount_point + folder, mode=0o755, exist_ok=True)
    with open(mount_point + LANDLOCK_PROBE, "w") as file:
        file.write("probe")
    os.chmod(mount_point + LANDLOCK_PROBE, 0o444)
    kernel.pivot_root_here(mount_point)
    kernel.mount(
        None, "/", None, kernel.MS_REMOUNT | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m"
    )
    if os.path.exists(outside):
        raise OSError(1, "files outside can still be seen")


def _bind(path: str, root: str) -> None:
    target = root + path
    if os.path.islink(path):
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        if not os.path.lexists(target):
            os.symlink(os.readlink(path), target)
        return
    if not os.path.isdir(path) or os.path.isdir(target):
        return
    os.makedirs(target, mode=0o755, exist_ok=True)
    kernel.mount(path, target, None, kernel.MS_BIND | kernel.MS_REC)
    kept = os.statvfs(target).f_flag & (_KEEP | kernel.MS_RDONLY)
    flags = kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount(None, target, None, flags | kept)


def mount_scratch(path: str, size: int, uid: int, gid: int) -> None:
    """A private folder of memory for one worker, gone with it."""
    kernel.unshare(kernel.CLONE_NEWNS)
    options = f"mode=700,size={size},nr_inodes=4096,uid={uid},gid={gid}"
    kernel.mount("scratch", path, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, options)


def readable_by_others(path: str) -> str | None:
    """None when any user can reach ``path``; otherwise the first folder on the way that is closed."""
    current = os.path.realpath(path)
    while True:
        mode = os.stat(current).st_mode
        needed = stat.S_IXOTH | (stat.S_IROTH if current == os.path.realpath(path) else 0)
        if stat.S_ISDIR(mode) and mode & needed != needed:
            return current
        parent = os.path.dirname(current)
        if parent == current:
            return None
        current = parent


def free_uids() -> tuple[int, int]:
    """First and number of user ids to draw from: they own nothing, and high ones collide with nobody's."""
    try:
        with open("/proc/self/uid_map") as file:
            ranges = [[int(n) for n in line.split()] for line in file]
    except OSError:
        ranges = []
    for start, width in (HIGH_UIDS, LOW_UIDS):
        if not ranges or any(first <= start and start + width <= first + count for first, _, count in ranges):
            return start, width
    return LOW_UIDS
