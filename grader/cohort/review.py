"""What needs a person: undecided answers grouped so that equal ones need one decision; decisions stored at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import msgspec
from rapidfuzz import fuzz

from grader.cohort.judgement import answer_key, answer_text, judge_submission
from grader.cohort.pack import PackedVerdict, pack_verdict
from grader.cohort.records import Cause, Decision, Row
from grader.cohort.settings import ClassSettings
from grader.cohort.store import Store
from grader.model import Evidence, Question, Verdict

SIMILAR = 80.0
"""Answers whose words agree to this percentage are shown side by side."""
MOST_COMPARED = 400
"""Groups of one question that are compared with each other; more are shown in plain order."""


@dataclass(frozen=True, slots=True)
class Group:
    """One answer to one question, and everyone who gave it."""

    question: Question
    answer: str
    """Key of the normalised answer."""
    text: str
    evidence: Evidence
    """Of the first submission that gave it: what the machine saw."""
    verdict: Verdict
    """Of the machine, before any decision."""
    submissions: tuple[str, ...]
    """Pseudonyms."""
    decision: Decision | None = None
    similar: tuple[str, ...] = field(default=())
    """Keys of groups whose answers read alike."""


def queue(store: Store, settings: ClassSettings) -> list[Group]:
    """Every answer that awaits a person or was decided by one, by question; alike answers follow each other."""
    decisions = store.decisions()
    found: dict[tuple[str, str], Group] = {}
    for row in store.rows():
        if row.state != "done":
            continue
        evidence = store.evidence(row.id)
        before = {n: g.verdict for n, g in store.grades(row.id).get(row.id, {}).items()}
        if not any(v.outcome in ("needs_review", "grader_error") for v in before.values()) and not decisions:
            continue
        machine = judge_submission(settings, row.track, row.key, evidence, before, {}).verdicts
        for question in settings.rubric.for_track(row.track):
            verdict = machine[question.number]
            if verdict.outcome not in ("needs_review", "grader_error"):
                continue
            _add(found, row, question, evidence[question.number], verdict, decisions)
    by_question: dict[str, list[Group]] = {}
    for group in found.values():
        by_question.setdefault(group.question.number, []).append(group)
    order = {q.number: i for i, q in enumerate(settings.rubric.questions)}
    return [g for number in sorted(by_question, key=order.__getitem__) for g in _side_by_side(by_question[number])]


def _add(
    found: dict[tuple[str, str], Group],
    row: Row,
    question: Question,
    evidence: Evidence,
    verdict: Verdict,
    decisions: dict[tuple[str, str], Decision],
) -> None:
    key = answer_key(question, evidence, row.key)
    place = (question.number, key)
    if place in found:
        found[place] = replace(found[place], submissions=(*found[place].submissions, row.pseudonym))
        return
    found[place] = Group(
        question, key, answer_text(evidence), evidence, verdict, (row.pseudonym,), decisions.get(place)
    )


def _side_by_side(groups: list[Group]) -> list[Group]:
    """Largest groups first, each followed by the ones that read like it."""
    left = sorted(groups, key=lambda g: (-len(g.submissions), g.text))
    if len(left) > MOST_COMPARED:
        return left
    ordered: list[Group] = []
    while left:
        first = left.pop(0)
        near = [g for g in left if first.text and fuzz.token_sort_ratio(first.text, g.text) >= SIMILAR]
        left = [g for g in left if g not in near]
        keys = tuple(g.answer for g in near)
        ordered.append(replace(first, similar=keys))
        ordered.extend(replace(g, similar=(first.answer, *(k for k in keys if k != g.answer))) for g in near)
    return ordered


def decide(
    store: Store,
    settings: ClassSettings,
    group: Group,
    share: Fraction,
    ticks: Iterable[str],
    comment: str,
    by_whom: str,
) -> int:
    """Stores a decision and the grades that follow from it, in one transaction. Returns the decision's id."""
    with store.transaction():
        decision = store.add_decision(group.question.number, group.answer, share, tuple(ticks), comment, by_whom)
        _settle(store, settings, group.question.number, group.answer, by_whom, "reviewed")
    return decision


def undo(store: Store, settings: ClassSettings, decision: Decision, by_whom: str) -> None:
    """Takes a decision back: the one before it counts again, or the answer awaits a person as before."""
    with store.transaction():
        store.undo_decision(decision.id)
        _settle(store, settings, decision.number, decision.answer, by_whom, "undone")


def settle_submission(store: Store, settings: ClassSettings, key: str) -> None:
    """Lays earlier decisions over a submission that was graded after them."""
    decisions = store.decisions()
    if not decisions:
        return
    row = store.row(key)
    changed = _differing(store, settings, row, decisions, None)
    if changed:
        with store.transaction():
            store.append_grades(changed, settings.stamp, "reviewed")


def _settle(store: Store, settings: ClassSettings, number: str, answer: str, by_whom: str, cause: Cause) -> None:
    decisions = store.decisions()
    stamp = msgspec.structs.replace(settings.stamp, by_whom=by_whom)
    questions = {q.number: q for q in settings.rubric.questions}
    for row in store.rows():
        if row.state != "done":
            continue
        evidence = store.evidence(row.id, number).get(number)
        if evidence is None or answer_key(questions[number], evidence, row.key) != answer:
            continue
        store.append_grades(_differing(store, settings, row, decisions, number), stamp, cause)


def _differing(
    store: Store,
    settings: ClassSettings,
    row: Row,
    decisions: dict[tuple[str, str], Decision],
    number: str | None,
) -> list[tuple[int, str, PackedVerdict]]:
    before = {n: g.verdict for n, g in store.grades(row.id).get(row.id, {}).items()}
    after = judge_submission(settings, row.track, row.key, store.evidence(row.id), before, decisions).verdicts
    return [
        (row.id, n, pack_verdict(v)) for n, v in after.items() if v != before.get(n) and (number is None or n == number)
    ]
