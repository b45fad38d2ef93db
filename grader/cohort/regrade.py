"""Another rubric, policy or tolerance on stored evidence: first what would change, then the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from grader.cohort.decisions import decisions
from grader.cohort.judgement import judge_submission
from grader.cohort.late import LatePolicy, lateness, read_late_policy
from grader.cohort.pack import PackedVerdict, pack_verdict, unpack_verdict
from grader.cohort.records import Grade
from grader.cohort.settings import ClassSettings, keep_settings, late_policy, late_policy_before, questions_before
from grader.cohort.store import Store
from grader.late import IN_TIME, Lateness
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
    """One submission whose grade differs, in the points that count: after the late policy."""

    key: str
    before: Fraction
    after: Fraction
    questions: tuple[QuestionChange, ...]
    lateness_before: Lateness = IN_TIME
    lateness_after: Lateness = IN_TIME


@dataclass(frozen=True, slots=True)
class Regrading:
    """What a regrade does: shown first, then written."""

    changes: tuple[Change, ...]
    missing: Mapping[str, tuple[str, ...]]
    """Questions without evidence, by submission: they are measured before they can be judged."""
    looked_at: int
    rows: tuple[tuple[int, str, PackedVerdict], ...]
    late: LatePolicy | None = None
    """The late policy that replaces the store's; None leaves that one."""
    late_before: int = 0
    late_after: int = 0
    """Hand-ins that lose points by the late policy."""


def regrade(store: Store, settings: ClassSettings, late: Path | None = None) -> Regrading:
    """Judges every graded submission anew, with another late policy if its file is given. Writes nothing."""
    made, students, asked = decisions(store), store.students(), questions_before(store)
    old_policy = late_policy_before(store)
    given = None if late is None else read_late_policy(late, settings.rubric.feedback)
    new_policy = given or late_policy(store, settings)
    changes, rows, missing = [], [], {}
    late_before = late_after = 0
    done = [row for row in store.rows() if row.state == "done"]
    for row in done:
        counted = asked.get(row.run.track, frozenset())
        current = {n: grade for n, grade in store.grades(row.id).get(row.id, {}).items() if n in counted}
        before = {number: grade.verdict for number, grade in current.items()}
        judged = judge_submission(settings, row.run.track, row.key, store.evidence(row.id), before, made)
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
        was, will = (
            lateness(policy, row.submitted_at, row.key, students.get(row.id, ())) for policy in (old_policy, new_policy)
        )
        late_before, late_after = late_before + (was.factor < 1), late_after + (will.factor < 1)
        if changed or gone or was.factor != will.factor:
            old, new = _sum(before) * was.factor, _sum(judged.verdicts) * will.factor
            changes.append(Change(row.key, old, new, (*changed, *gone), was, will))
    return Regrading(tuple(changes), missing, len(done), tuple(rows), given, late_before, late_after)


def write(store: Store, settings: ClassSettings, regrading: Regrading) -> None:
    """Appends the new grades to the history and makes the rules the store's own."""
    with store.transaction():
        store.append_grades(regrading.rows, settings.stamp, "regraded")
        keep_settings(store, settings, regrading.late)


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
