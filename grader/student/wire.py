"""The format between the grader and a worker: length-prefixed msgpack frames that cannot execute anything.

A frame is two lengths (little endian), a short msgpack body and a blob. An array is a msgpack extension value
that holds its dtype, its shape and where its bytes (C order, little endian) start in the blob. Both sides speak
this file; neither pickles.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

HEADER = struct.Struct("<II")
ARRAY_CODE = 1
MAX_BODY = 1 << 20
"""Bytes of the msgpack part of a reply: one byte of it can become sixty bytes of Python objects, so it is short."""
MAX_DEPTH = 32
MAX_DIMENSIONS = 16
MAX_NODES = 200_000
MAX_ARRAYS = 4096

DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        *("float16", "float32", "float64"),
    )
}

Array = npt.NDArray[Any]


class WireError(ValueError):
    """A frame or a value that the format does not allow; the text says what was found."""


class Request(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Trusted side to worker. ``id`` is drawn at random for every request."""

    id: str
    op: str
    body: dict[str, Any]


class Reply(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Worker to trusted side. ``kind`` is ready, progress, value or fault."""

    id: str
    kind: str
    body: Any


class Order(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Trusted side to zygote: fork, kill or trace a worker, take data, admit a lobby; through a lobby: share a copy."""

    op: str
    key: int
    body: dict[str, Any]


class Event(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Zygote to trusted side: ready, forked, ended, failed."""

    op: str
    key: int
    body: dict[str, Any]


class _ArrayHeader(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    dtype: str
    shape: list[int]
    start: int


_header_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(_ArrayHeader)
_encoder = msgspec.msgpack.Encoder()
order_decoder = msgspec.msgpack.Decoder(Order)
event_decoder = msgspec.msgpack.Decoder(Event)


def frame(message: msgspec.Struct, blob: bytes = b"") -> bytes:
    """One whole frame: two lengths, the message, and the bytes of its arrays."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body), len(blob)) + body + blob


class Packer:
    """Turns plain values and arrays into what msgpack carries, exact types only; array bytes gather in `blob`.

    ``special`` is asked about anything that is not plain and returns a numpy array, a plain value, or raises
    `WireError` (the worker passes one that knows torch tensors).
    """

    def __init__(self, special: Callable[[Any], Any] | None = None) -> None:
        self._special = special
        self.blob = bytearray()

    def pack(self, value: Any, depth: int = 0) -> Any:
        """``value`` for msgpack. Raises `WireError` that names what cannot travel."""
        kind = type(value)
        if value is None or kind in (bool, float, bytes):
            return value
        if kind is str:
            return _text(value)
        if kind is int:
            if not -(1 << 63) <= value < 1 << 64:
                raise WireError("an integer of more than 64 bits")
            return value
        if depth >= MAX_DEPTH:
            raise WireError(f"values nested deeper than {MAX_DEPTH}")
        if kind is list or kind is tuple:
            return [self.pack(item, depth + 1) for item in value]
        if kind is dict:
            for key in value:
                if type(key) is not str:
                    raise WireError(f"a dictionary whose keys are not strings ({type(key).__name__})")
            return {_text(key): self.pack(item, depth + 1) for key, item in value.items()}
        if kind is np.ndarray:
            return self._array(value)
        if isinstance(value, np.generic) and kind.__module__ == "numpy":
            array = np.asarray(value)
            return self.pack(array.item(), depth + 1) if array.dtype.name in DTYPES else self._array(array)
        if self._special is not None:
            return self.pack(self._special(value), depth + 1)
        raise WireError(f"a value of type {kind.__name__[:60]}")

    def _array(self, array: Array) -> msgspec.msgpack.Ext:
        name = array.dtype.name
        if name not in DTYPES:
            raise WireError(f"an array of dtype {name[:40]}")
        header = _ArrayHeader(name, [int(n) for n in array.shape], len(self.blob))
        self.blob += np.ascontiguousarray(array, dtype=DTYPES[name]).tobytes()
        return msgspec.msgpack.Ext(ARRAY_CODE, _header_encoder.encode(header))


def _text(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise WireError("a text that is not Unicode (a lone surrogate)") from None
    return value


def unpack_array(data: bytes | memoryview, blob: bytes | memoryview) -> Array:
    """The array of one extension value, checked field by field, in fresh memory. Raises `WireError`."""
    try:
        header = _header_decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WireError("an array whose header cannot be read") from error
    dtype = DTYPES.get(header.dtype)
    if dtype is None:
        raise WireError(f"an array of unknown dtype {header.dtype[:40]!r}")
    if len(header.shape) > MAX_DIMENSIONS or any(n < 0 or n > 1 << 40 for n in header.shape):
        raise WireError(f"an array of impossible shape {header.shape[:4]!r}")
    size = math.prod(header.shape) * dtype.itemsize
    if header.start < 0 or header.start + size > len(blob):
        raise WireError("an array whose bytes do not fit its shape")
    raw = np.frombuffer(blob, dtype=np.uint8, count=size, offset=header.start if size else 0)
    if header.dtype == "bool" and size and raw.max() > 1:
        raise WireError("a boolean array with bytes other than 0 and 1")
    return raw.copy().view(dtype).reshape(header.shape)


def decode_request(body: bytes, blob: bytes) -> Request:
    """A request, on the worker's side."""
    return _decode(Request, body, blob)


def decode_reply(body: bytes, blob: bytes) -> Reply:
    """A worker's frame, re-read as untrusted bytes. Raises `WireError` whatever is wrong with it."""
    try:
        reply = _decode(Reply, body, blob)
        check_tree(reply.body)
    except WireError:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError, TypeError) as error:
        raise WireError("a frame that is not a reply") from error
    return reply


_M = TypeVar("_M", Request, Reply)


def _decode(kind: type[_M], body: bytes, blob: bytes) -> _M:
    arrays = 0

    def hook(code: int, data: memoryview) -> Array:
        nonlocal arrays
        arrays += 1
        if code != ARRAY_CODE or arrays > MAX_ARRAYS:
            raise WireError(f"an extension value of code {code}, or more than {MAX_ARRAYS} arrays")
        return unpack_array(data, blob)

    return msgspec.msgpack.Decoder(kind, ext_hook=hook).decode(body)


def check_tree(value: Any) -> None:
    """Only None, bool, int, float, str, bytes, lists, string-keyed dicts and arrays, bounded in depth and number."""
    left = MAX_NODES
    stack: list[tuple[Any, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        left -= 1
        if left < 0:
            raise WireError(f"more than {MAX_NODES} values in one reply")
        if depth > MAX_DEPTH:
            raise WireError(f"values nested deeper than {MAX_DEPTH}")
        kind = type(item)
        if kind is list:
            stack.extend((child, depth + 1) for child in item)
        elif kind is dict:
            for key, child in item.items():
                if type(key) is not str:
                    raise WireError("a dictionary whose keys are not strings")
                stack.append((child, depth + 1))
        elif item is not None and kind not in (bool, int, float, str, bytes, np.ndarray):
            raise WireError(f"a value of type {kind.__name__}")
