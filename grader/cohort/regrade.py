"""Another rubric, policy or tolerance on stored evidence: first what would change, then the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from grader.cohort.judgement import judge_submission
from grader.cohort.pack import PackedVerdict, pack_verdict, unpack_verdict
from grader.cohort.records import Grade
from grader.cohort.settings import ClassSettings, keep_settings
from grader.cohort.store import Store
from grader.model import Verdict


@dataclass(frozen=True, slots=True)
class QuestionChange:
    """One question of one submission whose verdict differs."""

    number: str
    before: Verdict | None
    after: Verdict | None
    """None for a question that the new rubric no longer asks."""


@dataclass(frozen=True, slots=True)
class Change:
    """One submission whose grade differs."""

    key: str
    before: Fraction
    after: Fraction
    questions: tuple[QuestionChange, ...]


@dataclass(frozen=True, slots=True)
class Regrading:
    """What a regrade does: shown first, then written."""

    changes: tuple[Change, ...]
    missing: Mapping[str, tuple[str, ...]]
    """Questions without evidence, by submission: they are measured before they can be judged."""
    looked_at: int
    rows: tuple[tuple[int, str, PackedVerdict], ...]


def regrade(store: Store, settings: ClassSettings) -> Regrading:
    """Judges every graded submission anew. Writes nothing."""
    decisions = store.decisions()
    changes, rows, missing = [], [], {}
    done = [row for row in store.rows() if row.state == "done"]
    for row in done:
        current = store.grades(row.id).get(row.id, {})
        before = {number: grade.verdict for number, grade in current.items()}
        judged = judge_submission(settings, row.track, row.key, store.evidence(row.id), before, decisions)
        lacking = [n for n in judged.missing if not _still_left_out(before.get(n))]
        if lacking:
            missing[row.key] = tuple(lacking)
        changed = []
        for number, verdict in judged.verdicts.items():
            packed = pack_verdict(verdict)
            after = unpack_verdict(packed)
            if after != before.get(number):
                changed.append(QuestionChange(number, before.get(number), after))
            if after != before.get(number) or _other_rules(current.get(number), settings):
                rows.append((row.id, number, packed))
        gone = [QuestionChange(n, v, None) for n, v in before.items() if n not in judged.verdicts]
        if changed or gone:
            old, new = _sum(before), _sum(judged.verdicts)
            changes.append(Change(row.key, old, new, (*changed, *gone)))
    return Regrading(tuple(changes), missing, len(done), tuple(rows))


def write(store: Store, settings: ClassSettings, regrading: Regrading) -> None:
    """Appends the new grades to the history and makes the settings the store's own."""
    with store.transaction():
        store.append_grades(regrading.rows, settings.stamp, "regraded")
        keep_settings(store, settings)


def _still_left_out(before: Verdict | None) -> bool:
    """A question that the run left out by itself (quick mode, no time): the rubric did not bring it."""
    return before is not None and before.outcome == "skipped" and bool(before.awaiting)


def _other_rules(grade: Grade | None, settings: ClassSettings) -> bool:
    if grade is None:
        return True
    old, new = grade.stamp, settings.stamp
    return (old.rubric_digest, old.tolerances_digest) != (new.rubric_digest, new.tolerances_digest)


def _sum(verdicts: Mapping[str, Verdict]) -> Fraction:
    return sum((v.points for v in verdicts.values()), Fraction(0))
