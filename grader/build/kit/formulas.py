"""How each typed formula is read, with the course's own reader. It reads; it does not judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.theory import ReadError, read, typeset
from grader.theory.answer_text import Answers
from grader.theory.questions import FAMILY

WRITEUPS = (".tex", ".md")


@dataclass(frozen=True)
class Formula:
    """One formula of the student's and what the reader makes of it."""

    place: str
    """Question and part: '2.4', '2.4, step 3'."""
    text: str
    whole: str
    """The answer as it is read."""
    readings: tuple[str, ...]
    """Each of its parts."""
    problem: str
    """Why it, or a part of it, is not read; empty when all of it is."""


def formulas_of(folder: Path) -> tuple[list[Formula], list[str]]:
    """Every formula of answers.toml and of write-ups in the folder, and what the reader has to say of the files."""
    from grader.theory.answers_file import read_answers_toml
    from grader.theory.writeup import read_writeup

    found: list[Formula] = []
    notes: list[str] = []
    for path in sorted(folder.glob("*")):
        if (path.name != "answers.toml" and path.suffix not in WRITEUPS) or path.name == "README.md":
            continue
        try:
            text = path.read_text("utf-8-sig")
            answers = (read_answers_toml if path.name == "answers.toml" else read_writeup)(text, path.name)
        except (OSError, ValueError) as error:
            notes.append(f"{path.name} cannot be read: {error}")
            continue
        except Exception as error:  # a file that the reader refuses, with its sentence
            notes.append(str(error))
            continue
        notes += answers.notes
        found += [_formula(*item) for item in _typed(answers)]
    return found, notes


def _typed(answers: Answers) -> Iterator[tuple[str, str, str, str]]:
    """(place, question whose names it uses, language, text) of everything that is mathematics."""
    for item, answer in answers.answers.items():
        if item.split(".")[0] == "3" or (answer.result is None and not answer.steps):
            continue
        if answer.result and item in FAMILY:
            yield item, item, answer.lang, answer.result
        for name, text in answer.parts.items():
            if f"{item}.{name}" in FAMILY:
                yield f"{item}, {name}", f"{item}.{name}", answer.lang, text
        if item in FAMILY:
            for i, step in enumerate(answer.steps):
                yield f"{item}, step {i + 1}", item, step.lang, step.text


def _formula(place: str, question: str, lang: str, text: str) -> Formula:
    try:
        reading = read(question, lang, text)
    except ReadError as error:
        return Formula(place, text, "", (), f"{error} (character {error.column + 1})")
    members = [member for statement in reading.statements for member in statement.members]
    errors = [f"{m.error} (character {m.error.column + 1})" for m in members if m.node is None and m.error is not None]
    parts = tuple(typeset(m.node) for m in members if m.node is not None)
    return Formula(place, text, reading.typeset, parts, " ".join(errors))
