"""Recursive descent over tokens: sums, products, quotients, powers, brackets. Every path is bounded in depth."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEPTH, MAX_EXPONENT, MAX_NODES, MAX_TOWER, MAX_TREE_DEPTH
from grader.theory.errors import (
    ExponentTooLarge,
    MissingOperand,
    ReadError,
    TooDeep,
    TooLarge,
    UnbalancedBracket,
    UnexpectedSymbol,
    UnsupportedForm,
)
from grader.theory.forms import Forms
from grader.theory.names import with_labels
from grader.theory.tokens import Token

CLOSERS = {"(": ")", "[": "]", "{": "}", "⟨": "⟩"}
MULTIPLICATION = {"*": "*", "⊙": "⊙"}


def parse_tokens(tokens: tuple[Token, ...], family: str, lang: str) -> t.Node:
    """One expression that uses up all tokens. Raises a ReadError."""
    parser = Parser(tokens, family, lang)
    if not tokens:
        raise MissingOperand("There is nothing to read here.", 0)
    try:
        node = parser.top()
    except RecursionError as error:  # the depth bound answers first; this is the belt to its braces
        raise TooDeep("The formula is nested too deeply.", tokens[0].column) from error
    if parser.at < len(parser.tokens):
        token = parser.tokens[parser.at]
        kinds = {")": "closing bracket", "]": "closing bracket", "}": "closing brace", "||": "norm bar"}
        if token.kind in kinds:
            raise UnbalancedBracket(f"A {kinds[token.kind]} {token.value} has no partner.", token.column)
        raise UnexpectedSymbol(f"“{token.value}” is not expected here.", token.column)
    if tree_depth(node) > MAX_TREE_DEPTH:
        raise TooDeep(f"The formula is nested more than {MAX_TREE_DEPTH} levels deep.", tokens[0].column)
    if sum(1 for _ in t.walk(node)) > MAX_NODES:
        raise TooLarge(f"The formula has more than {MAX_NODES:,} symbols and operations.", tokens[0].column)
    check_powers(node, tokens[0].column)
    return node


def tree_depth(node: t.Node) -> int:
    """Levels of a tree, counted without recursion."""
    level, depth = [node], 0
    while level:
        depth += 1
        level = [child for parent in level for child in t.children(parent)]
    return depth


def check_powers(node: t.Node, column: int) -> None:
    """Refuses literal exponents and towers beyond the bounds."""
    for part in t.walk(node):
        if not isinstance(part, t.Pow):
            continue
        height, exponent = 1, part.exponent
        while isinstance(exponent, t.Pow):
            height, exponent = height + 1, exponent.exponent
        if height >= MAX_TOWER:
            raise ExponentTooLarge(f"A tower of {MAX_TOWER} or more exponents is not read.", column)
        for inner in t.walk(part.exponent):
            if isinstance(inner, t.Num) and abs(inner.value) > MAX_EXPONENT:
                raise ExponentTooLarge(f"An exponent beyond {MAX_EXPONENT} is not read.", column)


class Parser(Forms):
    """The grammar of sums, products and powers; what has a notation of its own is in `Forms`."""

    def top(self) -> t.Node:
        """An expression, or a bare conditional x_t | x_0 as it stands left of a relation."""
        node = self.expression()
        if self.kind() == "|":
            self.take()
            given = [self.expression()]
            while self.kind() == ",":
                self.take()
                given.append(self.expression())
            return t.Call("law", (node,), tuple(given))
        return node

    def expression(self) -> t.Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep(f"The formula is nested more than {MAX_DEPTH} deep.", self.column())
        terms: list[t.Node] = []
        sign = self.sign()
        terms.append(t.Neg(self.term()) if sign < 0 else self.term())
        while self.kind() in ("+", "-"):
            self.skip_line_joint()
            sign = self.sign()
            node = self.term()
            terms.append(t.Neg(node) if sign < 0 else node)
        self.depth -= 1
        return terms[0] if len(terms) == 1 else t.Add(tuple(terms))

    def sign(self) -> int:
        """Consumes any run of + and −."""
        sign = 1
        while self.kind() in ("+", "-"):
            if self.take().kind == "-":
                sign = -sign
        return sign

    def term(self) -> t.Node:
        """Products and quotients, left to right; side by side binds as a product does."""
        node = self.factor()
        while True:
            kind = self.kind()
            if (kind == "…" or (kind in MULTIPLICATION and self.kind(1) == "…")) and not isinstance(node, t.Num):
                node = self.continued(node, kind)
            elif kind in MULTIPLICATION:
                self.take()
                right = self.signed_factor()
                node = product(node, right, MULTIPLICATION[kind])
            elif kind == "/":
                self.take()
                node = t.Div(node, self.signed_factor())
            elif self.starts_operand():
                node = product(node, self.factor(), "")
            else:
                return node

    def continued(self, node: t.Node, kind: str) -> t.Node:
        """(1 − β_1)(1 − β_2) ⋯ (1 − β_t) as a product over its index."""
        if kind != "…":
            self.take()
        dots = self.take("…")
        while self.kind() in MULTIPLICATION:
            self.take()
        last = self.factor()
        factors = list(node.factors) if isinstance(node, t.Mul) else [node]
        used = {part.name for part in t.walk(last) if isinstance(part, t.Sym)}
        running = t.Sym(next(name for name in ("k", "j", "n", "m", "running") if name not in used))
        for index in dict.fromkeys(i for part in t.walk(last) if isinstance(part, t.Sym) for i in part.index):
            for place in range(len(factors)):
                for start in (0, 1):
                    expected = (_at(last, index, t.number(start + k)) for k in range(len(factors) - place))
                    if all(a == b for a, b in zip(factors[place:], expected, strict=True)):
                        body = _at(last, index, running)
                        whole: t.Node = t.Big("prod", running.name, t.number(start), index, body)
                        return whole if place == 0 else t.Mul((*factors[:place], whole))
        falling = self.continued_down(factors, last, running)
        if falling is not None:
            return falling
        raise UnsupportedForm("The product with dots is not understood; write it with ∏.", dots.column)

    def continued_down(self, factors: Sequence[t.Node], last: t.Node, running: t.Sym) -> t.Node | None:
        """(1 − β_t)(1 − β_{t−1}) ⋯ (1 − β_1): the same product, written from its end."""
        for place in range(len(factors) - 1):
            for index in dict.fromkeys(
                i for part in t.walk(factors[place]) if isinstance(part, t.Sym) for i in part.index
            ):
                body = _at(factors[place], index, running)
                steps = range(1, len(factors) - place)
                falling = all(
                    factors[place + k] == _at(factors[place], index, t.Add((index, t.Neg(t.number(k))))) for k in steps
                )
                for end in (0, 1):
                    if falling and last == _at(body, running, t.number(end)):
                        whole: t.Node = t.Big("prod", running.name, t.number(end), index, body)
                        return whole if place == 0 else t.Mul((*factors[:place], whole))
        return None

    def signed_factor(self) -> t.Node:
        return t.Neg(self.factor()) if self.sign() < 0 else self.factor()

    def juxtaposed(self) -> t.Node:
        """Factors side by side, up to the next explicit operator."""
        node = self.factor()
        while self.starts_operand():
            node = product(node, self.factor(), "")
        return node

    def factor(self) -> t.Node:
        """An operand with its powers."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep(f"The formula is nested more than {MAX_DEPTH} deep.", self.column())
        node = self.powers(self.operand())
        self.depth -= 1
        return node

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

    def operand(self) -> t.Node:
        """A number, a symbol, a bracket, or one of the forms with their own notation."""
        token = self.peek()
        if token is None:
            raise MissingOperand("Something is missing at the end of the formula.", self.column())
        kind = token.kind
        if kind == "num":
            self.take()
            return t.Num(Fraction(token.value))
        if kind == "name":
            return self.named()
        if kind == "accent":
            return self.accented()
        if kind in ("(", "["):
            return self.bracket()
        if kind == "{":
            return self.group()
        if kind == "frac":
            return self.fraction()
        if kind == "sqrt":
            return self.root()
        if kind == "big":
            return self.big_operator()
        if kind in ("nabla", "partial"):
            return self.gradient()
        if kind in ("|", "||"):
            return self.norm()
        if kind == "⟨":
            return self.inner()
        if kind == "begin":
            return self.cases()
        if kind in ("underbrace", "overbrace"):
            self.take()
            node = self.group()
            if self.kind() in ("_", "^"):
                self.take()
                self.skip_argument()
            return node
        if kind == "underset":
            return self.underset()
        if kind in ("+", "-"):
            sign = self.sign()
            return t.Neg(self.factor()) if sign < 0 else self.factor()
        if kind in ("*", ".") and self.bars[-1] == "cond" and self.kind(1) in ("|", ")", ",", ";"):
            self.take()  # q(· | x_0)
            return t.Sym("·", (), token.column)
        if kind in ("…",):
            self.take()
            return t.Sym("…", (), token.column)
        names = {")": "a closing bracket", "]": "a closing bracket", "}": "a closing brace", "^": "an exponent",
                 "*": "a product sign", "/": "a division", "_": "an index", "=": "an equals sign"}  # fmt: skip
        raise MissingOperand(f"Before {names.get(kind, f'“{token.value}”')} something is missing.", token.column)

    def bracket(self) -> t.Node:
        opening = self.take()
        self.bars.append("paren")
        node = self.expression()
        self.bars.pop()
        self.close(opening)
        return node

    def group(self) -> t.Node:
        """A braced group; without braces, one operand (TeX's rule for \\frac12)."""
        if self.kind() != "{":
            return self.argument()
        opening = self.take()
        self.bars.append("paren")
        node = self.expression()
        if self.kind() == "over":
            self.take()
            node = t.Div(node, self.expression())
        self.bars.pop()
        self.close(opening)
        return node

    def argument(self) -> t.Node:
        """One undelimited TeX argument: a digit, a letter, a command with its own arguments."""
        if self.kind() == "num":
            return self.first_digit()
        token = self.peek()
        if token is None:
            raise MissingOperand("An argument is missing at the end of the formula.", self.column())
        if token.kind == "name":
            self.take()
            return t.Sym(token.value, (), token.column)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep(f"The formula is nested more than {MAX_DEPTH} deep.", token.column)
        node = self.accented(bare=True) if token.kind == "accent" else self.operand()
        self.depth -= 1
        return node

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

    def close(self, opening: Token) -> None:
        wanted = CLOSERS[opening.kind]
        token = self.peek()
        if token is None:
            raise UnbalancedBracket(f"The bracket {opening.value} is never closed.", opening.column)
        if token.kind != wanted and not (opening.kind in "([" and token.kind in ")]"):
            if token.kind in ")]}":
                raise UnbalancedBracket(f"{opening.value} is closed by {token.value}.", token.column)
            raise UnexpectedSymbol(f"“{token.value}” is not expected here.", token.column)
        if opening.kind in "([" and token.kind != wanted:
            raise UnbalancedBracket(f"{opening.value} is closed by {token.value}.", token.column)
        self.take()

    def component_index(self) -> t.Node:
        labels, index = self.subscript("")
        if labels or len(index) != 1:
            raise ReadError("An index after a bracket must be one component.", self.column())
        return index[0]


def _at(node: t.Node, index: t.Node, value: t.Node) -> t.Node:
    """The node with one of its indices replaced."""
    return t.substitute(node, lambda part: value if part == index else None)


def product(left: t.Node, right: t.Node, op: str) -> t.Node:
    """A flat product of equal operators; beside ⊙, |v| is the vector of absolute values."""
    if op == "⊙":
        left, right = _entry_by_entry(left), _entry_by_entry(right)
    if isinstance(left, t.Mul) and left.op == op:
        return t.Mul((*left.factors, right), op)
    return t.Mul((left, right), op)


def _entry_by_entry(node: t.Node) -> t.Node:
    if isinstance(node, t.Norm) and node.order == t.BARS:
        return t.Fun("abs", node.arg)
    if isinstance(node, t.Mul) and isinstance(node.factors[-1], t.Norm) and node.factors[-1].order == t.BARS:
        return t.Mul((*node.factors[:-1], t.Fun("abs", node.factors[-1].arg)), node.op)
    return node


__all__ = ["Parser", "check_powers", "parse_tokens", "product", "with_labels"]
