"""The class on disk: one SQLite file in WAL mode. A finished submission is one transaction, flushed to the disk."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from grader.cohort.pack import PackedEvidence, PackedVerdict, StoredArrays, clean, to_json, unpack
from grader.cohort.records import (
    GRADE_COLUMNS,
    ROW_COLUMNS,
    STAMP_COLUMNS,
    VERDICT_COLUMNS,
    Cause,
    Grade,
    Measured,
    Row,
    Stamp,
    grade_of,
    now,
    row_of,
)
from grader.cohort.roster import HandIn
from grader.cohort.schema import migrate
from grader.model import Evidence, GraderError
from grader.report.standing import Student

BUSY_MS = 30_000


class Store:
    """An open store; use it as a context manager, one per thread. Raises GraderError when the file cannot be used."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        if not create and not path.is_file():
            raise GraderError(f"{path}: there is no store here; make one with: grader cohort DIR --store {path}")
        try:
            self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            migrate(self.connection, str(path))
            self.connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error as error:
            raise GraderError(f"{path} cannot be used as a store: {error}.") from error

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; what was written is on disk already."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    # submissions

    def enrol(self, hand_ins: Iterable[HandIn]) -> None:
        """Adds submissions that are new, and takes over paths, times and students of the known ones.

        A submission whose files changed waits again; its old evidence stays until the new replaces it.
        """
        with self.transaction():
            for hand_in in hand_ins:
                when = hand_in.submitted_at.isoformat() if hand_in.submitted_at else None
                key, path = clean(hand_in.key), clean(str(hand_in.path.resolve()))
                self.connection.execute(
                    "INSERT INTO submission (key, path, stamp, submitted_at) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (key) DO UPDATE SET path = excluded.path, submitted_at = excluded.submitted_at, "
                    "state = CASE WHEN stamp = excluded.stamp THEN state ELSE 'waiting' END, stamp = excluded.stamp",
                    (key, path, hand_in.stamp(), when),
                )
                (owner,) = self.connection.execute("SELECT id FROM submission WHERE key = ?", (key,)).fetchone()
                self.connection.execute("DELETE FROM student WHERE submission_id = ?", (owner,))
                self.connection.executemany(
                    "INSERT INTO student (submission_id, name, email, sid) VALUES (?, ?, ?, ?)",
                    [(owner, clean(s.name), clean(s.email), clean(s.sid)) for s in hand_in.students],
                )

    def rows(self) -> list[Row]:
        """Every submission, by key."""
        return [row_of(r) for r in self.connection.execute(f"SELECT {ROW_COLUMNS} FROM submission ORDER BY key")]

    def row(self, key: str) -> Row:
        """One submission. Raises GraderError for a key that the store does not know."""
        found = self.connection.execute(f"SELECT {ROW_COLUMNS} FROM submission WHERE key = ?", (clean(key),)).fetchone()
        if found is None:
            raise GraderError(f"{self.path} knows no submission {key!r}.")
        return row_of(found)

    def students(self) -> dict[int, tuple[Student, ...]]:
        """Who handed in, by submission."""
        found: dict[int, list[Student]] = {}
        for owner, *fields in self.connection.execute(
            "SELECT submission_id, name, email, sid FROM student ORDER BY id"
        ):
            found.setdefault(owner, []).append(Student(*fields))
        return {owner: tuple(people) for owner, people in found.items()}

    # what was measured

    def keep(self, measured: Measured, stamp: Stamp, cause: Cause = "graded") -> None:
        """Stores a finished submission; evidence of files that have changed since goes."""
        with self.transaction():
            found = self.connection.execute(
                "SELECT id, digest FROM submission WHERE key = ?", (clean(measured.key),)
            ).fetchone()
            if found is None:
                raise GraderError(f"The store does not know the submission {measured.key}.")
            owner, digest = found
            if digest != measured.run.digest:
                self.connection.execute("DELETE FROM evidence WHERE submission_id = ?", (owner,))
            run, partial = measured.run, int(measured.partial)
            self.connection.execute(
                "UPDATE submission SET state = 'done', error = '', measured_at = ?, digest = ?, track = ?, "
                "isolation = ?, notes = ?, warnings = ?, seconds = ? + seconds * ?, "
                "peak_bytes = max(?, peak_bytes * ?), complete = ? WHERE id = ?",
                (
                    now(),
                    run.digest,
                    run.track,
                    *(to_json(texts) for texts in (run.isolation, run.notes, run.warnings)),
                    *(run.seconds, partial),
                    *(run.peak_bytes, partial),
                    int(run.complete),
                    owner,
                ),
            )
            for number, evidence in measured.evidence.items():
                self._keep_evidence(owner, number, evidence, stamp.grader_version)
            self.append_grades(
                [(owner, number, verdict) for number, verdict in measured.verdicts.items()], stamp, cause
            )

    def fail(self, key: str, error: str, *, ours: bool) -> None:
        """Stores that a submission could not be graded, and why; with a fault of ours it waits for the next run."""
        with self.transaction():
            self.connection.execute(
                "UPDATE submission SET state = ?, error = ?, measured_at = ? WHERE key = ?",
                ("waiting" if ours else "failed", clean(error), now(), clean(key)),
            )

    def _keep_evidence(self, owner: int, number: str, evidence: PackedEvidence, version: str) -> None:
        self.connection.execute("DELETE FROM evidence WHERE submission_id = ? AND number = ?", (owner, number))
        self.connection.execute(
            "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                owner,
                number,
                evidence.check,
                evidence.facts,
                evidence.failures,
                evidence.notes,
                evidence.output,
                evidence.seconds,
                now(),
                version,
            ),
        )
        for array in evidence.arrays:
            self.connection.execute("INSERT OR IGNORE INTO content VALUES (?, ?)", (array.hash, array.data))
            self.connection.execute(
                "INSERT INTO evidence_array VALUES (?, ?, ?, ?)", (owner, number, array.name, array.hash)
            )

    def evidence(self, submission_id: int, number: str = "%") -> dict[str, Evidence]:
        """By question number (of one question, if given); arrays are fetched when they are asked for."""
        hashes: dict[str, dict[str, str]] = {}
        place = (submission_id, number)
        for owner, name, digest in self.connection.execute(
            "SELECT number, name, hash FROM evidence_array WHERE submission_id = ? AND number LIKE ?", place
        ):
            hashes.setdefault(owner, {})[name] = digest
        found = self.connection.execute(
            "SELECT number, check_name, facts, failures, notes, output, seconds FROM evidence "
            "WHERE submission_id = ? AND number LIKE ?",
            place,
        )
        return {
            owner: unpack(PackedEvidence(*fields), StoredArrays(hashes.get(owner, {}), self._content))
            for owner, *fields in found.fetchall()
        }

    def _content(self, digest: str) -> bytes:
        found = self.connection.execute("SELECT data FROM content WHERE hash = ?", (digest,)).fetchone()
        if found is None:
            raise GraderError(f"{self.path} has lost the array {digest[:12]}; grade its submission again.")
        return bytes(found[0])

    # grades

    def append_grades(self, rows: Sequence[tuple[int, str, PackedVerdict]], stamp: Stamp, cause: Cause) -> None:
        """Appends grades to the history; belongs into a transaction."""
        self.connection.executemany(
            f"INSERT INTO grade (submission_id, number, {VERDICT_COLUMNS}, {STAMP_COLUMNS}, at, cause) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (owner, number, *msgspec.structs.astuple(v), *msgspec.structs.astuple(stamp), now(), cause)
                for owner, number, v in rows
            ],
        )

    def grades(self, submission_id: int | None = None) -> dict[int, dict[str, Grade]]:
        """The grades that count now, by submission and question number."""
        if submission_id is None:
            found = self.connection.execute(f"SELECT {GRADE_COLUMNS} FROM current_grade")
        else:
            latest = "SELECT max(id) FROM grade WHERE submission_id = ? GROUP BY number"
            query = f"SELECT {GRADE_COLUMNS} FROM grade WHERE id IN ({latest})"
            found = self.connection.execute(query, (submission_id,))
        by_owner: dict[int, dict[str, Grade]] = {}
        for fields in found:
            grade = grade_of(fields)
            by_owner.setdefault(grade.submission_id, {})[grade.number] = grade
        return by_owner

    def history(self, submission_id: int, number: str) -> list[Grade]:
        """Every grade that a question ever had, oldest first."""
        found = self.connection.execute(
            f"SELECT {GRADE_COLUMNS} FROM grade WHERE submission_id = ? AND number = ? ORDER BY id",
            (submission_id, number),
        )
        return [grade_of(fields) for fields in found]

    # settings

    def setting(self, name: str) -> str | None:
        """A named setting of this class (the late policy's text, the options of the last run)."""
        found = self.connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def set(self, settings: Mapping[str, str]) -> None:
        """Keeps settings."""
        self.connection.executemany(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            list(settings.items()),
        )

    def fingerprint(self) -> str:
        """SHA-256 of everything that must not depend on when, where and in how many attempts the class was graded."""
        digest = hashlib.sha256()
        names = {r.id: r.key for r in self.rows()}
        for row in self.rows():
            digest.update(
                to_json([row.key, row.run.digest, row.state, row.error, row.run.track, row.run.complete]).encode()
            )
        queries = (
            "SELECT submission_id, number, check_name, facts, failures, output FROM evidence",
            "SELECT submission_id, number, name, hash FROM evidence_array",
            f"SELECT submission_id, number, {VERDICT_COLUMNS} FROM current_grade",
        )
        for query in queries:
            lines = sorted(to_json([names[owner], *rest]) for owner, *rest in self.connection.execute(query))
            digest.update("\n".join(lines).encode())
        return digest.hexdigest()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds the store for one run. Raises GraderError while another run on this machine has it."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise GraderError(f"Another run is writing {path}; wait for it, or end it, and start again.") from None
        yield
    finally:
        os.close(lock)
