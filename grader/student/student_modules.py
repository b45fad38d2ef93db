"""Untrusted side: turns a student's source text into a module, statement by statement.

A module body is run one top-level statement at a time and each *action* (a call, a loop, an assignment that
calls something) is announced before it runs. When one of them never ends or fails, the next worker skips it and
everything after it that is not a definition, so that the functions and classes are still graded.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
import types
from collections.abc import Callable, Mapping, Sequence

Announce = Callable[[int, int], None]

_CONSTANT = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple, ast.Dict, ast.Name, ast.Attribute, ast.Load)
_CONSTANT = (*_CONSTANT, ast.operator, ast.unaryop)


class SourceError(Exception):
    """The text is not a module: ``line`` and ``sentence`` say where and why."""

    def __init__(self, sentence: str, line: int | None) -> None:
        super().__init__(sentence)
        self.line = line


def is_definition(node: ast.stmt) -> bool:
    """Imports, functions, classes, annotations and assignments of constants: what a module is made of."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Pass):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return node.value is None or all(isinstance(part, _CONSTANT) for part in ast.walk(node.value))
    if isinstance(node, ast.Try):
        return all(is_definition(child) for child in node.body)
    return False


def parse(text: str, filename: str) -> ast.Module:
    """The syntax tree of a submitted file. Raises `SourceError` with the line and what to do."""
    try:
        return ast.parse(text, filename)
    except SyntaxError as error:
        found = f": {error.msg}" if error.msg else ""
        line = error.lineno
        shown = (error.text or "").strip()[:80]
        raise SourceError(
            f"{filename} is not valid Python{found} (line {line})" + (f", near “{shown}”" if shown else ""), line
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"{filename} cannot be read as Python: {error}", None) from None


def run_module(
    module: types.ModuleType, tree: ast.Module, filename: str, skip: int | None, announce: Announce
) -> list[str]:
    """Run ``tree`` in ``module``; with ``skip`` leave out that statement and later actions. Returns notes."""
    notes: list[str] = []
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    flags = 0
    for node in futures:
        for name in node.names:
            feature = getattr(__import__("__future__"), name.name, None)
            flags |= feature.compiler_flag if feature is not None else 0
    if tree.body and isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Constant):
        text = tree.body[0].value.value
        module.__doc__ = text if isinstance(text, str) else None
    for index, node in enumerate(tree.body):
        definition = is_definition(node)
        if skip is not None and (index == skip or (index > skip and not definition)):
            continue
        if _is_main_guard(node):
            continue
        code = compile(ast.Module([node], []), filename, "exec", flags=flags, dont_inherit=True)
        if not definition:
            announce(index, node.lineno)
        try:
            exec(code, module.__dict__)
        except NameError as error:
            if skip is None or index < skip:
                raise
            notes.append(f"line {node.lineno} was left out too: it needs what was cut off ({error})")
    return notes


def _is_main_guard(node: ast.stmt) -> bool:
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
        return False
    return any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test)) and any(
        isinstance(part, ast.Constant) and part.value == "__main__" for part in ast.walk(node.test)
    )


class StudentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the submission's own modules by their text; hides the grader's packages.

    A submitted file that has the name of an installed or standard module is not found here: what everyone else
    imports under that name must stay what it is.
    """

    def __init__(self, sources: Mapping[str, str], hidden: Sequence[str] = ("grader", "reference")) -> None:
        self.sources = dict(sources)
        self.hidden = frozenset(hidden)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] in self.hidden:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        if fullname in self.sources:
            return importlib.util.spec_from_loader(fullname, self, origin=f"{fullname}.py")
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        filename = f"{module.__name__}.py"
        text = self.sources[module.__name__]
        register_lines(filename, text)
        module.__file__ = filename
        try:
            tree = parse(text, filename)
        except SourceError as error:
            raise SyntaxError(str(error)) from None
        run_module(module, tree, filename, None, lambda index, line: None)


def register_lines(filename: str, text: str) -> None:
    """Let tracebacks and `inspect.getsource` show the student's lines."""
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)


def is_taken(name: str) -> bool:
    """Whether a submitted module of this name would shadow a standard or installed one."""
    if name in sys.stdlib_module_names or name in sys.modules:
        return True
    try:
        return importlib.machinery.PathFinder.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
