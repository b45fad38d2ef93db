"""Names for wrong answers."""

from __future__ import annotations

from typing import Any

from grader.theory.reading import Reading


def name_mistake(reading: Reading, outcome: Any) -> tuple[str, str] | None:
    return None
