"""A function by itself: measured as it is, and again where the student's functions that it calls are planted right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from grader.checks.compare import FATAL
from grader.checks.registry import Record, StudentFailure
from grader.model import Finding, Json, Lost, Note

Measured = Mapping[str, Any]


def measure_isolated(
    record: Record, measure: Callable[[str, Mapping[str, Any] | None], Json], planted: Mapping[str, Any]
) -> None:
    """Keeps `measure(mode, tables)` under both modes, `as_is` and `planted`; None where the first did not survive.

    Raises StudentFailure where the code fails by itself, or dies.
    """
    try:
        record(as_is=measure("as_is", None))
    except StudentFailure as failure:
        if failure.failure.kind in FATAL:
            raise
        record(as_is=None)
    record(planted=measure("planted", planted))


def judge_isolated(subject: str, facts: Measured, judge: Callable[[Any], Iterator[Finding]]) -> Iterator[Finding]:
    """Right as it is, or right once the functions that it calls are; else what is wrong with it.

    Where only the first was measured (the code failed by itself later), that failure tells the rest.
    """
    as_is, planted = facts.get("as_is"), facts.get("planted")
    found = list(judge(as_is)) if as_is is not None else None
    if found is not None and not any(isinstance(f, Lost) for f in found):
        yield from found
    elif planted is not None:
        isolated = list(judge(planted))
        if not any(isinstance(f, Lost) for f in isolated):
            yield Note(f"{subject} is right by itself; a function that it calls is not (another question).")
        yield from isolated
