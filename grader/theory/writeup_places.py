"""Where a piece of a write-up belongs: sections, items and written numbers, read block by block."""

from __future__ import annotations

import re
from typing import Final

from grader.theory.answer_text import (
    MAX_ANSWER_CHARS,
    QUESTIONS,
    StepText,
    split_leading,
)
from grader.theory.rows import is_notation, rows_of, top_level_relations
from grader.theory.writeup_blocks import (
    Counter,
    Display,
    Heading,
    Item,
    ListEdge,
    Prose,
)
from grader.theory.writeup_collected import Collected

_SECTION_WORDS: Final = (
    (
        0,
        re.compile(
            r"\bcod(?:e|ing)\b|\bprogramming\b|\bimplement|\binstruction|\breferences?\b|\bappendix\b", re.IGNORECASE
        ),
    ),
    (3, re.compile(r"unsupervised|contrastive|true\s*(?:or|/|and)\s*false", re.IGNORECASE)),
    (2, re.compile(r"diffusion", re.IGNORECASE)),
    (1, re.compile(r"\bGANs?\b|adversarial", re.IGNORECASE)),
)
_ITEMS: Final = {section: sum(q.startswith(f"{section}.") for q in QUESTIONS) for section in (1, 2, 3)}
_PREFIX: Final = r"^\W*(?:(?:question|problem|exercise|part|task|section|answer|solution|sec|q|ex)(?:\s+to)?\.?\s*)*\(?"
_TWO: Final = re.compile(_PREFIX + r"([1-9])\s?\.\s?([1-9])(?!\d)", re.IGNORECASE)
_ONE: Final = re.compile(_PREFIX + r"([0-9]|[a-f](?=[.)]))(?![\w.]*\d)", re.IGNORECASE)
_INLINE: Final = re.compile(r"(?<!\\)\$(?!\$)((?:\\.|[^$\\])+)\$|\\\((.+?)\\\)", re.DOTALL)
_DECLARES: Final = re.compile(
    r"\b(?:where|with|let|define[ds]?|denote[ds]?|defining|denoting|set|setting|write|and|notation|for)\b\W*$",
    re.IGNORECASE,
)
_NOT_A_STEP: Final = re.compile(r"\b(?:wrong|incorrect|not true that|would be|instead of)\b\W*$", re.IGNORECASE)


