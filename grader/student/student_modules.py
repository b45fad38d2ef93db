"""Untrusted side: turns a student's source text into a module, statement by statement.

A module body is run one top-level statement at a time and each *action* (a call, a loop, an assignment that
calls something) is announced before it runs. When one of them never ends or fails, the next worker skips it and
everything after it that is not a definition, so that the functions and classes are still graded.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from grader.student.plan import HIDDEN_PACKAGES

Announce = Callable[[int, int], None]

_CONSTANT: tuple[type[ast.AST], ...] = (
    *(ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple, ast.Dict, ast.Name, ast.Attribute),
    *(ast.expr_context, ast.operator, ast.unaryop),
)


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
    module: types.ModuleType, tree: ast.Module, filename: str, cut: Cut, announce: Announce = lambda *_: None
) -> list[str]:
    """Run ``tree`` in ``module``, one statement at a time, but for what ``cut`` leaves out. Returns notes.

    ``announce`` hears the index and line of every action before it runs, and (-1, 0) when it has ended.
    """
    notes: list[str] = []
    flags = _future_flags(tree)
    module.__doc__ = ast.get_docstring(tree, clean=False)
    for index, node in enumerate(tree.body):
        definition = is_definition(node)
        if cut.leaves_out(index, definition):
            continue
        code = compile(ast.Module([node], []), filename, "exec", flags=flags, dont_inherit=True)
        if not definition:
            announce(index, node.lineno)
        try:
            exec(code, module.__dict__)
        except Exception as error:
            if not cut.forgives(index, definition, error):
                raise
            notes.append(f"{filename}: line {node.lineno} was left out too ({type(error).__name__[:60]})")
        if not definition:
            announce(-1, 0)
    return notes


def _future_flags(tree: ast.Module) -> int:
    futures = importlib.import_module("__future__")
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for name in node.names:
                feature = getattr(futures, name.name, None)
                flags |= feature.compiler_flag if feature is not None else 0
    return flags


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left out of a module after an import that did not end well.

    ``statements`` are the actions that failed or never ended; with ``definitions_only`` so is every action after
    the first of them.
    """

    statements: tuple[int, ...] = ()
    definitions_only: bool = False

    def leaves_out(self, index: int, definition: bool) -> bool:
        """Whether statement ``index`` is not run."""
        after = self._after(index) and self.definitions_only and not definition
        return index in self.statements or after

    def forgives(self, index: int, definition: bool, error: Exception) -> bool:
        """Whether a failure of statement ``index`` may come of what was left out before it."""
        return self._after(index) and (not definition or isinstance(error, NameError))

    def _after(self, index: int) -> bool:
        return bool(self.statements) and index > min(self.statements)


class StudentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the submission's own modules by their text; hides the grader's packages.

    A submitted file that has the name of an installed or standard module is not found here: what everyone else
    imports under that name must stay what it is.
    """

    def __init__(self, sources: Mapping[str, str], guarded: set[tuple[str, int]]) -> None:
        self.sources = dict(sources)
        self.guarded = guarded

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] in HIDDEN_PACKAGES:
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
        self.guarded |= guarded_imports(tree, filename)
        run_module(module, tree, filename, Cut())


def guarded_imports(tree: ast.Module, filename: str) -> set[tuple[str, int]]:
    """(file, line) of every import in a ``try`` that the file itself rescues from an ImportError."""
    rescuing = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
    lines: set[tuple[str, int]] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Try):
            continue
        caught = (part for handler in node.handlers if handler.type is not None for part in ast.walk(handler.type))
        names = {part.id for part in caught if isinstance(part, ast.Name)}
        if names & rescuing or any(handler.type is None for handler in node.handlers):
            for statement in node.body:
                for part in ast.walk(statement):
                    if isinstance(part, ast.Import | ast.ImportFrom):
                        lines.add((filename, part.lineno))
    return lines


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
