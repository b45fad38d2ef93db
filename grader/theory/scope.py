"""What is bound at a place of a formula: running indices, points of a density, states of a chain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Scope:
    """Bindings; a new one is made for every sum, integral, expectation and definition."""

    ints: dict[str, int] = field(default_factory=dict)
    atom: int = 0
    """Where a density without a bound variable is evaluated."""
    atoms: dict[str, int] = field(default_factory=dict)
    states: dict[int, int] = field(default_factory=dict)
    """State of x_k, for every time k, in a discrete chain."""
    values: dict[str, Any] = field(default_factory=dict)
    """Whole vectors bound to a key, for derivatives with respect to them."""
    defining: tuple[str, ...] = ()

    def with_int(self, name: str, value: int) -> Scope:
        return replace(self, ints={**self.ints, name: value})

    def at_atom(self, name: str, atom: int) -> Scope:
        return replace(self, atom=atom, atoms={**self.atoms, name: atom})

    def everywhere(self, atom: int) -> Scope:
        """Every variable at the same point: inside a divergence."""
        return replace(self, atom=atom, atoms={})

    def with_states(self, states: dict[int, int]) -> Scope:
        return replace(self, states={**self.states, **states})

    def with_value(self, key: str, value: Any) -> Scope:
        return replace(self, values={**self.values, key: value})
