"""Which grader gave a grade: the package's version and a digest of its own code."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def grader_version() -> str:
    """'0.1.0+3f9c21ab': two machines with the same text run the same code."""
    digest = hashlib.sha256()
    for folder in ("grader", "reference"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    try:
        version = metadata.version("grader")
    except metadata.PackageNotFoundError:
        version = "0"
    return f"{version}+{digest.hexdigest()[:8]}"
