"""Exponents, and what else may follow an operand: an index after a bracket, a method call, ᵀ."""

from __future__ import annotations

from fractions import Fraction

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEPTH
from grader.theory.errors import (
    ReadError,
    TooDeep,
    UnexpectedSymbol,
    UnsupportedForm,
)
from grader.theory.forms import Forms
from grader.theory.lexeme import Token


class Powers(Forms):
    """Operands with their powers."""

    def powers(self, node: t.Node) -> t.Node:
        while True:
            kind = self.kind()
            if kind == "^":
                node = self.power(node)
            elif kind == "_" and isinstance(node, (t.Sym, t.Call)) and not isinstance(node, t.Call):
                node = self.scripts(node)
            elif kind == "(" and (named := self.index_in_brackets(node)) is not None:
                node = named
            elif kind == "_" and isinstance(node, t.Pow) and isinstance(node.base, t.Norm):
                order = self.norm_order()
                node = t.Pow(t.Norm(node.base.arg, order), node.exponent)
            elif kind == "_" and isinstance(node, t.Pow) and isinstance(node.base, t.Sym) and not node.base.index:
                base = self.scripts(node.base)
                node = t.Pow(base, node.exponent)
            elif kind == "_":
                node = t.Component(node, self.component_index())
            elif kind == "method":
                node = self.method(node)
            elif kind == "'":
                raise UnsupportedForm("A derivative written with a prime is not read here.", self.column())
            elif kind == "!":
                raise UnsupportedForm("A factorial is not read here.", self.column())
            else:
                return node

    def index_in_brackets(self, node: t.Node) -> t.Node | None:
        """σ²(t): the index of a squared name, in brackets after its exponent."""
        if not (isinstance(node, t.Pow) and isinstance(node.base, t.Sym) and node.base.name == "sigma"):
            return None
        if node.base.index or not self.index_argument():
            return None
        opening = self.take()
        index = self.index_expression()
        self.close(opening)
        return t.Pow(t.Sym("sigma", (index,), node.base.column), node.exponent)

    def power(self, node: t.Node) -> t.Node:
        caret = self.take()
        if self.kind() == "{" and self.kind(1) in ("⊙", "*") and self.kind(2) == "num" and self.kind(3) == "}":
            self.at += 2  # M^{⊙2}: the power of every entry, which is how powers of vectors are read anyway
            exponent: t.Node = self.operand()
            self.take("}")
            return t.Pow(node, exponent)
        if self.kind() == "{" and self.kind(1) == "name" and self.value(1) == "⊤" and self.kind(2) == "}":
            self.at += 3
            return t.Transpose(node)
        if (
            self.kind() == "{"
            and self.kind(1) == "name"
            and self.value(1) == "T"
            and self.roman(1)
            and self.kind(2) == "}"
        ):
            self.at += 3
            return t.Transpose(node)
        if self.kind() == "name" and (self.value() == "⊤" or (self.value() == "T" and self.roman())):
            self.at += 1
            return t.Transpose(node)
        if self.kind() == "{":
            exponent = self.group()
        else:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise TooDeep(f"Exponents are nested more than {MAX_DEPTH} deep.", caret.column)
            sign = self.sign()
            if self.lang == "latex" and self.kind() == "num" and len(self.value()) > 1:
                exponent = self.first_digit()
            else:
                exponent = self.operand()
            if self.kind() == "^":
                exponent = self.power(exponent)
            if sign < 0:
                exponent = t.Neg(exponent)
            self.depth -= 1
        if isinstance(node, t.Sym) and node.name == "e" and not node.index:
            return t.Fun("exp", exponent)
        return t.Pow(node, exponent)

    def component_index(self) -> t.Node:
        labels, index = self.subscript("")
        if labels or len(index) != 1:
            raise ReadError("An index after a bracket must be one component.", self.column())
        return index[0]

    def first_digit(self) -> t.Node:
        """Splits the first digit off a number token: \\frac12 is a half."""
        token = self.peek()
        assert token is not None
        if len(token.value) == 1:
            self.take()
            return t.Num(Fraction(token.value))
        if not token.value.isdigit():
            raise UnexpectedSymbol(
                f"Put braces around {token.value} here: TeX takes its first digit only.", token.column
            )
        rest = Token("num", token.value[1:], token.column + 1, token.end)
        self.tokens = (*self.tokens[: self.at], rest, *self.tokens[self.at + 1 :])
        return t.Num(Fraction(token.value[0]))
