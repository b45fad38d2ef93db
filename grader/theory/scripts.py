"""Subscripts and superscripts of a name: labels (D^*, x_{known}), indices (β_{t−1}, beta[t]), components (x^{(i)})."""

from __future__ import annotations

from fractions import Fraction

from grader.theory import tree as t
from grader.theory.cursor import Cursor
from grader.theory.errors import MissingOperand, UnsupportedForm
from grader.theory.names import base_of, is_label, with_accent, with_labels

COUNTS_FROM_0 = (
    "It is open whether beta[0] is the first β, as in a program: write the first and the last β_s of the product."
)
"""What is right for one reader of an array and wrong for another is neither: a person asks."""


class Scripts(Cursor):
    """What stands below and above a name; powers are left to the grammar of powers."""

    def scripts(self, node: t.Node) -> t.Node:
        """Takes every subscript, and the superscripts that are labels (D^*, x^{known}); powers are left."""
        assert isinstance(node, t.Sym)
        name, index = node.name, list(node.index)
        while True:
            if self.kind() == "mark":
                name = with_accent(name, self.take().value)
            elif self.kind() == "_":
                labels, indices = self.subscript(base_of(name))
                name = with_labels(name, labels)
                index.extend(indices)
            elif self.kind() == "^" and (label := self.superscript_label(name)):
                if label == "component":
                    index.append(self.component_superscript())
                else:
                    name = with_labels(name, (label,))
            elif self.kind() == "'" and name in ("x", "t", "i", "s", "j", "m", "M", "sigma", "epsilon", "mu"):
                self.take()
                name = name + "_prime"
            elif self.star_follows(name):
                self.take()
                name = with_labels(name, ("star",))
            elif self.indexed_by_bracket(name, index):
                self.take()
                index.append(self.array_index(name))
                while self.kind() == ",":
                    self.take()
                    index.append(self.index_expression())
                self.take("]")
            else:
                return t.Sym(name, tuple(index), node.column)

    def star_follows(self, name: str) -> bool:
        r"""D*(x) and D* = … in plain text: a star that is no product sign."""
        if self.kind() != "*" or self.value().startswith("\\"):
            return False
        after = self.peek(1)
        if name == "D" and self.family == "gan":
            return after is None or after.kind in ("(", "_", ")", "=")
        return after is None

    def indexed_by_bracket(self, name: str, index: list[t.Node]) -> bool:
        token = self.peek()
        if token is None or token.kind != "[" or token.spaced or index or self.lang != "text":
            return False
        return base_of(name) in ("beta", "alpha", "x", "sigma", "M", "s", "epsilon", "eps", "p", "L")

    def array_index(self, name: str) -> t.Node:
        """The index in beta[t]; the slice beta[1:t+1] ends before its second index, as in programs."""
        if self.kind() == ":":
            raise UnsupportedForm(
                "A slice is read with both ends: without the first it is open which β the array begins with.",
                self.column(),
            )
        node = self.index_expression()
        if isinstance(node, t.Range) and base_of(name) in ("beta", "alpha"):
            if node.low == t.number(0):
                raise UnsupportedForm(COUNTS_FROM_0, self.column())
            return t.Range(node.low, t.before(node.high))
        return node

    def superscript_label(self, name: str) -> str | None:
        """Consumes a superscript that is part of the name; "component" for (i), which is consumed later."""
        one = self.kind(1)
        if one == "*":
            self.at += 2
            return "star"
        if one == "{":
            inner, last = self.peek(2), self.kind(3)
            if inner is not None and last == "}":
                word = inner.kind == "name" and (len(inner.value) > 1 or inner.roman)
                if inner.kind == "*":
                    self.at += 4
                    return "star"
                if inner.kind == "'":
                    self.at += 4
                    return "prime"
                known = ("known", "obs", "star", "opt", "theta", "observed", "data", "real", "gen", "fake")
                if word and inner.value in known and not (inner.value == "theta" and name not in ("x_hat", "s", "mu")):
                    self.at += 4
                    return inner.value
            if self.kind(2) == "(" and self.kind(3) == "name" and self.kind(4) == ")" and self.kind(5) == "}":
                return "component"
        elif one == "(" and self.kind(2) == "name" and self.kind(3) == ")" and base_of(name) in ("x", "M", "s"):
            return "component"
        elif one == "name" and self.value(1) in ("known", "obs", "star", "opt"):
            label = self.value(1)
            self.at += 2
            return label
        return None

    def component_superscript(self) -> t.Node:
        braced = self.kind(1) == "{"
        self.at += 3 if braced else 2
        node = self.index_expression()
        self.take(")")
        if braced:
            self.take("}")
        return node

    def subscript(self, base: str) -> tuple[tuple[str, ...], tuple[t.Node, ...]]:
        """Labels and indices of one subscript."""
        self.take("_")
        if self.kind() == "{":
            return self.subscript_group(base)
        token = self.peek()
        if token is None:
            raise MissingOperand("A subscript is missing.", self.column())
        if token.kind == "name":
            if is_label(base, token.value, roman=token.roman, last=True):
                self.take()
                return (token.value,), ()
            self.take()
            return (), (t.Sym(token.value, (), token.column),)
        if token.kind == "num":
            return (), (self.with_bare_range(self.operand()),)
        if token.kind == "*":
            self.take()
            return ("star",), ()
        if token.kind in ("accent", "("):
            return (), (self.operand(),)
        raise MissingOperand(f"“{token.value}” is no subscript.", token.column)

    def with_bare_range(self, low: t.Node) -> t.Node:
        """x_1:T in plain text: the range is typed without its braces."""
        if self.lang != "text" or self.family != "elbo" or self.kind() != ":" or self.kind(1) not in ("name", "num"):
            return low
        self.take()
        high = self.take()
        return t.Range(low, t.Sym(high.value) if high.kind == "name" else t.Num(Fraction(high.value)))

    def subscript_group(self, base: str) -> tuple[tuple[str, ...], tuple[t.Node, ...]]:
        opening = self.take("{")
        labels: list[str] = []
        indices: list[t.Node] = []
        while self.kind() != "}":
            token = self.peek()
            if token is None:
                raise MissingOperand("A subscript is never closed.", opening.column)
            following = self.kind(1)
            last = following in ("}", ",", ";")
            if token.kind in (",", ";", "\n"):
                self.take()
            elif token.kind == "*":
                self.take()
                labels.append("star")
            elif token.kind == "name" and is_label(base, token.value, roman=token.roman, last=last):
                self.take()
                labels.append(token.value)
            elif token.kind == "{":
                inner_labels, inner = self.subscript_group(base)
                labels.extend(inner_labels)
                indices.extend(inner)
            else:
                indices.append(self.index_expression())
        self.take("}")
        return tuple(labels), tuple(indices)

    def index_expression(self) -> t.Node:
        """t − 1, i, 1:T."""
        self.bars.append("paren")
        node = self.expression()
        if self.kind() == ":":
            self.take()
            node = t.Range(node, self.expression())
        self.bars.pop()
        return node
