"""The syntax tree of what a student wrote: small, typed, frozen. Numbers are exact; names are canonical."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Literal, TypeAlias, TypeGuard


@dataclass(frozen=True, slots=True)
class Num:
    """An exact number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Sym:
    """A named quantity with indices: β̄_{t−1} is Sym("beta_bar", (t − 1,)), x_{known,i} is Sym("x_known", (i,))."""

    name: str
    index: tuple[Node, ...] = ()
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Range:
    """An index range, the 1:T of x_{1:T}."""

    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A named function of arguments, perhaps conditional: s_θ(x, δ), q(x_t | x_0)."""

    name: str
    args: tuple[Node, ...]
    given: tuple[Node, ...] = ()
    index: tuple[Node, ...] = ()
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Fun:
    """An elementary function: sqrt, exp, log, log10, log2, sigmoid, tanh, …"""

    name: str
    arg: Node


@dataclass(frozen=True, slots=True)
class Neg:
    """−arg."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Add:
    """A sum of two or more terms."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mul:
    """A product of two or more factors; op is "" (side by side), "*" or "⊙"."""

    factors: tuple[Node, ...]
    op: str = ""


@dataclass(frozen=True, slots=True)
class Div:
    """top / bottom."""

    top: Node
    bottom: Node


@dataclass(frozen=True, slots=True)
class Pow:
    """base ^ exponent."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Big:
    """∑ or ∏ of body for var from low to high, both included."""

    kind: Literal["sum", "prod"]
    var: str
    low: Node
    high: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Integral:
    """∫ body d var over the whole space."""

    var: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Binder:
    """The subscript of an expectation: var ∼ law, or only the law, q(x_t | x_0)."""

    var: Node | None
    law: Node


@dataclass(frozen=True, slots=True)
class Expect:
    """E_under[body]."""

    under: tuple[Binder, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Divergence:
    """KL(p‖q), JSD(p‖q), the entropy H(p), the cross entropy CE(p, q)."""

    kind: Literal["KL", "JSD", "H", "CE"]
    p: Node
    q: Node | None = None


@dataclass(frozen=True, slots=True)
class Norm:
    """‖arg‖, not squared. |arg| has the order BARS: a length too, but taken entry by entry beside ⊙."""

    arg: Node
    order: str = "2"


@dataclass(frozen=True, slots=True)
class Inner:
    """⟨left, right⟩."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Transpose:
    """argᵀ."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Diag:
    """The diagonal matrix of a vector."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Grad:
    """∇_wrt body, also ∂ body/∂ wrt."""

    wrt: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Component:
    """[base]_index."""

    base: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Gauss:
    """A Gaussian: N(variate; mean, spread), the spread a covariance or, where the spelling says so, a deviation."""

    mean: Node
    spread: Node
    variate: Node | None = None
    deviation: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of a case distinction; without a condition it is the line "otherwise"."""

    value: Node
    left: Node | None = None
    right: Node | None = None
    relation: str = "="


@dataclass(frozen=True, slots=True)
class Cases:
    """A case distinction."""

    branches: tuple[Branch, ...]


Node: TypeAlias = (
    Num | Sym | Range | Call | Fun | Neg | Add | Mul | Div | Pow | Big | Integral | Binder | Expect | Divergence | Norm
    | Inner | Transpose | Diag | Grad | Component | Gauss | Branch | Cases
)  # fmt: skip

_NODES = (Num, Sym, Range, Call, Fun, Neg, Add, Mul, Div, Pow, Big, Integral, Binder, Expect, Divergence, Norm, Inner,
          Transpose, Diag, Grad, Component, Gauss, Branch, Cases)  # fmt: skip
_FIELDS: dict[type, tuple[str, ...]] = {cls: tuple(f.name for f in fields(cls)) for cls in _NODES}


def fields_of(node: Node) -> tuple[str, ...]:
    """Names of a node's fields."""
    return _FIELDS[type(node)]


def is_node(value: object) -> TypeGuard[Node]:
    """Is this a node, and no number, name or tuple of a node's fields?"""
    return isinstance(value, _NODES)


def with_field(node: Node, name: str, value: object) -> Node:
    """The same node with another value in one field."""
    values = {field_name: getattr(node, field_name) for field_name in _FIELDS[type(node)]}
    return type(node)(**{**values, name: value})


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below, in order."""
    for name in _FIELDS[type(node)]:
        value = getattr(node, name)
        if isinstance(value, tuple):
            yield from value
        elif isinstance(value, _NODES):
            yield value


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, depth first."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(list(children(current))))


def rebuild(node: Node, change: Callable[[Node], Node]) -> Node:
    """The same node with `change` applied to every child."""
    values: dict[str, object] = {}
    changed = False
    for name in _FIELDS[type(node)]:
        value = getattr(node, name)
        if isinstance(value, tuple) and value:
            new: object = tuple(change(child) for child in value)
            if all(a is b for a, b in zip(new, value, strict=True)):  # type: ignore[call-overload]
                new = value
        elif isinstance(value, _NODES):
            new = change(value)
        else:
            new = value
        changed = changed or new is not value
        values[name] = new
    return type(node)(**values) if changed else node  # type: ignore[arg-type]


def substitute(node: Node, replacement: Callable[[Node], Node | None]) -> Node:
    """Top-down replacement: where `replacement` answers a node it stands instead, and is not searched again."""
    new = replacement(node)
    if new is not None:
        return new
    return rebuild(node, lambda child: substitute(child, replacement))


def number(value: int | Fraction) -> Num:
    """An exact number as a node."""
    return Num(Fraction(value))


BARS = "|"
"""Order of a norm that is written with single bars."""

ONE = number(1)
TWO = number(2)


def before(stop: Node) -> Node:
    """stop − 1, and t for t + 1: the last index of a program's range."""
    if isinstance(stop, Add) and stop.terms[-1] == ONE:
        return stop.terms[0] if len(stop.terms) == 2 else Add(stop.terms[:-1])
    return Add((stop, Neg(ONE)))
