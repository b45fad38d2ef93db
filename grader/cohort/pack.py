"""Evidence as rows: facts as JSON text, arrays as compressed .npy bytes named by their content. Nothing is pickled."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np

from grader.model import Array, Evidence, Failure, GraderError, Json, Verdict


class PackedArray(msgspec.Struct, frozen=True):
    """An array's name in its evidence, the SHA-256 of its .npy bytes, and those bytes compressed."""

    name: str
    hash: str
    data: bytes


class PackedEvidence(msgspec.Struct, frozen=True):
    """Evidence of one question as the store and the wire hold it; the texts are JSON."""

    check: str
    facts: str
    failures: str
    notes: str
    output: str
    seconds: float
    arrays: tuple[PackedArray, ...] = ()


class PackedVerdict(msgspec.Struct, frozen=True):
    """A verdict as the store and the wire hold it; points are fractions as text, lists are JSON."""

    outcome: str
    points: str
    awaiting: str
    mistake: str | None
    mistakes: str
    message: str
    notes: str


def to_json(value: Any) -> str:
    """JSON text that survives any text (lone surrogates escaped); NaN and infinities keep their Python words.

    Raises GraderError for a value that would come back as something else.
    """
    return json.dumps(_plain(value), ensure_ascii=True, separators=(",", ":"))


def _plain(value: Any) -> Json:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Fraction):
        return str(value)
    raise GraderError(f"A fact of type {type(value).__name__} cannot be stored; facts are numbers, texts, lists, maps.")


def clean(text: str) -> str:
    """Text that any file and database takes: lone surrogates escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def pack(evidence: Evidence) -> PackedEvidence:
    """Evidence → rows. Raises GraderError for facts or arrays that cannot be stored."""
    failures = {p: [f.kind, f.sentence, f.where, f.detail] for p, f in evidence.failures.items()}
    return PackedEvidence(
        check=evidence.check,
        facts=to_json(evidence.facts),
        failures=to_json(failures),
        notes=to_json(list(evidence.notes)),
        output=clean(evidence.output),
        seconds=evidence.seconds,
        arrays=tuple(_pack_array(name, array) for name, array in evidence.arrays.items()),
    )


def _pack_array(name: str, array: Array) -> PackedArray:
    buffer = io.BytesIO()
    try:
        np.save(buffer, np.ascontiguousarray(array) if array.ndim else array, allow_pickle=False)
    except ValueError as error:
        raise GraderError(f"The array {name!r} cannot be stored: {error}") from error
    raw = buffer.getvalue()
    return PackedArray(name, hashlib.sha256(raw).hexdigest(), zlib.compress(raw, 6))


def unpack_array(data: bytes) -> Array:
    """The array of compressed .npy bytes."""
    array: Array = np.load(io.BytesIO(zlib.decompress(data)), allow_pickle=False)
    return array


class StoredArrays(Mapping[str, Array]):
    """Arrays that are fetched and decompressed only when a judge or a picture asks for one."""

    def __init__(self, hashes: Mapping[str, str], fetch: Callable[[str], bytes]) -> None:
        self._hashes, self._fetch = hashes, fetch

    def __getitem__(self, name: str) -> Array:
        return unpack_array(self._fetch(self._hashes[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._hashes)

    def __len__(self) -> int:
        return len(self._hashes)


def unpack(packed: PackedEvidence, arrays: Mapping[str, Array] | None = None) -> Evidence:
    """Rows → evidence; `arrays` stands in for the packed ones (a store fetches them lazily)."""
    failures = {p: Failure(*fields) for p, fields in json.loads(packed.failures).items()}
    if arrays is None:
        arrays = {a.name: unpack_array(a.data) for a in packed.arrays}
    return Evidence(
        check=packed.check,
        facts=json.loads(packed.facts),
        arrays=arrays,
        failures=failures,
        notes=tuple(json.loads(packed.notes)),
        output=packed.output,
        seconds=packed.seconds,
    )


def pack_verdict(verdict: Verdict) -> PackedVerdict:
    """Verdict → row."""
    return PackedVerdict(
        outcome=verdict.outcome,
        points=str(verdict.points),
        awaiting=str(verdict.awaiting),
        mistake=verdict.mistake,
        mistakes=to_json(list(verdict.mistakes)),
        message=clean(verdict.message),
        notes=to_json(list(verdict.notes)),
    )


def unpack_verdict(row: PackedVerdict) -> Verdict:
    """Row → verdict."""
    return Verdict(
        outcome=row.outcome,  # type: ignore[arg-type]
        points=Fraction(row.points),
        awaiting=Fraction(row.awaiting),
        mistake=row.mistake,
        mistakes=tuple(json.loads(row.mistakes)),
        message=row.message,
        notes=tuple(json.loads(row.notes)),
    )
