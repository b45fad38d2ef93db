"""Names for wrong answers outside the catalogue: one small change of the student's own formula makes it right.

Changes are tried at every place of the formula and of its definitions: a sign, a root, a square, an index, a bar, a
complement, two names exchanged, a factor or term too many, ∑ for ∏, a law of an expectation. The sentence quotes the
student's own part, never what belongs there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from grader.theory import tree as t
from grader.theory.typesetting import typeset

_BEFORE = t.Add((t.Sym("t"), t.Neg(t.ONE)))
_BARRED = {"beta": "beta_bar", "beta_bar": "beta", "alpha": "alpha_bar", "alpha_bar": "alpha"}
_SCALARS = frozenset(_BARRED) | {"sigma"}
_X_T, _X_0, _X_BEFORE = t.Sym("x", (t.Sym("t"),)), t.Sym("x", (t.number(0),)), t.Sym("x", (_BEFORE,))
_EXCHANGED = (
    (t.Sym("p_r"), t.Sym("p_g")), (_X_T, _X_0), (_X_T, _X_BEFORE), (_X_0, _X_BEFORE), (t.Sym("x"), t.Sym("x_known")),
)  # fmt: skip
_FACTORS = tuple(t.Num(Fraction(value)) for value in ("2", "1/2", "4", "1/4"))
_LAWS = (
    t.Call("q", (_X_T,), (_X_0,)),
    t.Call("q", (t.Sym("x", (t.Range(t.ONE, t.Sym("T")),)),), (_X_0,)),
)
QUOTED = 60
"""Characters of the student's formula that a sentence quotes; a longer part is called by its beginning."""


@dataclass(frozen=True, slots=True)
class Change:
    """The formula after one change, with the mistake that the change undoes."""

    node: t.Node
    id: str
    sentence: str


def quoted(node: t.Node) -> str:
    """A part of the student's formula as it is named in a sentence."""
    text = typeset(node)
    return f"“{text}”" if len(text) <= QUOTED else f"the part that begins “{text[: QUOTED - 20].rstrip()} …”"


def changes(root: t.Node) -> Iterator[Change]:
    """Every formula that is one change away, the likeliest changes first."""
    places = list(_places(root))
    yield from _whole(root)
    yield from _exchanged(root)
    for local in (_signs, _limits, _roots, _indices, _bars, _complements, _squares, _laws, _extras, _factors):
        for path, part in places:
            for change in local(part):
                yield Change(_put(root, path, change.node), change.id, change.sentence)
    for factor in _FACTORS:
        yield Change(t.Mul((factor, root)), "factor", "A constant factor is wrong.")


Path = tuple[tuple[str, int], ...]


def _places(root: t.Node, path: Path = ()) -> Iterator[tuple[Path, t.Node]]:
    """Every part that is no index, with the way to it."""
    yield path, root
    for name in t.fields_of(root):
        if name in ("index", "low", "high", "var", "under", "args", "given", "column"):
            continue
        value = getattr(root, name)
        if isinstance(value, tuple):
            for place, child in enumerate(value):
                yield from _places(child, (*path, (name, place)))
        elif t.is_node(value):
            yield from _places(value, (*path, (name, -1)))


def _put(root: t.Node, path: Path, new: t.Node) -> t.Node:
    if not path:
        return new
    name, place = path[0]
    value = getattr(root, name)
    inner: object = (
        _put(value, path[1:], new)
        if place < 0
        else (*value[:place], _put(value[place], path[1:], new), *value[place + 1 :])
    )
    return t.with_field(root, name, inner)


def _whole(root: t.Node) -> Iterator[Change]:
    """The formula as a whole: sign, root, square, reciprocal, complement."""
    yield Change(t.Neg(root), "sign", "The sign of the whole is wrong.")
    if not isinstance(root, (t.Gauss, t.Num, t.Sym)):
        yield Change(t.Add((t.ONE, t.Neg(root))), "complement", "This is the complement to 1 of what is asked for.")
        yield Change(t.Div(t.ONE, root), "inverted", "The fraction stands upside down.")
        yield Change(t.Pow(root, t.TWO), "root_too_many", "There is a root too many over the whole.")
        yield Change(t.Fun("sqrt", root), "square_too_many", "The whole is squared once too often.")


