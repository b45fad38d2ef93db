"""Trusted side: what each function of a driver can return, read from the driver's own text.

A driver is ours, so an answer without the keys that its ``return`` statements write was not made by it: code of the
submission tampered with the reply, which is its fault and not the grader's.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

_PLAIN: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "Tensor": (np.ndarray,),
    "dict": (dict,),
    "list": (list,),
}


@dataclass(frozen=True, slots=True)
class Form:
    """``types`` that the value must have one of (none: any), and key sets of which a dictionary must hold one."""

    types: tuple[type, ...] = ()
    keys: tuple[frozenset[str], ...] = ()

    def problem(self, value: Any) -> str | None:
        """What is wrong with ``value``, or None."""
        if self.types and type(value) not in self.types:
            return f"a value of type {type(value).__name__} came where {self.types[0].__name__} belongs"
        if self.keys and not any(keys <= value.keys() for keys in self.keys):
            return "a part of it is missing"
        return None


@lru_cache(maxsize=32)
def forms(driver: str) -> Mapping[str, Form]:
    """The form of each top-level function's value. Functions that are not understood have none."""
    found: dict[str, Form] = {}
    for node in ast.parse(driver).body:
        if isinstance(node, ast.FunctionDef):
            form = _annotated(node)
            keys = _returned_keys(node)
            if keys:
                form = Form((dict,), keys)
            found[node.name] = form
    return found


def _annotated(function: ast.FunctionDef) -> Form:
    returns = function.returns
    if isinstance(returns, ast.Subscript):
        returns = returns.value
    name = returns.attr if isinstance(returns, ast.Attribute) else getattr(returns, "id", "")
    return Form(_PLAIN.get(name, ()))


def _returned_keys(function: ast.FunctionDef) -> tuple[frozenset[str], ...]:
    """Constant keys of every dictionary that is returned; empty when anything else is."""
    keys = []
    for value in _returned(function):
        if not isinstance(value, ast.Dict):
            return ()
        constants = (key.value for key in value.keys if isinstance(key, ast.Constant))
        keys.append(frozenset(key for key in constants if isinstance(key, str)))
    return tuple(keys)


def _returned(function: ast.FunctionDef) -> list[ast.expr | None]:
    """Values of the function's own return statements, not those of functions inside it."""
    values: list[ast.expr | None] = []
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Return):
            values.append(node.value)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))
    return values
