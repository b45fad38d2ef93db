"""Trusted side: one warm zygote for many grading processes. Each asks it, through a lobby, for a copy of its own.

run of a class:      with Nursery() as nursery: lobby = nursery.admit()     # a socket, inherited by a grading process
grading process:     StudentSession({}, lobby=Lobby(socket))                # its zygote is a copy

Torch is imported once and its memory is shared; a copy that is lost costs nobody else anything. Where a copy cannot
be had (not Linux, other layers, the shared zygote is gone), a session executes a zygote of its own.
"""

from __future__ import annotations

import socket
import sys
import threading
from types import TracebackType

from grader.student import wire
from grader.student.faults import StudentProcessError
from grader.student.layers import Layers
from grader.student.limits import Limits
from grader.student.zygote_client import ZygoteClient


class Nursery:
    """Holds the shared zygote; it is executed at the first `admit`, and again after it died."""

    def __init__(self) -> None:
        self._client = ZygoteClient(Limits(), {}, Layers.from_environment())
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int | None:
        """The process that was executed, for measurements."""
        return self._client.process_id

    def admit(self) -> socket.socket | None:
        """One end of a new lobby, to be inherited by a grading process; None where zygotes are not shared.

        Returns before the zygote is warm: what is asked of the lobby until then waits in it.
        """
        if sys.platform != "linux":
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with self._lock:
                if self._closed:
                    raise StudentProcessError("the run was stopped")
                if not self._client.running:
                    self._client.start()
                self._client.send(wire.Order("admit", 0, {}), [theirs.fileno()])
        except StudentProcessError:
            ours.close()
            return None
        finally:
            theirs.close()
        return ours

    def close(self) -> None:
        """Ends the shared zygote and, with it, every copy that is left."""
        with self._lock:
            self._closed = True
            self._client.close()
