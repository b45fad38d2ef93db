"""What reviewers decided, in the store: on an answer for everyone who gave it, or on one submission apart from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from grader.cohort.pack import clean, to_json
from grader.cohort.records import DECISION_COLUMNS, Decision, decision_of, now
from grader.cohort.store import Store

EVERYONE = ""
"""In the place of a submission's key: all who gave the answer and are not decided apart."""

Decisions: TypeAlias = Mapping[tuple[str, str, str], Decision]
"""By question number, answer and submission (or EVERYONE)."""


def decisions(store: Store) -> Decisions:
    """The decisions that count: of each place the last one that was not taken back."""
    query = f"SELECT {DECISION_COLUMNS} FROM decision WHERE undone_at IS NULL ORDER BY id"
    found = (decision_of(fields) for fields in store.connection.execute(query))
    return {(d.number, d.answer, d.submission): d for d in found}


def decision_on(made: Decisions, number: str, answer: str, submission: str) -> Decision | None:
    """What holds for one submission: the decision on it alone, else the one on its answer."""
    return made.get((number, answer, clean(submission))) or made.get((number, answer, EVERYONE))


def last_decision(store: Store) -> Decision | None:
    """The newest decision that was not taken back."""
    query = f"SELECT {DECISION_COLUMNS} FROM decision WHERE undone_at IS NULL ORDER BY id DESC LIMIT 1"
    found = store.connection.execute(query).fetchone()
    return None if found is None else decision_of(found)


def decision_history(store: Store) -> list[tuple[Decision, str]]:
    """Every decision ever made, oldest first, each with the time when it was taken back (empty: it was not)."""
    found = store.connection.execute(f"SELECT {DECISION_COLUMNS}, undone_at FROM decision ORDER BY id")
    return [(decision_of(fields), undone_at or "") for *fields, undone_at in found]


def add_decision(
    store: Store,
    place: tuple[str, str, str],
    share: Fraction,
    ticks: Sequence[str],
    comment: str,
    by_whom: str,
) -> int:
    """Adds a decision; belongs into a transaction. Returns its id."""
    number, answer, submission = place
    cursor = store.connection.execute(
        "INSERT INTO decision (number, answer, submission, share, ticks, comment, by_whom, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            answer,
            clean(submission),
            str(share),
            to_json(list(ticks)),
            clean(comment),
            clean(by_whom),
            now(),
        ),
    )
    return int(cursor.lastrowid or 0)


def undo_decision(store: Store, decision: int) -> None:
    """Marks a decision as taken back; belongs into a transaction."""
    store.connection.execute("UPDATE decision SET undone_at = ? WHERE id = ? AND undone_at IS NULL", (now(), decision))
