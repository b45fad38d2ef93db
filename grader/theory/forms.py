"""What has a notation of its own: functions, fractions, sums, integrals, expectations, divergences, norms, laws."""

from __future__ import annotations

from dataclasses import replace

from grader.theory import tree as t
from grader.theory import vocabulary as v
from grader.theory.errors import MissingOperand, UnexpectedSymbol, UnsupportedForm
from grader.theory.symbols import Symbols
from grader.theory.tokens import Token

_OPENERS = frozenset({"(", "[", "{"})


class Forms(Symbols):
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
        if word in ("diag", "Diag") and following in ("(", "{", "["):
            self.take()
            return t.Diag(self.delimited())
        if word in ("Rational", "Fraction") and following == "(":
            return self.quotient()
        if word in ("argmax", "argmin", "max", "min", "arg", "lim", "sup", "infimum", "softmax", "det", "tr", "Tr"):
            raise UnsupportedForm(f"“{word}” is not evaluated here; state the value itself.", token.column)
        return self.symbol()

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

    # ------------------------------------------------------------------ sums, products, integrals, derivatives

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

    # ------------------------------------------------------------------ expectations, divergences, norms, Gaussians

    def expectation(self) -> t.Node:
        self.take("name")
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
        order = self.norm_order() if self.kind() == "_" else "2"
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

    # ------------------------------------------------------------------ case distinctions

    def cases(self) -> t.Node:
        opening = self.take("begin")
        branches: list[t.Branch] = []
        self.bars.append("paren")
        while self.kind() != "end":
            if self.peek() is None:
                raise MissingOperand("\\begin{cases} has no \\end{cases}.", opening.column)
            if self.kind() == "\n":
                self.take()
                continue
            value = self.expression()
            while self.kind() in ("&", ",", "quad", ":") or self.value() in ("if", "when", "where", "for", "If"):
                self.take()
            if self.kind() in ("\n", "end") or self.value() in ("otherwise", "else", "Otherwise"):
                while self.kind() not in ("\n", "end", ""):
                    self.take()
                branches.append(t.Branch(value))
                continue
            left = self.expression()
            relation = self.take().kind
            if relation not in ("=", "≠"):
                raise UnsupportedForm("A case is told apart by = or ≠ here.", self.column())
            right = self.expression()
            if self.kind() in (",", ";", "."):
                self.take()
            branches.append(t.Branch(value, left, right, relation))
        self.bars.pop()
        self.take("end")
        return t.Cases(tuple(branches))

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
