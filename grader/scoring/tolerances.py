"""reference/tolerances.toml → Tolerance by name: every bound that a judge applies, and what it stands on."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from grader.model import GraderError

DEFAULT_TOLERANCES = Path(__file__).resolve().parent.parent.parent / "reference" / "tolerances.toml"

_NAME = re.compile(r"[a-z_0-9]+(\.[a-z_0-9]+)+")
_KEYS = ("value", "what", "runs", "false_fail", "miss")


class ToleranceError(GraderError):
    """The tolerances cannot be used. The text names file, line and reason."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """One bound, and the evidence for it."""

    name: str
    value: float
    what: str
    """What is bounded, and how the bound was found."""
    runs: int
    """On how many runs of right code the bound stands; 0 where it follows from a distribution or from rounding."""
    false_fail: float
    """Estimated share of right submissions that fail it (all tries together)."""
    miss: float | None = None
    """Share of the wrong solutions tried against it that pass it, where that was measured."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: float
    what: str
    runs: int
    false_fail: float
    miss: float | None = None


def read_tolerances(path: Path = DEFAULT_TOLERANCES) -> Mapping[str, Tolerance]:
    """Reads and validates the file. Raises ToleranceError with file, line and reason."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ToleranceError(f"{path}: there are no tolerances here; `grader calibrate` writes such a file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ToleranceError(f"{path}: the tolerances cannot be read ({error}).") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ToleranceError(f"{path}: this is not TOML: {error}") from error
    return MappingProxyType({name: _tolerance(path, text, name, table) for name, table in tables.items()})


def _tolerance(path: Path, text: str, name: str, table: object) -> Tolerance:
    def refuse(reason: str, key: str | None = None) -> ToleranceError:
        return ToleranceError(f"{path}, line {_line_of(text, name, key)}: {name}: {reason}")

    if not isinstance(table, dict):
        raise refuse(f'expected a table ["{name}"] with the keys {", ".join(_KEYS)}.')
    if not _NAME.fullmatch(name):
        raise refuse('a name is "module.bound" in lower case, in quotes: ["gan.loss"].')
    try:
        entry = msgspec.convert(table, _Entry)
    except msgspec.ValidationError as error:
        key = next((k for k in table if f"`{k}`" in str(error) or f"$.{k}" in str(error)), None)
        raise refuse(str(error).replace("`", "'"), key) from error
    if not math.isfinite(entry.value) or entry.value < 0:
        raise refuse(f"the value must be a finite number not below 0, found {entry.value}.", "value")
    if not entry.what.strip():
        raise refuse("'what' must say what is bounded.", "what")
    if entry.runs < 0:
        raise refuse(f"'runs' must not be negative, found {entry.runs}.", "runs")
    for key, share in (("false_fail", entry.false_fail), ("miss", entry.miss)):
        if share is not None and not 0 <= share <= 1:
            raise refuse(f"{key!r} is a share between 0 and 1, found {share}.", key)
    return Tolerance(name, entry.value, entry.what, entry.runs, entry.false_fail, entry.miss)


def _line_of(text: str, name: str, key: str | None) -> int:
    """1-based line of a key of a table, else of the table's header, else 1."""
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*[\"']?{re.escape(name)}[\"']?\s*\]")
    start = next((i for i, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        return next((i + 1 for i, line in enumerate(lines) if line.lstrip().startswith(name)), 1)
    for i in range(start + 1, len(lines)):
        if lines[i].lstrip().startswith("["):
            break
        if key and re.match(rf"\s*{re.escape(key)}\s*=", lines[i]):
            return i + 1
    return start + 1
