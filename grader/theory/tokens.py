"""Student text → tokens with their columns. One tokenizer for LaTeX and for plain text: students mix them.

LaTeX is tokenized by TeX's own rule (a backslash and letters, or a backslash and one character); what only changes
the look is dropped here, so that the grammar meets `bar`, `name`, `(` and `^`, never `\\Bigl`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from grader.theory import vocabulary as v
from grader.theory.bounds import MAX_DIGITS, MAX_LENGTH, MAX_TOKENS
from grader.theory.errors import (
    EmptyAnswer,
    TooLong,
    TooManyDigits,
    UnknownCharacter,
)
from grader.theory.lexeme import Token
from grader.theory.tex_commands import TexCommands
from grader.theory.words import Words


def tokenize(text: str, lang: str) -> tuple[Token, ...]:
    """Tokens of a student's text; lang is "latex" or "text". Raises a ReadError with the column."""
    if len(text) > MAX_LENGTH:
        raise TooLong(f"The answer has {len(text):,} characters; at most {MAX_LENGTH:,} are read.", MAX_LENGTH)
    scanner = _Scanner(text, latex=lang == "latex")
    scanner.run(0, len(text))
    if not scanner.out:
        raise EmptyAnswer("There is no formula to read.", 0)
    return tuple(scanner.out)


def guess_language(text: str) -> str:
    r"""latex when the text holds a command, a dollar or a braced index; text otherwise."""
    marks = ("\\frac", "\\", "$")
    return "latex" if any(mark in text for mark in marks) else "text"


