"""Trusted side: what each function of a driver returns, read from the driver's own text.

A driver is ours and says in its literal ``REPLIES`` what every function's value is made of, to the last leaf. An answer
of another form was not made by it: code of the submission tampered with the reply, which is its fault and not the
grader's. The words of a form:

    "int", "float", "bool", "str"      a plain value; a float may be written as an integer
    "array", "array/2"                 an array; of that many dimensions
    "array?"                           the same, or None
    [form]                             a list, every item of that form
    {"key": form, …}                   a dictionary with these keys and no others; {"*": form}: with any keys
    {…, "=": ["a", "b"]}               besides, the lists under these keys are equally long
    (form, form)                       one of them; None stands for itself
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

Form: TypeAlias = "str | list[Form] | dict[str, Form] | tuple[Form, ...] | None"

PLAIN: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (float, int), "str": (str,)}
NAME = "REPLIES"


class FormError(ValueError):
    """A driver's REPLIES cannot be read: our own mistake."""


def problem(form: Form, value: Any, place: str = "the value") -> str | None:
    """What is wrong with ``value``, with the place in it; None where it has the form."""
    if isinstance(form, tuple):
        found = [problem(choice, value, place) for choice in form]
        return None if None in found else found[-1]
    if form is None:
        return None if value is None else _said(value, place, "nothing")
    if isinstance(form, str):
        return _leaf(form, value, place)
    if isinstance(form, list):
        if type(value) is not list:
            return _said(value, place, "a list")
        return _first(problem(form[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if type(value) is not dict:
        return _said(value, place, "a dictionary")
    if "*" in form:
        return _first(problem(form["*"], item, f"{place}[{key[:40]!r}]") for key, item in value.items())
    keys = form.keys() - {"="}
    if odd := sorted(keys ^ value.keys()):
        return f"{place} has {odd[0][:40]!r} too {'many' if odd[0] in value else 'few'}"
    broken = _first(problem(form[key], value[key], f"{place}[{key!r}]") for key in sorted(keys))
    equal = form.get("=", [])
    assert isinstance(equal, list)
    if broken is None and len({len(value[str(key)]) for key in equal}) > 1:
        return f"the lists in {place} are not equally long"
    return broken


def _leaf(form: str, value: Any, place: str) -> str | None:
    if form.endswith("?") and value is None:
        return None
    word, _, dimensions = form.rstrip("?").partition("/")
    if word == "array":
        if type(value) is not np.ndarray:
            return _said(value, place, "an array")
        if dimensions and value.ndim != int(dimensions):
            return f"{place} is an array of {value.ndim} dimensions where {dimensions} belong"
        return None
    return None if type(value) in PLAIN[word] else _said(value, place, word)


def _said(value: Any, place: str, wanted: str) -> str:
    return f"{place} is of type {type(value).__name__} where {wanted} belongs"


def _first(found: Iterable[str | None]) -> str | None:
    return next((said for said in found if said is not None), None)


@lru_cache(maxsize=32)
def forms(driver: str) -> Mapping[str, Form]:
    """The form of each function's value. Raises FormError for what is not a literal; functions without one are free."""
    known: dict[str, Any] = {}
    found: dict[str, Form] = {}
    for node in ast.parse(driver).body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            continue
        name = node.targets[0].id
        if name == NAME or isinstance(node.value, ast.Dict):
            try:
                known[name] = _literal(node.value, known)
            except FormError:
                if name == NAME:
                    raise
                continue
            if name == NAME:
                found.update(known[name])
    return found


def _literal(node: ast.expr | None, known: Mapping[str, Any]) -> Any:
    """A literal of constants, lists, tuples and dictionaries, in which ** may name an earlier one."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.List):
        return [_literal(item, known) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(item, known) for item in node.elts)
    if isinstance(node, ast.Dict):
        made: dict[str, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            made.update(_literal(value, known) if key is None else {_literal(key, known): _literal(value, known)})
        return made
    raise FormError(f"{NAME} holds {ast.unparse(node) if node else 'nothing'}, which is no literal")
