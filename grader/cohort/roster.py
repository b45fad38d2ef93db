"""A folder of submissions → who handed in what: plain folders and archives, or an unpacked Gradescope export."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from grader.model import GraderError
from grader.report.standing import Student
from grader.submission import ARCHIVE_ENDINGS

METADATA = "submission_metadata.yml"
SINGLE_FILES = (".py", ".ipynb", ".tex", ".md", ".toml")
MOST_STAMPED_FILES = 5000
"""Entries of one submission whose size and time are looked at to see a change."""
MOST_NAMED = 8
"""Files of the folder that are named as not graded."""
NOT_SUBMISSIONS = ("__MACOSX", "__pycache__")


class RosterError(GraderError):
    """The folder of a class cannot be used. The text is for the instructor."""


@dataclass(frozen=True, slots=True)
class HandIn:
    """One submission of the class, before anything of it is opened."""

    key: str
    path: Path
    students: tuple[Student, ...]
    submitted_at: datetime | None = None

    def stamp(self) -> str:
        """Changes when a file of the submission is added, removed, resized or rewritten."""
        lines = []
        for index, entry in enumerate(_walk(self.path)):
            if index >= MOST_STAMPED_FILES:
                break
            status = entry.lstat()
            lines.append(f"{entry.relative_to(self.path)}\0{status.st_size}\0{status.st_mtime_ns}")
        return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Roster:
    """The class: its hand-ins in the order of their keys, and what the instructor should know."""

    hand_ins: tuple[HandIn, ...]
    notes: tuple[str, ...] = ()


def read_roster(folder: Path) -> Roster:
    """The submissions in a folder. Raises RosterError with the reason when there are none."""
    if not folder.is_dir():
        raise RosterError(f"{folder} is not a folder; give a folder with one folder or archive for each submission.")
    if (folder / METADATA).is_file():
        roster = _gradescope(folder)
    else:
        entries, others = _entries(folder)
        roster = Roster(tuple(_plain(entry) for entry in entries), _left_out(others))
    if not roster.hand_ins:
        raise RosterError(
            f"{folder} holds no submission; expected folders, archives ({', '.join(ARCHIVE_ENDINGS)}) "
            f"or an unpacked Gradescope export with {METADATA}."
        )
    return roster


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """What may be a submission, and what cannot be one."""
    found = [e for e in sorted(folder.iterdir()) if not e.name.startswith(".") and e.name not in NOT_SUBMISSIONS]
    python = [e.name for e in found if e.suffix == ".py" and e.stem in ("hw5_gan", "hw5_ddpm", "hw5_diffusion")]
    if python:
        raise RosterError(
            f"{folder} looks like one submission ({python[0]} lies in it), not like a class; "
            f"grade it with: grader check {folder}"
        )
    entries = [e for e in found if e.is_dir() or e.name.lower().endswith((*ARCHIVE_ENDINGS, *SINGLE_FILES))]
    return entries, [e for e in found if e not in entries and ".sqlite" not in e.name]  # a store is no stray work


def _left_out(others: list[Path]) -> tuple[str, ...]:
    """A word on files that look like nobody's work: perhaps one is somebody's, in a form that is not read."""
    if not others:
        return ()
    named = ", ".join(entry.name for entry in others[:MOST_NAMED])
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return (f"Not graded, because they are neither folders nor archives that are read: {named}{more}.",)


def _plain(entry: Path) -> HandIn:
    name = entry.name
    for suffix in sorted(ARCHIVE_ENDINGS + SINGLE_FILES, key=len, reverse=True):
        if entry.is_file() and name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return HandIn(entry.name, entry, (Student(name=name),))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML that reads Ruby's tagged maps as maps."""


def _any_tag(loader: Any, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _any_tag)


def _gradescope(folder: Path) -> Roster:
    place = folder / METADATA
    try:
        data = yaml.load(place.read_text("utf-8", errors="replace"), Loader=_Loader)
    except yaml.YAMLError as error:
        raise RosterError(f"{place} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, Mapping):
        raise RosterError(f"{place} must map submission names to their metadata, found {type(data).__name__}.")
    hand_ins, notes, seen = [], [], set()
    for name, row in data.items():
        path = folder / str(name)
        if path.parent != folder or not path.exists():
            notes.append(f"{METADATA} names {name}, but there is no such folder in the export: it is not graded.")
            continue
        row = row if isinstance(row, Mapping) else {}
        people = _field(row, "submitters")
        students = tuple(_student(p) for p in people) if isinstance(people, list) else ()
        if not students:
            notes.append(f"{METADATA} names no student for {name}: it is graded under that name.")
        hand_ins.append(HandIn(path.name, path, students, _time(_field(row, "created_at"))))
        seen.add(path.name)
    entries, others = _entries(folder)
    for entry in entries:
        if entry.name in seen:
            continue
        if entry.is_file() and not entry.name.lower().endswith(ARCHIVE_ENDINGS):
            others.append(entry)
        else:
            notes.append(f"{entry.name} is not named in {METADATA}: it is graded without a student's name.")
            hand_ins.append(HandIn(entry.name, entry, ()))
    others = [entry for entry in others if entry.name != METADATA]
    return Roster(tuple(sorted(hand_ins, key=lambda h: h.key)), (*notes, *_left_out(others)))


def _field(row: Mapping[Any, Any], name: str) -> Any:
    """A field whether its key is Ruby's symbol (':name') or a plain word."""
    return row.get(f":{name}", row.get(name))


def _student(person: Any) -> Student:
    if not isinstance(person, Mapping):
        return Student(name=str(person))
    texts = [_field(person, name) for name in ("name", "email", "sid")]
    return Student(*(str(t).strip() if t is not None else "" for t in texts))


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace(" UTC", "+00:00").replace(" Z", "+00:00"))
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _walk(path: Path) -> list[Path]:
    if not path.is_dir() or path.is_symlink():
        return [path]
    found: list[Path] = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        found.extend(Path(folder) / name for name in files)
        if len(found) > MOST_STAMPED_FILES:
            break
    return found
