"""Sums, products, integrals and derivatives: limits in every spelling, bodies, ∏(i=1 to t), Product(…, (i, 1, t))."""

from __future__ import annotations

from dataclasses import replace

from grader.theory import tree as t
from grader.theory.errors import MissingOperand, UnexpectedSymbol, UnsupportedForm
from grader.theory.symbols import Symbols
from grader.theory.tokens import Token


class Sums(Symbols):
    """Operators with a running index or a differential."""

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
        elif relation in ("≥", ">"):
            self.take()
            second = self.expression()
            low = second if relation == "≥" else t.Add((second, t.ONE))
        self.bars.pop()
        self.close(opening)
        if not isinstance(first, t.Sym) or first.index:
            raise UnexpectedSymbol("The running index must be a single letter.", opening.column)
        return first.name, low, high

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
            low, high = self.python_range()
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

    def python_range(self) -> tuple[t.Node, t.Node]:
        if self.value() != "range":
            first = self.expression()
            if self.kind() not in ("…", ":") and self.value() != "to":
                raise UnsupportedForm("A range is written i = 1..t or i in range(1, t + 1).", self.column())
            self.take()
            return first, self.expression()
        self.take()
        self.take("(")
        low: t.Node = self.expression()
        if self.kind() == ",":
            self.take()
            stop = self.expression()
        else:
            low, stop = t.number(0), low
        self.take(")")
        return low, t.Add((stop, t.Neg(t.ONE)))

    def integral(self, token: Token) -> t.Node:
        if self.kind() == "(" and self.called_with_range():
            opening = self.take()
            body = self.expression()
            self.take(",")
            inner = self.take() if self.kind() == "(" else None
            var = self.factor()
            while inner is not None and self.kind() == ",":
                self.take()
                self.signed_limit()
            if inner is not None:
                self.close(inner)
            self.close(opening)
            return t.Integral(var, body)
        while self.kind() in ("_", "^"):
            self.take()
            self.skip_argument() if self.kind() == "{" else self.signed_limit()
        if not self.differential_ahead():
            return t.Integral(t.Sym("x"), self.term())
        self.integrals += 1
        if self.at_differential():  # ∫ dx f(x)
            self.take()
            var = self.factor()
            self.integrals -= 1
            return t.Integral(var, self.term())
        body = self.expression()
        if not self.at_differential():
            raise MissingOperand("An integral has no differential dx.", token.column)
        self.take()
        self.integrals -= 1
        return t.Integral(self.factor(), body)

    def differential_ahead(self) -> bool:
        """Is there a dx at this bracket level?"""
        level = 0
        for place in range(self.at, len(self.tokens) - 1):
            token = self.tokens[place]
            if token.kind in ("(", "[", "{"):
                level += 1
            elif token.kind in (")", "]", "}"):
                level -= 1
                if level < 0:
                    return False
            elif level == 0 and token.kind == "name" and token.value == "d" and self.tokens[place + 1].kind == "name":
                return True
        return False

    def signed_limit(self) -> t.Node:
        self.sign()
        return self.operand()

    def gradient(self) -> t.Node:
        token = self.take()
        wrt: t.Node = t.Sym("x")
        if self.kind() == "_":
            self.take()
            wrt = self.group() if self.kind() != "{" else self.subscripted_variable()
        elif token.value == "partial" or token.kind == "partial":
            raise UnsupportedForm("Write the derivative as \\frac{∂}{∂x} or ∇_x.", token.column)
        if self.kind() == "_":
            raise UnexpectedSymbol("Two subscripts stand at one ∇.", self.column())
        return t.Grad(wrt, self.juxtaposed_or_bracket())

    def subscripted_variable(self) -> t.Node:
        self.take("{")
        node = self.expression()
        self.take("}")
        return node

    def juxtaposed_or_bracket(self) -> t.Node:
        if self.kind() in ("(", "[", "{"):
            return self.powers(self.delimited())
        return self.juxtaposed()


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
