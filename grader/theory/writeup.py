"""A homework write-up (.tex or .md), numbered as the handout is → Answers.

Where a piece belongs is decided by what the writer says (a number such as "2.3" or "Question 2.3"), then by the
section (its title's words, its number, its place) and the item in it. Displayed formulas are the steps of an
answer, its result is the boxed or the last one that names what is asked, "where …" declares notation.
"""

from __future__ import annotations

from grader.theory.answer_text import (
    MAX_ANSWER_CHARS,
    MAX_FILE_CHARS,
    QUESTIONS,
    Answers,
    AnswersError,
    AnswerText,
)
from grader.theory.writeup_blocks import (
    WriteupKind,
    blocks,
    prepare,
)
from grader.theory.writeup_collected import Collected, later
from grader.theory.writeup_places import Places


def read_writeup(text: str, source: str) -> Answers:
    """The answers in a write-up of that name (.md is Markdown, all else LaTeX).

    Raises `AnswersError` when it is too long to be read.
    """
    kind: WriteupKind = "md" if source.lower().endswith((".md", ".markdown", ".mdown", ".txt")) else "tex"
    if len(text) > MAX_FILE_CHARS:
        raise AnswersError(f"{source} has {len(text):,} characters; at most {MAX_FILE_CHARS:,} are read.")
    places = Places()
    notes: list[str] = []
    for block in blocks(prepare(text, kind), kind):
        places.take(block)
    answers: dict[str, AnswerText] = {}
    shared = tuple(places.collected.pop("", Collected()).definitions)
    for question in QUESTIONS:
        collected = places.collected.get(question)
        if collected is None:
            continue
        if collected.size > MAX_ANSWER_CHARS:
            notes.append(
                f"{source}: the answer to {question} is longer than {MAX_ANSWER_CHARS:,} characters; "
                "the rest was not read."
            )
        answer = collected.answer(question, source, shared)
        answers[question] = answer
        shared = later(shared, tuple(collected.definitions))
    if not answers:
        numbers = ", ".join(QUESTIONS[:2])
        notes.append(
            f"{source}: no answer was found; number the answers as the handout does "
            f"({numbers}, … or sections with items)."
        )
    return Answers(answers, source, tuple(notes))
