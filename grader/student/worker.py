"""Untrusted side: one forked process that imports a student's module and answers requests about it.

It knows no expected value, no tolerance and no secret: what it returns is only ever evidence.
"""

from __future__ import annotations

import faulthandler
import fcntl
import inspect
import math
import os
import random
import secrets
import signal
import socket
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch

from grader.student import hw5_utils, placeholders, student_modules, wire
from grader.student.student_modules import SourceError

_manual_seed = torch.manual_seed
_set_default_dtype = torch.set_default_dtype
_seed_random = random.seed
_seed_numpy = np.random.seed
_tensor_types: tuple[type, ...] = (torch.Tensor, torch.nn.Parameter)
_HEAP_TYPE = 1 << 9
_floats = {torch.float16, torch.float32, torch.float64}
_dtypes = _floats | {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_exact_text = (str, int, float, bool, type(None))

MESSAGE_CHARS = 300
GIVEN = frozenset({"hw5_utils"})
"""Helpers that the homework gives: the grader's own copy is used."""


class Refusal(BaseException):
    """A fault found by the worker itself: kind, sentence, where."""

    def __init__(self, kind: str, sentence: str, where: str = "", detail: str = "") -> None:
        self.fault = {"kind": kind, "sentence": sentence, "where": where, "detail": detail}


class Channel:
    """Blocking frames over one socket; uses nothing that student code can usefully replace."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)

    def read(self) -> wire.Request | None:
        header = self._exactly(wire.HEADER.size)
        if header is None:
            return None
        lengths = wire.HEADER.unpack(header)
        body, blob = self._exactly(lengths[0]), self._exactly(lengths[1])
        return None if body is None or blob is None else wire.decode_request(body, blob)

    def write(self, message: wire.Reply, blob: bytes = b"") -> None:
        self._socket.sendall(wire.frame(message, blob))

    def _exactly(self, count: int) -> bytes | None:
        parts = []
        while count:
            part = self._socket.recv(min(count, 1 << 20))
            if not part:
                return None
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def tensor_to_array(value: Any) -> Any:
    """A plain CPU tensor as a numpy array. Raises `WireError` that names what is not plain about it."""
    kind = type(value)
    if kind not in _tensor_types:
        if isinstance(value, torch.Tensor):
            raise wire.WireError(f"not a plain tensor but its subclass {kind.__name__[:60]}")
        raise wire.WireError(f"not a plain tensor but a value of type {kind.__name__[:60]}")
    if value.is_meta:
        raise wire.WireError("not a plain tensor but a meta tensor (it has a shape and no values)")
    if value.layout is not torch.strided:
        raise wire.WireError(f"not a plain tensor but a {str(value.layout).removeprefix('torch.')} one")
    if value.is_quantized or value.dtype not in _dtypes:
        raise wire.WireError(f"a tensor of dtype {str(value.dtype).removeprefix('torch.')}")
    return torch.Tensor.numpy(torch.Tensor.cpu(torch.Tensor.detach(value)).resolve_conj().resolve_neg())


def array_to_tensor(value: Any) -> Any:
    """Arguments: arrays become fresh contiguous tensors, containers are walked."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape).copy())
    if isinstance(value, list):
        return [array_to_tensor(item) for item in value]
    if isinstance(value, dict):
        return {key: array_to_tensor(item) for key, item in value.items()}
    return value


class Worker:
    """The state of one worker: the student's module and the driver's functions."""

    def __init__(self, channel: Channel, data: dict[str, bytes]) -> None:
        self._channel = channel
        self._data = data
        self._filenames: set[str] = set()
        self._student: types.ModuleType | None = None
        self._driver: dict[str, Any] = {}
        self._seed = 0

    def serve(self) -> None:
        """Answer requests until the other side closes the channel."""
        operations: dict[str, Callable[[str, dict[str, Any]], Any]] = {"import": self._import, "call": self._call}
        while (request := self._channel.read()) is not None:
            try:
                packer = wire.Packer(tensor_to_array)
                value = packer.pack(operations[request.op](request.id, request.body))
                self._channel.write(wire.Reply(request.id, "value", value), bytes(packer.blob))
                continue
            except wire.WireError as error:
                sentence = f"the answer cannot be used: {error}"
                reply = wire.Reply(request.id, "fault", Refusal("bad_reply", sentence).fault)
            except Refusal as refusal:
                reply = wire.Reply(request.id, "fault", refusal.fault)
            except BaseException as error:
                reply = wire.Reply(request.id, "fault", self._describe(error))
            self._channel.write(reply)

    def _import(self, request_id: str, body: dict[str, Any]) -> dict[str, Any]:
        name = body["module"]
        cut = student_modules.Cut(tuple(body["cut"]), body["definitions_only"])
        sources: dict[str, str] = body["sources"]
        self._seed = body["seed"]
        ignored = [own for own in sources if own != name and (own in GIVEN or student_modules.is_taken(own))]
        own = {key: text for key, text in sources.items() if key not in ignored}
        self._filenames = {f"{key}.py" for key in own}
        sys.modules.pop("grader", None)
        hw5_utils._DATA = self._data
        hw5_utils.__name__, hw5_utils.__file__ = "hw5_utils", "hw5_utils.py"
        sys.modules["hw5_utils"] = hw5_utils
        finder = placeholders.install(frozenset(self._filenames))
        sys.meta_path.insert(0, student_modules.StudentFinder(own, finder.guarded))
        filename = f"{name}.py"
        module = types.ModuleType(name)
        module.__file__ = filename
        sys.modules[name] = module
        self._student = module
        student_modules.register_lines(filename, own[name])
        try:
            tree = student_modules.parse(own[name], filename)
        except SourceError as error:
            where = filename if error.line is None else f"{filename}:{error.line}"
            raise Refusal("syntax", str(error), where) from None
        finder.guarded |= student_modules.guarded_imports(tree, filename)
        self._reset()

        def announce(index: int, line: int) -> None:
            self._channel.write(wire.Reply(request_id, "progress", [index, line]))

        try:
            notes = student_modules.run_module(module, tree, filename, cut, announce)
        except BaseException as error:
            fault = self._describe(error)
            if fault["kind"] in ("exception", "missing_name", "import"):
                fault.update(kind="import", sentence=f"{filename} cannot be imported: {fault['sentence']}")
            raise Refusal(**fault) from None
        self._driver = {"torch": torch, "np": np, "math": math, "__name__": "driver", "__builtins__": __builtins__}
        exec(compile(body["driver"], "driver.py", "exec", dont_inherit=True), self._driver)
        return {"notes": notes, "placeholders": sorted(finder.used), "ignored": ignored}

    def _call(self, request_id: str, body: dict[str, Any]) -> Any:
        name = body["function"]
        function: Callable[..., Any] | None = _describe_module if name == "__describe__" else self._driver.get(name)
        if function is None:
            raise Refusal("crashed", f"the driver has no function {name}")
        self._reset()
        args = [array_to_tensor(item) for item in body["args"]]
        kwargs = {key: array_to_tensor(item) for key, item in body["kwargs"].items()}
        return function(self._student, *args, **kwargs)

    def _reset(self) -> None:
        _set_default_dtype(torch.float32)
        torch._C._set_grad_enabled(True)
        sys.settrace(None)
        sys.setrecursionlimit(1000)
        np.seterr(all="warn")
        _manual_seed(self._seed)
        _seed_random(self._seed)
        _seed_numpy(self._seed % 2**32)

    def _describe(self, error: BaseException) -> dict[str, Any]:
        where, function, in_student = self._place(error)
        text = _message(error)
        kind, sentence = "exception", f"{type(error).__name__[:80]}: {text}"
        if isinstance(error, SystemExit):
            kind, sentence = "exited", f"the code called sys.exit or raised SystemExit ({text})"
        elif isinstance(error, placeholders.UnavailablePackage):
            kind, sentence = "unavailable_package", text
        elif isinstance(error, NotImplementedError) and in_student:
            kind, sentence = "not_implemented", f"`{function}` is not implemented yet"
        elif isinstance(error, MemoryError) or "can't allocate memory" in text:
            kind, sentence = "memory", f"the code ran out of memory ({text})"
        elif isinstance(error, AttributeError) and getattr(error, "obj", None) is self._student:
            kind, sentence = "missing_name", f"{self._module_file()} defines no `{str(error.name)[:80]}`"
        elif isinstance(error, ImportError) and not in_student:
            kind = "import"
        return {"kind": kind, "sentence": sentence, "where": where, "detail": self._frames(error)}

    def _module_file(self) -> str:
        return f"{self._student.__name__}.py" if self._student is not None else "the module"

    def _place(self, error: BaseException) -> tuple[str, str, bool]:
        last = None
        deepest_is_student = False
        for frame, line in traceback.walk_tb(error.__traceback__):
            deepest_is_student = frame.f_code.co_filename in self._filenames
            if deepest_is_student:
                last = (frame.f_code.co_filename, line, frame.f_code.co_name)
        if last is None:
            return "", "", False
        return f"{last[0]}:{last[1]} in {last[2]}", last[2], deepest_is_student

    def _frames(self, error: BaseException) -> str:
        lines = [
            f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename in self._filenames
        ]
        return "\n".join(lines[-12:])


def _message(error: BaseException) -> str:
    """``str(error)`` cut, without ever calling a ``__str__`` of the student's."""
    owner = next(kind for kind in type(error).__mro__ if "__str__" in kind.__dict__)
    if owner.__flags__ & _HEAP_TYPE:
        return "(its text is not shown: the exception defines its own __str__)"
    if not all(type(item) in _exact_text for item in error.args):
        return "(its text is not shown: it is not a plain string)"
    return str(error)[: MESSAGE_CHARS + 1]


def _describe_module(student: Any) -> dict[str, Any]:
    """What the module defines: functions and classes with their signatures, as text."""

    def signature(value: Any) -> str:
        try:
            return str(inspect.signature(value))[:300]
        except (TypeError, ValueError):
            return ""

    functions: dict[str, str] = {}
    classes: dict[str, dict[str, str]] = {}
    for name, value in list(vars(student).items()):
        if getattr(value, "__module__", None) != student.__name__:
            continue
        if inspect.isclass(value):
            members = vars(value).items()
            classes[name] = {key: signature(item) for key, item in members if inspect.isfunction(item)}
        elif callable(value):
            functions[name] = signature(value)
    return {"functions": functions, "classes": classes}


def keep_only(fds: list[int]) -> tuple[int, int, int]:
    """Move the channel, output and trace descriptors to unguessable numbers and close every other one."""
    low = 100 + secrets.randbelow(700)
    moved = []
    for fd in fds:
        moved.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, low))
        low = moved[-1] + 1 + secrets.randbelow(40)
    previous = 2
    for fd in sorted(moved):
        os.closerange(previous + 1, fd)
        previous = fd
    os.closerange(previous + 1, 1 << 16)
    return moved[0], moved[1], moved[2]


def run(
    channel_fd: int, output_fd: int, trace_fd: int, data: dict[str, bytes], layers: dict[str, tuple[str, str]]
) -> NoReturn:
    """The rest of a worker's life, from inside its layers; never returns."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    os.close(output_fd)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    faulthandler.enable(trace_fd, all_threads=False)
    faulthandler.register(signal.SIGUSR1, trace_fd, all_threads=False)
    try:
        channel = Channel(channel_fd)
        channel.write(wire.Reply("", "ready", {"layers": {name: list(state) for name, state in layers.items()}}))
        Worker(channel, data).serve()
    except BaseException:
        traceback.print_exc()
        os._exit(70)
    finally:
        os._exit(0)
