"""A folder of submissions, in every form that courses have it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from grader.cohort.roster import RosterError, read_roster

EXPORT = """---
submission_11:
  :submitters:
  - :name: Ada Lovelace
    :sid: '001'
    :email: ada@example.edu
  - :name: Emmy Noether
    :sid:
    :email:
  :created_at: 2024-04-12 23:59:59.123456000 Z
  :score: 12.0
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    tests: []
submission_12:
  :submitters:
  - :name: Alan Turing
  :created_at: 2024-04-14 01:00:00 +0200
submission_13:
  :submitters: []
  :created_at:
submission_14:
  :submitters:
  - :name: Never There
"../submission_15":
  :submitters: []
"""


def test_a_gradescope_export_gives_groups_times_and_notes(tmp_path: Path) -> None:
    (tmp_path / "submission_metadata.yml").write_text(EXPORT)
    for number in (11, 12, 13, 16):
        (tmp_path / f"submission_{number}").mkdir()
    for stray in ("submission_17.zip", "late_one.docx", "notes.md"):
        (tmp_path / stray).write_bytes(b"by hand")
    roster = read_roster(tmp_path)
    by_key = {h.key: h for h in roster.hand_ins}
    graded = ["submission_11", "submission_12", "submission_13", "submission_16", "submission_17.zip"]
    assert sorted(by_key) == graded
    group = by_key["submission_11"]
    assert [(s.name, s.email, s.sid) for s in group.students] == [
        ("Ada Lovelace", "ada@example.edu", "001"),
        ("Emmy Noether", "", ""),
    ]
    assert group.submitted_at is not None
    assert group.submitted_at.isoformat().startswith("2024-04-12T23:59:59.123456")
    assert by_key["submission_12"].submitted_at.utctimetuple().tm_hour == 23
    assert by_key["submission_13"].submitted_at is None
    notes = "\n".join(roster.notes)
    for name in ("submission_13", "submission_14", "submission_15", "submission_16", "submission_17.zip"):
        assert name in notes
    assert roster.notes[-1].endswith("late_one.docx, notes.md.")


def test_plain_folders_archives_and_single_files_are_submissions(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / ".hidden").mkdir()
    with zipfile.ZipFile(tmp_path / "alan.ZIP", "w") as archive:
        archive.writestr("hw5_gan.py", "")
    (tmp_path / "emmy.tex").write_text("")
    (tmp_path / "grades.xlsx").write_text("")
    assert [(h.key, h.students[0].name) for h in read_roster(tmp_path).hand_ins] == [
        ("ada", "ada"),
        ("alan.ZIP", "alan"),
        ("emmy.tex", "emmy"),
    ]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "holds no submission"),
        ({"hw5_gan.py": ""}, "looks like one submission"),
        ({"submission_metadata.yml": "a: [1"}, "is not YAML"),
        ({"submission_metadata.yml": "- 1"}, "must map submission names"),
    ],
)
def test_what_is_no_class_is_refused_with_a_sentence(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(RosterError, match=sentence):
        read_roster(tmp_path)
    with pytest.raises(RosterError, match="is not a folder"):
        read_roster(tmp_path / "nowhere")


def test_a_stamp_changes_with_the_files_and_only_with_them(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    file = tmp_path / "ada" / "hw5_gan.py"
    file.write_text("a = 1")
    before = read_roster(tmp_path).hand_ins[0].stamp()
    assert read_roster(tmp_path).hand_ins[0].stamp() == before
    file.write_text("a = 12")
    assert read_roster(tmp_path).hand_ins[0].stamp() != before
