"""Trusted side of one worker: requests out, untrusted frames in, a clock, and a name for every way it can end."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

import psutil

from grader.student import replies, wire
from grader.student.ends import fault_of, size_of
from grader.student.faults import FAULT_KINDS, StudentFault, StudentProcessError
from grader.student.import_memory import ImportMemory
from grader.student.layers import LAYERS, IsolationReport, LayerStatus
from grader.student.limits import MIB, Limits
from grader.student.prints import Prints
from grader.student.processes import ANCILLARY_BYTES, ask_for_senders, sender_of
from grader.student.text import printable
from grader.student.zygote_client import WorkerEnd, ZygoteClient

SENTENCE_CHARS = 400
DETAIL_CHARS = 2000
WATCH_S = 0.1
DESTROYED = "the process that runs the code was destroyed"
"""The zygote went with the worker: by the worker's doing, or by the kernel where the machine's memory ran out."""
FORK_S = 15.0
"""From the order to a worker's first words, the zygote being warm."""
KILL_S = 5.0
MAX_PROGRESS = 20_000
MAX_CUTS = 2
"""Statements that are left out of one module; at the second, every later action is."""


class Worker:
    """One forked process with the student's module in it. Made by `StudentSession.worker`."""

    def __init__(self, client: ZygoteClient, limits: Limits, speed: float) -> None:
        self._client = client
        self._limits = limits
        self._speed = speed
        self._key: int | None = None
        self._process: psutil.Process | None = None
        self._channel: socket.socket | None = None
        self._prints = Prints(limits.output_bytes)
        self._progress: tuple[int, int] | None = None
        self._dead: StudentFault | None = None
        self._cut_off: StudentFault | None = None
        self._module = ""
        self._sources: Mapping[str, str] = {}
        self._forms: Mapping[str, replies.Form] = {}
        self.notes: list[str] = []
        """Sentences about the import: placeholders used, statements left out, files ignored."""
        self.end: WorkerEnd | None = None
        self.layers: IsolationReport | None = None

    @property
    def output(self) -> str:
        """What the student's code printed: the first and last kilobytes, control characters escaped."""
        return self._prints.text

    def open(self, module: str, sources: Mapping[str, str], driver: str, seed: int, memory: ImportMemory) -> None:
        """Fork and import; after a cut-off import, once more without the statement that did not end."""
        self._module, self._sources, self._forms = module, sources, replies.forms(driver)
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
                self._take_notes(self._ask("import", whole, b"", self._limits.import_s))
            except StudentFault as fault:
                first = first or fault
                index, line = self._progress or (-1, 0)
                self.close()
                if index < 0 or index in cut or fault.kind == "syntax" or len(cut) >= MAX_CUTS:
                    memory.fault[key] = first
                    raise first from None
                memory.cut[key] = [*cut, index]
                memory.cut_off[key] = first
                if len(cut) + 1 >= MAX_CUTS:
                    memory.definitions_only.add(key)
                memory.notes.setdefault(key, []).append(
                    f"{module}.py: line {line} runs when the file is imported and was cut off ({fault.sentence}); what "
                    'is defined around it is graded. Put such lines under `if __name__ == "__main__":`'
                )
            else:
                self.notes = [*memory.notes.get(key, []), *self.notes]
                self._cut_off = memory.cut_off.get(key)
                return

    def call(self, function: str, /, *args: Any, limit_s: float | None = None, **kwargs: Any) -> Any:
        """Call the driver's ``function(student, *args, **kwargs)`` and return its value, arrays as numpy arrays.

        ``limit_s`` is seconds on the nominal machine. Raises `StudentFault`; after one that ended the process,
        every later call raises the same.
        """
        if self._dead is not None:
            raise self._dead
        try:
            packer = wire.Packer()
            body = {"function": function, "args": packer.pack(list(args)), "kwargs": packer.pack(kwargs)}
        except wire.WireError as error:
            raise StudentProcessError(f"{function} cannot be asked: an argument is {error}") from error
        limit_s = limit_s if limit_s is not None else self._limits.call_s
        try:
            value = self._ask("call", body, bytes(packer.blob), limit_s)
        except StudentFault as fault:
            if fault.kind != "missing_name" or self._cut_off is None:
                raise
            cause = self._cut_off  # the name may be missing because the import did not come to it
            sentence = f"{fault.sentence}: the import of {self._module}.py was cut off ({cause.sentence})"
            raise StudentFault(cause.kind, sentence, cause.where, cause.detail) from fault
        problem = replies.problem(self._forms[function], value) if function in self._forms else None
        if problem is not None:
            raise self._stop(StudentFault("bad_reply", f"the answer cannot be used: {problem}"))
        return value

    def close(self) -> None:
        """Kill the worker with everything it started, and wait until that is so."""
        if self._key is None:
            return
        self._client.signal("kill", self._key)
        self.end = self._client.wait_end(self._key, KILL_S)
        if self.end is None or not self.end.clean:
            self._client.close()  # the zygote does not answer, or could not make sure: it goes with all of its tree
            self.end = self.end or WorkerEnd(None)
        self._prints.drain()
        self._release()

    # process

    def spawn(self) -> None:
        """Fork a worker and read its own report; it has imported nothing yet."""
        for attempt in range(2):
            self._client.wait_ready()
            try:
                self._fork()
                return
            except (StudentFault, StudentProcessError, wire.WireError, TimeoutError) as error:
                complaint = self._client.complaint()
                self._release()
                self._client.close()
                if attempt:
                    raise StudentProcessError(f"a worker did not start: {error} {complaint}") from None

    def _fork(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ask_for_senders(ours)
        self._channel, self._progress, self._dead, self._process = ours, None, None, None
        written = self._prints.open()
        try:
            self._key = self._client.fork([theirs.fileno(), *written], self._limits)
        finally:
            theirs.close()
            for fd in written:
                os.close(fd)
        ready = self._receive("", time.monotonic() + FORK_S * self._speed)
        if ready.kind != "ready":
            raise wire.WireError("a worker that does not begin with its own report")
        rows = ((name, *ready.body["layers"].get(name, ("absent", "only on Linux"))) for name in LAYERS)
        self.layers = IsolationReport(tuple(LayerStatus(*row) for row in rows))

    def _release(self) -> None:
        self._key = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._prints.close()

    # requests

    def _ask(self, op: str, body: dict[str, Any], blob: bytes, limit_s: float) -> Any:
        request_id = secrets.token_hex(8)
        data = wire.frame(wire.Request(request_id, op, body), blob)
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
            body_length, blob_length = wire.HEADER.unpack(self._exactly(wire.HEADER.size, deadline))
            if body_length > wire.MAX_BODY or blob_length > self._limits.reply_bytes:
                allowed = f"{wire.MAX_BODY // MIB} MB of values and {self._limits.reply_bytes // MIB} MB of arrays"
                raise wire.WireError(f"it has {body_length} and {blob_length} bytes, more than {allowed}")
            body = self._exactly(body_length, deadline)
            reply = wire.decode_reply(body, self._exactly(blob_length, deadline))
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
            wanted = min(count - len(parts), 1 << 20)
            try:
                part = self._read(self._channel, wanted)
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            if not part:
                raise self._gone()
            parts += part
        return bytes(parts)

    def _read(self, channel: socket.socket, wanted: int) -> bytes:
        """The first read also takes the kernel's word for the sender's process number, as seen from here."""
        if self._process is not None or sys.platform != "linux":
            return channel.recv(wanted, socket.MSG_DONTWAIT)
        data, ancillary, _, _ = channel.recvmsg(wanted, ANCILLARY_BYTES, socket.MSG_DONTWAIT)
        self._process = sender_of(ancillary)
        return data

    def _wait(self, deadline: float, writing: bool = False) -> None:
        """Until the channel can be used; drains prints and watches memory and disk meanwhile. Raises TimeoutError."""
        assert self._channel is not None
        channel, output = self._channel.fileno(), self._prints.output_fd
        poll = select.poll()
        poll.register(channel, select.POLLOUT if writing else select.POLLIN)
        poll.register(output, select.POLLIN)
        next_watch = time.monotonic() + WATCH_S
        while True:
            now = time.monotonic()
            if now >= deadline:
                raise TimeoutError
            events = dict(poll.poll(min(deadline - now, WATCH_S) * 1000 + 1))
            if events.get(output):
                self._prints.drain()
                if events[output] & (select.POLLHUP | select.POLLERR):
                    poll.unregister(output)
            if events.get(channel):
                return
            if time.monotonic() >= next_watch:
                self._watch()
                next_watch = time.monotonic() + WATCH_S

    def _watch(self) -> None:
        """Resident memory and scratch files against their limits. Raises `StudentFault`."""
        limit = self._limits.memory_bytes
        with contextlib.suppress(psutil.Error):
            if self._process is not None and self._process.memory_info().rss > limit:
                raise self._stop(StudentFault("memory", f"killed: it used more than {limit / 1e9:.1f} GB of memory"))
        scratch = self._client.scratch_of(self._key) if self._key is not None else None
        if scratch is not None and os.path.isdir(scratch) and size_of(scratch) > self._limits.scratch_bytes:
            most = self._limits.scratch_bytes // MIB
            raise self._stop(StudentFault("crashed", f"killed: it wrote more than {most} MB of files"))

    # ends

    def _stop(self, fault: StudentFault) -> StudentFault:
        self.close()
        self._dead = fault
        return fault

    def _timed_out(self, seconds: float) -> StudentFault:
        if self._key is not None:
            self._client.signal("trace", self._key)
            time.sleep(0.05)
        self._prints.drain()
        where = self._prints.where(self._sources)
        shown = f"{seconds:.3g}"
        inside = f": it was stopped in {where}" if where else ""
        return self._stop(StudentFault("timeout", f"no answer in {shown} s{inside}", where))

    def _gone(self) -> StudentFault:
        """The channel is closed: find out how the worker ended, and name it."""
        assert self._key is not None
        self.end = end = self._client.wait_end(self._key, 1.0)
        if end is None:
            return self._stop(StudentFault("bad_reply", "the code closed the channel that its answers travel on"))
        self._prints.drain()
        if not end.clean:
            self._client.close()
        self._release()
        if end.status is None:
            return self._mark(StudentFault("crashed", DESTROYED))
        where = self._prints.where(self._sources)
        return self._mark(fault_of(end.status, where, self._prints.aborted))

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
