"""Trusted side of one worker: requests out, untrusted frames in, a clock, and a name for every way it can end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import select
import signal
import socket
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from grader.student import wire
from grader.student.faults import FAULT_KINDS, StudentFault, StudentProcessError
from grader.student.layers import LAYERS, IsolationReport, LayerStatus
from grader.student.limits import Limits
from grader.student.zygote_client import WorkerEnd, ZygoteClient

SENTENCE_CHARS = 400
DETAIL_CHARS = 2000
TRACE_BYTES = 8192
MAX_PROGRESS = 20_000
MAX_CUTS = 2
"""Statements that are left out of one module; at the second, every later action is."""
_TRACE_LINE = re.compile(r'File "([\w.-]{1,80})", line (\d{1,7}) in ([\w<>.]{1,80})')


def printable(text: object, limit: int) -> str:
    """Text from beside untrusted code: cut to ``limit`` characters, control and direction characters escaped."""
    if not isinstance(text, str):
        return ""
    cut = text[:limit] + ("…" if len(text) > limit else "")
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in cut)


class ImportMemory:
    """What is already known of each module's import, so that a time-out at import is paid once."""

    def __init__(self) -> None:
        self.cut: dict[str, list[int]] = {}
        self.definitions_only: set[str] = set()
        self.fault: dict[str, StudentFault] = {}
        self.notes: dict[str, list[str]] = {}

    @staticmethod
    def key(module: str, sources: Mapping[str, str]) -> str:
        """One module of one submission."""
        digest = hashlib.sha256(module.encode())
        for name in sorted(sources):
            digest.update(name.encode() + b"\0" + sources[name].encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()


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
        return printable(both[0] + middle + both[1], 4 * self._keep)


class Worker:
    """One forked process with the student's module in it. Made by `StudentSession.worker`."""

    def __init__(self, client: ZygoteClient, limits: Limits, speed: float) -> None:
        self._client = client
        self._limits = limits
        self._speed = speed
        self._key: int | None = None
        self._channel: socket.socket | None = None
        self._output_fd = self._trace_fd = -1
        self._output = Output(limits.output_bytes)
        self._trace = b""
        self._progress: tuple[int, int] | None = None
        self._dead: StudentFault | None = None
        self._module = ""
        self._sources: Mapping[str, str] = {}
        self.notes: list[str] = []
        """Sentences about the import: placeholders used, statements left out, files ignored."""
        self.end: WorkerEnd | None = None
        self.layers: IsolationReport | None = None

    @property
    def output(self) -> str:
        """What the student's code printed: the first and last kilobytes, control characters escaped."""
        return self._output.text()

    def open(self, module: str, sources: Mapping[str, str], driver: str, seed: int, memory: ImportMemory) -> None:
        """Fork and import; after a cut-off import, once more without the statement that did not end."""
        self._module, self._sources = module, sources
        key = ImportMemory.key(module, sources)
        if key in memory.fault:
            known = memory.fault[key]
            raise StudentFault(known.kind, known.sentence, known.where, known.detail)
        first: StudentFault | None = None
        while True:
            self.spawn()
            cut = memory.cut.get(key, [])
            body = {"module": module, "sources": dict(sources), "driver": driver, "seed": seed, "cut": cut}
            try:
                whole = {**body, "definitions_only": key in memory.definitions_only}
                self._take_notes(self._ask("import", whole, self._limits.import_s))
            except StudentFault as fault:
                first = first or fault
                index, line = self._progress or (-1, 0)
                self.close()
                if index < 0 or index in cut or fault.kind == "syntax" or len(cut) >= MAX_CUTS:
                    memory.fault[key] = first
                    raise first from None
                memory.cut[key] = [*cut, index]
                if len(cut) + 1 >= MAX_CUTS:
                    memory.definitions_only.add(key)
                memory.notes.setdefault(key, []).append(
                    f"{module}.py: line {line} runs when the file is imported and was cut off ({fault.sentence}); what "
                    'is defined around it is graded. Put such lines under `if __name__ == "__main__":`'
                )
            else:
                self.notes = [*memory.notes.get(key, []), *self.notes]
                return

    def call(self, function: str, /, *args: Any, limit_s: float | None = None, **kwargs: Any) -> Any:
        """Call the driver's ``function(student, *args, **kwargs)`` and return its value, arrays as numpy arrays.

        ``limit_s`` is seconds on the nominal machine. Raises `StudentFault`; after one that ended the process,
        every later call raises the same.
        """
        if self._dead is not None:
            raise self._dead
        try:
            body = {"function": function, "args": wire.pack(list(args)), "kwargs": wire.pack(kwargs)}
        except wire.WireError as error:
            raise StudentProcessError(f"{function} cannot be asked: an argument is {error}") from error
        return self._ask("call", body, limit_s if limit_s is not None else self._limits.call_s)

    def close(self) -> None:
        """Kill the worker with everything it started, and wait until that is so."""
        if self._key is None:
            return
        key, self._key = self._key, None
        self._client.signal("kill", key)
        self.end = self._client.wait_end(key, 5.0)
        if self.end is None:
            self._client.close()
            self.end = WorkerEnd(None, 0.0, 0)
        self._drain()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        for fd in (self._output_fd, self._trace_fd):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._output_fd = self._trace_fd = -1

    # process

    def spawn(self) -> None:
        """Fork a worker and read its own report; it has imported nothing yet."""
        self._client.wait_ready()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        output_read, output_write = os.pipe()
        trace_read, trace_write = os.pipe()
        for fd in (output_read, trace_read):
            os.set_blocking(fd, False)
        self._trace, self._progress, self._dead = b"", None, None
        self._channel, self._output_fd, self._trace_fd = ours, output_read, trace_read
        boot = {"limits": msgspec.to_builtins(self._limits)}
        try:
            self._key = self._client.fork([theirs.fileno(), output_write, trace_write], boot)
        finally:
            theirs.close()
            os.close(output_write)
            os.close(trace_write)
        try:
            ready = self._receive("", time.monotonic() + self._limits.start_s)
        except (StudentFault, wire.WireError, TimeoutError) as error:
            complaint = self._client.complaint()
            raise StudentProcessError(f"a worker did not start: {error} {complaint}") from None
        if ready.kind != "ready":
            raise StudentProcessError("a worker did not begin with its own report")
        rows = ((name, *ready.body["layers"].get(name, ("absent", "only on Linux"))) for name in LAYERS)
        self.layers = IsolationReport(tuple(LayerStatus(*row) for row in rows))

    # requests

    def _ask(self, op: str, body: dict[str, Any], limit_s: float) -> Any:
        request_id = secrets.token_hex(8)
        try:
            data = wire.encode(wire.Request(request_id, op, body))
        except (msgspec.MsgspecError, UnicodeEncodeError, TypeError) as error:
            raise StudentProcessError(f"the request {op} cannot be written: {error}") from error
        if len(data) > self._limits.request_bytes:
            raise StudentProcessError(f"the request {op} has {len(data)} bytes, over {self._limits.request_bytes}")
        seconds = limit_s * self._speed
        deadline = time.monotonic() + seconds
        try:
            self._send(data, deadline)
            reply = self._receive(request_id, deadline)
        except TimeoutError:
            raise self._timed_out(seconds) from None
        except wire.WireError as error:
            sentence = f"the answer cannot be used: {printable(str(error), 200)}"
            raise self._stop(StudentFault("bad_reply", sentence)) from None
        if reply.kind == "value":
            return reply.body
        raise self._fault(reply.body)

    def _send(self, data: bytes, deadline: float) -> None:
        assert self._channel is not None
        view = memoryview(data)
        while view:
            self._wait(deadline, writing=True)
            try:
                view = view[self._channel.send(view[: 1 << 18], socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self._gone() from None

    def _receive(self, request_id: str, deadline: float) -> wire.Reply:
        for _ in range(MAX_PROGRESS):
            (length,) = wire.HEADER.unpack(self._exactly(4, deadline))
            if length > self._limits.reply_bytes:
                raise wire.WireError(f"a frame of {length} bytes, over the limit of {self._limits.reply_bytes}")
            reply = wire.decode_reply(self._exactly(length, deadline))
            if reply.id != request_id:
                raise wire.WireError("a reply that does not answer the question")
            if reply.kind != "progress":
                return reply
            match reply.body:
                case [int(index), int(line)] if -1 <= index < 1 << 20 and 0 <= line < 1 << 20:
                    self._progress = (index, line)
                case _:
                    raise wire.WireError("a progress report that cannot be read")
        raise wire.WireError("too many progress reports")

    def _exactly(self, count: int, deadline: float) -> bytes:
        assert self._channel is not None
        parts = bytearray()
        while len(parts) < count:
            self._wait(deadline)
            try:
                part = self._channel.recv(min(count - len(parts), 1 << 20), socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            if not part:
                raise self._gone()
            parts += part
        return bytes(parts)

    def _wait(self, deadline: float, writing: bool = False) -> None:
        """Until the channel can be used; drains the student's prints meanwhile. Raises TimeoutError."""
        assert self._channel is not None
        poll = select.poll()
        poll.register(self._channel, select.POLLOUT if writing else select.POLLIN)
        if self._output_fd >= 0:
            poll.register(self._output_fd, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            events = dict(poll.poll(min(left, 0.1) * 1000 + 1))
            if events.get(self._output_fd):
                self._drain()
                if events[self._output_fd] & select.POLLHUP:
                    poll.unregister(self._output_fd)
            if events.get(self._channel.fileno()):
                return

    def _drain(self) -> None:
        for fd, is_trace in ((self._output_fd, False), (self._trace_fd, True)):
            while fd >= 0:
                try:
                    data = os.read(fd, 1 << 16)
                except OSError:
                    break
                if not data:
                    break
                if is_trace:
                    self._trace = (self._trace + data)[-TRACE_BYTES:]
                else:
                    self._output.feed(data)

    # ends

    def _stop(self, fault: StudentFault) -> StudentFault:
        self.close()
        self._dead = fault
        return fault

    def _timed_out(self, seconds: float) -> StudentFault:
        if self._key is not None:
            self._client.signal("trace", self._key)
            time.sleep(0.05)
        self._drain()
        where = self._where()
        shown = f"{seconds:.3g}"
        inside = f": it was stopped in {where}" if where else ""
        return self._stop(StudentFault("timeout", f"no answer in {shown} s{inside}", where))

    def _where(self) -> str:
        """The innermost line of the student's own files in the fault handler's text: for people, never parsed on."""
        files = {f"{name}.py" for name in self._sources}
        for name, line, function in _TRACE_LINE.findall(self._trace.decode("utf-8", "replace")):
            if name in files:
                return f"{name}:{line} in {function}"
        return ""

    def _gone(self) -> StudentFault:
        """The channel is closed: find out how the worker ended, and name it."""
        assert self._key is not None
        self.end = end = self._client.wait_end(self._key, 1.0)
        if end is None:
            return self._stop(StudentFault("bad_reply", "the code closed the channel that its answers travel on"))
        self._key_done()
        status = end.status
        if status is None:
            return self._mark(StudentFault("crashed", "the process that runs the code was destroyed"))
        where = self._where()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return self._mark(_signalled(number, where, b"error: Aborted" in self._trace))
        code = os.waitstatus_to_exitcode(status)
        return self._mark(
            StudentFault("exited", f"the code ended the process (os._exit or the like, exit status {code})", where)
        )

    def _key_done(self) -> None:
        self._drain()
        self._key = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        for fd in (self._output_fd, self._trace_fd):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._output_fd = self._trace_fd = -1

    def _mark(self, fault: StudentFault) -> StudentFault:
        self._dead = fault
        return fault

    def _fault(self, body: Any) -> StudentFault:
        match body:
            case {"kind": str(kind), "sentence": str(text), "where": str(where), "detail": str(detail)}:
                if kind in FAULT_KINDS:
                    sentence = printable(text, SENTENCE_CHARS)
                    return StudentFault(kind, sentence, printable(where, 200), printable(detail, DETAIL_CHARS))  # type: ignore[arg-type]
        return self._stop(StudentFault("bad_reply", "the answer cannot be used: a fault that cannot be read"))

    def _take_notes(self, body: Any) -> None:
        match body:
            case {"notes": list(notes), "placeholders": list(names), "ignored": list(ignored)}:
                lines = [printable(note, SENTENCE_CHARS) for note in notes[:20]]
                if names:
                    shown = ", ".join(printable(name, 40) for name in names[:20])
                    lines.append(f"not installed here and replaced by placeholders: {shown}")
                for name in ignored[:20]:
                    lines.append(f"{printable(name, 60)}.py was never imported: an installed module has its name")
                self.notes = lines
            case _:
                raise self._stop(StudentFault("bad_reply", "the import answered with something that cannot be read"))


def _signalled(number: int, where: str, aborted: bool) -> StudentFault:
    inside = f" in {where}" if where else ""
    if aborted:
        return StudentFault("crashed", f"the process called abort{inside}", where)
    if number in (signal.SIGSEGV, signal.SIGBUS):
        return StudentFault("crashed", f"segmentation fault{inside}", where)
    if number == signal.SIGXFSZ:
        return StudentFault("crashed", f"stopped: it wrote a file that is larger than allowed{inside}", where)
    if number == signal.SIGXCPU:
        return StudentFault("timeout", f"stopped: over its processor time{inside}", where)
    if number == signal.SIGSYS:
        return StudentFault("crashed", f"stopped: it used a system call that is not allowed{inside}", where)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return StudentFault("crashed", f"the process was ended by {name}{inside}", where)


def finite(array: Any, what: str) -> np.ndarray[Any, np.dtype[Any]]:
    """``array`` as it is when every entry is finite. Raises `StudentFault` that names NaN or infinity."""
    value = np.asarray(array)
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        nans, infinities = int(np.isnan(value).sum()), int(np.isinf(value).sum())
        found = " and ".join(f"{n} {name}" for n, name in ((nans, "NaN"), (infinities, "infinite")) if n)
        raise StudentFault("bad_reply", f"{what} holds {found} of {value.size} values: they must all be finite")
    return value
