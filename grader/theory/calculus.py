"""Integrals, derivatives and gradients: ∫ … dx, ∇_x …, \\frac{∂}{∂x}."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory.errors import MissingOperand, UnexpectedSymbol, UnsupportedForm
from grader.theory.lexeme import Token
from grader.theory.symbols import Symbols


class Calculus(Symbols):
    """Operators with a differential or with a variable to differentiate by."""

    def called_with_range(self) -> bool:
        raise NotImplementedError

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

        def begins_here(place: int) -> bool:
            pair = self.tokens[place : place + 2]
            return [token.kind for token in pair] == ["name", "name"] and pair[0].value == "d"

        return any(begins_here(place) for place in self.same_level(self.at))

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
