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
    functions = {node.name: node for node in ast.parse(driver).body if isinstance(node, ast.FunctionDef)}
    return {name: _form(node, functions) for name, node in functions.items()}


def _form(function: ast.FunctionDef, functions: Mapping[str, ast.FunctionDef], depth: int = 0) -> Form:
    """The form by the returned expressions, else by the annotation."""
    returned = _returned(function)
    keys = tuple(_keys(value) for value in returned if isinstance(value, ast.Dict))
    if keys and len(keys) == len(returned):
        return Form((dict,), keys)
    if len(returned) == 1 and isinstance(returned[0], ast.Call) and isinstance(returned[0].func, ast.Name):
        called = functions.get(returned[0].func.id)
        if called is not None and depth < 4:
            return _form(called, functions, depth + 1)
    kinds = {_container(value, function) for value in returned}
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        return Form((kind,))
    return _annotated(function)


def _keys(value: ast.Dict) -> frozenset[str]:
    constants = (key.value for key in value.keys if isinstance(key, ast.Constant))
    return frozenset(key for key in constants if isinstance(key, str))


def _container(value: ast.expr | None, function: ast.FunctionDef) -> type | None:
    """dict or list, when ``value`` is written as one or is a name that begins as one."""
    if isinstance(value, ast.Name):
        firsts = (
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == value.id for target in node.targets)
        )
        return _container(next((first for first in firsts if not isinstance(first, ast.Name)), None), function)
    if isinstance(value, ast.Call):
        name = getattr(value.func, "id", "")
        return {"list": list, "sorted": list, "dict": dict}.get(name)
    if isinstance(value, ast.Dict | ast.DictComp):
        return dict
    return list if isinstance(value, ast.List | ast.ListComp) else None


def _annotated(function: ast.FunctionDef) -> Form:
    returns = function.returns
    if isinstance(returns, ast.Subscript):
        returns = returns.value
    name = returns.attr if isinstance(returns, ast.Attribute) else getattr(returns, "id", "")
    return Form(_PLAIN.get(name, ()))


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
