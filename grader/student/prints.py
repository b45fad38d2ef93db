"""Trusted side: what a worker writes beside its answers: its prints, and the fault handler's trace. For people only."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from grader.student.text import Output

TRACE_BYTES = 8192
DRAIN_BYTES = 1 << 20
"""Read at a time, so that a flood of prints cannot outlast the clock."""
_TRACE_LINE = re.compile(r'File "([\w.-]{1,80})", line (\d{1,7}) in ([\w<>.]{1,80})')


class Prints:
    """The reading ends of a worker's two pipes, and what came through them."""

    def __init__(self, most_bytes: int) -> None:
        self._output = Output(most_bytes)
        self._trace = b""
        self._output_fd = self._trace_fd = -1

    def open(self) -> tuple[int, int]:
        """Fresh pipes for a fresh process; returns the writing ends (prints, trace), which the caller closes."""
        self._output_fd, output_write = os.pipe()
        self._trace_fd, trace_write = os.pipe()
        self._trace = b""
        for fd in (self._output_fd, self._trace_fd):
            os.set_blocking(fd, False)
        return output_write, trace_write

    @property
    def output_fd(self) -> int:
        """To be waited for, so that a full pipe never stops a worker."""
        return self._output_fd

    @property
    def text(self) -> str:
        """The first and last kilobytes that were printed, control characters escaped."""
        return self._output.text()

    @property
    def aborted(self) -> bool:
        """Whether the process says that it called abort."""
        return b"error: Aborted" in self._trace

    def drain(self) -> None:
        """Takes what is there without waiting for more."""
        for fd, is_trace in ((self._output_fd, False), (self._trace_fd, True)):
            left = DRAIN_BYTES
            while fd >= 0 and left > 0:
                try:
                    data = os.read(fd, 1 << 16)
                except OSError:
                    break
                if not data:
                    break
                left -= len(data)
                if is_trace:
                    self._trace = (self._trace + data)[-TRACE_BYTES:]
                else:
                    self._output.feed(data)

    def where(self, modules: Collection[str]) -> str:
        """The innermost line of these modules in the trace, such as ``hw5_gan.py:12 in train``; empty when none is."""
        files = {f"{name}.py" for name in modules}
        for name, line, function in _TRACE_LINE.findall(self._trace.decode("utf-8", "replace")):
            if name in files:
                return f"{name}:{line} in {function}"
        return ""

    def close(self) -> None:
        """Closes the pipes; what was read stays."""
        for fd in (self._output_fd, self._trace_fd):
            if fd >= 0:
                os.close(fd)
        self._output_fd = self._trace_fd = -1
