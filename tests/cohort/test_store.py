"""The store: versions, history, and what survives a kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from grader.cohort.decisions import EVERYONE, decisions
from grader.cohort.schema import MIGRATIONS, VERSION
from grader.cohort.settings import ClassSettings, rules_history
from grader.cohort.standings import standings
from grader.cohort.store import Store, alone
from grader.model import GraderError
from grader.report.page import student_page
from tests.cohort.conftest import MakeClass, measured

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_store_of_every_older_version_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path)
    old.executescript(f"{' '.join(MIGRATIONS[:version])} PRAGMA user_version = {version};")
    old.execute("INSERT INTO submission (id, key, path, stamp, state, track) VALUES (1, 'ada', '/x', 's', 'done', 't')")
    old.execute("INSERT INTO student (submission_id, name, email, sid) VALUES (1, 'Ada', '', '')")
    old.execute("INSERT INTO evidence VALUES (1, '1.3', 'c', '{\"text\": \"t\"}', '{}', '[]', '', 0.5, 'now', '0')")
    for identity, rubric, cause in (
        (1, "r", "graded"),
        (2, "r", "graded"),
        (3, "r2", "regraded"),
        (4, "r", "reviewed"),
    ):
        old.execute(
            f"INSERT INTO grade VALUES ({identity}, 1, '1.3', 'failed', '1/3', '0', 'm', '[\"m\"]', 'why', '[]', "
            f"'{rubric}', 't', '0', 'at{identity}', '{cause}', 'ada')"
        )
    if version >= 2:
        old.execute("INSERT INTO decision VALUES (1, '1.3', 'key', '1/2', '[\"a\"]', 'so', 'ada', 'now', NULL)")
    old.commit()
    old.close()
    for _ in range(2):
        with Store(path) as store:
            assert store.connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
            assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            row = store.row("ada")
            assert (row.state, row.run.track, row.run.peak_bytes, row.run.warnings) == ("done", "t", 0, ())
            assert store.students()[1][0].name == "Ada"
            assert store.evidence(1)["1.3"].facts == {"text": "t"}
            assert str(store.grades()[1]["1.3"].verdict.points) == "1/3"
            found = {place: (d.share, d.ticks, d.by_whom) for place, d in decisions(store).items()}
            kept = {("1.3", "key", EVERYONE): (Fraction(1, 2), ("a",), "ada")}
            assert found == (kept if version >= 2 else {})
            held = [(r.at, r.rubric_digest, r.by_whom, r.late_digest) for r in rules_history(store)]
            assert held == [("at1", "r", "ada", ""), ("at3", "r2", "ada", "")]


def test_what_the_run_warned_of_stays_with_the_submission(make_class: MakeClass, settings: ClassSettings) -> None:
    with Store(make_class({"ada": {}, "alan": {}})) as store:
        store.keep(measured(settings, "ada", {}, warnings=("Not isolated: no layer.",)), settings.stamp)
        assert [row.run.warnings for row in store.rows()] == [("Not isolated: no layer.",), ()]
        ada, alan = standings(store, settings, None)
        assert ada.report is not None
        assert alan.report is not None
        assert ada.report.warnings == ("Not isolated: no layer.",)
        assert "Not isolated: no layer." in student_page(ada.report)
        assert "Not isolated" not in student_page(alan.report)


def test_a_store_of_a_newer_grader_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    with Store(path) as store:
        store.connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(GraderError, match="newer grader"):
        Store(path)


def test_what_is_no_store_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is not a database, and long enough to be one" * 50)
    with pytest.raises(GraderError, match="cannot be used as a store"):
        Store(tmp_path / "text")
    with pytest.raises(GraderError, match="there is no store here"):
        Store(tmp_path / "none", create=False)


def test_changed_files_are_graded_anew_and_replace_the_old_evidence(
    make_class: MakeClass, settings: ClassSettings
) -> None:
    with Store(make_class({"ada": {}, "alan": {}})) as store:
        row = store.row("ada")
        (row.path / "answers.toml").write_text("new = 1")
        from grader.cohort.roster import read_roster

        store.enrol(read_roster(row.path.parent).hand_ins)
        assert [r.state for r in store.rows()] == ["waiting", "done"]
        store.keep(measured(settings, "ada", {"1.3": "another text"}, digest="e"), settings.stamp)
        assert store.evidence(row.id)["1.3"].facts["text"] == "another text"
        assert len(store.history(row.id, "1.3")) == 2


def test_equal_arrays_are_stored_once(make_class: MakeClass, settings: ClassSettings) -> None:
    import msgspec
    import numpy as np

    from grader.cohort.pack import pack
    from grader.model import Evidence

    with Store(make_class({"ada": {}, "alan": {}})) as store:
        evidence = {"4.6": pack(Evidence("gan.training", {}, {"samples": np.ones((64, 64))}))}
        for key in ("ada", "alan"):
            store.keep(msgspec.structs.replace(measured(settings, key, {}), evidence=evidence), settings.stamp)
            found = store.evidence(store.row(key).id)["4.6"].arrays
            np.testing.assert_array_equal(found["samples"], np.ones((64, 64)))
        assert store.connection.execute("SELECT count(*) FROM content").fetchone() == (1,)


KILLED = """
import sys, os, signal
from pathlib import Path
from grader.cohort.settings import read_settings
from grader.cohort.store import Store
from tests.cohort.conftest import measured
settings = read_settings()
with Store(Path(sys.argv[1])) as store:
    for key in ("ada", "alan"):
        if key == "alan":
            store.connection.set_trace_callback(
                lambda line: os.kill(os.getpid(), signal.SIGKILL) if "INSERT INTO grade" in line else None
            )
        store.keep(measured(settings, key, {"1.3": "after"}), settings.stamp)
        print(key, flush=True)
"""


def test_a_kill_in_the_middle_of_writing_leaves_whole_submissions(
    make_class: MakeClass, settings: ClassSettings
) -> None:
    path = make_class({"ada": {"1.3": "before"}, "alan": {"1.3": "before"}})
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, cwd=ROOT, env={**os.environ}
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout.split() == ["ada"]
    with Store(path) as store:
        assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        texts = {row.key: store.evidence(row.id)["1.3"].facts["text"] for row in store.rows()}
        assert texts == {"ada": "after", "alan": "before"}
        assert len(store.history(store.row("alan").id, "1.3")) == 1


def test_two_runs_do_not_write_one_store(tmp_path: Path) -> None:
    with alone(tmp_path / "s"), pytest.raises(GraderError, match="Another run"), alone(tmp_path / "s"):
        pass
    with alone(tmp_path / "s"):
        pass
