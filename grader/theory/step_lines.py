"""A derivation as written → statements in order, each with its members and relations, and what it goes on from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from grader.theory import tree as t
from grader.theory.answer_text import AnswerText, StepText
from grader.theory.errors import ReadError
from grader.theory.expression import parse_tokens
from grader.theory.questions import family_of
from grader.theory.segments import only_prose, segments, split_chain, strip_prose
from grader.theory.tokens import tokenize

CONDITIONS: Final = frozenset({"if", "when", "If", "When", "given", "for", "For", "assuming", "such", "∀"})


_RELATION_COMMANDS: Final = frozenset(
    (
        r"\propto",
        r"\le",
        r"\leq",
        r"\ge",
        r"\geq",
        r"\Rightarrow",
        r"\implies",
        r"\iff",
        r"\sim",
        r"\approx",
        r"\quad",
        r"\equiv",
    )
)


@dataclass(frozen=True, slots=True)
class Side:
    """One member of a chain: the student's characters, and the tree or why there is none."""

    text: str
    node: t.Node | None
    error: str = ""

    @property
    def dots(self) -> bool:
        """Only “…”: what stands for omitted members."""
        return isinstance(self.node, t.Sym) and self.node.name == "…"


@dataclass(frozen=True, slots=True)
class Statement:
    """A chain `a = b ≤ c`.

    goes_on: its first relation starts from the last member of the statement before (the row began with “=”).
    follows: it was introduced by ⇒. condition: it restricts, it does not claim.
    """

    sides: tuple[Side, ...]
    relations: tuple[str, ...]
    line: int
    words: str
    goes_on: bool = False
    follows: bool = False
    condition: bool = False


def statements_of(question: str, answer: AnswerText) -> Iterator[tuple[Statement, ...]]:
    """The statements of each step; a step that cannot be cut into tokens is one member with its error."""
    for step in answer.steps:
        yield tuple(_statements(question, step))


def definitions_of(question: str, answer: AnswerText) -> Iterator[tuple[Statement, ...]]:
    """The statements by which the student declared notation outside the steps."""
    for text in answer.definitions:
        yield tuple(_statements(question, StepText(text, answer.lang)))


_SECOND: Final = re.compile(
    r"\\d?frac\s*\{\s*(?P<d>\\partial|d)\s*\^\s*\{?2\}?(?P<of>[^{}]*)\}\s*"
    r"\{\s*(?:\\partial|d)\s*(?P<by>(?:[^{}^]|\^\*|_\{[^{}]*\}|\{[^{}]*\})+?)\s*\^\s*\{?2\}?\s*\}"
)


def _twice(match: re.Match[str]) -> str:
    """∂²/∂D² as ∂/∂D ∂/∂D, which the reader knows."""
    d, by = match["d"], match["by"]
    return rf"\frac{{{d}}}{{{d} {by}}} \frac{{{d} {match['of']}}}{{{d} {by}}}"


_OPENING: Final = re.compile(r"(?:\\[A-Za-z]+\s*\{?|\{)\s*$")


def _widened(text: str, start: int, end: int) -> str:
    """The student's characters of a member, with the `\\mathbf{` and `}` that belong to its first and last symbol."""
    while opening := _OPENING.search(text, 0, start):
        if text[opening.start() : start].strip() in _RELATION_COMMANDS:
            break
        start = opening.start()
    piece = text[start:end]
    missing = piece.count("{") - piece.count("}")
    while missing > 0 and text[end : end + 1] == "}":
        end, missing = end + 1, missing - 1
    return text[start:end].strip()


def _statements(question: str, step: StepText) -> Iterator[Statement]:
    family = family_of(question)
    if step.lang == "text":
        step = replace(step, text=re.sub(r"\bD\s?\*(?=\s*[,)])", "D^*", step.text))
    else:
        step = replace(step, text=_SECOND.sub(_twice, step.text))
    try:
        pieces = segments(tokenize(step.text, step.lang), step.lang)
    except ReadError as error:
        yield Statement((Side(step.text, None, error.sentence),), (), step.line, step.words)
        return
    first = True
    for piece in pieces:
        if only_prose(piece.tokens, step.lang):
            continue
        chains, relations = split_chain(piece.tokens)
        sides = []
        for place, chain in enumerate(chains):
            used = strip_prose(chain, first=place == 0, last=place == len(chains) - 1) or chain
            if not used:
                sides.append(Side("", None, "a side of the relation is empty"))
                continue
            text = _widened(step.text, used[0].column, used[-1].end)
            try:
                sides.append(Side(text, parse_tokens(used, family, step.lang)))
            except ReadError as error:
                sides.append(Side(text, None, error.sentence))
        statement = Statement(
            tuple(sides),
            relations,
            step.line,
            step.words if first else "",
            follows=piece.intro in ("⇒", "so"),
            condition=piece.role == "condition" or piece.intro in CONDITIONS,
        )
        if first and step.leading is not None:
            if step.leading in ("⇒", "⇔"):
                statement = replace(statement, follows=True)
            else:
                statement = replace(statement, goes_on=True, relations=(step.leading, *relations))
        first = False
        yield statement
