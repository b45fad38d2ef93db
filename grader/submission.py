"""A folder, an archive or a file → Submission: a private copy in memory of the plain text files that may be graded.

Nothing is unpacked and no link is followed: names are listed with a cap, and each wanted entry is read with a cap.
"""

from __future__ import annotations

import hashlib
import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from grader.entries import SKIPPED_FOLDERS, TEXT_ENDINGS, Entry, File, archive_entries, folder_entries
from grader.model import SubmissionError

MAX_ENTRIES = 2_000
"""Names that are looked at in one folder or archive; a homework has about ten."""
MAX_TEXT_BYTES = 256 * 1024
"""One text file; real ones have about 10 kB."""
MAX_NOTEBOOK_BYTES = 16 * 1024 * 1024
"""One notebook: it carries its pictures."""
MAX_DATA_BYTES = 16 * 1024 * 1024
"""One checkpoint; this homework's networks have less than 1 MB."""
MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 64 * 1024 * 1024
"""Everything that is kept of one submission."""

NOTEBOOK_ENDING = ".ipynb"
DATA_ENDINGS = (".ckpt",)
ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
NEVER = frozenset({"conftest.py", "sitecustomize.py", "usercustomize.py", "setup.py"})
"""Files that Python or a tool would run by itself; never used."""
PROVIDED = frozenset({"hw5_utils.py", "README.md"})
"""Given with the homework; the grader has its own."""
INSTALLED = frozenset(
    {"torch", "numpy", "scipy", "sympy", "mpmath", "msgspec", "psutil", "matplotlib", "torchvision", "cv2", "PIL"}
    | {"tqdm", "pandas", "sklearn", "grader", "reference", "pytest", "safetensors", "einops"}
)
"""A student's file of such a name would stand in for the package."""
NOT_ASKED_FOR = "it is not part of the homework"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that was not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Submission:
    """What was handed in, read once; nothing of it is opened again."""

    files: Mapping[str, bytes]
    """Plain name to content: sources, answers, write-ups, checkpoints. Notebooks are already sources and write-ups."""
    ignored: tuple[Ignored, ...]
    origin: str
    """The name of the folder or archive, for people."""
    digest: str
    """SHA-256 of names and contents, whatever their order: it seeds the hidden draws."""
    notes: tuple[str, ...] = field(default=())

    def text(self, name: str) -> str | None:
        """A file's text; None when it is not there."""
        content = self.files.get(name)
        return None if content is None else content.decode("utf-8-sig", errors="replace")

    def data(self, name: str) -> bytes | None:
        """A file's bytes; None when it is not there."""
        return self.files.get(name)

    def digest_of(self, name: str) -> str:
        """SHA-256 of one file; of nothing when it is not there."""
        return hashlib.sha256(self.files.get(name, b"")).hexdigest()

    def helpers(self) -> dict[str, str]:
        """Every Python file by module name: the student's own modules may import each other."""
        return {name.removesuffix(".py"): self.text(name) or "" for name in self.files if name.endswith(".py")}

    def writeups(self) -> list[tuple[str, str]]:
        """(name, text) of the .tex and .md files, by name."""
        return [(n, self.text(n) or "") for n in sorted(self.files) if n.endswith((".tex", ".md"))]