def _exchanged(root: t.Node) -> Iterator[Change]:
    for first, second in _EXCHANGED:
        pair = {first.name if not first.index else first: second, second.name if not second.index else second: first}

        def other(node: t.Node, pair: dict[object, t.Sym] = pair) -> t.Node | None:  # type: ignore[assignment]
            if isinstance(node, t.Sym):
                return pair.get(node) or (pair.get(node.name) if not node.index else None)
            if isinstance(node, t.Call) and node.name in pair and node.name.startswith("p"):
                return t.Call(pair[node.name].name, node.args, node.given, node.index, node.column)
            return None

        changed = t.substitute(root, other)
        if changed is not root:
            names = f"{quoted(first)} and {quoted(second)}"
            yield Change(changed, "exchanged", f"{names} have changed places, or one stands where the other belongs.")
        for kept, put in ((first, second), (second, first)):
            one_way = t.substitute(root, lambda n, kept=kept, put=put: put if n == kept else None)  # type: ignore[misc]
            if one_way is not root:
                yield Change(one_way, "wrong_symbol", f"{quoted(kept)} stands where another symbol belongs.")


def _signs(part: t.Node) -> Iterator[Change]:
    if isinstance(part, t.Add):
        for place, term in enumerate(part.terms):
            flipped = term.arg if isinstance(term, t.Neg) else t.Neg(term)
            terms = (*part.terms[:place], flipped, *part.terms[place + 1 :])
            yield Change(t.Add(terms), "sign", f"The sign of {quoted(term)} is wrong.")
    elif isinstance(part, t.Neg):
        yield Change(part.arg, "sign", f"The sign of {quoted(part)} is wrong.")
    elif isinstance(part, t.Fun) and part.name in ("exp", "sigmoid"):
        yield Change(t.Fun(part.name, t.Neg(part.arg)), "sign", f"The sign inside {quoted(part)} is wrong.")


def _roots(part: t.Node) -> Iterator[Change]:
    if isinstance(part, t.Fun) and part.name == "sqrt":
        yield Change(part.arg, "root_too_many", f"There is a root too many at {quoted(part)}.")
    elif isinstance(part, t.Fun) and part.name in ("log", "exp", "sigmoid"):
        yield Change(part.arg, "function_too_many", f"“{part.name}” is one too many at {quoted(part)}.")
    if _positive(part):
        yield Change(t.Fun("sqrt", part), "root_missing", f"A root is missing on {quoted(part)}.")


def _positive(part: t.Node) -> bool:
    """Could a root be missing here? Schedules, and sums, quotients and products without a vector in them."""
    if isinstance(part, (t.Sym, t.Call)):
        return part.name in _SCALARS
    if isinstance(part, (t.Add, t.Big, t.Div, t.Pow, t.Divergence)):
        return not any(isinstance(n, t.Sym) and n.name in ("x", "I", "M", "x_known") for n in t.walk(part))
    return False


def _indices(part: t.Node) -> Iterator[Change]:
    if not isinstance(part, t.Sym) or len(part.index) != 1 or part.name not in (*_SCALARS, "x"):
        return
    now: tuple[t.Node, ...] = (t.Sym("t"),)
    others = {t.Sym("t"): (_BEFORE,), _BEFORE: now}.get(part.index[0], (*now, _BEFORE))
    if isinstance(part.index[0], t.Sym) and part.index[0] != t.Sym("t"):
        return
    for index in others:
        yield Change(t.Sym(part.name, (index,), part.column), "index", f"The index of {quoted(part)} is wrong.")


def _bars(part: t.Node) -> Iterator[Change]:
    if not isinstance(part, t.Sym) or part.name not in _BARRED or not part.index:
        return
    barred = part.name.endswith("_bar")
    other = t.Sym(_BARRED[part.name], part.index, part.column)
    name, what = ("bar_too_many", "must not") if barred else ("bar_missing", "should")
    yield Change(
        other, name, f"{quoted(part)} {what} carry a bar: the value of one step and of all steps are mixed up."
    )
    if not barred and part.index == (t.Sym("t"),):
        yield Change(
            t.Sym(other.name, (_BEFORE,)), "bar_missing", f"{quoted(part)} stands where another symbol belongs."
        )


def _complements(part: t.Node) -> Iterator[Change]:
    if isinstance(part, t.Add) and part.terms[0] == t.ONE and len(part.terms) == 2:
        rest = part.terms[1].arg if isinstance(part.terms[1], t.Neg) else part.terms[1]
        yield Change(rest, "complement", f"{quoted(part)} stands where its complement to 1 belongs.")
    elif (isinstance(part, t.Sym) and (part.name in _SCALARS or part.name == "M")) or isinstance(part, t.Big):
        complement = t.Add((t.ONE, t.Neg(part)))
        yield Change(complement, "complement", f"{quoted(part)} stands where its complement to 1 belongs.")


