"""What decides the grades of a class, read once: rubric, tolerances, late policy, and the stamp that grades carry."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from grader.checks.catalogue import CHECK_NAMES
from grader.cohort.late import LatePolicy, read_late_policy
from grader.cohort.messages import Setup
from grader.cohort.records import RULES_COLUMNS, Rules, Stamp, now
from grader.cohort.store import Store
from grader.cohort.version import grader_version
from grader.model import GraderError
from grader.rubric import TRACKS, Feedback, Rubric, read_rubric
from grader.run import default_paths
from grader.scoring.tolerances import Tolerance, read_tolerances

LATE = "late_policy"
RUBRIC, TOLERANCES = "rubric", "tolerances"


@dataclass(frozen=True, slots=True)
class ClassSettings:
    """Rubric and tolerances with the bytes that they were read from."""

    rubric: Rubric
    tolerances: Mapping[str, Tolerance]
    setup: Setup
    stamp: Stamp


def read_settings(
    rubric: Path | None = None, tolerances: Path | None = None, *, device: str = "cpu", by_whom: str = "grader"
) -> ClassSettings:
    """The given files, else the ones that ship with the grader. Raises GraderError with the place of a mistake."""
    default_rubric, default_tolerances = default_paths()
    rubric_path, tolerances_path = rubric or default_rubric, tolerances or default_tolerances
    parsed = read_rubric(rubric_path, checks=CHECK_NAMES)
    bounds = dict(read_tolerances(tolerances_path))
    raw = tolerances_path.read_bytes()
    stamp = Stamp(parsed.digest, hashlib.sha256(raw).hexdigest(), grader_version(), by_whom)
    return ClassSettings(parsed, bounds, Setup(rubric_path.read_bytes(), raw, device), stamp)


def keep_settings(store: Store, settings: ClassSettings, late: LatePolicy | None = None) -> None:
    """Makes rubric, tolerances and a late policy, if given, the store's own, and keeps each version of them.

    The store notes from when on other rules hold, and who brought them.
    """
    rubric, bounds = settings.setup.rubric.decode("utf-8"), settings.setup.tolerances.decode("utf-8")
    store.set(
        {
            RUBRIC: rubric,
            TOLERANCES: bounds,
            f"file:{settings.stamp.rubric_digest}": rubric,
            f"file:{settings.stamp.tolerances_digest}": bounds,
            **({} if late is None else {LATE: late.text, f"file:{_digest(late.text)}": late.text}),
        }
    )
    stamp = settings.stamp
    kept = store.setting(LATE)
    found = Rules(
        at=now(),
        rubric_digest=stamp.rubric_digest,
        tolerances_digest=stamp.tolerances_digest,
        grader_version=stamp.grader_version,
        by_whom=stamp.by_whom,
        late_digest="" if kept is None else _digest(kept),
    )
    last = rules_history(store)[-1:]
    if not last or replace(last[0], at=found.at, by_whom=found.by_whom) != found:
        marks = ", ".join("?" * len(fields(Rules)))
        store.connection.execute(f"INSERT INTO rules ({RULES_COLUMNS}) VALUES ({marks})", astuple(found))


def rules_history(store: Store) -> list[Rules]:
    """What the grades of the class stood on, oldest first."""
    return [Rules(*row) for row in store.connection.execute(f"SELECT {RULES_COLUMNS} FROM rules ORDER BY id")]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def stored_settings(store: Store, *, by_whom: str = "grader") -> ClassSettings:
    """The rubric and tolerances that the store's grades stand on. Raises GraderError when nothing was graded."""
    rubric, tolerances = store.setting(RUBRIC), store.setting(TOLERANCES)
    if rubric is None or tolerances is None:
        raise GraderError(f"{store.path} holds no grade; make some with: grader cohort DIR --store {store.path}")
    with TemporaryDirectory(prefix="grader-settings-") as folder:
        rubric_path, tolerances_path = Path(folder) / "rubric.toml", Path(folder) / "tolerances.toml"
        rubric_path.write_bytes(rubric.encode("utf-8"))
        tolerances_path.write_bytes(tolerances.encode("utf-8"))
        return read_settings(rubric_path, tolerances_path, by_whom=by_whom)


def check_same_rules(store: Store, settings: ClassSettings) -> None:
    """Raises GraderError when the store's grades stand on another rubric or other tolerances."""
    kept = [_digest(store.setting(name) or "") for name in (RUBRIC, TOLERANCES)]
    same = [settings.stamp.rubric_digest, settings.stamp.tolerances_digest]
    if store.setting(RUBRIC) is not None and kept != same:
        own = "" if settings.rubric.path == str(default_paths()[0]) else f" --rubric {settings.rubric.path}"
        raise GraderError(
            f"The grades in {store.path} stand on another rubric or other tolerances than this run's. "
            f"Bring them to the new ones first, in seconds and without student code: grader regrade {store.path}{own}"
        )


def late_policy(store: Store, settings: ClassSettings, file: Path | None = None) -> LatePolicy | None:
    """The late policy of this class; the first file that is given becomes the store's own.

    Raises GraderError for another policy than the store's: a regrade shows first whom it changes.
    """
    text = store.setting(LATE)
    kept = None if text is None else read_late_policy(text, settings.rubric.feedback)
    if file is None:
        return kept
    policy = read_late_policy(file, settings.rubric.feedback)
    if kept is not None and replace(kept, text=policy.text) != policy:
        raise GraderError(
            f"{store.path} has another late policy than {file}. See whom the new one changes, then write it: "
            f"grader regrade {store.path} --late {file}"
        )
    if kept is None:
        with store.transaction():
            keep_settings(store, settings, policy)
    return policy


def late_policy_before(store: Store) -> LatePolicy | None:
    """The store's late policy with the terms of the rubric that its grades stand on, whatever else that rubric says."""
    kept = store.setting(LATE)
    if kept is None:
        return None
    told = _rubric_before(store).get("feedback", {})
    known = {name: value for name, value in told.items() if name in Feedback.__struct_fields__}
    return read_late_policy(kept, msgspec.convert(known, Feedback))


def questions_before(store: Store) -> dict[str, frozenset[str]]:
    """The numbers that the rubric of the store's grades asks for, by track: an older question counts no more."""
    rows = _rubric_before(store).get("question", [])
    return {
        track: frozenset(str(row.get("number")) for row in rows if row.get("track") in (None, track))
        for track in TRACKS
    }


def _rubric_before(store: Store) -> dict[str, Any]:
    """The stored rubric as it was written: a newer grader may know other checks and fields."""
    return tomllib.loads(store.setting(RUBRIC) or "")