def open_submission(path: Path, *, modules: Mapping[str, frozenset[str]]) -> Submission:
    """Reads a submission: a folder, a .zip, a .tar(.gz), or a single file. `modules`: names asked of each.

    Raises SubmissionError with a sentence when there is nothing to read at all.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise SubmissionError(f"{path} is not there, or cannot be opened; name a folder, a zip or a file.") from error
    with ExitStack() as stack:
        if stat.S_ISDIR(mode):
            entries: Iterator[Entry] = folder_entries(path)
        elif not stat.S_ISREG(mode):
            raise SubmissionError(f"{path} is not a folder or a plain file.")
        elif path.stat().st_size > MAX_ARCHIVE_BYTES:
            raise SubmissionError(f"{path.name} has more than {MAX_ARCHIVE_BYTES >> 20} MB; hand in the sources only.")
        elif path.suffix in (*TEXT_ENDINGS, NOTEBOOK_ENDING):
            entries = iter((File(path.name, path),))
        else:
            entries = archive_entries(path, stack)
        return _collect(entries, path.name or str(path), modules)


def from_texts(files: Mapping[str, str], *, origin: str) -> Submission:
    """A submission from texts by name, for tests and audits."""
    content = {name: text.encode() for name, text in files.items()}
    return Submission(content, (), origin, _digest(content))


def _collect(entries: Iterator[Entry], origin: str, modules: Mapping[str, frozenset[str]]) -> Submission:
    chosen: dict[str, tuple[int, Entry]] = {}
    ignored: list[Ignored] = []
    notes: list[str] = []
    try:
        for count, entry in enumerate(entries):
            if count >= MAX_ENTRIES:
                ignored.append(Ignored("the rest", f"there are more than {MAX_ENTRIES} entries"))
                break
            _consider(entry, chosen, ignored, modules, notes)
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        ignored.append(Ignored("the rest", f"the archive is damaged ({error})"))
    files: dict[str, bytes] = {}
    for name, (_, entry) in sorted(chosen.items()):
        content = _content(entry, name, ignored, sum(map(len, files.values())))
        if content is not None:
            files[name] = content
    _read_notebooks(files, modules, ignored, notes)
    return Submission(files, tuple(ignored), origin, _digest(files), tuple(notes))


def _consider(
    entry: Entry,
    chosen: dict[str, tuple[int, Entry]],
    ignored: list[Ignored],
    modules: Mapping[str, frozenset[str]],
    notes: list[str],
) -> None:
    path = PurePosixPath(entry.name.replace("\\", "/"))
    shown = "".join(c if c.isprintable() else "�" for c in str(path))[:120]
    if any(part in SKIPPED_FOLDERS for part in path.parts[:-1]) or path.name.startswith("._"):
        return
    if path.is_absolute() or ".." in path.parts or not path.name:
        ignored.append(Ignored(shown, "its path leads out of the submission"))
        return
    name = path.name
    if name in PROVIDED:
        return
    graded = {f"{m}.py" for m in modules}
    if name not in graded and name.lower() in graded:
        notes.append(f"{shown} was taken for {name.lower()}; hand it in under that name.")
        name = name.lower()
    reason = _unwanted(name, path, graded)
    if reason is None:
        reason = entry.problem()
    if reason is not None:
        ignored.append(Ignored(shown, reason))
        return
    depth = len(path.parts)
    if name in chosen:
        kept, other = (depth, entry), chosen[name]
        if other[0] <= depth:
            kept, other = other, kept
        chosen[name] = kept
        ignored.append(Ignored(other[1].name[:120], f"{kept[1].name[:120]} was used for {name}"))
    else:
        chosen[name] = (depth, entry)


def _unwanted(name: str, path: PurePosixPath, graded: set[str]) -> str | None:
    if name in NEVER:
        return "files that run by themselves are never used"
    if name.endswith(".py") and name not in graded and name.removesuffix(".py") in sys.stdlib_module_names | INSTALLED:
        return "it has the name of an installed module, which is used instead"
    if name.endswith((*TEXT_ENDINGS, NOTEBOOK_ENDING, *DATA_ENDINGS)):
        return None if not name.startswith(".") and name != "pyproject.toml" else NOT_ASKED_FOR
    return NOT_ASKED_FOR


def _content(entry: Entry, name: str, ignored: list[Ignored], so_far: int) -> bytes | None:
    most = MAX_DATA_BYTES if name.endswith(DATA_ENDINGS) else MAX_TEXT_BYTES
    most = MAX_NOTEBOOK_BYTES if name.endswith(NOTEBOOK_ENDING) else most
    try:
        content = entry.read(most)
    except (
        OSError,
        RuntimeError,
        EOFError,
        zipfile.BadZipFile,
        tarfile.TarError,
        ValueError,
        NotImplementedError,
    ) as error:
        ignored.append(Ignored(name, f"it could not be read ({type(error).__name__})"))
        return None
    except Exception as error:  # zlib.error and the like are no subclass of anything above
        ignored.append(Ignored(name, f"it is damaged ({type(error).__name__})"))
        return None
    if len(content) > most:
        size = f"{most >> 20} MB" if most >> 20 else f"{most >> 10} kB"
        ignored.append(Ignored(name, f"it has more than {size}"))
        return None
    if so_far + len(content) > MAX_TOTAL_BYTES:
        ignored.append(Ignored(name, f"the files together have more than {MAX_TOTAL_BYTES >> 20} MB"))
        return None
    if not name.endswith(DATA_ENDINGS):
        problem = _not_text(content)
        if problem:
            ignored.append(Ignored(name, problem))
            return None
    return content


def _not_text(content: bytes) -> str | None:
    if b"\x00" in content:
        return "it holds null bytes, so it is not a text file"
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return f"line {line} is not UTF-8 (wrong encoding); save the file as UTF-8"
    return None


def _digest(files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return total.hexdigest()


def _read_notebooks(
    files: dict[str, bytes], modules: Mapping[str, frozenset[str]], ignored: list[Ignored], notes: list[str]
) -> None:
    """Notebooks become sources and write-ups, in place; a .py of the same name has precedence."""
    names = [n for n in files if n.endswith(NOTEBOOK_ENDING)]
    if not names:
        return
    from grader.notebook import NotebookError, read_notebook

    for name in names:
        content = files.pop(name)
        try:
            parts = read_notebook(content, name.removesuffix(NOTEBOOK_ENDING), modules)
        except NotebookError as error:
            ignored.append(Ignored(name, str(error)))
            continue
        for made, text in parts.items():
            if made in files:
                notes.append(f"{name}: {made} was used as it is, not the notebook's cells.")
            else:
                files[made] = text.encode()
                notes.append(f"{name} was read as {made}.")