def _squares(part: t.Node) -> Iterator[Change]:
    if isinstance(part, t.Pow):
        yield Change(part.base, "square_too_many", f"There is a power too many at {quoted(part)}.")
        if part.exponent != t.TWO:
            yield Change(t.Pow(part.base, t.TWO), "exponent", f"The exponent of {quoted(part)} is wrong.")
    elif isinstance(part, (t.Norm, t.Div, t.Add)) or (isinstance(part, t.Sym) and part.name in _SCALARS):
        yield Change(t.Pow(part, t.TWO), "square_missing", f"A square is missing on {quoted(part)}.")


def _limits(part: t.Node) -> Iterator[Change]:
    if not isinstance(part, t.Big):
        return
    one = t.Neg(t.ONE)
    for low in (t.ONE, t.TWO):
        if low != part.low:
            changed = t.Big(part.kind, part.var, low, part.high, part.body)
            yield Change(changed, "limits", f"The first step of {quoted(part)} is wrong.")
    for high in (t.Sym("t"), t.Sym("T"), t.Add((part.high, t.ONE)), t.Add((part.high, one))):
        if high != part.high:
            changed = t.Big(part.kind, part.var, part.low, high, part.body)
            yield Change(changed, "limits", f"The last step of {quoted(part)} is wrong.")
    shifted = t.Big(part.kind, part.var, t.Add((part.low, t.ONE)), t.Add((part.high, t.ONE)), part.body)
    yield Change(shifted, "limits", f"Every index of {quoted(part)} is one too low.")
    kind = "sum" if part.kind == "prod" else "prod"
    swapped = t.Big(kind, part.var, part.low, part.high, part.body)  # type: ignore[arg-type]
    what = "A sum stands where a product" if part.kind == "sum" else "A product stands where a sum"
    yield Change(swapped, "sum_for_product", f"{what} belongs: {quoted(part)}.")


def _laws(part: t.Node) -> Iterator[Change]:
    if isinstance(part, t.Divergence) and part.q is not None and part.kind == "KL":
        reversed_ = t.Divergence(part.kind, part.q, part.p)
        yield Change(reversed_, "kl_reversed", f"The arguments of {quoted(part)} are the wrong way round.")
    elif isinstance(part, t.Expect) and len(part.under) == 1:
        for law in _LAWS:
            if part.under[0].law != law:
                changed = t.Expect((t.Binder(None, law),), part.body)
                yield Change(changed, "wrong_law", "The expectation is taken under the wrong distribution.")
    elif isinstance(part, t.Div):
        yield Change(t.Div(part.bottom, part.top), "inverted", f"The quotient {quoted(part)} stands upside down.")


def _extras(part: t.Node) -> Iterator[Change]:
    """A factor, divisor or term that is one too many."""
    if isinstance(part, t.Mul):
        for place, factor in enumerate(part.factors):
            rest = (*part.factors[:place], *part.factors[place + 1 :])
            changed = rest[0] if len(rest) == 1 else t.Mul(rest, part.op)
            yield Change(changed, "extra_factor", f"The factor {quoted(factor)} is one too many.")
    elif isinstance(part, t.Div):
        yield Change(part.top, "extra_divisor", f"The division by {quoted(part.bottom)} is one too many.")
    elif isinstance(part, t.Add):
        for place, term in enumerate(part.terms):
            rest = (*part.terms[:place], *part.terms[place + 1 :])
            changed = rest[0] if len(rest) == 1 else t.Add(rest)
            yield Change(changed, "extra_term", f"The term {quoted(term)} is one too many.")
        for first, second in combinations(range(len(part.terms)), 2):
            if len(part.terms) > 2:
                rest = tuple(term for k, term in enumerate(part.terms) if k not in (first, second))
                changed = rest[0] if len(rest) == 1 else t.Add(rest)
                yield Change(changed, "extra_term", "Two terms are too many.")


def _factors(part: t.Node) -> Iterator[Change]:
    if isinstance(part, t.Num) and part.value != 0:
        for factor in ("2", "1/2", "4", "1/4"):
            changed = t.Num(part.value * Fraction(factor))
            yield Change(changed, "factor", f"The number {quoted(part)} is wrong.")
    elif isinstance(part, t.Add):
        for place, term in enumerate(part.terms):
            for factor_node in _FACTORS[:2]:
                terms = (*part.terms[:place], t.Mul((factor_node, term)), *part.terms[place + 1 :])
                yield Change(t.Add(terms), "factor", f"The factor of {quoted(term)} is wrong.")
    elif isinstance(part, (t.Gauss,)):
        for factor_node in _FACTORS[:2]:
            changed_gauss = t.Gauss(part.mean, t.Mul((factor_node, part.spread)), part.variate, part.deviation)
            yield Change(changed_gauss, "factor", "The variance has a wrong constant factor.")
