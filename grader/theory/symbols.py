"""Symbols with accents, labels and indices, and the question whether f(x) is a function or a product."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory import vocabulary as v
from grader.theory.errors import MissingOperand, UnexpectedSymbol, UnknownWord, UnsupportedForm
from grader.theory.lexeme import Token
from grader.theory.names import ACCENTS, canonical, with_accent
from grader.theory.scripts import Scripts

_SCALARS = frozenset({"beta", "beta_bar", "alpha", "alpha_bar", "beta_tilde", "sigma", "sigma_q"})
_NEVER_FUNCTIONS = {
    "gan": frozenset({"p", "q_"}) - {"p"},
    "diffusion": _SCALARS | {"x", "M", "T", "t", "epsilon", "I", "d", "i", "s", "k", "j", "x_known", "pi", "e"},
    "elbo": _SCALARS | {"x", "T", "t", "epsilon", "I", "d", "i", "k", "j", "pi", "e"},
    "score": _SCALARS | {"x", "M", "x_known", "T", "t", "delta", "i", "j", "k", "I", "d", "e", "pi", "epsilon", "m"},
}
_FUNCTIONS = {
    "gan": frozenset({"p_r", "p_g", "D", "D_star", "p", "V"}),
    "diffusion": frozenset({"q", "p", "p_theta", "x_hat_theta", "epsilon_theta", "mu", "mu_theta", "mu_tilde"}),
    "elbo": frozenset(
        {"q", "p", "p_theta", "x_hat_theta", "epsilon_theta", "mu_theta", "mu_tilde", "mu_q", "mu", "x_hat", "L"}
    ),
    "score": frozenset({"s_theta", "s", "p", "p_theta", "q", "D", "s_phi"}),
}
_SPREADS = frozenset({"Var", "var", "Cov", "cov"})
_INDEX_NAMES = frozenset({"t", "s", "i", "j", "k", "T", "n", "tau"})


class Symbols(Scripts):
    """Names: β̄_{t−1}, x_{known,i}, \\hat{\\mathbf x}_θ(x_t), p_r(x)."""

    def symbol(self) -> t.Node:
        """A name token with its accents, scripts and arguments."""
        token = self.take("name")
        name = token.value
        if token.value in v.PROSE and len(token.value) > 1 and token.value not in ("known",):
            raise UnknownWord(f"The word “{name}” is not mathematics that is read here.", token.column)
        while self.kind() == "mark":
            name = with_accent(name, self.take().value)
        return self.applied(self.scripts(t.Sym(canonical_word(name), (), token.column)))

    def accented(self, *, bare: bool = False) -> t.Node:
        accent = self.take("accent")
        while self.kind() == "accent" and accent.value == "vec":
            accent = self.take("accent")
        if self.kind() == "{":
            opening = self.take()
            self.bars.append("paren")
            inner = self.expression()
            self.bars.pop()
            self.close(opening)
        elif self.kind() == "accent":
            inner = self.accented(bare=True)
        elif self.kind() == "name":
            token = self.take()
            inner = t.Sym(token.value, (), token.column)
        else:
            raise MissingOperand("An accent stands over nothing.", accent.column)
        if accent.value == "vec":
            return inner
        if isinstance(inner, t.Call):
            node: t.Node = t.Call(
                with_accent(inner.name, accent.value), inner.args, inner.given, inner.index, inner.column
            )
            return node
        if not isinstance(inner, t.Sym):
            raise UnsupportedForm(
                "A bar or hat over a whole expression is not read; define a symbol for it.", accent.column
            )
        symbol = t.Sym(with_accent(inner.name, accent.value), inner.index, inner.column)
        if bare:
            return symbol
        return self.applied(self.scripts(symbol))

    def applied(self, node: t.Node) -> t.Node:
        """The symbol with the argument list that follows it, if that is one and no product."""
        if not isinstance(node, t.Sym) or self.kind() not in ("(", "["):
            return node
        if node.name in _SCALARS and not node.index and self.index_argument():
            self.take()
            index = self.index_expression()
            self.take(")")
            return t.Sym(node.name, (index,), node.column)
        if not self.is_application(node):
            return node
        opening = self.take()
        return self.arguments(node, opening)

    def index_argument(self) -> bool:
        """Does (t), (t − 1) or (i) follow?"""
        if self.kind() != "(":
            return False
        end = self.find_closing(self.at)
        inside = self.tokens[self.at + 1 : end]
        if not inside or end >= len(self.tokens) or len(inside) > 3:
            return False
        names = [token.value for token in inside if token.kind == "name"]
        return (
            bool(names)
            and all(
                (token.kind == "name" and token.value in _INDEX_NAMES) or token.kind in ("num", "+", "-")
                for token in inside
            )
            and inside[0].kind == "name"
        )

    def is_application(self, node: t.Sym) -> bool:
        if node.name in _SPREADS and self.conditional_inside():
            return True
        if self.kind() == "[" or node.name in _NEVER_FUNCTIONS[self.family]:
            return False
        if self.family in ("diffusion", "elbo") and not node.index and self.index_argument():
            return True  # SNR(t − 1): a name of the student's own, at another time
        if node.name in _FUNCTIONS[self.family]:
            return not (self.family == "score" and node.name == "D") and not self.product_in_brackets(node)
        return self.simple_arguments()

    def conditional_inside(self) -> bool:
        """Does x_t | x_0 stand in the bracket that follows?"""
        inside = self.tokens[self.at + 1 : self.find_closing(self.at)]
        return sum(token.kind == "|" for token in inside) == 1

    def product_in_brackets(self, node: t.Sym) -> bool:
        """“p_g (p_r + p_g)” is a product although p_g is a function: its argument would be no point."""
        if self.family != "gan" or node.name not in ("p_r", "p_g"):
            return False
        return not self.simple_arguments()

    def simple_arguments(self) -> bool:
        """Are the brackets filled with bare symbols only, as in r(x), m(x_t, t), f(x | y)?"""
        end = self.find_closing(self.at)
        inside = self.tokens[self.at + 1 : end]
        if not inside or end >= len(self.tokens):
            return False
        level = 0
        previous = ","
        for token in inside:
            if token.kind == "{":
                level += 1
            elif token.kind == "}":
                level -= 1
            elif level == 0:
                if token.kind == "name" and (len(token.value) > 1 and token.value in v.FUNCTIONS):
                    return False
                if token.kind == "name" and token.value in ("p", "D", "q") and self.family == "gan":
                    return False
                if token.kind not in ("name", "num", "_", ",", ";", "|", "accent", "mark", "…"):
                    return False
                if token.kind == "name" and previous == "name":
                    return False
                if token.kind == "num" and previous not in ("_", ","):
                    return False
            previous = token.kind
        return inside[0].kind in ("name", "accent")

    def arguments(self, node: t.Sym, opening: Token) -> t.Node:
        """Arguments up to the closing bracket; those after a bar are conditions."""
        args: list[t.Node] = []
        given: list[t.Node] = []
        target = args
        self.bars.append("cond")
        while True:
            argument = self.expression()
            if self.kind() == ":":
                raise UnexpectedSymbol("A range belongs into a subscript, x_{1:T}.", self.column())
            target.append(argument)
            kind = self.kind()
            if kind in (",", ";"):
                self.take()
            elif kind in ("|", "||"):
                self.take()
                target = given
            else:
                break
        self.bars.pop()
        self.close(opening)
        return t.Call(node.name, tuple(args), tuple(given), node.index, node.column)


def canonical_word(name: str) -> str:
    """A bare word's canonical name: aliases apply to it as they do to a spelled-out symbol."""
    base, *rest = name.split("_")
    return canonical(base, tuple(r for r in rest if r in ACCENTS), tuple(r for r in rest if r not in ACCENTS))
