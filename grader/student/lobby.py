"""Trusted side: a grading process's way to the warm zygote that it shares with others (`grader.student.nursery`)."""

from __future__ import annotations

import socket

from grader.student import wire
from grader.student.layers import Layers


class Lobby:
    """One connected socket whose other end the shared zygote holds; ``layers`` are those that it was started with."""

    def __init__(self, connection: socket.socket, layers: Layers) -> None:
        self._connection = connection
        self._layers = layers

    def ask(self, control: socket.socket, layers: Layers, scratch: str) -> bool:
        """Ask for a copy that obeys what comes through ``control``; False when one of these layers cannot be had.

        ``scratch`` is the parent of its workers' folders on machines where they cannot have one of memory.
        """
        if layers.off != self._layers.off:
            return False
        order = wire.frame(wire.Order("share", 0, {"scratch": scratch}))
        try:
            socket.send_fds(self._connection, [order], [control.fileno()])
        except OSError:
            return False
        return True
