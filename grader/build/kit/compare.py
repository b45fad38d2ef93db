"""What came out against what a public case says: one sentence with the first difference, or none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def plain(value: Any) -> Any:
    """Tensors and arrays as nested lists of numbers, tuples as lists."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def difference(found: Mapping[str, Any], expected: Mapping[str, Sequence[Any]], tolerance: float) -> str | None:
    """None when every fact is one of its accepted values; else a sentence on the first that is not."""
    for name, accepted in expected.items():
        value = plain(found.get(name))
        if not any(_close(value, wanted, tolerance) for wanted in accepted):
            wanted = " or ".join(shown(w) for w in accepted)
            return f"{name}: yours is {shown(value)}, the public case has {wanted}."
    return None


def shown(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "missing"}[value]
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list):
        return "(" + ", ".join(shown(v) for v in value[:8]) + (", …" if len(value) > 8 else "") + ")"
    return str(value)


def _close(found: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(wanted, list):
        same_shape = isinstance(found, list) and len(found) == len(wanted)
        return same_shape and all(_close(f, w, tolerance) for f, w in zip(found, wanted, strict=True))
    if isinstance(wanted, bool) or isinstance(found, bool) or wanted is None:
        return found is wanted
    if isinstance(wanted, int) and isinstance(found, int):
        return found == wanted
    if not isinstance(found, int | float):
        return False
    return math.isfinite(found) and abs(found - wanted) <= tolerance * max(abs(wanted), 0.1)
