"""Sums and products: limits in every spelling (i = 1; 1 ≤ i ≤ t; i ∈ {1, …, t}; from i = 1 to t) and their bodies."""

from __future__ import annotations

from dataclasses import replace

from grader.theory import tree as t
from grader.theory.errors import UnexpectedSymbol, UnsupportedForm
from grader.theory.program_sums import ProgramSums


class Sums(ProgramSums):
    """Operators with a running index."""

    def limits_follow(self) -> bool:
        """Π_{i=1}: a Greek capital in the place of ∏ or ∑; consumed as such by `big_operator`."""
        ahead = [self.kind(k) for k in range(1, 5)]
        return ahead[0] == "_" and (ahead[1:] == ["{", "name", "="] or ahead[1:3] == ["name", "="])

    def big_operator(self) -> t.Node:
        token = self.take()
        if token.kind == "name":
            token = replace(token, kind="big", value={"Pi": "prod", "Sigma": "sum"}[token.value])
        if token.value == "int":
            return self.integral(token)
        kind: str = token.value
        if self.kind() == "(" and self.slice_inside():
            return self.sliced_big(kind)
        if self.kind() in ("(", "[") and (
            self.called_with_range() or (token.value == "prod" and self.generator_inside())
        ):
            return self.called_big(kind)
        low: t.Node | None = None
        high: t.Node | None = None
        var = "i"
        if self.value() in ("from", "over", "for"):
            var, low, high = self.limits_in_words()
        elif self.kind() == "(" and self.kind(1) == "name" and self.kind(2) == "=" and token.value == "prod":
            var, low, high = self.lower_limit()
        if kind == "sum" and self.over_every_state():
            return self.sum_over_states()
        while self.kind() in ("_", "^"):
            if self.take().kind == "^":
                high = self.upper_limit()
            else:
                var, low, found = self.lower_limit()
                high = found if found is not None else high
        if kind == "sum" and high is None and (self.family, var) in (("elbo", "t"), ("score", "i"), ("score", "j")):
            low = low if low is not None else t.ONE
            high = t.Sym("T") if self.family == "elbo" else t.Sym("d")
        if low is None or high is None:
            raise UnsupportedForm("State where the sum or product starts and ends.", token.column)
        factors = self.body_factors()
        return scoped(kind, var, low, high, factors)

    def over_every_state(self) -> bool:
        """∑_x and ∑_{x_{1:T}}: over all values of a variable, as ∫ … dx."""
        if self.kind() != "_" or self.family not in ("gan", "elbo"):
            return False
        if self.kind(1) == "name":
            return self.value(1) == "x" and self.kind(2) not in ("=", "^")
        end = self.find_closing(self.at + 1)
        inside = self.tokens[self.at + 2 : end]
        after = self.tokens[end + 1].kind if end + 1 < len(self.tokens) else ""
        plain = not any(token.kind in ("=", "≤", "<", "≥", ">", "∈", ",") for token in inside)
        return bool(inside) and inside[0].value == "x" and plain and after != "^"

    def sum_over_states(self) -> t.Node:
        self.take("_")
        variable = self.group()
        return t.Integral(variable, self.term())

    def limits_in_words(self) -> tuple[str, t.Node, t.Node]:
        """from i = 1 to t of; over i from 1 to t of"""
        self.take("name")
        var = self.take("name").value
        if self.value() == "from":
            self.take()
        else:
            self.take("=")
        low = self.expression()
        if self.kind() != "…" and self.value() != "to":
            raise UnsupportedForm("State where the sum or product starts and ends.", self.column())
        self.take()
        high = self.factor()
        if self.value() == "of":
            self.take()
        return var, low, high

    def upper_limit(self) -> t.Node:
        if self.kind() == "{" and self.kind(1) == "name" and self.kind(2) == "=":
            self.at += 3
            node = self.expression()
            self.take("}")
            return node
        return self.group() if self.kind() in ("{", "name", "num") else self.operand()

    def lower_limit(self) -> tuple[str, t.Node | None, t.Node | None]:
        """i = 1; i; 1 ≤ i ≤ t; i ≤ t; i = 1..t."""
        braced = self.kind() in ("{", "(")
        if not braced:
            token = self.take("name")
            if self.kind() == "=":
                self.take()
                return token.value, self.operand(), None
            return token.value, None, None
        opening = self.take()
        self.bars.append("paren")
        first = self.expression()
        low: t.Node | None = None
        high: t.Node | None = None
        relation = self.kind()
        if relation == "=" and isinstance(first, t.Sym):
            self.take()
            low = self.expression()
            if self.kind() in ("…", ":", ","):
                while self.kind() in ("…", ":", ","):
                    self.take()
                high = self.expression()
            elif self.value() == "to":
                self.take()
                high = self.expression()
        elif relation in ("≤", "<"):
            self.take()
            second = self.expression()
            if isinstance(second, t.Sym) and self.kind() in ("≤", "<"):
                low = first if relation == "≤" else t.Add((first, t.ONE))
                strict = self.take().kind == "<"
                first, high = second, self.expression()
                if strict:
                    high = t.Add((high, t.Neg(t.ONE)))
            else:
                low, high = t.ONE, second if relation == "≤" else t.Add((second, t.Neg(t.ONE)))
        elif relation == "∈" or self.value() == "in":
            self.take()
            low, high = self.index_set()
        elif relation in ("≥", ">"):
            self.take()
            second = self.expression()
            low = second if relation == "≥" else t.Add((second, t.ONE))
        self.bars.pop()
        self.close(opening)
        if not isinstance(first, t.Sym) or first.index:
            raise UnexpectedSymbol("The running index must be a single letter.", opening.column)
        return first.name, low, high

    def index_set(self) -> tuple[t.Node, t.Node]:
        """{1, …, t}, {1, 2, …, t}, [1, t], [t], 1:t, 1..t"""
        opening = self.take() if self.kind() in ("(", "[", "{") else None
        low = self.expression()
        high: t.Node | None = None
        dots = False
        while self.kind() in (",", "…", ":"):
            dots = self.take().kind in ("…", ":") or dots
            if self.kind() in (",", "…", ":"):
                continue
            high = self.expression()
        if opening is not None:
            self.close(opening)
        if high is None and opening is not None and opening.kind == "[":
            return t.ONE, low  # [t] is {1, …, t}
        if high is None or not (dots or (opening is not None and opening.kind == "[")):
            raise UnsupportedForm("The index set is written {1, …, t}.", self.column())
        return low, high

    def body_factors(self) -> list[tuple[t.Node, bool]]:
        """The factors that follow, each with whether it divides."""
        sign = self.sign()
        factors = [(self.factor(), False)]
        if sign < 0:
            factors[0] = (t.Neg(factors[0][0]), False)
        while True:
            if self.kind() in ("*", "⊙", "/"):
                divides = self.take().kind == "/"
                negative = self.sign() < 0
                node = self.factor()
                factors.append((t.Neg(node) if negative else node, divides))
            elif self.starts_operand():
                factors.append((self.factor(), False))
            else:
                return factors


def scoped(kind: str, var: str, low: t.Node, high: t.Node, factors: list[tuple[t.Node, bool]]) -> t.Node:
    """∏_i (1 − β_i) x_0: the body reaches to the last factor that the running index occurs in."""
    last = 0
    for place, (factor, _) in enumerate(factors):
        if any(isinstance(node, t.Sym) and node.name == var for node in t.walk(factor)):
            last = place
    node: t.Node = t.Big("prod" if kind == "prod" else "sum", var, low, high, _multiplied(factors[: last + 1]))
    for factor, divides in factors[last + 1 :]:
        node = t.Div(node, factor) if divides else t.Mul((node, factor))
    return node


def _multiplied(factors: list[tuple[t.Node, bool]]) -> t.Node:
    node = factors[0][0]
    for factor, divides in factors[1:]:
        node = t.Div(node, factor) if divides else t.Mul((node, factor))
    return node
