r"""A write-up cut into headings, list items, displayed formulas and prose, with the line of each.

LaTeX and Markdown are scanned alike: \section and #, \item and "1.", $$, \[ \], maths environments and ```math.
Nothing is executed or expanded; a student's own macros without arguments are replaced by their text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from grader.theory.macros import expand

WriteupKind = Literal["tex", "md"]

MATH_ENVIRONMENTS: Final = [
    "equation",
    "align",
    "aligned",
    "alignat",
    "multline",
    "gather",
    "gathered",
    "eqnarray",
    "displaymath",
    "math",
    "flalign",
    "split",
    "dmath",
]


BOLD_LEVEL: Final = 9
"""Level of a heading that is only a bold line."""


@dataclass(frozen=True, slots=True)
class Heading:
    """level 1 for \\section and #, 2 for \\subsection and ##, …; numbered: LaTeX counts it."""

    level: int
    title: str
    numbered: bool
    line: int


@dataclass(frozen=True, slots=True)
class ListEdge:
    """The begin (or end) of a list; options such as [resume]."""

    begins: bool
    counts: bool
    options: str
    line: int


@dataclass(frozen=True, slots=True)
class Item:
    """An \\item (label: its optional argument) or a line that begins with a label such as "3." or "(b)"."""

    label: str
    written: bool
    indent: int
    line: int


@dataclass(frozen=True, slots=True)
class Counter:
    """\\setcounter{name}{value}."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Display:
    """A displayed formula: everything between its delimiters; environment: multline, align, …"""

    text: str
    environment: str
    line: int


@dataclass(frozen=True, slots=True)
class Prose:
    """Words, with inline formulas between dollars."""

    text: str
    line: int


Block = Heading | ListEdge | Item | Counter | Display | Prose

_ENV: Final = "|".join(MATH_ENVIRONMENTS)
_BRACED: Final = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\}){0,200}\}){0,300})\}"
_TOKEN: Final = re.compile(
    r"(?P<fence>```)[ \t]*(?:math|latex|tex)?[ \t]*(?=\n)"
    r"|(?P<dollars>\$\$)"
    r"|(?P<bracket>\\\[)"
    rf"|\\begin\{{(?P<env>(?:{_ENV})\*?)\}}"
    rf"|\\(?P<sub>(?:sub){{0,2}})(?P<section>section|paragraph|chapter)(?P<unnumbered>\*?)\s*"
    rf"(?:\[[^\]]*\])?\s*{_BRACED.replace('(', '(?P<title>', 1)}"
    r"|(?m:^)(?P<hashes>\#{1,6})\s+(?P<mdtitle>[^\n]*)"
    r"|(?m:^)[ \t]*(?:\\noindent\s*)?(?:\*\*(?P<bold>[^*\n]{1,90})\*\*"
    r"|\\textbf\{(?P<texbold>[^{}\n]{1,90})\})[ \t]*:?[ \t]*(?:\\\\)?(?m:$)"
    r"|\\(?P<edge>begin|end)\{(?P<list>enumerate|itemize|questions|parts|description|compactenum)\*?\}(?P<options>\[[^\]]*\])?"
    r"|\\(?:item|question|part)(?![A-Za-z])\s*(?P<label>\[[^\]\n]{0,60}\])?(?P<item>)"
    r"|\\setcounter\{(?P<counter>\w+)\}\{(?P<value>-?\d+)\}",
    re.DOTALL,
)
_LINE_LABEL: Final = re.compile(
    r"^(?P<indent>[ \t]*)(?:>\s*)?(?:\*\*|__|\\noindent\s*|\\textbf\{)?"
    r"(?P<label>(?:(?:question|problem|exercise|part|task|answer|q|ex)\.?\s*)?\(?\d\s?\.\s?\d\)?"
    r"|(?:question|problem|exercise|part|task|q)\.?\s*\(?[1-9]\)?"
    r"|\(?[1-9][.)]|\([a-f1-9]\)|[a-f]\))"
    r"(?P<close>\*\*|__|\})?(?P<punct>[.:)]?(?:\*\*|__|\})?)(?=\s|$)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)


def prepare(text: str, kind: WriteupKind) -> str:
    """The body without comments, verbatim code and preamble (line numbers are kept), own macros replaced."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if kind == "md":
        return _without(text, (("<!--", "-->"),))
    text = re.sub(r"(?<!\\)%[^\n]*", "", text)
    text = _without(
        text,
        tuple((rf"\begin{{{name}}}", rf"\end{{{name}}}") for name in ("verbatim", "lstlisting", "minted", "comment")),
    )
    text = expand(text)
    begin, end = text.find(r"\begin{document}"), text.rfind(r"\end{document}")
    if begin >= 0:
        text = (
            "\n" * text[:begin].count("\n") + text[begin + len(r"\begin{document}") : end if end > begin else len(text)]
        )
    return text


