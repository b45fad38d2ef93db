"""A notebook's code cells as modules, its markdown cells as a write-up. Nothing in it is run here."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

_MAGIC = re.compile(r"^\s*[%!?]|^\s*get_ipython\(\)")


class NotebookError(Exception):
    """The file is no notebook that can be read; the text says why."""


def read_notebook(content: bytes, stem: str, modules: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """File name → text: `hw5_gan.py` and so on from the code cells, `<stem>.md` from the markdown cells.

    A notebook called like a module is that module; any other is every module whose names it defines.
    Raises NotebookError with a sentence.
    """
    import nbformat

    try:
        notebook = nbformat.reads(content.decode("utf-8-sig"), as_version=4)  # type: ignore[no-untyped-call]
        cells = [(str(c["cell_type"]), str(c["source"])) for c in notebook["cells"]]
    except Exception as error:
        raise NotebookError(f"it is not a notebook that can be read ({type(error).__name__})") from error
    code = "\n\n".join(_without_magics(source) for kind, source in cells if kind == "code")
    prose = "\n\n".join(source for kind, source in cells if kind == "markdown")
    made: dict[str, str] = {}
    targets = [stem] if stem in modules else [m for m in modules if modules[m] & defined(code)]
    for module in targets:
        made[f"{module}.py"] = code
    if prose.strip():
        made[f"{stem}.md"] = prose
    if not made:
        raise NotebookError("it defines none of the names that the homework asks for, and holds no text")
    return made


def _without_magics(source: str) -> str:
    if source.lstrip().startswith("%%"):
        return "\n".join(f"# {line}" for line in source.splitlines())
    return "\n".join(_blanked(line) if _MAGIC.match(line) else line for line in source.splitlines())


def _blanked(line: str) -> str:
    """`pass` in place of a magic, so that an `if` around it keeps a body."""
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}pass  # {line.strip()}"


def defined(code: str) -> frozenset[str]:
    """Functions and classes that a source defines at its top level; by their text where it cannot be parsed."""
    try:
        return frozenset(n.name for n in ast.parse(code).body if isinstance(n, ast.FunctionDef | ast.ClassDef))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(re.findall(r"^(?:def|class)\s+(\w+)", code, re.MULTILINE))
