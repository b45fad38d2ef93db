"""`grader build`: the archive holds what grading needs and nothing else, and is the same every time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.build.archive import ROOT, TOP_FILES, archive_files, unpack, zip_bytes
from grader.model import GraderError

LARGEST = 5_000_000


@pytest.fixture(scope="module")
def content() -> bytes:
    return zip_bytes(archive_files())


def test_setup_and_entry_lie_at_the_root_and_are_executable(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in ("setup.sh", "run_autograder"):
            assert archive.getinfo(name).external_attr >> 16 == 0o100755
        assert archive.testzip() is None


def test_nothing_is_in_it_that_grading_does_not_need(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {*TOP_FILES, "MANIFEST.json", "grader", "reference"}
    for word in ("__pycache__", ".pyc", ".git", "tests/", "submissions/", ".venv", "build/kit/"):
        assert not [name for name in names if word in name]


def test_it_is_small_enough(content: bytes) -> None:
    assert len(content) <= LARGEST


def test_the_manifest_names_versions_and_the_hash_of_every_file(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest = json.loads(archive.read("MANIFEST.json"))
        assert set(manifest["files"]) == set(archive.namelist()) - {"MANIFEST.json"}
        for name, digest in manifest["files"].items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
    assert manifest["grader"]
    assert any(d.startswith("torch") for d in manifest["dependencies"])


def test_it_is_the_same_byte_for_byte_from_another_place_time_and_file_mode(tmp_path: Path, content: bytes) -> None:
    copy = tmp_path / "elsewhere"
    unpack({k: v for k, v in archive_files().items() if k != "MANIFEST.json"}, copy)
    (copy / "grader" / "__pycache__").mkdir()
    (copy / "grader" / "__pycache__" / "cli.cpython-311.pyc").write_bytes(b"x")
    (copy / "reference" / ".hidden.toml").write_text("x")
    (copy / "tests").mkdir()
    for path in copy.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert zip_bytes(archive_files(copy)) == content


def test_a_missing_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    copy = tmp_path / "broken"
    unpack(archive_files(), copy)
    (copy / "setup.sh").unlink()
    with pytest.raises(GraderError, match=r"needs setup\.sh"):
        archive_files(copy)


def test_the_unpacked_archive_is_a_grader_of_its_own(tmp_path: Path) -> None:
    unpack(archive_files(), tmp_path / "source")
    command = [sys.executable, "-c", "import grader.cli, grader.run; print(grader.run.__file__)"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "source")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))


def test_the_command_writes_the_file_and_says_how_large_it_is(tmp_path: Path, content: bytes) -> None:
    out = tmp_path / "new" / "autograder.zip"
    command = [sys.executable, "-m", "grader", "build", "--no-verify", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == content
    assert "MB" in done.stdout


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "grader", "build", "--no-verify", "--out", str(tmp_path / "file" / "a.zip")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_perfect_submissions_get_full_marks_from_the_archive(tmp_path: Path) -> None:
    out = tmp_path / "autograder.zip"
    command = [sys.executable, "-m", "grader", "build", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.exists()
    shutil.rmtree(tmp_path)
