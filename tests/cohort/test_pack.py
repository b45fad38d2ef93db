"""Evidence comes back from the store as it was, or is refused."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.cohort.pack import PackedEvidence, pack, pack_verdict, unpack, unpack_verdict
from grader.model import Evidence, Failure, GraderError, Verdict

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner))
FACTS = st.dictionaries(st.text(), VALUES, max_size=4)
DTYPES = st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_])
ARRAYS = st.dictionaries(st.text(max_size=5), hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_side=3)), max_size=2)


@given(FACTS, ARRAYS, st.text(), st.text(st.characters(exclude_categories=[]), max_size=5))
def test_any_evidence_survives_the_store_and_the_wire(
    facts: dict[str, object], arrays: dict[str, np.ndarray], output: str, odd: str
) -> None:
    failures = {"mean": Failure("timeout", odd, "hw5_gan.py:3", "trace")}
    evidence = Evidence("c", {**facts, "odd": odd}, arrays, failures, ("note",), output, 1.5)
    wire = msgspec.msgpack.encode(pack(evidence))
    back = unpack(msgspec.msgpack.decode(wire, type=PackedEvidence))
    assert back.facts == evidence.facts
    assert back.failures == failures
    assert (back.notes, back.seconds) == (("note",), 1.5)
    for name, array in arrays.items():
        assert back.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(back.arrays[name], array)


def test_numbers_that_are_no_json_survive() -> None:
    back = unpack(pack(Evidence("c", {"a": math.nan, "b": [math.inf, -math.inf], "c": np.float32(0.5), "d": (1, 2)})))
    assert math.isnan(back.facts["a"])
    assert back.facts["b"] == [math.inf, -math.inf]
    assert (back.facts["c"], back.facts["d"]) == (0.5, [1, 2])


def test_what_cannot_be_stored_is_refused() -> None:
    with pytest.raises(GraderError, match="cannot be stored"):
        pack(Evidence("c", {"a": object()}))
    with pytest.raises(GraderError, match="cannot be stored"):
        pack(Evidence("c", {}, {"a": np.array([object()])}))


def test_a_verdict_keeps_its_exact_points() -> None:
    from fractions import Fraction

    verdict = Verdict("partial", Fraction(1, 3), Fraction(2, 7), "m", ("m", "n"), "why", ("note",))
    assert unpack_verdict(pack_verdict(verdict)) == verdict
