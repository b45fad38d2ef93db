"""A zip that is the same byte for byte wherever and whenever it is built, with a manifest of versions and hashes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grader.model import GraderError

ROOT = Path(__file__).resolve().parent.parent.parent
TOP_FILES = ("setup.sh", "run_autograder", "pyproject.toml", "README.md", "LICENSE")
PACKAGES = ("grader", "reference")
SUFFIXES = frozenset({".py", ".toml", ".html", ".css", ".npz", ".json", ".md", ".typed"})
EXECUTABLE = frozenset({"setup.sh", "run_autograder"})
LEFT_OUT = ("grader/build/kit/",)
"""What grading never opens."""
EPOCH = (1980, 1, 1, 0, 0, 0)
MANIFEST = "MANIFEST.json"


def archive_files(root: Path = ROOT) -> dict[str, bytes]:
    """What grading needs, by name: the entry points, the grader, the reference. No tests, no submissions, no caches.

    Raises GraderError when a file that Gradescope or the setup needs is missing.
    """
    names = [Path(name) for name in TOP_FILES]
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            name = path.relative_to(root)
            unwanted = "__pycache__" in name.parts or any(part.startswith(".") for part in name.parts)
            if path.is_file() and path.suffix in SUFFIXES and not unwanted:
                names.append(name)
    files: dict[str, bytes] = {}
    for path in names:
        key = path.as_posix()
        if key.startswith(LEFT_OUT):
            continue
        try:
            files[key] = (root / path).read_bytes()
        except OSError as error:
            raise GraderError(f"The archive needs {key}, which cannot be read: {error.strerror}.") from error
    files[MANIFEST] = manifest(files)
    return files


def manifest(files: Mapping[str, bytes]) -> bytes:
    """Versions and hashes as JSON: which grader, which dependencies, which rubric, every file's SHA-256. No date."""
    project = tomllib.loads(files["pyproject.toml"].decode("utf-8"))["project"]
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    document = {
        "grader": project["version"],
        "python": project["requires-python"],
        "dependencies": project["dependencies"],
        "rubric": hashes["reference/rubric.toml"],
        "tolerances": hashes["reference/tolerances.toml"],
        "files": hashes,
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode("utf-8")


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip of those files: sorted, dated 1980, stored without compression, so that no zlib changes a byte."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3  # Unix, on whatever machine it is built
            info.external_attr = (0o100755 if name in EXECUTABLE else 0o100644) << 16
            archive.writestr(info, files[name])
    return buffer.getvalue()


def write_bytes(out: Path, content: bytes) -> None:
    """Writes a file aside and renames it. Raises GraderError when the place cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, out)
    except OSError as error:
        raise GraderError(f"{out} cannot be written: {error.strerror}.") from error


def unpack(files: Mapping[str, bytes], folder: Path) -> None:
    """Lays the files out as Gradescope does with an archive, executable bits included."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name in EXECUTABLE else 0o644)
