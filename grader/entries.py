"""The names in a folder or an archive, and how one of them is read: nothing is unpacked, no link is followed."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from grader.model import SubmissionError

MAX_DEPTH = 4
TEXT_ENDINGS = (".py", ".toml", ".tex", ".md")
SKIPPED_FOLDERS = frozenset(
    {"__MACOSX", "__pycache__", ".git", ".ipynb_checkpoints", ".venv", "venv", ".idea", ".vscode"}
)


class Entry(Protocol):
    """One name in a folder or archive."""

    @property
    def name(self) -> str: ...

    def problem(self) -> str | None:
        """Why it is not a plain file; None when it is one."""

    def read(self, most: int) -> bytes:
        """At most `most` + 1 bytes."""


@dataclass(frozen=True, slots=True)
class File:
    """One name in a folder, or a single file."""

    name: str
    path: Path

    def problem(self) -> str | None:
        mode = self.path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return "it is a link, not a plain file"
        return None if stat.S_ISREG(mode) else "it is not a plain file"

    def read(self, most: int) -> bytes:
        handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError("it is not a plain file")
            return file.read(most + 1)


@dataclass(frozen=True, slots=True)
class Zipped:
    """One name in a zip archive."""

    name: str
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def problem(self) -> str | None:
        kind = stat.S_IFMT(self.info.external_attr >> 16)
        if kind == stat.S_IFLNK:
            return "it is a link, not a plain file"
        if kind not in (0, stat.S_IFREG):
            return "it is not a plain file"
        return "it is encrypted" if self.info.flag_bits & 1 else None

    def read(self, most: int) -> bytes:
        with self.archive.open(self.info) as file:
            return file.read(most + 1)


@dataclass(frozen=True, slots=True)
class Tarred:
    """One name in a tar archive."""

    name: str
    archive: tarfile.TarFile
    info: tarfile.TarInfo

    def problem(self) -> str | None:
        if self.info.issym() or self.info.islnk():
            return "it is a link, not a plain file"
        return None if self.info.isreg() else "it is not a plain file"

    def read(self, most: int) -> bytes:
        file: IO[bytes] | None = self.archive.extractfile(self.info)
        if file is None:
            raise OSError("it is not a plain file")
        return file.read(most + 1)


def folder_entries(root: Path) -> Iterator[Entry]:
    """Names below a folder, breadth first, links never entered."""
    level = [root]
    for _ in range(MAX_DEPTH):
        below: list[Path] = []
        for folder in level:
            try:
                children = sorted(os.scandir(folder), key=lambda e: e.name)
            except OSError:
                continue
            for child in children:
                path = Path(child.path)
                if child.is_dir(follow_symlinks=False) and not child.name.endswith(TEXT_ENDINGS):
                    if child.name not in SKIPPED_FOLDERS:
                        below.append(path)
                else:
                    yield File(path.relative_to(root).as_posix(), path)
        level = below


def archive_entries(path: Path, stack: ExitStack) -> Iterator[Entry]:
    """Names in a zip or tar archive, which `stack` closes. Raises SubmissionError where it cannot be opened."""
    try:
        if zipfile.is_zipfile(path):
            zipped = stack.enter_context(zipfile.ZipFile(path))
            return (Zipped(i.filename, zipped, i) for i in zipped.infolist() if not i.is_dir())
        tarred = stack.enter_context(tarfile.open(path, "r:*"))  # noqa: SIM115
        return _tar_entries(tarred)
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise SubmissionError(
            f"{path.name} is neither a zip nor a tar archive that can be opened nor a source file that is graded; "
            "unpack it on your own machine to see whether it is whole, and hand in a zip or the files themselves."
        ) from error


def _tar_entries(archive: tarfile.TarFile) -> Iterator[Entry]:
    while (info := archive.next()) is not None:
        if not info.isdir():
            yield Tarred(info.name, archive, info)
