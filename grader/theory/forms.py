"""Operands that begin with a reserved name: functions, fractions, roots; the others are in `sums` and `functionals`."""

from __future__ import annotations

from fractions import Fraction

from grader.theory import tree as t
from grader.theory import vocabulary as v
from grader.theory.errors import MissingOperand, UnexpectedSymbol, UnsupportedForm
from grader.theory.functionals import Functionals
from grader.theory.lexeme import Token

_OPENERS = frozenset({"(", "[", "{"})


class Forms(Functionals):
    """Operands that start with a reserved name or command."""

    def named(self) -> t.Node:
        """A name: reserved (log, KL, E, N, diag) or a symbol."""
        token = self.peek()
        assert token is not None
        word, following = token.value, self.kind(1)
        if word in ("Pi", "Sigma") and self.limits_follow():
            return self.big_operator()
        if word in v.FUNCTIONS and not (word == "lg" and self.lang == "latex" and not token.roman):
            return self.function(v.FUNCTIONS[word])
        if word == "sigma" and self.family == "gan" and following in _OPENERS:
            return self.function("sigmoid")
        if (word in ("E", "Ex", "Exp_") and following in ("_", "[", "(", "{")) or (word == "E" and following == "name"):
            return self.expectation()
        if word in v.DIVERGENCES and (following in _OPENERS or following in ("_", "^")):
            return self.divergence(v.DIVERGENCES[word])
        if word in ("D", "d") and (kind := self.labelled_divergence()):
            self.at += 1
            return self.divergence(kind)
        if word == "H" and following in ("(", "["):
            return self.divergence("H")
        if word in ("N", *v.NORMALS) and following in ("(", "_", "["):
            return self.gaussian()
        if word in ("cumprod", "cumsum") and following == "(":
            return self.cumulative()
        if word in ("multiply", "mul") and following == "(":
            return self.called_product()
        if word == "select" and following == "(":
            return self.selection()
        if word == "randn" and (drawn := self.drawn_noise()) is not None:
            return drawn
        if word in ("diag", "Diag") and following in ("(", "{", "["):
            self.take()
            return t.Diag(self.delimited())
        if word in ("Rational", "Fraction") and following == "(":
            return self.quotient()
        if word in ("argmax", "argmin", "max", "min", "arg", "lim", "sup", "infimum", "softmax", "det", "tr", "Tr"):
            raise UnsupportedForm(f"“{word}” is not evaluated here; state the value itself.", token.column)
        return self.symbol()

    def called_product(self) -> t.Node:
        """np.multiply(M, x − x_known)"""
        self.take("name")
        opening = self.take("(")
        self.bars.append("paren")
        left = self.expression()
        self.take(",")
        node = t.Mul((left, self.expression()), "⊙")
        self.bars.pop()
        self.close(opening)
        return node

    def selection(self) -> t.Node:
        """torch.where(M, a, b): a where M is 1, b elsewhere."""
        self.take("name")
        opening = self.take("(")
        self.bars.append("paren")
        condition, one = self.expression(), t.ONE
        if self.kind() == "=":
            self.take()
            one = t.Num(Fraction(self.take("num").value))
        self.take(",")
        first = self.expression()
        self.take(",")
        second = self.expression()
        self.bars.pop()
        self.close(opening)
        return t.Cases((t.Branch(first, condition, one), t.Branch(second)))

    def method(self, node: t.Node) -> t.Node:
        """(1 − beta[1:t+1]).prod(), (1 − beta_bar).sqrt()"""
        self.take("method")
        token = self.take()
        if token.value in ("cumprod", "cumsum"):
            return self.cumulative_of(token, node)
        opening = self.take("(")
        while self.kind() not in (")", ""):
            self.at += 1  # dim=0
        self.close(opening)
        if token.value in ("prod", "sum"):
            return self.over_slices(token.value, node, token.column)
        if token.value in ("sqrt", "exp", "log", "square"):
            return self.built(token.value, node)
        raise UnsupportedForm(f"The method {token.value} is not read here.", token.column)

    def drawn_noise(self) -> t.Node | None:
        """torch.randn_like(x_0), np.random.randn(d): a standard noise of its own, whatever its arguments of shape."""
        token, place = self.peek(), self.at + 1
        assert token is not None
        if self.kind(1) == "_" and self.value(2) == "like":
            place += 2
        if place >= len(self.tokens) or self.tokens[place].kind != "(":
            return None
        self.at = self.find_closing(place) + 1
        return t.Sym(f"epsilon_drawn{token.column}", (), token.column)

    def quotient(self) -> t.Node:
        """Rational(1, 2)"""
        self.take("name")
        opening = self.take("(")
        self.bars.append("paren")
        top = self.expression()
        self.take(",")
        node = t.Div(top, self.expression())
        self.bars.pop()
        self.close(opening)
        return node

    def delimited(self) -> t.Node:
        """The content of the bracket or brace that follows."""
        return self.group() if self.kind() == "{" else self.bracket()

    # ------------------------------------------------------------------ elementary functions

    def function(self, name: str) -> t.Node:
        token = self.take()
        base: t.Node | None = None
        power: t.Node | None = None
        while self.kind() in ("_", "^") and name in ("log", "exp", "tanh", "sigmoid"):
            if self.kind() == "_":
                self.take()
                base = self.group()
            else:
                self.take()
                power = self.group()
                if name == "exp":
                    raise UnsupportedForm("Write exp(…) or e^{…}.", token.column)
        if name == "sigmoid" and self.kind() not in _OPENERS:
            raise MissingOperand("A function stands without its argument.", self.column())
        arg, second = self.function_argument(token)
        node: t.Node = self.built(name, arg)
        divisor = base if base is not None else second
        if divisor is not None:
            if name != "log":
                raise UnexpectedSymbol(f"“{token.value}” takes one argument.", token.column)
            if divisor != t.Sym("e"):
                node = t.Div(node, t.Fun("log", divisor))
        return node if power is None else t.Pow(node, power)

    def built(self, name: str, arg: t.Node) -> t.Node:
        rewritten: dict[str, t.Node] = {
            "log1p": t.Fun("log", t.Add((t.ONE, arg))),
            "logsigmoid": t.Fun("log", t.Fun("sigmoid", arg)),
            "reciprocal": t.Div(t.ONE, arg),
            "square": t.Pow(arg, t.TWO),
            "abs": t.Norm(arg),
            "log10": t.Div(t.Fun("log", arg), t.Fun("log", t.number(10))),
            "log2": t.Div(t.Fun("log", arg), t.Fun("log", t.TWO)),
            "logit": t.Fun("log", t.Div(arg, t.Add((t.ONE, t.Neg(arg))))),
        }
        return rewritten.get(name, t.Fun(name, arg))

    def function_argument(self, token: Token) -> tuple[t.Node, t.Node | None]:
        if self.kind() in ("(", "["):
            opening = self.take()
            self.bars.append("paren")
            node = self.expression()
            second = None
            if self.kind() == ",":
                self.take()
                second = self.expression()
            self.bars.pop()
            self.close(opening)
            return node, second
        if self.kind() == "{":
            return self.group(), None
        if not self.starts_operand() and self.kind() not in ("||", "|", "-"):
            raise MissingOperand(f"“{token.value}” stands without its argument.", self.column())
        if self.kind() == "-":
            self.take()
            return t.Neg(self.bare_argument()), None
        return self.bare_argument(), None

    def bare_argument(self) -> t.Node:
        """Without brackets a function takes one delimited operand, or the numbers and symbols that follow it."""
        delimited = self.kind() in ("frac", "sqrt", "(", "[", "big", "begin", "||", "|")
        node = self.factor()
        while not delimited and self.starts_operand() and self.kind() in ("num", "name", "accent"):
            token = self.peek()
            assert token is not None
            if token.value in v.FUNCTIONS or token.value in ("E", "N") or token.value in v.DIVERGENCES:
                break
            if isinstance(node, t.Call):
                break
            node = t.Mul((node, self.factor()))
        return node

    def fraction(self) -> t.Node:
        token = self.take("frac")
        if self.kind() == "partial" or (self.kind() == "{" and self.kind(1) == "partial"):
            return self.partial_fraction()
        if self.kind() == "{" and self.value(1) == "d" and self.differential_fraction():
            return self.partial_fraction()
        if self.peek() is None:
            raise MissingOperand("\\frac has no numerator.", token.end)
        top = self.group()
        if self.peek() is None:
            raise MissingOperand("\\frac has no denominator.", self.column())
        return t.Div(top, self.group())

    def differential_fraction(self) -> bool:
        """Is this \\frac{d}{dx} or \\frac{df}{dx}?"""
        end = self.find_closing(self.at)
        return self.kind(end - self.at + 1) == "{" and self.value(end - self.at + 2) == "d" and end - self.at <= 3

    def partial_fraction(self) -> t.Node:
        self.take("{")
        self.take()  # ∂ or d
        body = None
        if self.kind() != "}":
            body = self.juxtaposed()
        self.take("}")
        self.take("{")
        self.take()
        wrt = self.factor()
        self.take("}")
        return t.Grad(wrt, body if body is not None else self.juxtaposed())

    def root(self) -> t.Node:
        token = self.take("sqrt")
        degree: t.Node | None = None
        if token.value == "\\sqrt" and self.kind() == "[":
            self.take()
            degree = self.expression()
            self.take("]")
        if token.value in ("sqrt", "√"):
            arg = self.delimited() if self.kind() in _OPENERS else self.sign_free_factor(token)
        else:
            if self.peek() is None:
                raise MissingOperand("A root stands over nothing.", token.end)
            arg = self.group() if self.kind() != "(" else self.bracket()
        if degree is not None and degree != t.TWO:
            return t.Pow(arg, t.Div(t.ONE, degree))
        return t.Fun("sqrt", arg)

    def sign_free_factor(self, token: Token) -> t.Node:
        if self.peek() is None:
            raise MissingOperand("A root stands over nothing.", token.end)
        return self.operand()
