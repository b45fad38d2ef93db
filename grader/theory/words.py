"""Runs of letters → tokens: words, names with their index glued on, spellings of programs, unicode letters."""

from __future__ import annotations

import re
import unicodedata

from grader.theory import vocabulary as v
from grader.theory.errors import (
    UnknownCharacter,
)
from grader.theory.lexeme import Token

_QUOTED = re.compile(r"""\(\s*(["'])(?P<name>\w{1,20})\1\s*(?:,[^()]{0,80})?\)""")
_INDEXED = re.compile(r"""\(\s*(["'])(?P<name>\w{1,20})\1\s*,\s*(?P<index>[\w+ -]{1,20})\)""")
_INDEX_BEFORE = re.compile(r"(?:(?P<name>[a-zA-Z])(?:_?minus_?1|_?min_1|m_?1|_m1)|prev|tprev|t_prev)(?![A-Za-z0-9])")


class Words:
    """The part of the scanner that meets a letter."""

    text: str
    latex: bool
    spaced: bool
    outside: bool
    out: list[Token]

    def emit(self, kind: str, value: str, start: int, end: int, *, roman: bool = False) -> None:
        raise NotImplementedError

    def run(self, start: int, stop: int, *, roman: bool = False) -> None:
        raise NotImplementedError

    def letters(self, at: int, stop: int, roman: bool) -> int:
        text, end = self.text, at
        char = unicodedata.normalize("NFD", text[at])
        if char[0] in v.GREEK_LETTERS or not text[at].isascii():
            return self.unicode_letter(at, stop, char, roman)
        while end < stop and text[end].isascii() and text[end].isalpha():
            end += 1
        word = text[at:end]
        if text[at : at + 4] in ("i.e.", "e.g."):
            self.emit(",", ",", at, at + 4)
            return at + 4
        if not self.latex or roman:
            while end < stop and text[end].isascii() and text[end].isdigit():
                end += 1
            numbered = text[at:end]
            if numbered != word and (numbered in v.COMPOUND_WORDS or numbered in v.FUNCTIONS):
                word = numbered
            elif numbered != word and not roman and len(word) == 1:
                digits_at = at + len(word)
                self.emit("name", word, at, digits_at)
                self.emit("_", "_", digits_at, digits_at)
                self.emit("num", numbered[len(word) :], digits_at, end)
                return end
            else:
                end = at + len(word)
        if not self.latex and (special := self.python_spelling(word, at, end, stop)):
            return special
        if end < stop and not self.latex and text[end] in v.GREEK_LETTERS and word + text[end] in v.COMPOUND_WORDS:
            word, end = word + text[end], end + 1
        return self.word(word, at, end, roman)

    def python_spelling(self, word: str, at: int, end: int, stop: int) -> int:
        """Spellings of programs: np.sqrt, Function('p_r'), beta_bar_t_minus_1, beta_bar_prev. The end, or 0."""
        rest = self.text[end:stop]
        if word in v.MODULES and rest[:1] == "." and rest[1:2].isalpha():
            if rest.startswith(".where("):
                self.emit("name", "select", at, end + len(".where"))
                return end + len(".where")
            return end + 1
        if word == "Indexed" and (made := _INDEXED.match(rest)):
            self.run(end + made.start("name"), end + made.end("name"))
            for kind in ("_", "{"):
                self.emit(kind, kind, at, at)
            self.run(end + made.start("index"), end + made.end("index"))
            self.emit("}", "}", end + made.end(), end + made.end())
            return end + made.end()
        if word in v.SYMBOL_MAKERS and (made := _QUOTED.match(rest)):
            self.run(end + made.start("name"), end + made.end("name"))
            return end + made.end()
        if word == "o" and self.spaced and rest[:1] == " ":
            self.emit("⊙", word, at, end)
            return end
        if self.out and self.out[-1].kind == "_":
            before = _INDEX_BEFORE.match(self.text, at, stop)
            if before:
                name = before["name"] or "t"
                for kind, value in (("{", "{"), ("name", name), ("-", "-"), ("num", "1"), ("}", "}")):
                    self.emit(kind, value, at, before.end())
                return before.end()
        return 0

    def unicode_letter(self, at: int, stop: int, decomposed: str, roman: bool) -> int:
        text = self.text
        for length in (5, 4, 2):
            piece = text[at : at + length]
            rest = at + length
            if (
                piece in v.COMPOUND_WORDS
                and rest <= stop
                and not (rest < stop and text[rest].isascii() and text[rest].isalpha())
            ):
                return self.compound(piece, at, rest)
        base = unicodedata.normalize("NFKC", decomposed[0])
        base = unicodedata.normalize("NFD", base)[0]
        if base in v.GREEK_LETTERS:
            self.emit("name", v.GREEK_LETTERS[base], at, at + 1, roman=roman)
        elif base.isascii() and base.isalpha():
            self.emit("name", base, at, at + 1, roman=roman)
        elif base in v.OPERATORS:
            self.emit(v.OPERATORS[base], base, at, at + 1)
        elif base in v.SYMBOL_NAMES:
            kind, value = v.SYMBOL_NAMES[base]
            self.emit(kind, value, at, at + 1)
        else:
            raise UnknownCharacter(f"The character {text[at]!r} has no meaning here.", at)
        for mark in decomposed[1:]:
            if mark in v.ACCENT_MARKS:
                self.emit("mark", v.ACCENT_MARKS[mark], at, at + 1)
        return at + 1

    def word(self, word: str, at: int, end: int, roman: bool) -> int:
        if word in v.BIG_WORDS and not (roman and word in ("product", "integral", "gradient")):
            kind = v.BIG_WORDS[word]
            self.emit({"nabla": "nabla", "partial": "partial"}.get(kind, "big"), kind, at, end)
        elif word in v.COMPOUND_WORDS and (not self.latex or roman or word in ("betabar", "xhat")):
            return self.compound(word, at, end)
        elif word == "sqrt" or word == "Sqrt":
            self.emit("sqrt", "sqrt", at, end)
        elif not self.latex or roman or len(word) == 1 or word in v.KEPT_WORDS:
            self.emit("name", v.SAME_NAME.get(word, word), at, end, roman=roman)
        elif self.out and self.out[-1].kind in ("_", "{") and len(word) >= 3 and self.after_script():
            self.emit("name", word, at, end, roman=roman)
        elif len(word) >= (2 if self.outside else 4) and self.is_prose(word):
            self.emit("name", word, at, end, roman=True)
        else:
            for offset, char in enumerate(word):
                self.emit("name", char, at + offset, at + offset + 1)
        return end

    def is_prose(self, word: str) -> bool:
        return word in v.PROSE or word in v.INTRODUCTIONS

    def after_script(self) -> bool:
        return self.out[-1].kind == "_" or (len(self.out) > 1 and self.out[-2].kind in ("_", "^"))

    def compound(self, word: str, at: int, end: int) -> int:
        for piece in v.COMPOUND_WORDS[word].split():
            if piece.startswith("¯"):
                self.emit("mark", piece[1:], at, end)
            elif piece == "tm1":
                for kind in ("{", "t", "-", "1", "}"):
                    self.emit({"t": "name", "1": "num"}.get(kind, kind), kind, at, end)
            elif piece in "_{}-+^*":
                self.emit(piece, piece, at, end)
            elif piece.isdigit():
                self.emit("num", piece, at, end)
            else:
                self.emit("name", piece, at, end)
        return end
