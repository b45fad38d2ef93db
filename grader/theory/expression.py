"""Recursive descent over tokens: sums, products, quotients, powers, brackets. Every path is bounded in depth."""

from __future__ import annotations

from fractions import Fraction

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEPTH, MAX_EXPONENT, MAX_NODES, MAX_TOWER, MAX_TREE_DEPTH
from grader.theory.brackets import Brackets
from grader.theory.dots import product_with_dots
from grader.theory.errors import (
    ExponentTooLarge,
    MissingOperand,
    TooDeep,
    TooLarge,
    UnbalancedBracket,
    UnexpectedSymbol,
    UnsupportedForm,
)
from grader.theory.lexeme import Token
from grader.theory.names import with_labels

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


class Parser(Brackets):
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
        found = product_with_dots(list(node.factors) if isinstance(node, t.Mul) else [node], last)
        if found is None:
            raise UnsupportedForm("The product with dots is not understood; write it with ∏.", dots.column)
        return found

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
