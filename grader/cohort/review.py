"""What needs a person: undecided answers grouped so that equal ones need one decision; decisions stored at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import msgspec
from rapidfuzz import fuzz

from grader.cohort.decisions import EVERYONE, Decisions, add_decision, decisions, undo_decision
from grader.cohort.judgement import answer_key, answer_text, judge_submission
from grader.cohort.pack import PackedVerdict, pack_verdict
from grader.cohort.records import Cause, Decision, Row
from grader.cohort.settings import ClassSettings
from grader.cohort.store import Store
from grader.model import Evidence, Question, Verdict

NEEDS_A_PERSON = ("needs_review", "grader_error")
SIMILAR = 80.0
"""Answers whose words agree to this percentage are shown side by side."""
MOST_COMPARED = 400
"""Groups of one question that are compared with each other; more are shown in plain order."""


@dataclass(frozen=True, slots=True)
class Member:
    """One submission with a group's answer: its key for the store, its pseudonym for the page."""

    key: str
    pseudonym: str
    text: str
    """The answer as this one wrote it."""


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
    members: tuple[Member, ...]
    """In the order of their pseudonyms, which tells nothing of their names."""
    similar: tuple[str, ...] = field(default=())
    """Keys of groups whose answers read alike."""


def queue(store: Store, settings: ClassSettings) -> list[Group]:
    """Every answer that awaits a person or was decided by one, by question; alike answers follow each other."""
    decided_numbers = {number for number, *_ in decisions(store)}
    found: dict[tuple[str, str], Group] = {}
    for row in store.rows():
        if row.state != "done":
            continue
        before = {n: g.verdict for n, g in store.grades(row.id).get(row.id, {}).items()}
        open_or_decided = [n for n, v in before.items() if n in decided_numbers or v.outcome in NEEDS_A_PERSON]
        if not open_or_decided:
            continue
        evidence = {n: e for number in open_or_decided for n, e in store.evidence(row.id, number).items()}
        machine = judge_submission(settings, row.run.track, row.key, evidence, before, {}).verdicts
        for question in settings.rubric.for_track(row.run.track):
            verdict = machine[question.number]
            if question.number not in evidence or verdict.outcome not in NEEDS_A_PERSON:
                continue
            _add(found, row, question, evidence[question.number], verdict)
    by_question: dict[str, list[Group]] = {}
    for group in found.values():
        by_question.setdefault(group.question.number, []).append(group)
    order = {q.number: i for i, q in enumerate(settings.rubric.questions)}
    groups = [g for number in sorted(by_question, key=order.__getitem__) for g in _side_by_side(by_question[number])]
    return [replace(g, members=tuple(sorted(g.members, key=lambda m: (m.pseudonym, m.key)))) for g in groups]


def _add(
    found: dict[tuple[str, str], Group], row: Row, question: Question, evidence: Evidence, verdict: Verdict
) -> None:
    key = answer_key(question, evidence, row.key)
    place = (question.number, key)
    member = Member(row.key, row.pseudonym, answer_text(evidence))
    group = found.get(place) or Group(question, key, member.text, evidence, verdict, ())
    found[place] = replace(group, members=(*group.members, member))


def _side_by_side(groups: list[Group]) -> list[Group]:
    """Largest groups first, each followed by the ones that read like it."""
    left = sorted(groups, key=lambda g: (-len(g.members), g.text))
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
    apart: Member | None = None,
) -> int:
    """Stores a decision and the grades that follow from it, in one transaction. Returns the decision's id.

    It holds for everyone who gave the answer, or `apart` for one member, whom no decision on the answer reaches then.
    """
    place = (group.question.number, group.answer, apart.key if apart else EVERYONE)
    with store.transaction():
        decision = add_decision(store, place, share, tuple(ticks), comment, by_whom)
        _settle(store, settings, place, by_whom, "reviewed")
    return decision


def undo(store: Store, settings: ClassSettings, decision: Decision, by_whom: str) -> None:
    """Takes a decision back: the one before it counts again, or the answer awaits a person as before."""
    with store.transaction():
        undo_decision(store, decision.id)
        _settle(store, settings, (decision.number, decision.answer, decision.submission), by_whom, "undone")


def settle_submission(store: Store, settings: ClassSettings, key: str) -> None:
    """Lays earlier decisions over a submission that was graded after them."""
    made = decisions(store)
    if not made:
        return
    row = store.row(key)
    changed = _differing(store, settings, row, made, None)
    if changed:
        with store.transaction():
            store.append_grades(changed, settings.stamp, "reviewed")


def _settle(store: Store, settings: ClassSettings, place: tuple[str, str, str], by_whom: str, cause: Cause) -> None:
    number, answer, submission = place
    made = decisions(store)
    stamp = msgspec.structs.replace(settings.stamp, by_whom=by_whom)
    questions = {q.number: q for q in settings.rubric.questions}
    for row in store.rows() if submission == EVERYONE else [store.row(submission)]:
        if row.state != "done":
            continue
        evidence = store.evidence(row.id, number).get(number)
        if evidence is None or answer_key(questions[number], evidence, row.key) != answer:
            continue
        store.append_grades(_differing(store, settings, row, made, number), stamp, cause)


def _differing(
    store: Store, settings: ClassSettings, row: Row, made: Decisions, number: str | None
) -> list[tuple[int, str, PackedVerdict]]:
    before = {n: g.verdict for n, g in store.grades(row.id).get(row.id, {}).items()}
    after = judge_submission(settings, row.run.track, row.key, store.evidence(row.id), before, made).verdicts
    return [
        (row.id, n, pack_verdict(v)) for n, v in after.items() if v != before.get(n) and (number is None or n == number)
    ]
