"""Prose answers: what a person should look at, never a decision made from keywords.

A free text is always for review. What is said here helps the reviewer: which of the rubric's points the text
seems to touch, and whether a formula or a number in it contradicts what is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from grader.theory.freetext_facts import Finding

MAX_TEXT: Final = 20_000
"""Characters of one free text that are looked at."""

_YES: Final = frozenset(["true", "t", "yes", "y", "correct", "right", "valid", "holds", "✓", "✔", "accurate"])
_NO: Final = frozenset(
    ["false", "f", "no", "n", "incorrect", "wrong", "untrue", "invalid", "not", "✗", "✘", "✕", "nope", "inaccurate"]
)
_MARKUP: Final = re.compile(
    r"\\(?:textbf|textit|emph|underline|text|mathrm|mathbf|textsf|bf|it|large|Large)\b|[{}$*_`\"'“”‘’]"
)
_LABEL: Final = re.compile(
    r"^(?:\(?(?:true\s*(?:or|/)\s*false|t\s*/\s*f|answer|verdict|ans|solution|sol)\)?\s*[:.?\-–—]\s*)+", re.IGNORECASE
)
_FIRST: Final = re.compile(r"^[\s(\[]*([A-Za-z]+|[✓✔✗✘✕])(?![A-Za-z])[\s)\]]*[.,:;!\-–—…]*\s*")
_STATED: Final = re.compile(
    r"\b(?:statement|claim|assertion|sentence|it|this|that|answer|verdict|which)(?:\s+\d)?\s*"
    r"(?:is|was|:|=|seems|must be)\s+"
    r"(?:clearly\s+|indeed\s+|therefore\s+|thus\s+|actually\s+)?(not\s+)?(true|false|correct|incorrect|wrong|untrue)\b",
    re.IGNORECASE,
)
_LONE: Final = re.compile(r"\b(not\s+)?(true|false)\b", re.IGNORECASE)
_CHOICE: Final = re.compile(r"\b(?:true|t|yes)\s*(?:or|/|\|)\s*(?:false|f|no)\b", re.IGNORECASE)


def read_verdict(text: str) -> tuple[bool | None, str]:
    """(the verdict or None when it is not clear, the rest of the text): "F. MAE masks 75 %" → (False, "MAE …").

    A text that says both, or neither, has no clear verdict: a person reads it.
    """
    plain = re.sub(r"\s+", " ", _MARKUP.sub(" ", text[:MAX_TEXT])).strip()
    plain = _LABEL.sub("", plain).strip()
    if _CHOICE.match(plain):
        return None, plain
    first = _FIRST.match(plain)
    leading: bool | None = None
    rest = plain
    if first:
        word = first[1].lower()
        rest = plain[first.end() :].strip()
        if word == "not":
            following = re.match(r"(true|correct|right|valid|false|wrong|incorrect)\b[\s.,:;–—-]*", rest, re.IGNORECASE)
            if following:
                leading = following[1].lower() not in _YES
                rest = rest[following.end() :].strip()
        elif word in _YES:
            leading = True
        elif word in _NO:
            leading = False
        if leading is None:
            rest = plain
    stated = {_polarity(match) for match in _STATED.finditer(plain)}
    if leading is not None:
        return (None, plain) if stated == {not leading} else (leading, rest)
    if len(stated) == 1:
        return stated.pop(), plain
    lone = {_polarity(match) for match in _LONE.finditer(plain)}
    if not stated and len(lone) == 1 and len(plain) <= 60:
        return lone.pop(), plain
    return None, plain


def _polarity(match: re.Match[str]) -> bool:
    positive = match[2].lower() in _YES
    return positive != bool(match[1])


_CANNOT: Final = re.compile(
    r"\b(?:can\s?not|can['’]?t|cannot|impossible|intractable|unable|infeasible|not\s+(?:be\s+)?(?:possible|tractable|directly|"
    r"able|computable|feasible))\b",
    re.IGNORECASE,
)
_CAN: Final = re.compile(
    r"\b(?:yes|we can(?! only| not)|it is possible|can be (?:directly )?(?:estimated|computed|evaluated))\b",
    re.IGNORECASE,
)


def read_yes_no(text: str) -> bool | None:
    """Whether a text answers "can it be done?" with yes; None when that is not clear."""
    verdict, _ = read_verdict(text)
    if verdict is not None:
        return verdict
    cannot, can = bool(_CANNOT.search(text)), bool(_CAN.search(text))
    return None if cannot == can else can


@dataclass(frozen=True, slots=True)
class TouchedPoint:
    """A point of the rubric and the words in the text that seem to touch it (none: it seems to be missing)."""

    id: str
    text: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FreeTextReview:
    """What a reviewer gets; status is never a verdict.

    status: "empty" when nothing was written, else "needs_review".
    verdict: for a yes/no question, what the text seems to say; points: see `TouchedPoint`; findings: formulas and
    numbers in the text that were checked.
    """

    status: Literal["empty", "needs_review"]
    text: str
    verdict: bool | None
    points: tuple[TouchedPoint, ...]
    findings: tuple[Finding, ...]

    @property
    def contradicted(self) -> bool:
        """A formula or number in the text contradicts what is known."""
        return any(finding.status == "contradicts" for finding in self.findings)

    def facts(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {**asdict(self), "contradicted": self.contradicted}


def review_free_text(question: str, text: str, look_for: Sequence[Mapping[str, Any]] = ()) -> FreeTextReview:
    """Facts about a prose answer to question 1.3, 2.2, 3.2 or 3.4 (with any suffix) for the person who reads it.

    look_for: the rubric's points, each with id, text and words.
    """
    shown = text.strip()[:MAX_TEXT]
    if not shown:
        return FreeTextReview("empty", "", None, (), ())
    topic = ".".join(question.split(".")[:2])
    points = tuple(
        TouchedPoint(str(point["id"]), str(point["text"]), _touched(shown, point.get("words", ())))
        for point in look_for
    )
    verdict = read_yes_no(shown) if topic == "2.2" else None
    from grader.theory.freetext_facts import check_statements  # here, since students get this file without the facts

    return FreeTextReview("needs_review", shown, verdict, points, check_statements(topic, shown))


def _touched(text: str, words: Sequence[str]) -> tuple[str, ...]:
    lowered = re.sub(r"\s+", " ", text.lower().replace("–", "-").replace("‑", "-"))
    return tuple(word for word in words if _occurs(str(word).lower(), lowered))


def _occurs(word: str, text: str) -> bool:
    """A word's beginning, so that "saturat" finds "saturates"; a number only as a whole."""
    end = r"(?![\d.]*\d)" if word[-1:].isdigit() else ""
    return re.search(rf"(?<![a-z0-9.]){re.escape(word)}{end}", text) is not None
