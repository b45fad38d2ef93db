"""What every numeric check shares: relative errors, catalogues of known mistakes, naming by values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from grader.checks.registry import Bench, StudentFailure
from grader.model import Json

FATAL = frozenset(
    {"missing_file", "syntax", "import", "unavailable_package", "timeout", "memory", "crashed", "exited", "bad_reply"}
)
"""Failures after which calling the same function again on other inputs tells nothing more."""
SEPARATION = 0.02
"""Inputs are drawn again until every known mistake differs from the right values by this much, relatively."""
REDRAWS = 40

Drawn = TypeVar("Drawn")
Array: TypeAlias = NDArray[Any]


def relative_error(found: object, expected: Array, scale: float | None = None) -> float | None:
    """max |found − expected| / scale, by default max |expected|; None where shapes differ or a value is not finite.

    A single value may be small by cancellation: then its rounding is measured by the `scale` of its siblings.
    """
    if not isinstance(found, np.ndarray) or found.shape != expected.shape or found.dtype.kind not in "fiub":
        return None
    with np.errstate(invalid="ignore"):
        difference = np.abs(found.astype(np.float64) - expected)
    scale = float(np.abs(expected).max(initial=0.0)) if scale is None else scale
    worst = float(difference.max(initial=0.0))
    return worst / max(scale, 1e-12) if math.isfinite(worst) else None


def elementwise_error(found: object, expected: Array) -> float | None:
    """max |found − expected| / |expected|, entry by entry; None where shapes differ or a value is not finite."""
    if not isinstance(found, np.ndarray) or found.shape != expected.shape or found.dtype.kind not in "fiub":
        return None
    ratio = np.abs(found.astype(np.float64) - expected) / np.maximum(np.abs(expected), 1e-12)
    worst = float(ratio.max(initial=0.0))
    return worst if math.isfinite(worst) else None


@dataclass(frozen=True, slots=True)
class Mistake:
    """A known mistake: its short name and the sentence that a student reads."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Case:
    """One call with inputs of ours: what is expected, and what known mistakes would return."""

    label: str
    """The kind of input, as a student reads it: 't = 1', 'a batch of 1'."""
    args: Sequence[Any]
    expected: Array
    variants: Mapping[str, Array] = field(default_factory=dict)
    """What each known mistake would return; 'name~detail' is another form of the mistake 'name'."""
    strided: bool = False


def draw_separated(draw: Callable[[], Drawn], cases_of: Callable[[Drawn], Iterable[Case]]) -> Drawn:
    """Draws inputs until each known mistake is told apart from the right values by at least one case."""
    for _ in range(REDRAWS):
        drawn = draw()
        if separation(cases_of(drawn)) >= SEPARATION:
            break
    return drawn


def separation(cases: Iterable[Case]) -> float:
    """The smallest distance of any known mistake from the right values, each taken at the case that shows it best."""
    best: dict[str, float] = {}
    for case in cases:
        for name, values in case.variants.items():
            error = relative_error(values, case.expected)
            best[name] = max(best.get(name, 0.0), math.inf if error is None else error)
    return min(best.values(), default=math.inf)


def facts_of(
    case: Case, found: object, kind: str = "", changed: Sequence[int] = (), scale: float | None = None
) -> dict[str, Json]:
    """One case as JSON facts: error (by the scale), shapes, finiteness, and the error against every known mistake."""
    array = found if isinstance(found, np.ndarray) else None
    finite = bool(np.isfinite(array).all()) if array is not None and array.dtype.kind in "fiub" else False
    reshaped = array.reshape(case.expected.shape) if array is not None and array.size == case.expected.size else None
    return {
        "label": case.label,
        "kind": kind,
        "shape": list(array.shape) if array is not None else None,
        "expected_shape": list(case.expected.shape),
        "finite": finite,
        "error": relative_error(array, case.expected, scale),
        "error_reshaped": relative_error(reshaped, case.expected, scale),
        "variants": {name: relative_error(array, values) for name, values in case.variants.items()},
        "changed": list(changed),
        "failure": None,
    }


def failed_case(case: Case, failure: StudentFailure) -> dict[str, Json]:
    """A case that the student's code did not survive, as facts."""
    where = f" ({failure.failure.where})" if failure.failure.where else ""
    return {
        "label": case.label,
        "kind": "",
        "shape": None,
        "expected_shape": list(case.expected.shape),
        "finite": False,
        "error": None,
        "error_reshaped": None,
        "variants": {},
        "changed": [],
        "failure": failure.failure.sentence + where,
        "failure_kind": failure.failure.kind,
    }


def run_cases(
    bench: Bench, function: str, cases: Sequence[Case], tables: Mapping[str, Any] | None
) -> tuple[list[dict[str, Json]], StudentFailure | None]:
    """Calls the student's function on every case. A failure that says something of every input ends the list."""
    seen: list[dict[str, Json]] = []
    first: StudentFailure | None = None
    for case in cases:
        try:
            reply = bench.call("evaluate", function, list(case.args), strided=case.strided, tables=tables)
        except StudentFailure as failure:
            if failure.failure.kind in FATAL:
                raise
            first = first or failure
            seen.append(failed_case(case, failure))
            continue
        seen.append(facts_of(case, reply["value"], reply["kind"], reply["changed"]))
    return seen, first


