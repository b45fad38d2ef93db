"""What goes between the run of a class and its grading processes: frames of msgpack, plain structs, no code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from grader.cohort.records import Measured
from grader.submission import Submission

HEADER_BYTES = 8
MOST_FRAME_BYTES = 1 << 30


class Setup(msgspec.Struct, frozen=True, tag=True):
    """Sent once to a fresh grading process: the files that decide, as texts, so that every machine has the same."""

    rubric: bytes
    tolerances: bytes
    device: str = "cpu"


class Job(msgspec.Struct, frozen=True, tag=True):
    """One submission to measure."""

    key: str
    path: str
    """Where the submission lies; a file or folder that the grading process can read."""
    submission: Submission | None = None
    """What was read of it, for a grading process on another machine; None where the path can be read."""
    track: str = "auto"
    only: tuple[str, ...] = ()
    """Question numbers; empty for all."""
    quick: bool = False
    pictures: bool = False
    """Also the homework's own figures."""
    deadline_s: float = 600.0
    given_up: tuple[str, ...] = ()
    """Questions whose measurement killed earlier grading processes: left to a person."""


class Begun(msgspec.Struct, frozen=True, tag=True):
    """The grading process began a question."""

    number: str
    done: int
    total: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Nothing of the submission could be graded; `ours` tells a fault of the grader from one of the submission."""

    key: str
    digest: str
    error: str
    ours: bool


class Finished(msgspec.Struct, frozen=True, tag=True):
    """A graded submission, and how much memory the grading process holds after it."""

    measured: Measured
    resident_bytes: int


class Warm(msgspec.Struct, frozen=True, tag=True):
    """The grading process is ready."""

    seconds: float


Message: TypeAlias = Setup | Job | Begun | Failed | Finished | Warm
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def write(send: Callable[[bytes], object], message: Message) -> None:
    """Sends one frame: its length, then the message."""
    data = _encoder.encode(message)
    send(len(data).to_bytes(HEADER_BYTES, "big") + data)


def read(receive: Callable[[int], bytes]) -> Message | None:
    """The next message of a stream of whole frames; None at its end. `receive(n)` returns n bytes, or fewer at the end.

    Raises msgspec.DecodeError or ValueError for what is no frame.
    """
    header = receive(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None
    length = int.from_bytes(header, "big")
    if length > MOST_FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes")
    data = receive(length)
    return _decoder.decode(data) if len(data) == length else None
