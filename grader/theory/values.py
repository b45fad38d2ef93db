"""Values in a concrete model: numbers of many digits, vectors, diagonal matrices, dual numbers for derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from mpmath.ctx_mp import MPContext

from grader.theory.errors import ExtremeNumber, KindMismatch, NotEvaluated, Singular

Real: TypeAlias = Any
"""An mpf of this module's context, or a Dual."""


@dataclass(frozen=True, slots=True)
class Vec:
    """A vector in R^d, coordinate by coordinate."""

    items: tuple[Real, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A diagonal matrix: the identity, covariances, diag(M)."""

    items: tuple[Real, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A transposed vector."""

    items: tuple[Real, ...]


Value: TypeAlias = Any
"""A Real, Vec, Matrix or Row; which one is asked at run time, as the student's formula decides it."""

FIRST_DIGITS = 60
MORE_DIGITS = 420
HIDDEN = 25
"""Decimal orders between two summands from which the smaller could hide in the larger."""


class Numbers:
    """Arithmetic at a fixed precision, with the guards that keep “equal” from meaning “equal up to rounding”."""

    def __init__(self, digits: int = FIRST_DIGITS) -> None:
        self.digits = digits
        self.mp = MPContext()
        self.mp.dps = digits
        self.tolerance = self.mp.mpf(10) ** (-(digits - 20))
        self.hidden_bits = int(HIDDEN * 3.33)
        self.noise_bits = int((digits - 12) * 3.33)
        self._decimals: dict[float, Real] = {}

    def decimal(self, value: float) -> Real:
        """A bound of a draw, 0.08, as the decimal that it is written as."""
        found = self._decimals.get(value)
        if found is None:
            found = self._decimals[value] = self.mp.mpf(str(value))
        return found

    def number(self, value: Fraction | int) -> Real:
        if isinstance(value, int):
            return self.mp.mpf(value)
        return self.mp.mpf(value.numerator) / value.denominator

    def is_real(self, value: object) -> bool:
        return isinstance(value, (self.mp.mpf, Dual))

    def plain(self, value: Real) -> Real:
        while isinstance(value, Dual):
            value = value.value
        return value

    def is_zero(self, value: Real) -> bool:
        return not self.plain(value)

    def add(self, a: Real, b: Real) -> Real:
        self.guard(a, b)
        return a + b

    def guard(self, a: Real, b: Real) -> None:
        """Refuses a sum whose smaller term is far smaller, yet not mere rounding noise."""
        x, y = self.plain(a), self.plain(b)
        if x and y:
            _, mx, ex, bx = x._mpf_
            _, my, ey, by = y._mpf_
            if not mx or not my:
                raise ExtremeNumber("A number here is infinite.")
            gap = abs((ex + bx) - (ey + by))
            if self.hidden_bits < gap < self.noise_bits or (self.digits < MORE_DIGITS and gap >= self.noise_bits):
                raise ExtremeNumber("Numbers of such different size are added that the smaller one would vanish.")

    def divide(self, a: Real, b: Real) -> Real:
        if self.is_zero(b):
            raise Singular("There is a division by zero.")
        return a / b

    def power(self, base: Real, exponent: Real) -> Real:
        e = self.plain(exponent)
        b = self.plain(base)
        if not isinstance(exponent, Dual) and e == self.mp.floor(e) and abs(e) <= 512:
            n = int(e)
            if n < 0 and not b:
                raise Singular("There is a division by zero.")
            return base**n
        if b < 0:
            raise Singular("A negative number is raised to a fractional power.")
        if not b:
            if e > 0:
                return self.mp.mpf(0) if not isinstance(base, Dual) else base * 0
            raise Singular("There is a division by zero.")
        if isinstance(exponent, Dual) or isinstance(base, Dual):
            return self.apply("exp", exponent * self.apply("log", base))
        self.moderate(e * self.mp.log(b))
        return b**e

    def moderate(self, exponent: Real) -> None:
        if abs(exponent) > 400:
            raise ExtremeNumber("An exponential here is too large or too small.")

    def apply(self, name: str, x: Real) -> Real:
        """An elementary function of a number."""
        if isinstance(x, Dual):
            inner = self.apply(name, x.value)
            return Dual(inner, x.slope * self.slope(name, x.value, inner))
        mp = self.mp
        if name == "sqrt":
            if x < 0:
                raise Singular("There is the root of a negative number.")
            return mp.sqrt(x)
        if name == "log":
            if x <= 0:
                raise Singular("There is the logarithm of a number that is not positive.")
            return mp.log(x)
        self.moderate(x)
        if name == "exp":
            return mp.exp(x)
        if name == "sigmoid":
            return 1 / (1 + mp.exp(-x))
        if name == "tanh":
            return mp.tanh(x)
        if name == "softplus":
            return mp.log(1 + mp.exp(x))
        if name == "abs":
            return abs(x)
        if name == "sign":
            return mp.mpf((x > 0) - (x < 0))
        raise NotEvaluated(f"The function {name} is not evaluated here.")

    def slope(self, name: str, x: Real, value: Real) -> Real:
        rules: dict[str, Callable[[], Real]] = {
            "sqrt": lambda: self.divide(self.mp.mpf(1), 2 * value),
            "log": lambda: 1 / x,
            "exp": lambda: value,
            "sigmoid": lambda: value * (1 - value),
            "tanh": lambda: 1 - value * value,
            "softplus": lambda: self.apply("sigmoid", x),
            "sign": lambda: self.mp.mpf(0),
            "abs": lambda: self.apply("sign", x),
        }
        return rules[name]()

    def close(self, a: Real, b: Real) -> bool:
        """Equal to all digits but the last twenty."""
        size = max(abs(a), abs(b))
        return bool(abs(a - b) <= self.tolerance * size) if size > self.tolerance else True


class Dual:
    """value + slope·h with h² = 0: forward differentiation through the same evaluator."""

    __slots__ = ("slope", "value")

    def __init__(self, value: Real, slope: Real) -> None:
        self.value = value
        self.slope = slope

    def __add__(self, other: Real) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.slope + other.slope)
        return Dual(self.value + other, self.slope)

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __sub__(self, other: Real) -> Dual:
        return self.__add__(-other)

    def __rsub__(self, other: Real) -> Dual:
        return (-self).__add__(other)

    def __mul__(self, other: Real) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)
        return Dual(self.value * other, self.slope * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Real) -> Dual:
        if isinstance(other, Dual):
            quotient = self.value / other.value
            return Dual(quotient, (self.slope - quotient * other.slope) / other.value)
        return Dual(self.value / other, self.slope / other)

    def __rtruediv__(self, other: Real) -> Dual:
        quotient = other / self.value
        return Dual(quotient, -quotient * self.slope / self.value)

    def __pow__(self, n: int) -> Dual:
        return Dual(self.value**n, self.slope * n * self.value ** (n - 1) if n else self.slope * 0)

    def __abs__(self) -> Dual:
        return self if self.value >= 0 else -self

    def __bool__(self) -> bool:
        return bool(self.value)


