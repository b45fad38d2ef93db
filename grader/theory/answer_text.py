"""A student's answers as text, by question, wherever they were written: answers.toml or a write-up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from grader.model import SubmissionError

Lang = Literal["latex", "text"]

QUESTIONS: Final = ("1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "2.5", "3.1", "3.2", "3.3", "3.4")
"""The handout's theory items."""

TRUE_FALSE: Final = ("3.1", "3.2", "3.3", "3.4")
FREE_TEXT: Final = ("1.3", "2.2")

MAX_FILE_CHARS: Final = 400_000
"""Characters of one answers file or write-up: twenty times a long homework, and read in about a second at worst."""

MAX_ANSWER_CHARS: Final = 60_000
"""Characters of one answer with all its steps."""

MAX_STEPS: Final = 200
"""Steps of one derivation; a careful one has about twenty."""


class AnswersError(SubmissionError):
    """An answers file or write-up that cannot be used; the text is a sentence for the student."""


@dataclass(frozen=True, slots=True)
class StepText:
    """One displayed formula of a derivation, as written.

    text: its mathematics; words: the prose before it; line, column: its place in the file, from 1 and 0.
    leading: the relation it begins with when it goes on from the formula before (`=`, `∝`, `⇒`, …), else None.
    """

    text: str
    lang: Lang
    line: int = 0
    column: int = 0
    words: str = ""
    leading: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerText:
    """What a student wrote for one question.

    result: the final formula; None where there is none (free text, or nothing readable).
    steps: the derivation with the result as its last step, or empty; text: the prose with its formulas.
    verdict, reason: of a true/false question; verdict_text: the words in which the verdict was given.
    definitions: formulas that declare notation, the student's earlier ones included; line: where it stands.
    parts: further results asked under this number, such as beta_bar of 2.3.
    """

    question: str
    result: str | None = None
    steps: tuple[StepText, ...] = ()
    text: str = ""
    verdict: bool | None = None
    verdict_text: str | None = None
    reason: str | None = None
    definitions: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    lang: Lang = "latex"
    source: str = ""
    line: int = 0

    @property
    def empty(self) -> bool:
        """Nothing was written."""
        return not (self.result or self.steps or self.text or self.parts or self.verdict_text or self.reason)


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of one file. notes: sentences for the student about what was ignored or repaired."""

    answers: Mapping[str, AnswerText]
    source: str
    notes: tuple[str, ...] = ()

    def get(self, question: str) -> AnswerText | None:
        """The answer to a question of the handout, None when nothing was written for it."""
        return self.answers.get(question)


_LATEX: Final = re.compile(r"\\[A-Za-z,;!|{]|\$")


def guess_lang(text: str) -> Lang:
    """LaTeX when there is a command or a dollar in it, else plain text."""
    return "latex" if _LATEX.search(text) else "text"


_LEADING: Final = (
    (r"\Longrightarrow", "⇒"),
    (r"\Rightarrow", "⇒"),
    (r"\implies", "⇒"),
    (r"\Leftrightarrow", "⇔"),
    (r"\iff", "⇔"),
    (r"\therefore", "⇒"),
    (r"\rightarrow", "⇒"),
    (r"\propto", "∝"),
    (r"\leq", "≤"),
    (r"\le", "≤"),
    (r"\geq", "≥"),
    (r"\ge", "≥"),
    (r"\approx", "≈"),
    (r"\equiv", "="),
    (":=", "="),
    ("=>", "⇒"),
    ("->", "⇒"),
    ("<=", "≤"),
    (">=", "≥"),
    ("=", "="),
    ("⇒", "⇒"),
    ("⟹", "⇒"),
    ("∝", "∝"),
    ("≤", "≤"),
    ("≥", "≥"),
)
_SPACE: Final = re.compile(r"(?:\s|&|\\[,;!:> ]|\\q?quad(?![A-Za-z])|\{\})*")


def split_leading(text: str) -> tuple[str | None, str]:
    """The relation with which a row begins (None without one) and the rest of the row."""
    start = _SPACE.match(text)
    rest = text[start.end() :] if start else text
    for written, relation in _LEADING:
        if rest.startswith(written):
            after = rest[len(written) :]
            if written[0] == "\\" and after[:1].isalpha():
                continue
            return relation, after.strip()
    return None, rest.strip()
