"""One token of a student's text, with its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `kind` is name, num, big, frac, accent, mark, sqrt, nabla, begin, end, … or the operator itself."""

    kind: str
    value: str
    column: int
    end: int
    spaced: bool = False
    """Does white space stand before it?"""
    roman: bool = False
    r"""Was it typed as a word, \mathrm{…} or \text{…}?"""
