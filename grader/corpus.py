"""The corpus of right and wrong solutions by which the grader is measured, each kept as a base and the edits to it.

`submissions/variants/*.toml` are right, `submissions/mistakes/*.toml` are wrong in one known question. A case:

    base = "perfect"                      # the folder under submissions/ that it starts from, or a right case:
                                          # "variants/gan_module_list"
    file = "hw5_gan.py"                   # the file that the edits below are in, unless they name another
    question = "gan.generator_loss"       # wrong ones: the check that must take points
    mistake = "fake_labels"               # wrong ones: the name that feedback should give, "" if none is expected
    also_breaks = ["gan.training"]        # wrong ones: checks that may fail as a consequence
    why = "labels the generated images 0"

    [[replace]]                           # a text that stands once in the file (or says count = n), and its successor
    old = "torch.ones_like(fake)"
    new = "torch.zeros_like(fake)"

    [[define]]                            # a whole definition: replaces the one of that name, or follows the imports
    name = "GAN._get_loss_g"
    source = '''...'''

    [[write]]                             # a whole file
    text = '''...'''
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from grader.model import GraderError

Kind = Literal["right", "wrong"]
_FIELDS = {"base", "file", "question", "mistake", "also_breaks", "why", "replace", "define", "write"}


@dataclass(frozen=True, slots=True)
class Case:
    """One submission of the corpus, with what must come out."""

    id: str
    """Name of its file without the ending; unique in the corpus."""
    kind: Kind
    base: str
    """The folder that it was made from."""
    file: str
    """The file that differs from the base; where several do, the first."""
    files: Mapping[str, str]
    """The whole submission: name to text."""
    question: str = ""
    """Wrong: the check that must not give full points. Right: empty."""
    mistake: str = ""
    """Wrong: the name of the mistake that feedback should give; empty where none is expected."""
    also_breaks: tuple[str, ...] = ()
    """Wrong: checks that may lose points too, as a consequence."""
    why: str = ""

    @property
    def track(self) -> str:
        """ddpm or score, by the diffusion file that is there."""
        return "score" if "hw5_diffusion.py" in self.files else "ddpm"


def load_corpus(submissions: Path) -> list[Case]:
    """All cases under `submissions`/variants and `submissions`/mistakes, in the order of their names.

    Raises GraderError for a case that cannot be read or whose edits don't apply.
    """
    cases = [*_load_folder(submissions, "variants", "right"), *_load_folder(submissions, "mistakes", "wrong")]
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise GraderError(f"Two cases of the corpus are called {case.id!r}; give one of them another name.")
        seen.add(case.id)
    return cases


def _load_folder(submissions: Path, folder: str, kind: Kind) -> Iterator[Case]:
    bases: dict[str, dict[str, str]] = {}
    for path in sorted((submissions / folder).glob("*.toml")):
        yield _load_case(path, submissions, kind, bases)


def _load_case(path: Path, submissions: Path, kind: Kind, bases: dict[str, dict[str, str]]) -> Case:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GraderError(f"{path} is not valid TOML: {error}") from None
    if unknown := set(table) - _FIELDS:
        raise GraderError(f"{path}: unknown field {sorted(unknown)[0]!r}; known are {', '.join(sorted(_FIELDS))}.")
    if (kind == "wrong") != bool(table.get("question")):
        raise GraderError(f"{path}: a wrong case names its question, a right one names none.")
    base = table.get("base", "")
    if base not in bases:
        bases[base] = _base_files(path, submissions, base)
    files = dict(bases[base])
    try:
        _apply_edits(files, table)
    except _EditError as error:
        raise GraderError(f"{path}: {error}") from None
    changed = [name for name, text in files.items() if bases[base].get(name) != text]
    if not changed:
        raise GraderError(f"{path}: the edits leave {base} as it is.")
    return Case(
        id=path.stem,
        kind=kind,
        base=base,
        file=table.get("file", changed[0]),
        files=files,
        question=table.get("question", ""),
        mistake=table.get("mistake", ""),
        also_breaks=tuple(table.get("also_breaks", ())),
        why=table.get("why", ""),
    )


def _base_files(path: Path, submissions: Path, base: str) -> dict[str, str]:
    """The files of a folder under `submissions`, or of a right case."""
    folder, case = submissions / base, submissions / f"{base}.toml"
    if base.startswith("variants/") and case.is_file():
        return dict(_load_case(case, submissions, "right", {}).files)
    if not base or not folder.is_dir():
        raise GraderError(f"{path}: base {base!r} is neither a folder nor a right case under {submissions}.")
    return {p.name: p.read_text("utf-8") for p in sorted(folder.iterdir()) if p.suffix in (".py", ".toml")}


class _EditError(Exception):
    """An edit does not apply; the text says which."""


def _apply_edits(files: dict[str, str], table: Mapping[str, Any]) -> None:
    default = table.get("file", "")
    for edit in table.get("write", ()):
        files[edit.get("file", default)] = edit["text"]
    for edit in table.get("define", ()):
        name = edit.get("file", default)
        files[name] = _define(_existing(files, name), edit["name"], edit["source"])
    for edit in table.get("replace", ()):
        name = edit.get("file", default)
        text, count = _existing(files, name), edit.get("count", 1)
        if (found := text.count(edit["old"])) != count:
            raise _EditError(f"{edit['old']!r} stands {found} times in {name}, not {count} times.")
        files[name] = text.replace(edit["old"], edit["new"])


def _existing(files: Mapping[str, str], name: str) -> str:
    if name not in files:
        raise _EditError(f"there is no file {name!r} to edit; there are {', '.join(files)}.")
    return files[name]


def _define(text: str, name: str, source: str) -> str:
    """`text` with the definition called `name` (a function, a class, or Class.method) replaced by `source`."""
    tree = ast.parse(text)
    lines = text.splitlines(keepends=True)
    scope: list[ast.stmt] = tree.body
    *owners, last = name.split(".")
    for owner in owners:
        holder = _find(scope, owner)
        if not isinstance(holder, ast.ClassDef):
            raise _EditError(f"there is no class {owner!r} for {name!r}.")
        scope = holder.body
    source = textwrap.indent(textwrap.dedent(source).strip("\n"), "    " * len(owners)) + "\n"
    node = _find(scope, last)
    if node is not None:
        start = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
        return "".join([*lines[:start], source, *lines[node.end_lineno :]])
    if owners:
        end = scope[-1].end_lineno
        return "".join([*lines[:end], "\n", source, *lines[end:]])
    imports = [n.end_lineno or 0 for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    at = max(imports, default=0)
    return "".join([*lines[:at], "\n\n", source, "\n", *lines[at:]])


def _find(scope: list[ast.stmt], name: str) -> ast.ClassDef | ast.FunctionDef | None:
    for node in scope:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node
    return None
