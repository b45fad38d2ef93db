"""`grader read`: how answers are understood, as lines of typeset plain text. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grader.desk import ANSWERS
from grader.model import SubmissionError
from grader.theory import ReadError, typeset
from grader.theory import read as read_text
from grader.theory.answer_text import Answers, AnswerText
from grader.theory.questions import FAMILY as QUESTIONS

MOST_SHOWN = 160
"""Characters of the student's own text that are repeated beside the reading."""


def read_formula(question: str, lang: str, text: str) -> tuple[list[str], bool]:
    """The reading of one formula, and whether it was understood. Raises SubmissionError for an unknown question."""
    if question not in QUESTIONS:
        raise SubmissionError(f"--question {question}: formulas are read for {', '.join(QUESTIONS)}.")
    return _lines(question, lang, text)


def read_file(path: Path) -> tuple[list[str], bool]:
    """The reading of every formula in answers.toml or in a write-up. Raises SubmissionError."""
    from grader.theory.answers_file import read_answers_toml
    from grader.theory.writeup import read_writeup

    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubmissionError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    except OSError as error:
        raise SubmissionError(
            f"{path} cannot be read: {error.strerror}. Name an answers.toml, .tex or .md file."
        ) from error
    toml = path.name == ANSWERS or path.suffix == ".toml"
    answers = read_answers_toml(text, path.name) if toml else read_writeup(text, path.name)
    lines: list[str] = list(answers.notes)
    understood = True
    for heading, formula, lang in _formulas(answers):
        found, readable = _lines(_question_of(heading), lang, formula)
        understood = understood and readable
        lines += ["", heading, *(f"  {line}" for line in found)]
    if len(lines) == len(answers.notes):
        lines.append("No formulas were found in this file.")
    return lines, understood


def _formulas(answers: Answers) -> Iterator[tuple[str, str, str]]:
    """(question and place, formula, language) of everything that is mathematics."""
    for question, answer in answers.answers.items():
        if question.split(".")[0] == "3" or _is_prose(answer):
            continue
        if answer.result:
            yield question, answer.result, answer.lang
        for name, text in answer.parts.items():
            yield f"{question}.{name}", text, answer.lang
        for i, step in enumerate(answer.steps):
            yield f"{question}, step {i + 1}", step.text, step.lang


def _is_prose(answer: AnswerText) -> bool:
    return answer.result is None and not answer.steps


def _question_of(heading: str) -> str:
    name = heading.split(",")[0]
    return name if name in QUESTIONS else ".".join(name.split(".")[:2])


def _lines(question: str, lang: str, text: str) -> tuple[list[str], bool]:
    shown = " ".join(text.split())
    lines = [f"you wrote:  {shown[:MOST_SHOWN]}{'…' if len(shown) > MOST_SHOWN else ''}"]
    try:
        reading = read_text(question, lang, text)
    except ReadError as error:
        return [*lines, f"not read:   {error} (character {error.column + 1})"], False
    understood = True
    for statement in reading.statements:
        for member in statement.members:
            if member.node is not None:
                role = "" if statement.role == "answer" else f"  [{statement.role}]"
                lines.append(f"read as:    {typeset(member.node)}{role}")
            elif member.error is not None:
                understood = False
                lines.append(f"not read:   {member.error} (character {member.error.column + 1})")
    return lines, understood
