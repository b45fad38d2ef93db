"""The store's tables, version by version. A store of an older version is brought up to date when it is opened."""

from __future__ import annotations

import sqlite3

from grader.model import GraderError

MIGRATIONS = (
    # 1: submissions, students apart from them, evidence, contents by hash, grades with their history
    """
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE submission (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        path TEXT NOT NULL,
        stamp TEXT NOT NULL,
        digest TEXT NOT NULL DEFAULT '',
        submitted_at TEXT,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
        error TEXT NOT NULL DEFAULT '',
        title TEXT NOT NULL DEFAULT '',
        track TEXT NOT NULL DEFAULT '',
        isolation TEXT NOT NULL DEFAULT '[]',
        notes TEXT NOT NULL DEFAULT '[]',
        seconds REAL NOT NULL DEFAULT 0,
        complete INTEGER NOT NULL DEFAULT 0,
        measured_at TEXT
    ) STRICT;
    CREATE TABLE student (
        id INTEGER PRIMARY KEY,
        submission_id INTEGER NOT NULL REFERENCES submission ON DELETE CASCADE,
        name TEXT NOT NULL, email TEXT NOT NULL, sid TEXT NOT NULL
    ) STRICT;
    CREATE TABLE content (hash TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT;
    CREATE TABLE evidence (
        submission_id INTEGER NOT NULL REFERENCES submission ON DELETE CASCADE,
        number TEXT NOT NULL,
        check_name TEXT NOT NULL,
        facts TEXT NOT NULL, failures TEXT NOT NULL, notes TEXT NOT NULL, output TEXT NOT NULL,
        seconds REAL NOT NULL,
        measured_at TEXT NOT NULL,
        grader_version TEXT NOT NULL,
        PRIMARY KEY (submission_id, number)
    ) STRICT;
    CREATE TABLE evidence_array (
        submission_id INTEGER NOT NULL, number TEXT NOT NULL, name TEXT NOT NULL,
        hash TEXT NOT NULL REFERENCES content,
        PRIMARY KEY (submission_id, number, name),
        FOREIGN KEY (submission_id, number) REFERENCES evidence ON DELETE CASCADE
    ) STRICT;
    CREATE TABLE grade (
        id INTEGER PRIMARY KEY,
        submission_id INTEGER NOT NULL REFERENCES submission ON DELETE CASCADE,
        number TEXT NOT NULL,
        outcome TEXT NOT NULL, points TEXT NOT NULL, awaiting TEXT NOT NULL,
        mistake TEXT, mistakes TEXT NOT NULL, message TEXT NOT NULL, notes TEXT NOT NULL,
        rubric_digest TEXT NOT NULL, tolerances_digest TEXT NOT NULL, grader_version TEXT NOT NULL,
        at TEXT NOT NULL,
        cause TEXT NOT NULL CHECK (cause IN ('graded', 'regraded', 'reviewed', 'undone')),
        by_whom TEXT NOT NULL
    ) STRICT;
    CREATE INDEX grade_of ON grade (submission_id, number, id);
    CREATE VIEW current_grade AS
        SELECT * FROM grade WHERE id IN (SELECT max(id) FROM grade GROUP BY submission_id, number);
    """,
    # 2: decisions of reviewers, and the memory that a submission took
    """
    CREATE TABLE decision (
        id INTEGER PRIMARY KEY,
        number TEXT NOT NULL,
        answer TEXT NOT NULL,
        share TEXT NOT NULL,
        ticks TEXT NOT NULL,
        comment TEXT NOT NULL,
        by_whom TEXT NOT NULL,
        at TEXT NOT NULL,
        undone_at TEXT
    ) STRICT;
    CREATE INDEX decision_on ON decision (number, answer, id);
    ALTER TABLE submission ADD COLUMN peak_bytes INTEGER NOT NULL DEFAULT 0;
    """,
    # 3: decisions on one submission alone, a run's warnings, and which rules the class stood on when
    """
    ALTER TABLE decision ADD COLUMN submission TEXT NOT NULL DEFAULT '';
    ALTER TABLE submission ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';
    CREATE TABLE rules (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        rubric_digest TEXT NOT NULL, tolerances_digest TEXT NOT NULL, grader_version TEXT NOT NULL,
        by_whom TEXT NOT NULL,
        late_digest TEXT NOT NULL
    ) STRICT;
    INSERT INTO rules (at, rubric_digest, tolerances_digest, grader_version, by_whom, late_digest)
        SELECT at, rubric_digest, tolerances_digest, grader_version, by_whom, '' FROM grade WHERE id IN (
            SELECT min(id) FROM grade WHERE cause IN ('graded', 'regraded')
            GROUP BY rubric_digest, tolerances_digest, grader_version
        ) ORDER BY id;
    """,
)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, place: str) -> None:
    """Brings the store to this version, each step in one transaction.

    Raises GraderError for a store that a newer grader wrote.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise GraderError(
            f"{place} was written by a newer grader (schema {version}, this one knows {VERSION}); update the grader."
        )
    for number in range(version, VERSION):
        step = f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
        try:
            connection.executescript(step)
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if connection.execute("PRAGMA user_version").fetchone()[0] <= number:
                raise
