"""Trusted side: text that comes from beside untrusted code."""

from __future__ import annotations


def printable(text: object, limit: int) -> str:
    """Text from beside untrusted code: cut to ``limit`` characters, control and direction characters escaped."""
    if not isinstance(text, str):
        return ""
    cut = text[:limit] + ("…" if len(text) > limit else "")
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in cut)


class Output:
    """The first and the last bytes of what was printed."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        self.total += len(data)
        room = self._keep - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        del self._tail[: -self._keep]

    def text(self) -> str:
        left_out = self.total - len(self._head) - len(self._tail)
        middle = f"\n… {left_out} bytes left out …\n" if left_out else ""
        both = bytes(self._head).decode("utf-8", "replace"), bytes(self._tail).decode("utf-8", "replace")
        return printable(both[0] + middle + both[1], 4 * self._keep + 200)
