"""Trusted side: a name for every way in which a worker's process can end by itself, and what it left on disk."""

from __future__ import annotations

import contextlib
import os
import signal

from grader.student.faults import StudentFault


def fault_of(status: int, where: str, aborted: bool) -> StudentFault:
    """What a wait status (as from waitpid) means; ``where`` is the student's line, empty when it is not known."""
    if os.WIFSIGNALED(status):
        return _signalled(os.WTERMSIG(status), where, aborted)
    code = os.waitstatus_to_exitcode(status)
    return StudentFault("exited", f"the code ended the process (os._exit or the like, exit status {code})", where)


def _signalled(number: int, where: str, aborted: bool) -> StudentFault:
    inside = f" in {where}" if where else ""
    if aborted:
        return StudentFault("crashed", f"the process called abort{inside}", where)
    if number in (signal.SIGSEGV, signal.SIGBUS):
        return StudentFault("crashed", f"segmentation fault{inside}", where)
    if number == signal.SIGXFSZ:
        return StudentFault("crashed", f"stopped: it wrote a file that is larger than allowed{inside}", where)
    if number == signal.SIGKILL:
        return StudentFault("memory", f"the process was killed{inside}, most likely because memory ran out", where)
    if number == signal.SIGXCPU:
        return StudentFault("timeout", f"stopped: over its processor time{inside}", where)
    if number == signal.SIGSYS:
        return StudentFault("crashed", f"stopped: it used a system call that is not allowed{inside}", where)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return StudentFault("crashed", f"the process was ended by {name}{inside}", where)


def size_of(folder: str) -> int:
    """Bytes in a worker's scratch folder, links not followed, at most a few thousand names looked at."""
    total, left, below = 0, 4000, [folder]
    while below and left > 0:
        with contextlib.suppress(OSError), os.scandir(below.pop()) as entries:
            for entry in entries:
                left -= 1
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    total += status.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.path)
                if left <= 0:
                    break
    return total