class Places:
    """Follows headings and lists to the question that each piece belongs to."""

    def __init__(self) -> None:
        self.collected: dict[str, Collected] = {}
        self._section: int | None = None
        self._item: int | None = None
        self._by_heading = False
        self._section_count = 0
        self._subsection_count = 0
        self._section_name = "part"
        """The word before a section's number: after "Problem 2" a "Problem 3" is a section, not an item."""
        self._headings = 0
        self._sections_by_list = False
        """No heading was seen before the first list: the outermost list's items are the sections."""
        self._lists: list[list[int | bool]] = []  # [counts?, items so far]
        self._highest = 0

    # ---------------------------------------------------------------- where we are

    @property
    def _question(self) -> str:
        if self._section in _ITEMS and self._item:
            question = f"{self._section}.{self._item}"
            return question if question in QUESTIONS else "outside"
        return "" if self._section is None or (self._section in _ITEMS and self._item is None) else "outside"

    def _here(self, line: int) -> Collected:
        collected = self.collected.setdefault(self._question, Collected())
        if collected.line == 0:
            collected.line = line
        return collected

    def _enter(self, section: int, item: int | None, by_heading: bool) -> None:
        if section != self._section:
            self._highest = 0
        self._section, self._item, self._by_heading = section, item, by_heading and item is not None
        if item is not None:
            self._highest = max(self._highest, item)

    # ---------------------------------------------------------------- what comes

    def take(self, block: object) -> None:
        """The next block of the write-up."""
        if isinstance(block, Heading):
            self._heading(block)
        elif isinstance(block, ListEdge):
            self._list_edge(block)
        elif isinstance(block, Counter):
            self._counter(block)
        elif isinstance(block, Item):
            self._take_item(block)
        elif isinstance(block, Display):
            self._display(block)
        elif isinstance(block, Prose):
            self._prose(block)

    def _heading(self, heading: Heading) -> None:
        title = re.sub(r"[*_`$]|\\(?:textbf|textit|emph)", "", heading.title)
        self._headings += 1
        if heading.level == 1:
            self._section_count += heading.numbered
            self._subsection_count = 0
        elif heading.level == 2:
            self._subsection_count += heading.numbered
        two = _TWO.match(title)
        if two and f"{two[1]}.{two[2]}" in QUESTIONS:
            self._enter(int(two[1]), int(two[2]), True)
            self._words(title[two.end() :].lstrip(").: "), heading.line)
            return
        worded = next((section for section, words in _SECTION_WORDS if words.search(title)), None)
        one = _ONE.match(title)
        number = _number(one[1]) if one else None
        named = re.match(r"\W*([A-Za-z]+)", title)
        name = named[1].lower() if named and number is not None else ""
        inside = self._section in _ITEMS and heading.level > 1 and name not in ("part", "section", self._section_name)
        if inside and number is not None and worded in (None, self._section) and number <= _ITEMS[self._section or 1]:
            self._enter(self._section or 1, number, True)
            self._words(title[one.end() if one else 0 :].lstrip(").: "), heading.line)
        elif inside and heading.numbered and heading.level == 2 and worded is None:
            self._enter(self._section or 1, self._subsection_count, True)
        elif worded is not None or number is not None:
            self._enter(worded if worded is not None else number or 0, None, True)
            self._section_name = name or self._section_name
        elif heading.level == 1 and heading.numbered:
            self._enter(self._section_count, None, True)
        else:
            self._words(heading.title, heading.line)

    def _counter(self, counter: Counter) -> None:
        if counter.name == "section":
            self._section_count = counter.value
        elif counter.name == "subsection":
            self._subsection_count = counter.value
        elif counter.name.startswith("enum") and self._lists:
            self._lists[-1][1] = counter.value

    def _list_edge(self, edge: ListEdge) -> None:
        if not edge.begins:
            if self._lists:
                self._lists.pop()
            return
        resumed = self._highest if "resume" in edge.options else 0
        start = re.search(r"start\s*=\s*(\d+)", edge.options)
        self._lists.append([edge.counts, int(start[1]) - 1 if start else resumed])

    def _take_item(self, item: Item) -> None:
        two = _TWO.match(item.label)
        if two and f"{two[1]}.{two[2]}" in QUESTIONS:
            self._enter(int(two[1]), int(two[2]), False)
            return
        one = _ONE.match(item.label + (")" if item.label[:1].isalpha() and len(item.label) == 1 else ""))
        number = _number(one[1]) if one else None
        if item.written:
            self._written_label(item, number)
            return
        if self._by_heading or not self._lists or not self._lists[-1][0]:
            return
        self._lists[-1][1] += 1
        count = number if number is not None else int(self._lists[-1][1])
        depth = sum(bool(counts) for counts, _ in self._lists)
        if self._section is None and not self._headings:
            self._sections_by_list = True
        if self._sections_by_list:
            if depth == 1:
                self._enter(count, None, False)
            elif depth == 2 and self._section is not None:
                self._enter(self._section, count, False)
        elif self._section in _ITEMS and depth == 1 and count > self._highest:
            self._enter(self._section or 1, count, False)

    def _written_label(self, item: Item, number: int | None) -> None:
        """A line that begins with "3." or "(b)" or "Question 2": an item where it can be the next one."""
        named = re.match(r"\W*(?:question|problem|exercise|part|task|q)", item.label, re.IGNORECASE)
        if number is None:
            self._words(item.label, item.line)
        elif self._section in _ITEMS and not self._by_heading and item.indent < 2:
            repeated = number == self._highest == 1 and not named  # Markdown counts "1." "1." for itself
            if number > self._highest and number <= _ITEMS[self._section or 1]:
                self._enter(self._section or 1, number, False)
            elif repeated or (number == 1 and self._highest >= 1 and self._ones()):
                self._enter(self._section or 1, self._highest + 1, False)
        elif named and number in _ITEMS:
            self._enter(number, None, True)

    def _ones(self) -> bool:
        return all(not c.steps for q, c in self.collected.items() if q.startswith(f"{self._section}."))

    # ---------------------------------------------------------------- what is there

    def _display(self, display: Display) -> None:
        here = self._here(display.line)
        here.size += len(display.text)
        if here.size > MAX_ANSWER_CHARS:
            return
        for row, offset in rows_of(display.text, display.environment):
            leading, rest = split_leading(row)
            if not rest:
                continue
            words, here.words = here.words, ""
            step = StepText(rest, "latex", display.line + offset, 0, words.strip()[-200:], leading)
            here.steps.append(step)
            if leading is None and _is_definition(rest):
                here.definitions.append(rest)

    def _prose(self, prose: Prose) -> None:
        self._words(prose.text, prose.line)

    def _words(self, text: str, line: int) -> None:
        if not text.strip():
            return
        here = self._here(line)
        here.size += len(text)
        if here.size > MAX_ANSWER_CHARS:
            return
        here.prose.append(text.strip())
        here.words = f"{here.words} {text}"[-400:]
        end = 0
        for match in _INLINE.finditer(text):
            formula = (match[1] or match[2]).strip()
            before = text[end : match.start()]
            end = match.end()
            declares = _DECLARES.search(before) is not None or ":=" in formula
            if _is_definition(formula) and (declares or re.fullmatch(r"[\s,;]*(?:and)?[\s,]*", before)):
                here.definitions.append(formula)
            elif (top_level_relations(formula) or len(formula) > 25) and not _NOT_A_STEP.search(before):
                leading, rest = split_leading(formula)
                row_line = line + text.count("\n", 0, match.start())
                here.inline.append(StepText(rest, "latex", row_line, 0, before.strip()[-200:], leading))


def _is_definition(formula: str) -> bool:
    relations = top_level_relations(formula)
    return bool(relations) and relations[0][0] in ("=", ":=", r"\equiv") and is_notation(formula[: relations[0][1]])


def _number(label: str) -> int | None:
    label = label.strip().lower()
    if label.isdigit():
        return int(label)
    return ord(label) - ord("a") + 1 if len(label) == 1 and "a" <= label <= "f" else None
