"""The format between the grader and a worker: length-prefixed msgpack frames that cannot execute anything.

A frame is four bytes of length (little endian) and a msgpack body. An array is a msgpack extension value that
holds its dtype, its shape and its bytes (C order, little endian). Both sides speak this file; neither pickles.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

HEADER = struct.Struct("<I")
ARRAY_CODE = 1
MAX_DEPTH = 32
MAX_DIMENSIONS = 16
MAX_NODES = 200_000

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
    """Trusted side to zygote: fork a worker (its descriptors ride along) or kill one."""

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
    data: bytes


_header_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(_ArrayHeader)
_encoder = msgspec.msgpack.Encoder()


def frame(body: bytes) -> bytes:
    """Prefix ``body`` with its length."""
    return HEADER.pack(len(body)) + body


def encode(message: msgspec.Struct) -> bytes:
    """One whole frame of a message whose values have been through `pack`."""
    return frame(_encoder.encode(message))


def pack_array(array: Array) -> msgspec.msgpack.Ext:
    """A numpy array of one of `DTYPES` as an extension value. Raises `WireError`."""
    name = array.dtype.name
    if name not in DTYPES:
        raise WireError(f"an array of dtype {name}")
    data = np.ascontiguousarray(array, dtype=DTYPES[name]).tobytes()
    header = _ArrayHeader(name, [int(n) for n in array.shape], data)
    return msgspec.msgpack.Ext(ARRAY_CODE, _header_encoder.encode(header))


def unpack_array(data: bytes | memoryview) -> Array:
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
    if math.prod(header.shape) * dtype.itemsize != len(header.data):
        raise WireError("an array whose bytes do not fit its shape")
    if header.dtype == "bool" and any(byte > 1 for byte in np.unique(np.frombuffer(header.data, np.uint8))):
        raise WireError("a boolean array with bytes other than 0 and 1")
    return np.frombuffer(header.data, dtype=dtype).reshape(header.shape).copy()


def _ext_hook(code: int, data: memoryview) -> Array:
    if code != ARRAY_CODE:
        raise WireError(f"an extension value of code {code}")
    return unpack_array(data)


request_decoder = msgspec.msgpack.Decoder(Request, ext_hook=_ext_hook)
reply_decoder = msgspec.msgpack.Decoder(Reply, ext_hook=_ext_hook)
order_decoder = msgspec.msgpack.Decoder(Order)
event_decoder = msgspec.msgpack.Decoder(Event)


def decode_reply(body: bytes) -> Reply:
    """A worker's frame, re-read as untrusted bytes. Raises `WireError` whatever is wrong with it."""
    try:
        reply = reply_decoder.decode(body)
        check_tree(reply.body)
    except WireError:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError, TypeError) as error:
        raise WireError("a frame that is not a reply") from error
    return reply


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


def pack(value: Any, special: Callable[[Any], Any] | None = None, depth: int = 0) -> Any:
    """Turn plain values and arrays into what msgpack carries; exact types only.

    ``special`` is asked first about anything that is not plain and returns a numpy array, a plain value, or
    raises `WireError` (the worker passes one that knows torch tensors).
    """
    kind = type(value)
    if value is None or kind in (bool, float, bytes):
        return value
    if kind is str:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise WireError("a text that is not Unicode (a lone surrogate)") from None
        return value
    if kind is int:
        if not -(1 << 63) <= value < 1 << 64:
            raise WireError("an integer of more than 64 bits")
        return value
    if depth >= MAX_DEPTH:
        raise WireError(f"values nested deeper than {MAX_DEPTH}")
    if kind is list or kind is tuple:
        return [pack(item, special, depth + 1) for item in value]
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise WireError(f"a dictionary whose keys are not strings ({type(key).__name__})")
        return {key: pack(item, special, depth + 1) for key, item in value.items()}
    if kind is np.ndarray:
        return pack_array(value)
    if isinstance(value, np.generic) and kind.__module__ == "numpy":
        return pack(value.item(), None, depth + 1) if value.dtype.name in DTYPES else pack_array(np.asarray(value))
    if special is not None:
        return pack(special(value), None, depth + 1)
    raise WireError(f"a value of type {kind.__name__}")
