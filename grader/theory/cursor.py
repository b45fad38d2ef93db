"""A place in a token sequence, and what may start an operand there."""

from __future__ import annotations

from collections.abc import Iterator

from grader.theory import tree as t
from grader.theory import vocabulary as v
from grader.theory.errors import MissingOperand
from grader.theory.lexeme import Token

_STARTS = frozenset(
    {"num", "name", "accent", "frac", "sqrt", "big", "nabla", "(", "[", "{", "⟨", "begin", "underbrace", "overbrace",
     "underset"}
)  # fmt: skip


class Cursor:
    """Tokens and a position; `bars` says what a | or ‖ means at this point, innermost last."""

    def __init__(self, tokens: tuple[Token, ...], family: str, lang: str) -> None:
        self.tokens = tokens
        self.family = family
        """gan, diffusion, elbo or score: which names are functions."""
        self.lang = lang
        self.at = 0
        self.depth = 0
        self.bars: list[str] = ["top"]
        self.integrals = 0

    def peek(self, ahead: int = 0) -> Token | None:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def kind(self, ahead: int = 0) -> str:
        token = self.peek(ahead)
        return token.kind if token else ""

    def value(self, ahead: int = 0) -> str:
        token = self.peek(ahead)
        return token.value if token else ""

    def roman(self, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return bool(token and token.roman)

    def column(self) -> int:
        token = self.peek()
        if token:
            return token.column
        return self.tokens[-1].end if self.tokens else 0

    def take(self, kind: str | None = None) -> Token:
        token = self.peek()
        if token is None or (kind is not None and token.kind != kind):
            found = f"“{token.value}” stands" if token else "the formula ends"
            raise MissingOperand(f"Here “{kind or 'something'}” is expected, but {found}.", self.column())
        self.at += 1
        return token

    def skip_line_joint(self) -> None:
        """A line break after or before an operator joins the lines."""
        while self.kind() == "\n":
            self.at += 1

    def skip_argument(self) -> None:
        """Passes over one TeX argument without reading it (the label of an \\underbrace)."""
        if self.kind() != "{":
            self.at += 1
            return
        level = 0
        while self.at < len(self.tokens):
            kind = self.take().kind
            level += {"{": 1, "}": -1}.get(kind, 0)
            if level == 0:
                return

    def starts_operand(self) -> bool:
        """Could the next token begin a factor that is multiplied by standing there?"""
        token = self.peek()
        if token is None:
            return False
        if token.kind == "name":
            if self.is_separator_word(token):
                return False
            return not self.at_differential()
        if token.kind in _STARTS:
            return True
        if token.kind == "||":
            return self.bars[-1] not in ("kl", "norm")
        if token.kind == "|":
            return self.family == "score" and self.bars[-1] in ("top", "paren") and self.bar_closes()
        return False

    def bar_closes(self) -> bool:
        """Does a second | stand further on at this level, so that the one here opens |v|?"""
        return any(self.tokens[place].kind == "|" for place in self.same_level(self.at + 1))

    def same_level(self, start: int) -> Iterator[int]:
        """Places from `start` on that stand in no inner bracket, up to the end of the bracket that `start` is in."""
        level = 0
        for place in range(start, len(self.tokens)):
            kind = self.tokens[place].kind
            if kind in ("(", "[", "{"):
                level += 1
            elif kind in (")", "]", "}"):
                level -= 1
                if level < 0:
                    return
            elif level == 0:
                yield place

    def is_separator_word(self, token: Token) -> bool:
        word = token.value
        if word in ("to", "of", "in") or (len(word) > 1 and word in v.INTRODUCTIONS):
            return True
        return token.roman and len(word) > 1 and word in v.PROSE and word not in ("known",)

    def at_differential(self) -> bool:
        """Does “dx” stand here, under an integral sign?"""
        if not self.integrals or self.value() != "d" or self.kind() != "name":
            return False
        return self.kind(1) in ("name", "accent")

    def find_closing(self, start: int) -> int:
        """Index of the token that closes the bracket at `start`; the end when there is none."""
        level = 0
        for place in range(start, len(self.tokens)):
            kind = self.tokens[place].kind
            if kind in "([{" and kind:
                level += 1
            elif kind in ")]}" and kind:
                level -= 1
                if level == 0:
                    return place
        return len(self.tokens)

    # The grammar's own rules, defined further down the chain of classes.
    def expression(self) -> t.Node:
        raise NotImplementedError

    def term(self) -> t.Node:
        raise NotImplementedError

    def factor(self) -> t.Node:
        raise NotImplementedError

    def juxtaposed(self) -> t.Node:
        raise NotImplementedError

    def operand(self) -> t.Node:
        raise NotImplementedError

    def powers(self, node: t.Node) -> t.Node:
        raise NotImplementedError

    def group(self) -> t.Node:
        raise NotImplementedError

    def bracket(self) -> t.Node:
        raise NotImplementedError

    def delimited(self) -> t.Node:
        raise NotImplementedError

    def close(self, opening: Token) -> None:
        raise NotImplementedError

    def sign(self) -> int:
        raise NotImplementedError