class _Scanner(TexCommands, Words):
    """Walks the text once; groups of style commands are walked recursively, to a bounded depth."""

    def __init__(self, text: str, *, latex: bool) -> None:
        self.text = text
        self.latex = latex
        self.out: list[Token] = []
        self.depth = 0
        self.spaced = False
        self.dollars = latex and text.count("$") % 2 == 0 and "$" in text and "\\$" not in text
        self.outside = self.dollars
        """Does the scanner stand outside of $…$, in the prose around the formulas?"""

    def emit(self, kind: str, value: str, start: int, end: int, *, roman: bool = False) -> None:
        if len(self.out) >= MAX_TOKENS:
            raise TooLong(f"The answer has more than {MAX_TOKENS:,} symbols.", start)
        self.out.append(Token(kind, value, start, end, self.spaced, roman))
        self.spaced = False

    def run(self, start: int, stop: int, *, roman: bool = False) -> None:
        position = start
        while position < stop:
            position = self.step(position, stop, roman)

    def step(self, at: int, stop: int, roman: bool) -> int:
        text = self.text
        char = text[at]
        if char == "\\":
            return self.command(at, stop, roman)
        if char in " \t\r\u00a0\u2009\u200a\u202f\u2002\u2003\u2005\ufeff\u200b\u2061\u2062":
            self.spaced = True
            return at + 1
        if char == "\n":
            self.newline(at, stop)
            return at + 1
        if char == "%" and self.latex:
            end = text.find("\n", at)
            return stop if end < 0 or end > stop else end
        if char == "$" or char == "`":
            self.spaced = True
            end = at + 1
            while end < stop and text[end] == char:
                end += 1
            self.outside = not self.outside if char == "$" and self.dollars else self.outside
            return end
        if char.isdigit() and char.isascii():
            return self.number(at, stop)
        if char == "." and at + 1 < stop and text[at + 1].isascii() and text[at + 1].isdigit():
            return self.number(at, stop)
        if char in v.SUBSCRIPTS:
            return self.script_run(at, stop, v.SUBSCRIPTS, "_")
        if char in v.SUPERSCRIPTS:
            return self.script_run(at, stop, v.SUPERSCRIPTS, "^")
        if char in v.FRACTIONS:
            top, bottom = v.FRACTIONS[char]
            for kind, value in (("{", "{"), ("num", str(top)), ("/", "/"), ("num", str(bottom)), ("}", "}")):
                self.emit(kind, value, at, at + 1)
            return at + 1
        if char in v.SYMBOL_NAMES:
            kind, value = v.SYMBOL_NAMES[char]
            self.emit(kind, value, at, at + 1)
            return at + 1
        if char in v.ACCENT_MARKS:
            self.emit("mark", v.ACCENT_MARKS[char], at, at + 1)
            return at + 1
        if char in v.OPERATORS:
            return self.operator(at, stop)
        if char.isalpha() or unicodedata.category(char) == "Mn":
            return self.letters(at, stop, roman)
        plain = unicodedata.normalize("NFKC", char)
        if len(plain) == 1 and plain != char and plain in v.OPERATORS:
            self.emit(v.OPERATORS[plain], plain, at, at + 1)
            return at + 1
        raise UnknownCharacter(f"The character {char!r} has no meaning here.", at)

    def newline(self, at: int, stop: int) -> None:
        self.spaced = True
        blank = self.text[at + 1 : stop].split("\n", 1)[0].strip(" \t\r")
        if (not self.latex or (blank == "" and at + 1 < stop)) and self.out and self.out[-1].kind != "\n":
            self.emit("\n", "\n", at, at + 1)

    def number(self, at: int, stop: int) -> int:
        text, end = self.text, at
        while end < stop and text[end].isascii() and text[end].isdigit():
            end += 1
        if end + 1 < stop and text[end] == "." and text[end + 1].isascii() and text[end + 1].isdigit():
            end += 1
            while end < stop and text[end].isascii() and text[end].isdigit():
                end += 1
        elif (
            end < stop
            and text[end] == "."
            and (end + 1 >= stop or text[end + 1] != ".")
            and self.is_decimal_dot(end, stop)
        ):
            end += 1
        literal = text[at:end]
        if (
            end + 1 < stop
            and text[end] in "eE"
            and (text[end + 1].isdigit() or text[end + 1] in "+-")
            and not self.latex
        ):
            tail = end + 2
            while tail < stop and text[tail].isascii() and text[tail].isdigit():
                tail += 1
            if text[tail - 1].isdigit():
                exponent = text[end + 1 : tail]
                if len(exponent) > 3:
                    raise TooManyDigits(f"The number {text[at:tail][:20]}… is too large or too small.", at)
                literal, end = f"{literal}e{exponent}", tail
        if sum(c.isdigit() for c in literal) > MAX_DIGITS:
            raise TooManyDigits(f"A number has more than {MAX_DIGITS} digits.", at)
        self.emit("num", literal, at, end)
        return end

    def is_decimal_dot(self, at: int, stop: int) -> bool:
        """A dot after digits and before an operator ("2.*x") belongs to the number, before a space it does not."""
        return not self.latex and at + 1 < stop and self.text[at + 1] in "*/)+-"

    def script_run(self, at: int, stop: int, table: dict[str, str], operator: str) -> int:
        end = at
        while end < stop and self.text[end] in table:
            end += 1
        self.emit(operator, operator, at, at + 1)
        self.emit("{", "{", at, at + 1)
        for position in range(at, end):
            char = table[self.text[position]]
            if char.isdigit():
                last = self.out[-1]
                if last.kind == "num" and last.end == position:
                    self.out[-1] = replace(last, value=last.value + char, end=position + 1)
                    continue
                self.emit("num", char, position, position + 1)
            elif char.isalpha():
                self.emit("name", v.GREEK_LETTERS.get(char, char), position, position + 1)
            else:
                self.emit(v.OPERATORS[char], char, position, position + 1)
        self.emit("}", "}", end - 1, end)
        return end

    def operator(self, at: int, stop: int) -> int:
        text = self.text
        pair = text[at : min(at + 2, stop)]
        double = {"**": "^", "||": "||", ":=": "=", "==": "=", "<=": "≤", ">=": "≥", "=>": "⇒", "->": "→", "!=": "≠",
                  "~=": "≈", "..": "…", ".*": "⊙", "//": "/", "=:": "="}  # fmt: skip
        if pair in double:
            end = at + 2
            if pair == "..":
                while end < stop and text[end] == ".":
                    end += 1
            self.emit(double[pair], pair, at, end)
            return end
        kind = v.OPERATORS[text[at]]
        if kind == "~" and self.latex:
            self.spaced = True  # TeX's unbreakable space; the relation is \sim
            if "\\sim" in text:
                return at + 1
            following = text[at + 1 : stop].lstrip(" {\\")
            if not following or not (following[0].isalpha()):
                return at + 1
        if kind == "." and not self.latex and at > 0 and text[at - 1] in ")]" and text[at + 1 : at + 2].isalpha():
            kind = "method"
        if kind == "⊙" and text[at] == "∘" and self.out and self.out[-1].kind == "^":
            raise UnknownCharacter("A degree sign has no meaning here.", at)
        self.emit(kind, text[at], at, at + 1)
        return at + 1