def kind_of(value: Value) -> str:
    """number, vector, matrix, row."""
    return {Vec: "vector", Matrix: "matrix", Row: "row"}.get(type(value), "number")


def add_values(n: Numbers, a: Value, b: Value) -> Value:
    """a + b of the same kind. Raises KindMismatch."""
    for cls in (Vec, Matrix, Row):
        if isinstance(a, cls) and isinstance(b, cls):
            return cls(tuple(n.add(x, y) for x, y in zip(a.items, b.items, strict=True)))
    if n.is_real(a) and n.is_real(b):
        return n.add(a, b)
    raise KindMismatch(f"A {kind_of(a)} and a {kind_of(b)} are added.")


def multiply(n: Numbers, a: Value, b: Value) -> Value:
    """a · b: scaling, coordinate by coordinate for two vectors, a matrix on a vector, a row on a vector."""
    if n.is_real(a):
        return a * b if n.is_real(b) else _map(b, lambda y: a * y)
    if n.is_real(b):
        return _map(a, lambda x: x * b)
    if isinstance(a, Row) and isinstance(b, Vec):
        total = n.mp.mpf(0)
        for x, y in zip(a.items, b.items, strict=True):
            total = total + x * y
        return total
    if isinstance(a, Row) or isinstance(b, Row):
        if isinstance(a, Row) and isinstance(b, Matrix):
            return Row(tuple(x * y for x, y in zip(a.items, b.items, strict=True)))
        raise KindMismatch("A transposed vector is multiplied with something that is no vector.")
    items = tuple(x * y for x, y in zip(a.items, b.items, strict=True))
    return Matrix(items) if isinstance(a, Matrix) and isinstance(b, Matrix) else Vec(items)


def divide(n: Numbers, a: Value, b: Value) -> Value:
    """a / b; by a number, or coordinate by coordinate."""
    if n.is_real(b):
        return n.divide(a, b) if n.is_real(a) else _map(a, lambda x: n.divide(x, b))
    if isinstance(b, Vec) and n.is_real(a):
        return Vec(tuple(n.divide(a, y) for y in b.items))
    if isinstance(b, (Vec, Matrix)) and isinstance(a, (Vec, Matrix)):
        items = tuple(n.divide(x, y) for x, y in zip(a.items, b.items, strict=True))
        return Matrix(items) if isinstance(a, Matrix) else Vec(items)
    raise KindMismatch(f"A {kind_of(a)} is divided by a {kind_of(b)}.")


def negate(value: Value) -> Value:
    """−value."""
    return _map(value, lambda x: -x) if isinstance(value, (Vec, Matrix, Row)) else -value


def mapped(n: Numbers, value: Value, function: Callable[[Real], Real]) -> Value:
    """A function of a number, or of every coordinate of a vector."""
    if isinstance(value, Row):
        raise KindMismatch("A function of a transposed vector is taken.")
    return _map(value, function) if isinstance(value, (Vec, Matrix)) else function(value)


def _map(value: Any, function: Callable[[Real], Real]) -> Any:
    return type(value)(tuple(function(x) for x in value.items))
