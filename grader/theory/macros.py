r"""The student's own \newcommand, \def and \DeclareMathOperator, replaced by their text as TeX would.

Bounded in number, arguments, depth and growth; nothing else of TeX is executed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_MACROS: Final = 60
"""Own commands that are honoured; a long preamble has about thirty."""
MAX_PASSES: Final = 4
"""How deep own commands may use each other."""
MAX_GROWTH: Final = 4
"""Length of the replaced text over that of the written one."""

_BRACED: Final = r"\{((?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]{0,400}\}){0,400}\}){0,400}\}){0,1000})\}"
_DECLARATION: Final = re.compile(
    rf"\\(?:re|provide)?(?:new)?command\*?\s*\{{?\\([A-Za-z]+)\}}?\s*(?:\[([1-4])\])?\s*{_BRACED}"
    rf"|\\def\\([A-Za-z]+)\s*((?:\#\d)*)\s*{_BRACED}"
    rf"|\\DeclareMathOperator(\*?)\{{\\([A-Za-z]+)\}}\s*{_BRACED}"
)


@dataclass(frozen=True, slots=True)
class _Macro:
    arguments: int
    body: str


def expand(text: str) -> str:
    """The text with the declared macros replaced and their declarations blanked; lines keep their numbers."""
    macros: dict[str, _Macro] = {}
    for match in _DECLARATION.finditer(text):
        if len(macros) >= MAX_MACROS:
            break
        if match[1]:
            macros[match[1]] = _Macro(int(match[2] or 0), match[3])
        elif match[4]:
            macros[match[4]] = _Macro(len(match[5]) // 2, match[6])
        else:
            macros[match[8]] = _Macro(0, rf"\operatorname{{{match[9]}}}")
    if not macros:
        return text
    text = _DECLARATION.sub(lambda match: "\n" * match.group(0).count("\n"), text)
    limit = MAX_GROWTH * len(text) + 1000
    names = "|".join(sorted(map(re.escape, macros), key=len, reverse=True))
    use = re.compile(rf"\\({names})(?![A-Za-z])")
    for _ in range(MAX_PASSES):
        replaced = _pass(text, use, macros, limit)
        if replaced is None or replaced == text:
            break
        text = replaced
    return text


def _pass(text: str, use: re.Pattern[str], macros: dict[str, _Macro], limit: int) -> str | None:
    """One replacement of every macro that stands in the text; None when the text would grow beyond the limit."""
    pieces: list[str] = []
    position = length = 0
    while match := use.search(text, position):
        macro = macros[match[1]]
        body, end = macro.body, match.end()
        for number in range(1, macro.arguments + 1):
            argument, end = _argument(text, end)
            body = body.replace(f"#{number}", argument)
        pieces.extend((text[position : match.start()], body))
        if body[-1:].isalpha() and text[end : end + 1].isalpha():
            pieces.append(" ")
        length += match.start() - position + len(body)
        if length > limit:
            return None
        position = end
    return "".join([*pieces, text[position:]])


def _argument(text: str, start: int) -> tuple[str, int]:
    """The braced or single-character argument at `start`, and the place after it."""
    while start < len(text) and text[start].isspace():
        start += 1
    if text[start : start + 1] != "{":
        command = re.compile(r"\\[A-Za-z]+|.", re.DOTALL).match(text, start)
        return (command.group(0), command.end()) if command else ("", start)
    depth = 0
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match.group(0), 0)
        if depth == 0:
            return text[start + 1 : match.start()], match.end()
    return text[start + 1 :], len(text)
