"""reference/rubric.toml → Rubric: every field validated, every refusal with file, line and reason."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from grader.late import LateTerms, late_terms
from grader.model import WHOLE, GraderError, Json, Question, Visibility

TRACKS = ("ddpm", "score")
DEFAULT_RUBRIC = Path(__file__).resolve().parent.parent / "reference" / "rubric.toml"


class RubricError(GraderError):
    """The rubric cannot be used. The text names file, line and reason."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time and memory that a submission gets; seconds at the speed of the machine that the limits were set on."""

    container_minutes: float
    import_s: float
    call_s: float
    workload_ms: float
    most_scaling: float
    memory_mb: int


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What students get to see on Gradescope, and how often they may ask."""

    format: Literal["html", "text"] = "html"
    picture_kb: Annotated[int, msgspec.Meta(ge=0)] = 300
    """Kilobytes of pictures in one results.json, as they are sent; 0 sends none."""
    leaderboard: bool = False
    """Whether the quality of the samples goes to the leaderboard."""
    attempts_per_day: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Past it, the last valid score stays; 0 is no limit."""
    late_loss_per_day: str = "0"
    """Share of the score that each begun late day costs; "0" leaves lateness to Gradescope."""
    late_grace_minutes: Annotated[float, msgspec.Meta(ge=0)] = 0
    late_at_most: str = "1"
    """Share of the score that lateness never exceeds."""
    late_closed_after_days: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Later than so many days is worth nothing; left out, it never closes."""

    @property
    def late_terms(self) -> LateTerms:
        """What lateness costs, on Gradescope and, where its own file says nothing else, in a class."""
        return late_terms(
            self.late_loss_per_day, self.late_grace_minutes, self.late_at_most, self.late_closed_after_days
        )


@dataclass(frozen=True, slots=True)
class Rubric:
    """The assignment: questions with points, policies, limits."""

    title: str
    points: Fraction
    default_track: str
    seed_key: str
    limits: Limits
    policy: Mapping[str, Json]
    questions: tuple[Question, ...]
    digest: str
    """SHA-256 of the file: regrading shows which rubric a grade came from."""
    path: str
    feedback: Feedback = field(default_factory=Feedback)

    def for_track(self, track: str) -> tuple[Question, ...]:
        """The questions of one track, in the rubric's order."""
        return tuple(q for q in self.questions if q.track in (None, track))


class _Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    points: str
    default_track: Literal["ddpm", "score"]
    seed_key: str


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: str
    title: str
    points: str
    check: str
    parts: dict[str, str] = {}
    topic: str | None = None
    track: Literal["ddpm", "score"] | None = None
    visibility: Visibility = "visible"
    tags: list[str] = []
    hint: str = ""
    expected: bool | None = None
    look_for: list[dict[str, Any]] = []
    policy: dict[str, Any] = {}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    assignment: _Assignment
    limits: Limits
    policy: dict[str, Any]
    question: list[_Row]
    feedback: Feedback = Feedback()


_PATH = re.compile(r"\$(?P<path>[^`]*)")
_POINTS = re.compile(r"\d+(\.\d+)?(/\d+)?")


