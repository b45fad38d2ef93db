"""Brackets, braced groups and the undelimited arguments of TeX."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEPTH
from grader.theory.errors import (
    MissingOperand,
    TooDeep,
    UnbalancedBracket,
    UnexpectedSymbol,
)
from grader.theory.lexeme import Token
from grader.theory.powers import Powers

CLOSERS = {"(": ")", "[": "]", "{": "}", "⟨": "⟩"}


class Brackets(Powers):
    """What stands between an opening bracket and its partner."""

    def bracket(self) -> t.Node:
        opening = self.take()
        self.bars.append("paren")
        node = self.expression()
        self.bars.pop()
        self.close(opening)
        return node

    def group(self) -> t.Node:
        """A braced group; without braces, one operand (TeX's rule for \\frac12)."""
        if self.kind() != "{":
            return self.argument()
        opening = self.take()
        self.bars.append("paren")
        node = self.expression()
        if self.kind() == "over":
            self.take()
            node = t.Div(node, self.expression())
        self.bars.pop()
        self.close(opening)
        return node

    def argument(self) -> t.Node:
        """One undelimited TeX argument: a digit, a letter, a command with its own arguments."""
        if self.kind() == "num":
            return self.first_digit()
        token = self.peek()
        if token is None:
            raise MissingOperand("An argument is missing at the end of the formula.", self.column())
        if token.kind == "name":
            self.take()
            return t.Sym(token.value, (), token.column)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep(f"The formula is nested more than {MAX_DEPTH} deep.", token.column)
        node = self.accented(bare=True) if token.kind == "accent" else self.operand()
        self.depth -= 1
        return node

    def close(self, opening: Token) -> None:
        wanted = CLOSERS[opening.kind]
        token = self.peek()
        if token is None:
            raise UnbalancedBracket(f"The bracket {opening.value} is never closed.", opening.column)
        if token.kind != wanted and not (opening.kind in "([" and token.kind in ")]"):
            if token.kind in ")]}":
                raise UnbalancedBracket(f"{opening.value} is closed by {token.value}.", token.column)
            raise UnexpectedSymbol(f"“{token.value}” is not expected here.", token.column)
        if opening.kind in "([" and token.kind != wanted:
            raise UnbalancedBracket(f"{opening.value} is closed by {token.value}.", token.column)
        self.take()
