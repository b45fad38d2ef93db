"""What a submission may be, and what no folder or archive can make the grader do."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from grader.model import SubmissionError
from grader.submission import MAX_TEXT_BYTES, Submission, open_submission

MODULES = ("hw5_gan", "hw5_diffusion", "hw5_ddpm")
GAN = "class DNet: pass\n"


def read(path: Path) -> Submission:
    return open_submission(path, modules=MODULES)


def zipped(path: Path, files: dict[str, bytes], modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def reason(submission: Submission, name: str) -> str:
    return next(item.reason for item in submission.ignored if item.name.endswith(name))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "handed_in"
    place.mkdir()
    (place / "hw5_ddpm.py").write_text("def beta_bar(betas): pass\n")
    return place


def test_a_folder_a_zip_of_it_and_a_tar_of_it_are_the_same_submission(folder: Path, tmp_path: Path) -> None:
    (folder / "hw5_gan.py").write_text("\ufeff" + GAN, encoding="utf-8")
    files = {f"my homework/{path.name}": path.read_bytes() for path in folder.iterdir()}
    zip_file = zipped(tmp_path / "a.zip", {**files, "__MACOSX/._hw5_gan.py": b"\x00\x05"})
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(folder, "my homework")
    found = [read(path) for path in (folder, zip_file, tmp_path / "a.tar.gz")]
    assert {submission.digest for submission in found} == {found[0].digest}
    assert {submission.text("hw5_gan.py") for submission in found} == {GAN}


@pytest.mark.parametrize("make", ["fifo", "folder", "dev_zero", "link"])
def test_what_is_no_plain_file_is_refused_by_name_at_once(folder: Path, tmp_path: Path, make: str) -> None:
    place, secret = folder / "hw5_gan.py", tmp_path / "secret.py"
    secret.write_text("SECRET")
    if make == "fifo":
        os.mkfifo(place)
    elif make == "folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero" if make == "dev_zero" else secret)
    start = time.monotonic()
    submission = read(folder)
    assert time.monotonic() - start < 2.0
    assert submission.text("hw5_gan.py") is None
    assert submission.text("hw5_ddpm.py")
    assert "plain file" in reason(submission, "hw5_gan.py")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"x = '\x00'", "null byte"),
        ("x = 'é'".encode("latin-1"), "UTF-8"),
        (b"#" * (MAX_TEXT_BYTES + 1), "more than"),
    ],
)
def test_a_file_that_is_no_text_is_named_with_its_fault(folder: Path, content: bytes, says: str) -> None:
    (folder / "hw5_gan.py").write_bytes(content)
    assert says in reason(read(folder), "hw5_gan.py")


def test_files_that_would_run_by_themselves_or_shadow_a_module_are_never_used(folder: Path) -> None:
    names = ["conftest.py", "sitecustomize.py", "setup.py", "torch.py", "json.py", "numpy.py", "evil.pth", "x.so"]
    for name in [*names, "pyproject.toml"]:
        (folder / name).write_text("raise SystemExit")
    (folder / "my_layers.py").write_text("x = 1")
    submission = read(folder)
    assert set(submission.helpers()) == {"hw5_ddpm", "my_layers"}
    assert {item.name for item in submission.ignored} >= {*names, "pyproject.toml"}


def test_paths_out_of_an_archive_and_links_in_it_are_refused(tmp_path: Path) -> None:
    links = {"hw5_gan.py": stat.S_IFLNK | 0o777}
    files = {"hw5_gan.py": b"/etc/passwd", "../../evil.py": b"x", "/abs.py": b"x", "hw5_ddpm.py": b"y = 1"}
    submission = read(zipped(tmp_path / "a.zip", files, links))
    assert set(submission.files) == {"hw5_ddpm.py"}
    assert "link" in reason(submission, "hw5_gan.py")
    assert "leads out" in reason(submission, "evil.py")
    assert not (tmp_path.parent / "evil.py").exists()


def test_special_entries_of_a_tar_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name, kind, target in (
            ("hw5_gan.py", tarfile.FIFOTYPE, ""),
            ("hw5_diffusion.py", tarfile.LNKTYPE, "/etc/passwd"),
            ("out", tarfile.SYMTYPE, "/tmp"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
        info = tarfile.TarInfo("hw5_ddpm.py")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"x = 1"))
    submission = read(tmp_path / "a.tar.gz")
    assert set(submission.files) == {"hw5_ddpm.py"}
    assert len(submission.ignored) == 3


def test_bombs_cost_neither_time_nor_memory(tmp_path: Path) -> None:
    start = time.monotonic()
    many = zipped(tmp_path / "many.zip", {f"f{i}.txt": b"" for i in range(20_000)})
    big = zipped(tmp_path / "big.zip", {"hw5_gan.py": b"#" * (64 << 20), "hw5_ddpm.py": b"x = 1"})
    made = time.monotonic() - start
    assert read(many).files == {}
    assert set(read(big).files) == {"hw5_ddpm.py"}
    assert time.monotonic() - start - made < 5.0


def test_names_in_other_letters_are_taken_with_a_note(folder: Path) -> None:
    (folder / "HW5_GAN.PY").write_text(GAN)
    submission = read(folder)
    assert submission.text("hw5_gan.py") == GAN
    assert any("hw5_gan.py" in note for note in submission.notes)


def test_a_notebook_is_read_as_a_module(folder: Path) -> None:
    def cell(kind: str, text: str) -> dict[str, object]:
        extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
        return {"cell_type": kind, "metadata": {}, "source": text, "id": f"c{len(text)}", **extra}

    cells = [cell("code", "%matplotlib inline\nimport torch"), cell("markdown", "## 1.1\n$$D = 1$$"), cell("code", GAN)]
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "hw5_gan.ipynb").write_text(json.dumps(book))
    text = read(folder).text("hw5_gan.py")
    assert text is not None
    assert "class DNet" in text
    compile(text, "hw5_gan.py", "exec")


@pytest.mark.parametrize("name", ["absent", "not_an_archive.zip", "empty.zip"])
def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name != "absent":
        path.write_bytes(b"" if name == "empty.zip" else b"this is no archive")
    with pytest.raises(SubmissionError, match=name) as told:
        read(path)
    assert "\n" not in str(told.value)


def test_a_folder_with_nothing_but_one_archive_is_read_from_it(tmp_path: Path) -> None:
    from grader.model import SubmissionError
    from grader.tracks import open_homework

    place = tmp_path / "Lovelace_12_file"
    place.mkdir()
    zipped(place / "Work.ZIP", {"hw5/hw5_gan.py": b"x = 1"})
    (place / "report.pdf").write_bytes(b"%PDF")
    found = open_homework(place)
    assert list(found.files) == ["hw5_gan.py"]
    assert found.origin == place.name
    assert found.notes == ("Read from Work.ZIP.",)
    assert [i.name for i in found.ignored] == ["report.pdf"]
    zipped(place / "second.zip", {"hw5_gan.py": b"x = 2"})
    assert open_homework(place).files == {}, "which of two is meant is not guessed"
    (place / "second.zip").unlink()
    (place / "hw5_ddpm.py").write_text("y = 1")
    assert list(open_homework(place).files) == ["hw5_ddpm.py"], "plain files have precedence"
    (place / "hw5_ddpm.py").unlink()
    (place / "Work.ZIP").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(SubmissionError, match=r"Work\.ZIP"):
        open_homework(place)
    (place / "Work.ZIP").unlink()
    (place / "linked.zip").symlink_to(zipped(tmp_path / "other.zip", {"hw5_gan.py": b"secret = 1"}))
    assert open_homework(place).files == {}, "no link is followed"