class _Source:
    """The text of the rubric and where things stand in it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.lines = path, text.splitlines()

    def line_of(self, table: str, index: int | None = None, key: str | None = None) -> int:
        """1-based line of a key in a table (the index-th [[table]] where it is an array), else of its header."""
        header = f"[[{table}]]" if index is not None else f"[{table}]"
        starts = [i for i, line in enumerate(self.lines) if line.split("#")[0].strip() == header]
        if not starts or (index or 0) >= len(starts):
            return 1
        start = starts[index or 0]
        if key:
            for i in range(start + 1, len(self.lines)):
                if self.lines[i].startswith("["):
                    break
                if re.match(rf"\s*{re.escape(key)}\s*=", self.lines[i]):
                    return i + 1
        return start + 1

    def error(self, reason: str, line: int) -> RubricError:
        return RubricError(f"{self.path}, line {line}: {reason}")


def read_rubric(path: Path = DEFAULT_RUBRIC, *, checks: frozenset[str] | None = None) -> Rubric:
    """Reads and validates the rubric; with `checks`, every question's check must be one of these names.

    Raises RubricError with file, line and reason.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except FileNotFoundError:
        raise RubricError(
            f"{path}: there is no rubric here; expected a TOML file like reference/rubric.toml."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RubricError(f"{path}: the rubric cannot be read ({error}).") from error
    source = _Source(path, text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        raise source.error(f"this is not TOML: {error}", int(found[1]) if found else len(source.lines)) from error
    try:
        parsed = msgspec.convert(data, _File)
    except msgspec.ValidationError as error:
        raise source.error(_reason(str(error)), _line(source, str(error))) from error
    questions = tuple(_question(source, i, row, checks) for i, row in enumerate(parsed.question))
    total = _points(source, parsed.assignment.points, source.line_of("assignment", key="points"))
    rubric = Rubric(
        title=parsed.assignment.title,
        points=total,
        default_track=parsed.assignment.default_track,
        seed_key=parsed.assignment.seed_key,
        limits=parsed.limits,
        policy=parsed.policy,
        questions=questions,
        digest=hashlib.sha256(raw).hexdigest(),
        path=str(path),
        feedback=parsed.feedback,
    )
    for name in ("late_loss_per_day", "late_at_most"):
        line = source.line_of("feedback", key=name)
        if _points(source, getattr(parsed.feedback, name), line) > 1:
            raise source.error(f'{name} is a share of the score, at most "1".', line)
    try:
        _ = parsed.feedback.late_terms
    except ValueError as error:
        raise source.error(f"{error}.", source.line_of("feedback", key="late_grace_minutes")) from error
    _check_sums(source, rubric)
    return rubric


def _reason(message: str) -> str:
    return message.split(" - at ")[0].replace("`", "'")


def _line(source: _Source, message: str) -> int:
    """The line that msgspec's path points at: `$.question[3].points` or an unknown field's name."""
    found = _PATH.search(message)
    names = re.findall(r"\w+|\[\d+\]", found["path"]) if found else []
    unknown = re.search(r"unknown field `(\w+)`", message)
    table = names[0] if names else "assignment"
    index = int(names[1][1:-1]) if len(names) > 1 and names[1].startswith("[") else None
    rest = [n for n in names[1:] if not n.startswith("[")]
    key = unknown[1] if unknown else (rest[0] if rest else None)
    return source.line_of(table, index, key)


def _points(source: _Source, text: str, line: int) -> Fraction:
    if not _POINTS.fullmatch(text):
        raise source.error(f'points must be a decimal string such as "1.5", found {text!r}.', line)
    return Fraction(text)


def _question(source: _Source, index: int, row: _Row, checks: frozenset[str] | None) -> Question:
    def line(key: str) -> int:
        return source.line_of("question", index, key)

    points = _points(source, row.points, line("points"))
    parts = {name: _points(source, value, line("parts")) for name, value in row.parts.items()}
    if parts and sum(parts.values()) != points:
        raise source.error(f"the parts of {row.number} sum to {sum(parts.values())}, not to {points}.", line("parts"))
    if points <= 0:
        raise source.error(f"{row.number} must be worth more than 0 points.", line("points"))
    if checks is not None and row.check not in checks:
        known = ", ".join(sorted(checks))
        raise source.error(f"there is no check called {row.check!r}; known checks: {known}.", line("check"))
    if row.check.startswith("theory.") and row.topic is None:
        raise source.error(f"{row.number} is a theory question and needs a topic.", line("number"))
    if row.check == "theory.true_false" and row.expected is None:
        raise source.error(f"{row.number} needs expected = true or false.", line("number"))
    for item in row.look_for:
        if not {"id", "text", "words"} <= item.keys():
            raise source.error("every look_for entry needs id, text and words.", line("look_for"))
    return Question(
        number=row.number,
        title=row.title,
        points=points,
        check=row.check,
        parts=parts or {WHOLE: points},
        topic=row.topic,
        track=row.track,
        visibility=row.visibility,
        tags=tuple(row.tags),
        hint=row.hint,
        expected=row.expected,
        look_for=tuple(row.look_for),
        policy=row.policy,
    )


def _check_sums(source: _Source, rubric: Rubric) -> None:
    for track in TRACKS:
        questions = rubric.for_track(track)
        numbers = [q.number for q in questions]
        for i, question in enumerate(rubric.questions):
            if question.track in (None, track) and numbers.count(question.number) > 1:
                raise source.error(
                    f"two questions of the {track} track are numbered {question.number}.",
                    source.line_of("question", i, "number"),
                )
        total = sum((q.points for q in questions), Fraction(0))
        if total != rubric.points:
            raise source.error(
                f"the questions of the {track} track sum to {total} points, the assignment says {rubric.points}.",
                source.line_of("assignment", key="points"),
            )
