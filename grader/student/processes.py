"""Trusted side: processes of the untrusted side: which one wrote into a socket, by the kernel's word; their end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterable

import psutil

GOODBYE_S = 2.0
"""How long a zygote has to end by itself, with its workers, before it is killed with everything under it."""
_CREDENTIALS = struct.Struct("=iII")
ANCILLARY_BYTES = socket.CMSG_SPACE(_CREDENTIALS.size) if hasattr(socket, "CMSG_SPACE") else 0


def ask_for_senders(channel: socket.socket) -> None:
    """From now on the kernel attaches the sender to what is read; before the sender exists, so that none is missed."""
    if sys.platform == "linux":
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)


def sender_of(ancillary: Iterable[tuple[int, int, bytes]]) -> psutil.Process | None:
    """The process that sent a message, from what `recvmsg` gave beside it; None when it is not told or gone."""
    if sys.platform == "linux":
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(content) >= _CREDENTIALS.size:
                with contextlib.suppress(psutil.Error):
                    return psutil.Process(_CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0])
    return None


def end_tree(process: psutil.Popen | psutil.Process) -> None:
    """Wait for a zygote that was told to go; kill it with its whole tree when it does not."""
    with contextlib.suppress(psutil.Error):
        process.wait(timeout=GOODBYE_S)
    if _is_alive(process):
        tree: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            tree = process.children(recursive=True)
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        for one in (process, *tree):
            with contextlib.suppress(psutil.Error):
                one.kill()
        psutil.wait_procs([process, *tree], timeout=GOODBYE_S)
    if isinstance(process, psutil.Popen):
        with contextlib.suppress(OSError):
            process.stderr.close()


def _is_alive(process: psutil.Popen | psutil.Process) -> bool:
    if isinstance(process, psutil.Popen):
        return process.poll() is None
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
