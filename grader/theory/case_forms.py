"""Case distinctions: told apart by M_i = 1, or in words by whether the entry is observed."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory.errors import MissingOperand, UnsupportedForm
from grader.theory.lexeme import Token
from grader.theory.sums import Sums

_OBSERVED = frozenset({"observed", "known", "given", "seen"})
_UNOBSERVED = frozenset({"unobserved", "unknown", "missing"})
_OTHERWISE = frozenset({"otherwise", "else", "Otherwise"})
_LINKS = frozenset({"&", ",", "quad", ":"})
_LINK_WORDS = frozenset({"if", "when", "where", "for", "If", "on", "at"})
_BESIDE = frozenset(
    {"is", "are", "in", "the", "entry", "entries", "component", "components", "coordinate", "coordinates", "pixel",
     "pixels", "set", "of", "index", "indices", "all", "every", "that", "which", "if", "mask", "M", "dimension",
     "dimensions", "element", "elements"}
)  # fmt: skip
"""Words of a condition that do not turn it round."""


class CaseForms(Sums):
    """\\begin{cases} … \\end{cases}"""

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
            branches.append(self.branch())
        self.bars.pop()
        self.take("end")
        return t.Cases(tuple(branches))

    def branch(self) -> t.Branch:
        value = self.expression()
        while self.kind() in _LINKS or self.value() in _LINK_WORDS:
            self.take()
        if self.kind() in ("\n", "end") or self.value() in _OTHERWISE:
            while self.kind() not in ("\n", "end", ""):
                self.take()
            return t.Branch(value)
        observed = self.observed()
        if observed is not None:
            return t.Branch(value, _mask_at(value), t.ONE, "=" if observed else "≠")
        left = self.expression()
        relation = self.take().kind
        if relation not in ("=", "≠"):
            raise UnsupportedForm("A case is told apart by = or ≠ here.", self.column())
        right = self.expression()
        if self.kind() in (",", ";", "."):
            self.take()
        return t.Branch(value, left, right, relation)

    def observed(self) -> bool | None:
        """“i ∈ M”, “i is not observed”: whether the branch is for observed entries; None when it is said otherwise."""
        if self.family != "score":
            return None
        end = self.at
        while end < len(self.tokens) and self.tokens[end].kind not in ("\n", "end"):
            end += 1
        tokens = [token for token in self.tokens[self.at : end] if token.kind not in ("{", "}", ",", ".", ";")]
        found = _membership(tokens)
        if found is not None:
            self.at = end
        return found


def _membership(tokens: list[Token]) -> bool | None:
    words = [token.value for token in tokens if token.kind == "name"]
    signs = [token.kind for token in tokens if token.kind != "name"]
    positive, negative = bool(_OBSERVED & set(words)), bool(_UNOBSERVED & set(words))
    member = "∈" in signs or "∉" in signs or ("in" in words and bool({"mask", "M"} & set(words)))
    if positive + negative + member != 1 or any(sign not in ("∈", "∉") for sign in signs):
        return None
    if member and not {"mask", "M"} & set(words):
        return None
    names = set(words) - _OBSERVED - _UNOBSERVED - _BESIDE - {"not"}
    if any(len(name) > 1 for name in names) or len(names) > 1 or words.count("not") + signs.count("∉") > 1:
        return None
    turned = "not" in words or "∉" in signs
    return (positive or member) != turned


def _mask_at(value: t.Node) -> t.Node:
    """M_i for a branch in components i, M for a branch in whole vectors."""
    for part in t.walk(value):
        index = part.index if isinstance(part, (t.Sym, t.Call)) else ()
        if isinstance(part, t.Component):
            index = (part.index,)
        for i in index:
            if isinstance(i, t.Sym) and i.name in ("i", "j", "k"):
                return t.Sym("M", (i,))
    return t.Sym("M")
