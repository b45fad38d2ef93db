"""Sums and products as programs write them: Product(…, (i, 1, t)), prod(… for i in range(1, t + 1)), slices."""

from __future__ import annotations

from itertools import pairwise

from grader.theory import tree as t
from grader.theory.calculus import Calculus
from grader.theory.errors import UnsupportedForm
from grader.theory.lexeme import Token
from grader.theory.scripts import COUNTS_FROM_0

_CUMULATIVE = {"cumprod": "prod", "cumsum": "sum"}
_ARRAYS = frozenset({"beta", "alpha", "beta_bar", "alpha_bar"})


class ProgramSums(Calculus):
    """∑ and ∏ as calls: the body and its range stand in one bracket."""

    def called_with_range(self) -> bool:
        """Sum(expr, (i, 1, t)): is there a comma at the first level?"""
        end = self.find_closing(self.at)
        level = 0
        for token in self.tokens[self.at + 1 : end]:
            if token.kind in ("(", "[", "{"):
                level += 1
            elif token.kind in (")", "]", "}"):
                level -= 1
            elif (token.kind == "," and level == 0) or (token.value == "for" and level <= 1):
                return True
        return False

    def generator_inside(self) -> bool:
        end = self.find_closing(self.at)
        return any(token.value == "for" for token in self.tokens[self.at + 1 : end])

    def called_big(self, kind: str) -> t.Node:
        """Product(1 − beta[i], (i, 1, t)) and prod(1 − beta[i] for i in range(1, t + 1))."""
        opening = self.take()
        self.bars.append("paren")
        list_opening = self.take() if self.kind() == "[" else None
        body = self.expression()
        if self.value() == "for":
            self.take()
            var = self.take("name").value
            if self.kind() in ("∈", "=") or self.value() in ("in", "from"):
                self.take()
            body, low, high = self.python_range(var, body)
        else:
            self.take(",")
            if self.kind() == "name" and self.kind(1) == "=":
                var = self.take("name").value
                self.take()
                low = self.expression()
                if self.kind() in ("…", ":"):
                    self.take()
                else:
                    self.take(",")
                high = self.expression()
            else:
                inner = self.take() if self.kind() in ("(", "[", "{") else None
                var = self.take("name").value
                if inner is None and self.kind() == ")" and self.family == "gan" and kind == "sum":
                    self.bars.pop()
                    self.close(opening)
                    return t.Integral(t.Sym(var), body)
                if self.kind() == "=":
                    self.take()
                else:
                    self.take(",")
                low = self.expression()
                if self.kind() in ("…", ":"):
                    self.take()
                else:
                    self.take(",")
                high = self.expression()
                if inner is not None:
                    self.close(inner)
        if list_opening is not None:
            self.close(list_opening)
        self.bars.pop()
        self.close(opening)
        return t.Big("prod" if kind == "prod" else "sum", var, low, high, body)

    def python_range(self, var: str, body: t.Node) -> tuple[t.Node, t.Node, t.Node]:
        """(body, first, last) of range(1, t + 1), of 1..t, and of a slice whose elements `var` runs through."""
        if self.value() != "range":
            first = self.expression()
            if isinstance(first, t.Sym) and first.index and isinstance(first.index[0], t.Range):
                element = t.Sym(first.name, (t.Sym(var),), first.column)
                body = t.substitute(body, lambda n: element if n == t.Sym(var) else None)
                return body, first.index[0].low, first.index[0].high
            if self.kind() not in ("…", ":") and self.value() != "to":
                raise UnsupportedForm("A range is written i = 1..t or i in range(1, t + 1).", self.column())
            self.take()
            return body, first, self.expression()
        self.take()
        self.take("(")
        low: t.Node = self.expression()
        if self.kind() == ",":
            self.take()
            stop = self.expression()
        else:
            low, stop = t.number(0), low
        self.take(")")
        if low == t.number(0) and self.is_place_in_array(var):
            raise UnsupportedForm(COUNTS_FROM_0, self.column())
        return body, low, t.before(stop)

    def is_place_in_array(self, var: str) -> bool:
        """Whether `var` has stood in a bracket after a name, as in beta[s]."""
        before = self.tokens[: self.at]
        return any(a.kind == "[" and b.value == var for a, b in pairwise(before))

    # ------------------------------------------------------------------ arrays: beta[t] is β_t

    def slice_inside(self) -> bool:
        """prod(1 − beta[1:t+1]): does a slice stand in the bracket that follows?"""
        if self.family != "diffusion" or self.generator_inside():
            return False
        end = self.find_closing(self.at)
        return any(token.kind == ":" for token in self.tokens[self.at + 1 : end])

    def sliced_big(self, kind: str) -> t.Node:
        """prod(1 − beta[1:t+1]) is ∏ over the slice; a program's slice ends before its second index."""
        opening = self.take()
        self.bars.append("paren")
        body = self.expression()
        self.axis_argument()
        self.bars.pop()
        self.close(opening)
        return self.over_slices(kind, body, opening.column)

    def over_slices(self, kind: str, body: t.Node, column: int) -> t.Node:
        """∏ or ∑ of a body whose names are sliced, all in the same way."""
        ranges = {i for n in t.walk(body) if isinstance(n, t.Sym) for i in n.index if isinstance(i, t.Range)}
        if len(ranges) != 1:
            raise UnsupportedForm("A sum or product over slices is read when all of them are the same.", column)
        found = ranges.pop()
        running = _unused(body)
        body = t.substitute(body, lambda n: running if n == found else None)
        return t.Big("prod" if kind == "prod" else "sum", running.name, found.low, found.high, body)

    def axis_argument(self) -> None:
        """Passes over “, 0”, “, dim=0” and “, axis=0”."""
        if self.kind() != ",":
            return
        self.take()
        if self.value() in ("dim", "axis") and self.kind(1) == "=":
            self.at += 2
        self.sign()
        self.take("num")

    def cumulative(self) -> t.Node:
        """cumprod(1 − beta)[t]: the product of 1 − β_k up to k = t."""
        token = self.take("name")
        opening = self.take("(")
        self.bars.append("paren")
        body = self.expression()
        self.axis_argument()
        self.bars.pop()
        self.close(opening)
        return self.taken_at(token, body)

    def cumulative_of(self, token: Token, body: t.Node) -> t.Node:
        """(1 − beta).cumprod(0)[t]"""
        opening = self.take("(")
        while self.kind() not in (")", ""):
            self.at += 1
        self.close(opening)
        return self.taken_at(token, body)

    def taken_at(self, token: Token, body: t.Node) -> t.Node:
        """The index that follows a cumulative product or sum, and the product up to it."""
        if self.kind() not in ("[", "_"):
            raise UnsupportedForm(f"State where the {token.value} is taken, as in {token.value}(…)[t].", token.column)
        bracket = self.take()
        high = self.index_expression() if bracket.kind == "[" else self.group()
        if bracket.kind == "[":
            self.close(bracket)
        if high != t.Sym("t"):
            # [t - 1] is right for an array that begins with β_1, and one step short for one that begins with β_0
            raise UnsupportedForm(f"A {token.value} is read at [t]; elsewhere write the product with ∏.", token.column)
        running = _unused(body)

        def indexed(node: t.Node) -> t.Node | None:
            if isinstance(node, t.Sym) and node.name in _ARRAYS:
                return t.Sym(node.name, (running,), node.column) if node.index in ((), (t.Sym("t"),)) else node
            return None

        kind = _CUMULATIVE[token.value]
        return t.Big("prod" if kind == "prod" else "sum", running.name, t.ONE, high, t.substitute(body, indexed))


def _unused(body: t.Node) -> t.Sym:
    """A running index that the body does not use for anything else."""
    used = {n.name for n in t.walk(body) if isinstance(n, t.Sym)}
    return t.Sym(next(name for name in ("k", "j", "n", "m", "running") if name not in used))
