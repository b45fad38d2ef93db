"""Trusted side: what a session remembers of each module's import."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from grader.student.faults import StudentFault


class ImportMemory:
    """What is already known of each module's import, so that a time-out at import is paid once."""

    def __init__(self) -> None:
        self.cut: dict[str, list[int]] = {}
        self.definitions_only: set[str] = set()
        self.fault: dict[str, StudentFault] = {}
        self.cut_off: dict[str, StudentFault] = {}
        """What ended the first import of a module that was then imported without the statement."""
        self.notes: dict[str, list[str]] = {}

    @staticmethod
    def key(module: str, sources: Mapping[str, str]) -> str:
        """One module of one submission."""
        digest = hashlib.sha256(module.encode())
        for name in sorted(sources):
            digest.update(name.encode() + b"\0" + sources[name].encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()
