"""Expectations, divergences, norms and Gaussians."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory import vocabulary as v
from grader.theory.case_forms import CaseForms
from grader.theory.errors import MissingOperand, UnexpectedSymbol, UnsupportedForm
from grader.theory.lexeme import Token

_OPENERS = frozenset({"(", "[", "{"})


class Functionals(CaseForms):
    """Operands about distributions and vectors."""

    def expectation(self) -> t.Node:
        token = self.take("name")
        if self.family == "diffusion" and self.kind() in ("(", "[") and self.conditional_inside():
            return self.arguments(t.Sym("E", (), token.column), self.take())  # E[x_t | x_0], a name of the mean
        under: list[t.Binder] = []
        if self.kind() == "_":
            self.take()
            under = self.binders()
        return t.Expect(tuple(under), self.expectation_body())

    def expectation_body(self) -> t.Node:
        if self.kind() in _OPENERS:
            return self.delimited()
        return self.term()

    def binders(self) -> list[t.Binder]:
        if self.kind() != "{":
            return self.loose_binder()
        opening = self.take()
        found: list[t.Binder] = []
        self.bars.append("cond")
        while True:
            node = self.expression()
            if self.kind() == "|":  # x_t | x_0 ∼ q
                self.take()
                self.expression()
            if self.kind() in ("~", "∈"):
                self.take()
                found.append(t.Binder(node, _placed(self.expression(), node)))
            else:
                found.append(t.Binder(None, node))
            if self.kind() in (",", ";", "\n"):
                self.take()
                continue
            break
        self.bars.pop()
        self.close(opening)
        return found

    def loose_binder(self) -> list[t.Binder]:
        """Plain text without braces: E_q[…], E_x~p_r[…], E_q(x_t|x_0)[…]."""
        if self.kind() == "(":
            return self.parenthesised_binders()
        node: t.Node
        token = self.take("name")
        node = t.Sym(token.value, (), token.column)
        if self.kind() == "_":
            node = self.scripts(node)
        if self.kind() == "(" and self.tokens[min(self.find_closing(self.at) + 1, len(self.tokens) - 1)].kind == "[":
            assert isinstance(node, t.Sym)
            node = self.arguments(node, self.take())
        if self.kind() == "~":
            self.take()
            law = self.take("name")
            right: t.Node = self.scripts(t.Sym(law.value, (), law.column))
            end = self.find_closing(self.at)
            if self.kind() == "(" and end + 1 < len(self.tokens) and self.tokens[end + 1].kind in ("[", "(", "{"):
                assert isinstance(right, t.Sym)
                right = self.arguments(right, self.take())
            return [t.Binder(node, right)]
        return [t.Binder(None, node)]

    def parenthesised_binders(self) -> list[t.Binder]:
        opening = self.take()
        node = self.expression()
        law: t.Node | None = None
        if self.kind() == "~":
            self.take()
            law = self.expression()
        self.close(opening)
        return [t.Binder(node, law)] if law is not None else [t.Binder(None, node)]

    def labelled_divergence(self) -> str | None:
        """D_{KL}, D_{\\mathrm{JS}}: consumes the subscript when it is one (the caller takes the letter)."""
        if self.kind(1) != "_":
            return None
        if self.kind(2) == "name" and self.value(2) in v.DIVERGENCES:
            label = self.value(2)
            self.tokens = (*self.tokens[: self.at + 1], *self.tokens[self.at + 3 :])
            return v.DIVERGENCES[label]
        letters, place = "", self.at + 3
        if self.kind(2) == "{":
            while place < len(self.tokens) and self.tokens[place].kind in ("name", "-"):
                letters += self.tokens[place].value if self.tokens[place].kind == "name" else ""
                place += 1
            if place < len(self.tokens) and self.tokens[place].kind == "}" and letters in v.DIVERGENCES:
                self.tokens = (*self.tokens[: self.at + 1], *self.tokens[place + 1 :])
                return v.DIVERGENCES[letters]
        return None

    def divergence(self, kind: str) -> t.Node:
        if self.kind() == "name" and self.value() in (*v.DIVERGENCES, "H"):
            self.take()
        while self.kind() in ("_", "^") and kind != "H":
            raise UnsupportedForm("A divergence with a further index is not read.", self.column())
        if self.kind() not in _OPENERS:
            raise MissingOperand("A divergence stands without its arguments.", self.column())
        opening = self.take()
        self.bars.append("kl")
        first = self.expression()
        second: t.Node | None = None
        if self.kind() in ("||", "|", ",", ";", ":", "/"):
            self.take()
            if self.kind() in ("|", "||"):
                self.take()
            second = self.expression()
        self.bars.pop()
        self.close(opening)
        if kind == "H":
            return t.Divergence("H" if second is None else "CE", first, second)
        if second is None:
            raise MissingOperand("A divergence needs two distributions, p‖q.", opening.column)
        return t.Divergence("KL" if kind == "KL" else "JSD", first, second)

    def norm(self) -> t.Node:
        bar = self.take()
        self.bars.append("norm" if bar.kind == "||" else "abs")
        node = self.expression()
        self.bars.pop()
        if self.kind() != bar.kind:
            raise UnexpectedSymbol(f"The bar {bar.value} is never closed.", bar.column)
        self.take()
        order = self.norm_order() if self.kind() == "_" else ("2" if bar.kind == "||" else t.BARS)
        return t.Norm(node, order)

    def norm_order(self) -> str:
        self.take("_")
        if self.kind() == "{":
            start = self.at
            self.skip_argument()
            return "".join(token.value for token in self.tokens[start + 1 : self.at - 1])
        return self.take().value

    def inner(self) -> t.Node:
        self.take("⟨")
        self.bars.append("paren")
        left = self.expression()
        self.take(",")
        right = self.expression()
        self.bars.pop()
        self.take("⟩")
        return t.Inner(left, right)

    def gaussian(self) -> t.Node:
        token = self.take("name")
        variate: t.Node | None = None
        if self.kind() == "_":
            _, index = self.subscript("")
            variate = index[0] if index else None
        if self.kind() not in ("(", "["):
            raise MissingOperand("A Gaussian stands without its mean and variance, N(x; μ, Σ).", token.column)
        opening = self.take()
        self.bars.append("gauss")
        parts: list[t.Node | None] = []
        keywords: list[str] = []
        separators: list[str] = []
        while True:
            if self.kind() in ("'", '"'):
                parts.append(self.quoted_variate())
            else:
                if self.kind() == "name" and self.gauss_keyword():
                    keywords.append(self.pending_keyword)
                parts.append(self.expression())
            if self.kind() in (",", ";", "|", ":"):
                separators.append(self.take().kind)
                continue
            break
        self.bars.pop()
        self.close(opening)
        if len(parts) < 2 or parts[-1] is None or parts[-2] is None:
            raise UnexpectedSymbol("A Gaussian needs a mean and a variance, N(x; μ, Σ).", token.column)
        if len(parts) > 4:
            raise UnexpectedSymbol("A Gaussian has a variate, a mean and a variance; here are more.", token.column)
        if len(parts) >= 3:
            variate = parts[0]
        spread = parts[-1]
        mean = parts[-2]
        named_identity = any(isinstance(n, t.Sym) and n.name == "I" for n in t.walk(spread))
        deviation = token.value in ("Normal", "normal", "norm") and not named_identity and ";" not in separators
        if keywords:
            deviation = keywords[-1] in ("std", "scale", "sigma", "stddev")
        return t.Gauss(mean, spread, variate, deviation)

    pending_keyword = ""

    def quoted_variate(self) -> t.Node | None:
        """'x_t' of Normal('x_t', …); a name that is no x_t says nothing and is passed over."""
        quote, start = self.take().kind, self.at
        while self.kind() and self.kind() != quote:
            self.at += 1
        inside = self.tokens[start : self.at]
        self.take(quote)
        if len(inside) < 3 or inside[0].value != "x" or inside[1].kind != "_":
            return None
        return type(self)(inside, self.family, self.lang).symbol()

    def gauss_keyword(self) -> bool:
        """Consumes “mean =” or “\\Sigma =” in front of an argument."""
        end = self.at
        while (
            end < len(self.tokens)
            and end - self.at < 6
            and self.tokens[end].kind not in ("=", ",", ";", "|", "(", ")", "+", "-")
        ):
            end += 1
        if end >= len(self.tokens) or self.tokens[end].kind != "=":
            return False
        self.pending_keyword = self.value()
        self.at = end + 1
        return True

    def underset(self) -> t.Node:
        """\\underset{x ∼ p}{\\mathbb E}[…]: the lower argument is a subscript."""
        token = self.take("underset")
        start = self.at
        self.skip_argument()
        under = self.tokens[start : self.at]
        start = self.at
        self.skip_argument()
        over = tuple(x for x in self.tokens[start : self.at] if x.kind not in ("{", "}"))
        if len(over) != 1 or over[0].value != "E":
            raise UnsupportedForm("\\underset is read with an expectation only.", token.column)
        lower = Token("_", "_", token.column, token.end)
        self.tokens = (*self.tokens[: self.at], over[0], lower, *under, *self.tokens[self.at :])
        return self.expectation()


def _placed(law: t.Node, variable: t.Node) -> t.Node:
    """x ∼ q(· | x_0) is x ∼ q(x | x_0)."""
    if isinstance(law, t.Call) and law.args == (t.Sym("·"),):
        return t.Call(law.name, (variable,), law.given, law.index, law.column)
    return law
