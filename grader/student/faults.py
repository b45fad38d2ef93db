"""The two families of failure at the wall between the grader and a student's code."""

from __future__ import annotations

from typing import Literal, get_args

FaultKind = Literal[
    "missing_file",
    "syntax",
    "import",
    "missing_name",
    "not_implemented",
    "exception",
    "timeout",
    "memory",
    "crashed",
    "exited",
    "bad_reply",
    "unavailable_package",
]

FAULT_KINDS: frozenset[str] = frozenset(get_args(FaultKind))


class StudentFault(Exception):
    """Theirs: the submission did something that ends this check, said in one sentence.

    ``kind`` is one of `FaultKind`; ``sentence`` is for the student; ``where`` is ``file:line in function`` or
    empty; ``detail`` is for the instructor (a traceback of the student's own frames, an exit status).
    All three texts come from beside untrusted code: control characters are escaped and lengths are cut.
    """

    def __init__(self, kind: FaultKind, sentence: str, where: str = "", detail: str = "") -> None:
        super().__init__(sentence)
        self.kind: FaultKind = kind
        self.sentence = sentence
        self.where = where
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.sentence} ({self.where})" if self.where else self.sentence

    def __reduce__(self) -> tuple[type[StudentFault], tuple[str, str, str, str]]:
        return type(self), (self.kind, self.sentence, self.where, self.detail)


class StudentProcessError(Exception):
    """Ours: the student process could not be started or spoken to; it never costs a point."""
