"""Every reply of a driver has a form to its last leaf; whatever else comes was forged, at any depth."""

from __future__ import annotations

import copy
import math
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.checks.catalogue import CHECK_NAMES, find_check
from grader.checks.registry import Record
from grader.checks.trusted_bench import DRIVERS, TrustedBench, module_from_text
from grader.student.replies import FormError, forms, problem

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
FILES = {
    "hw5_gan": "perfect/hw5_gan.py",
    "hw5_ddpm": "perfect/hw5_ddpm.py",
    "hw5_diffusion": "perfect_score/hw5_diffusion.py",
}
FORGERIES = {
    "text": "nan",
    "nothing": None,
    "a number as text": "1.0",
    "bytes": b"\x00",
    "a dictionary": {"x": 1},
    "a nested list": [[[[[[1.0]]]]]],
    "a long list": [0.5] * 10**6,
    "ragged": [[1.0], [1.0, 2.0], 3],
    "an array of objects' names": ["array"],
    "a boolean": True,
    "an integer": 2**64 - 1,
    "a number": math.nan,
    "an array": np.zeros((2, 0, 3)),
}


def module_of(name: str) -> types.ModuleType:
    text = (SUBMISSIONS / FILES[name]).read_text("utf-8")
    kept = [
        line for line in text.splitlines() if not line.startswith(("from hw5_utils", "import cv2", "import matplotlib"))
    ]
    return module_from_text("\n".join(line for line in kept if not line.startswith(("from PIL", "from tqdm"))), name)


class Noting(TrustedBench):
    """Keeps the first reply of every driver function."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.replies: dict[str, Any] = {}

    def call(self, function: str, *args: Any, limit_s: float | None = None, **kwargs: Any) -> Any:
        value = super().call(function, *args, limit_s=limit_s, **kwargs)
        self.replies.setdefault(function, copy.deepcopy(value))
        return value


def honest() -> Iterator[tuple[str, str, Any, Any]]:
    """(check, function, form, reply) of every closed-form check on the perfect solutions."""
    for name in sorted(CHECK_NAMES):
        if name.startswith("theory.") or name.endswith(".training"):
            continue
        check = find_check(name)
        assert check.module is not None
        bench = Noting(check, module_of(check.module), 3)
        check.measure(bench, Record())
        known = forms("\n\n".join((DRIVERS / f"{stem}.py").read_text("utf-8") for stem in str(check.driver).split("+")))
        for function, reply in bench.replies.items():
            assert function in known, f"{function} of {check.driver} has no form"
            yield name, function, known[function], reply


HONEST = list(honest())
NAMES = [f"{check}: {function}" for check, function, _, _ in HONEST]


def leaves(form: Any, value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything inside a reply, containers too."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from leaves(form, value[key], (*path, key))
    elif isinstance(value, list) and value:
        yield from leaves(form, value[-1], (*path, len(value) - 1))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    head, *rest = path
    made = dict(value) if isinstance(value, dict) else list(value)
    made[head] = replaced(value[head], tuple(rest), new)
    return made


def same_kind(a: Any, b: Any) -> bool:
    """Whether a forgery could have been an answer of an honest driver: a value of the same type, or none."""
    if isinstance(a, bool) or isinstance(b, bool):
        return type(a) is type(b)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return True
    return type(a) is type(b) or a is None or b is None


@pytest.mark.parametrize(("check", "function", "form", "reply"), HONEST, ids=NAMES)
def test_an_honest_reply_has_its_form(check: str, function: str, form: Any, reply: Any) -> None:
    assert problem(form, reply) is None


@pytest.mark.parametrize(("check", "function", "form", "reply"), HONEST, ids=NAMES)
def test_a_forgery_at_any_depth_is_seen_with_its_place(check: str, function: str, form: Any, reply: Any) -> None:
    for path in leaves(form, reply):
        value = reply
        for step in path:
            value = value[step]
        for name, forged in FORGERIES.items():
            if not same_kind(value, forged):
                assert problem(form, replaced(reply, path, forged)), (path, name)
        if isinstance(value, dict) and len(value) > 0 and form != {"*": ["array?"]}:
            fewer = dict(list(value.items())[1:])
            assert problem(form, replaced(reply, path, fewer)), (path, "a key less")
            assert problem(form, replaced(reply, path, {**value, "more": 1})), (path, "a key more")


@pytest.mark.parametrize(
    ("form", "value", "says"),
    [
        ("int", True, "the value is of type bool where int belongs"),
        ("float", "nan", "str where float"),
        ("array/2", np.zeros(3), "1 dimensions where 2"),
        (["int"], [1, 2, "x"], "the value[2] is of type str"),
        ({"a": ["int"]}, {"a": [1], "b": 1}, "'b' too many"),
        ({"a": [["int"]]}, {"a": [[1], [[1]]]}, "the value['a'][1][0] is of type list"),
        ({"a": ["int"], "b": ["int"], "=": ["a", "b"]}, {"a": [1], "b": []}, "not equally long"),
        ((None, "int"), 1.5, "float where int"),
    ],
)
def test_what_is_said_names_the_place(form: Any, value: Any, says: str) -> None:
    assert says in str(problem(form, value))


def test_every_function_that_answers_anything_has_a_form() -> None:
    for path in sorted(DRIVERS.glob("*.py")):
        forms(path.read_text("utf-8"))
    with pytest.raises(FormError, match="no literal"):
        forms("REPLIES = {'f': open('x')}")