def _without(text: str, delimiters: tuple[tuple[str, str], ...]) -> str:
    """The text with what stands between the delimiters blanked; lines keep their numbers."""
    for opening, closing in delimiters:
        pieces: list[str] = []
        done = 0
        while (start := text.find(opening, done)) >= 0 and (end := text.find(closing, start)) >= 0:
            pieces.extend((text[done:start], "\n" * text.count("\n", start, end)))
            done = end + len(closing)
        text = "".join([*pieces, text[done:]])
    return text


def blocks(text: str, kind: WriteupKind) -> Iterator[Block]:
    """The blocks of a prepared text, in order."""
    breaks = [match.start() for match in re.finditer("\n", text)]

    def line_at(place: int) -> int:
        return bisect_left(breaks, place) + 1

    done = position = 0
    never: set[str] = set()
    """Closing delimiters that do not occur any more: looked for once, so that the scan stays linear."""
    while match := _TOKEN.search(text, position):
        position = match.end()
        closing = _closing(match)
        line = line_at(match.start())
        block: Block | None
        if closing is not None:
            end = -1 if closing in never else text.find(closing, match.end())
            if end < 0:
                never.add(closing)
                continue
            block = Display(text[match.end() : end], (match["env"] or "").rstrip("*"), line)
            position = end + len(closing)
        else:
            block = _block(match, line, kind)
            if block is None:
                continue
        yield from _prose(text, done, match.start(), line_at)
        yield block
        done = position
    yield from _prose(text, done, len(text), line_at)


def _closing(match: re.Match[str]) -> str | None:
    """What ends a displayed formula; None for any other token."""
    if match["env"]:
        return rf"\end{{{match['env']}}}"
    for group, closing in (("fence", "```"), ("dollars", "$$"), ("bracket", r"\]")):
        if match[group]:
            return closing
    return None


def _block(match: re.Match[str], line: int, kind: WriteupKind) -> Block | None:
    if match["section"]:
        level = {"chapter": 1, "section": 1, "paragraph": 4}[match["section"]] + len(match["sub"]) // 3
        return Heading(level, match["title"], not match["unnumbered"], line)
    if match["hashes"]:
        return Heading(len(match["hashes"]), match["mdtitle"].rstrip("# "), False, line) if kind == "md" else None
    if match["bold"] or match["texbold"]:
        return Heading(BOLD_LEVEL, match["bold"] or match["texbold"], False, line)
    if match["edge"]:
        counts = match["list"] not in ("itemize", "description")
        return ListEdge(match["edge"] == "begin", counts, match["options"] or "", line)
    if match["item"] is not None:
        return Item((match["label"] or "")[1:-1], False, 0, line)
    return Counter(match["counter"], int(match["value"]))


def _prose(text: str, start: int, end: int, line_at: Callable[[int], int]) -> Iterator[Block]:
    """Prose, cut at lines that begin with a label."""
    position = start
    for match in _LINE_LABEL.finditer(text, start, end):
        if match.start() != 0 and text[match.start() - 1] != "\n":
            continue  # "^" also matches where the piece begins, within a line
        if position < match.start():
            yield Prose(text[position : match.start()], line_at(position))
        indent = len(match["indent"].replace("\t", "    "))
        yield Item(match["label"].strip(), True, indent, line_at(match.start("label")))
        position = match.end()
    if position < end and text[position:end].strip():
        yield Prose(text[position:end], line_at(position))
