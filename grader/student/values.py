"""Trusted side: looks at values that a worker returned."""

from __future__ import annotations

from typing import Any

import numpy as np

from grader.student.faults import StudentFault


def finite(array: Any, what: str) -> np.ndarray[Any, np.dtype[Any]]:
    """``array`` as it is when every entry is finite. Raises `StudentFault` that names NaN or infinity."""
    value = np.asarray(array)
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        nans, infinities = int(np.isnan(value).sum()), int(np.isinf(value).sum())
        found = " and ".join(f"{n} {name}" for n, name in ((nans, "NaN"), (infinities, "infinite")) if n)
        raise StudentFault("bad_reply", f"{what} holds {found} of {value.size} values: they must all be finite")
    return value