def ignored_arguments(
    bench: Bench, function: str, case: Case, names: Sequence[str], tables: Mapping[str, Any] | None
) -> list[str]:
    """Names of the arguments whose change does not change the result; the student's random draws are the same."""
    ignored: list[str] = []
    try:
        usual = bench.call("evaluate", function, list(case.args), tables=tables)["value"]
        for i, name in enumerate(names):
            args = list(case.args)
            given = args[i]
            if not isinstance(given, np.ndarray):
                continue
            args[i] = given + 1 if given.dtype.kind == "i" else given * given.dtype.type(0.9)
            changed = bench.call("evaluate", function, args, tables=tables)["value"]
            if isinstance(usual, np.ndarray) and isinstance(changed, np.ndarray) and np.array_equal(usual, changed):
                ignored.append(name)
    except StudentFailure as failure:
        if failure.failure.kind in FATAL:
            raise
    return ignored


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a list of cases: the mistake's name and the student's sentence."""

    mistake: str
    sentence: str


def diagnose(
    cases: Sequence[Mapping[str, Json]],
    within: Callable[[float | None], bool],
    catalogue: Mapping[str, str],
    subject: str,
) -> Diagnosis | None:
    """None where every case is right; otherwise the known mistake that explains the cases, or what is seen of it."""
    wrong = [c for c in cases if not within(c["error"])]
    if not wrong:
        return None
    survived = [c for c in cases if c["failure"] is None]
    compared = [c for c in survived if c["shape"] == c["expected_shape"] and c["finite"]]
    named = _explains(compared, within, catalogue) if any(c in compared for c in wrong) else None
    if named is None and not all(c in compared for c in wrong):
        return _broken(wrong, cases, within, subject)
    if named is not None:
        return Diagnosis(named.split("~")[0], f"{subject}: {_base(named, catalogue)}")
    return _unnamed([c for c in wrong if c in compared], cases, subject)


def _explains(
    compared: Sequence[Mapping[str, Json]], within: Callable[[float | None], bool], catalogue: Mapping[str, str]
) -> str | None:
    wrong = [c for c in compared if not within(c["error"])]
    for pool in (compared, wrong):
        name: str
        for name in pool[0]["variants"]:
            if _base(name, catalogue) and all(within(c["variants"].get(name)) for c in pool):
                return name
    return _explains_most(wrong, within, catalogue)


def _explains_most(
    wrong: Sequence[Mapping[str, Json]], within: Callable[[float | None], bool], catalogue: Mapping[str, str]
) -> str | None:
    """A mistake that explains every wrong case for which it is a finite number, two at least (0 in a denominator)."""
    name: str
    for name in wrong[0]["variants"]:
        defined = [c for c in wrong if c["variants"].get(name) is not None]
        if _base(name, catalogue) and len(defined) >= 2 and all(within(c["variants"][name]) for c in defined):
            return name
    return None


def _base(name: str, catalogue: Mapping[str, str]) -> str | None:
    """The sentence of a mistake or of another form of it ('name~detail')."""
    return catalogue.get(name) or catalogue.get(name.split("~")[0])


def _broken(
    wrong: Sequence[Mapping[str, Json]],
    cases: Sequence[Mapping[str, Json]],
    within: Callable[[float | None], bool],
    subject: str,
) -> Diagnosis:
    """Failures, wrong shapes and numbers that are not finite, said of the first case that has one."""
    only = "" if len(wrong) == len(cases) else f" for {_labels(wrong)} (other inputs are right)"
    for case in wrong:
        if case["failure"] is not None:
            mistake = "index_out_of_range" if "IndexError" in case["failure"] else case["failure_kind"]
            return Diagnosis(mistake, f"{subject} fails{only or ' for ' + case['label']}: {case['failure']}.")
        if case["kind"] == "NoneType":
            sentence = f"{subject} returns nothing (None){only}: is it unfinished, or is the return statement missing?"
            return Diagnosis("not_implemented", sentence)
        if case["kind"] == "tuple":
            return Diagnosis("returns_a_pair", f"{subject} returns a tuple; one tensor is asked.")
        if case["shape"] is None:
            return Diagnosis("not_a_tensor", f"{subject} returns a value of type {case['kind']}; a tensor is asked.")
        if case["shape"] != case["expected_shape"]:
            right = " The numbers are right once reshaped." if within(case["error_reshaped"]) else ""
            found, asked = _shape(case["shape"]), _shape(case["expected_shape"])
            sentence = f"{subject} returns the shape {found} where {asked} is asked ({case['label']}).{right}"
            single = len(wrong) < len(cases) and all(c["label"].startswith("a batch of 1") for c in wrong)
            return Diagnosis("batch_of_one" if single else "output_shape", sentence)
        if not case["finite"]:
            return Diagnosis("not_finite", f"{subject} returns numbers that are not finite (NaN or infinite){only}.")
    return _unnamed(wrong, cases, subject)


def _unnamed(wrong: Sequence[Mapping[str, Json]], cases: Sequence[Mapping[str, Json]], subject: str) -> Diagnosis:
    worst = max((c["error"] for c in wrong if c["error"] is not None), default=0.0)
    some = "on every input tried" if len(wrong) == len(cases) else f"for {_labels(wrong)}; it is right elsewhere"
    size = f"by up to {percent(worst)} of the largest value"
    return Diagnosis("unnamed", f"{subject} returns other values than the handout's definition, {size}, {some}.")


def percent(error: float) -> str:
    """A relative error as a student reads it: '3 %', 'more than 1000 %'."""
    if error > 10:
        return "more than 1000 %"
    return f"{100 * error:.2g} %" if error < 0.995 else f"{100 * error:.0f} %"


def _labels(cases: Sequence[Mapping[str, Json]]) -> str:
    labels = list(dict.fromkeys(c["label"] for c in cases))
    return "; ".join(labels[:3]) + ("; …" if len(labels) > 3 else "")


def _shape(shape: Sequence[int]) -> str:
    return "(" + ", ".join(str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
