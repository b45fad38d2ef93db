"""Other points, policies and tolerances reach the grades from the evidence alone, and the history stays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from grader.cohort.regrade import regrade, write
from grader.cohort.settings import ClassSettings, check_same_rules, read_settings, stored_settings
from grader.cohort.standings import standings
from grader.cohort.store import Store
from grader.model import GraderError
from grader.run import default_paths
from tests.cohort.conftest import MakeClass

WRONG = {"1.1.result": "incorrect"}


def changed_rubric(tmp_path: Path, *edits: tuple[str, str]) -> ClassSettings:
    text = default_paths()[0].read_text("utf-8")
    for old, new in edits:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    (tmp_path / "rubric.toml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path / "rubric.toml", by_whom="ada")


def test_the_same_rules_change_nothing(make_class: MakeClass, settings: ClassSettings) -> None:
    with Store(make_class({"ada": {}, "alan": WRONG})) as store:
        before = store.fingerprint()
        regrading = regrade(store, settings)
        assert (regrading.changes, regrading.rows, dict(regrading.missing)) == ((), (), {})
        write(store, settings, regrading)
        assert store.fingerprint() == before


def test_moved_points_change_exactly_the_grades_that_they_touch(
    make_class: MakeClass, settings: ClassSettings, tmp_path: Path
) -> None:
    result, steps = 'title = "Optimal discriminator"', 'title = "Optimal discriminator: derivation"'
    moved = changed_rubric(
        tmp_path,
        (f'{result}\npoints = "1.5"', f'{result}\npoints = "1"'),
        (f'{steps}\npoints = "0.5"', f'{steps}\npoints = "1"'),
    )
    with Store(make_class({"ada": {}, "alan": WRONG})) as store:
        before = {s.key: s.score for s in standings(store, settings, None)}
        regrading = regrade(store, moved)
        by_key = {c.key: c for c in regrading.changes}
        assert by_key["ada"].after - by_key["ada"].before == Fraction(-1, 2)
        assert all(c.after == c.before for c in regrading.changes if c.key == "alan")
        assert {s.key: s.score for s in standings(store, settings, None)} == before, "nothing is written before"
        with pytest.raises(GraderError, match="grader regrade"):
            check_same_rules(store, moved)
        write(store, moved, regrading)
        check_same_rules(store, moved)
        after = {s.key: s.score for s in standings(store, stored_settings(store), None)}
        assert after["ada"] == before["ada"] - Fraction(1, 2)
        history = store.history(store.row("ada").id, "1.1.result")
        assert [str(g.verdict.points) for g in history] == ["3/2", "1"]
        assert [g.cause for g in history] == ["graded", "regraded"]
        assert [g.stamp.by_whom for g in history] == ["grader", "ada"]
        assert history[0].stamp.rubric_digest != history[1].stamp.rubric_digest
        assert regrade(store, moved).changes == ()


def test_a_question_that_is_dropped_is_gone_once_and_may_come_back(
    make_class: MakeClass, settings: ClassSettings, tmp_path: Path
) -> None:
    text = default_paths()[0].read_text("utf-8")
    blocks = text.split("[[question]]")
    dropped = next(b for b in blocks if 'number = "1.1.steps"' in b)
    kept = next(b for b in blocks if 'number = "1.1.result"' in b)
    (tmp_path / "fewer.toml").write_text(
        text.replace(f"[[question]]{dropped}", "").replace(kept, kept.replace('"1.5"', '"2"')), encoding="utf-8"
    )
    fewer = read_settings(tmp_path / "fewer.toml")
    with Store(make_class({"ada": {}})) as store:
        first = regrade(store, fewer)
        (change,) = first.changes
        assert {q.number for q in change.questions if q.after is None} == {"1.1.steps"}
        write(store, fewer, first)
        again = regrade(store, fewer)
        assert again.changes == (), "what is asked no more is not lost anew"
        (standing,) = standings(store, fewer, None)
        assert standing.score == change.after
        back = regrade(store, settings)
        assert back.changes[0].before == change.after
        assert "1.1.steps" in {q.number for q in back.changes[0].questions if q.before is None}


def test_a_changed_answer_key_changes_the_verdict(make_class: MakeClass, tmp_path: Path) -> None:
    key = changed_rubric(tmp_path, ('topic = "3.3"\nexpected = true', 'topic = "3.3"\nexpected = false'))
    with Store(make_class({"ada": {}})) as store:
        (change,) = regrade(store, key).changes
        assert [(q.number, q.before.outcome, q.after.outcome) for q in change.questions] == [
            ("3.3", "passed", "failed")
        ]


def test_a_question_without_evidence_is_measured_and_only_that(make_class: MakeClass, settings: ClassSettings) -> None:
    from grader.cohort.class_run import measure_missing

    with Store(make_class({"ada": {}, "alan": {}})) as store:
        alan = store.row("alan").id
        with store.transaction():
            store.connection.execute("DELETE FROM evidence WHERE submission_id = ? AND number = '3.3'", (alan,))
        regrading = regrade(store, settings)
        assert dict(regrading.missing) == {"alan": ("3.3",)}
        (job,) = measure_missing(store, settings, regrading.missing)
        assert (job.key, job.only, job.track) == ("alan", ("3.3",), "ddpm")


@pytest.mark.slow
def test_three_hundred_submissions_are_regraded_in_seconds(make_class: MakeClass, tmp_path: Path) -> None:
    import time

    key = changed_rubric(tmp_path, ('topic = "3.3"\nexpected = true', 'topic = "3.3"\nexpected = false'))
    with Store(make_class({f"s{i}": {} for i in range(300)})) as store:
        begun = time.process_time()
        regrading = regrade(store, key)
        write(store, key, regrading)
        assert len(regrading.changes) == 300
        assert time.process_time() - begun < 10
