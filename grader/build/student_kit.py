"""The students' kit: what checks a homework at home. It holds no reference, no hidden case and no answer.

It is made of the self-check itself (grader/build/kit), of the reading half of the theory, and of the pictures. Which
files of the grader go in is not a list that could be forgotten: it is what those files import. A file that knows an
answer, or a tolerance, is refused by name.
"""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from grader.build.archive import ROOT
from grader.model import GraderError
from grader.rubric import read_rubric

PACKAGE = "homework_check"
SOURCE = "grader/build/kit"
SEEDS = (
    "grader.theory.answers_file",
    "grader.theory.writeup",
    "grader.theory.questions",
    "grader.report.figures",
    "grader.report.mathml",
    "grader.report.plainly",
    "grader.student.placeholders",
)
"""What the self-check imports of the grader; the reader's own modules are asked of grader.theory."""
READER = ("read", "typeset", "ReadError")
ALLOWED = (
    "grader.theory.",
    "grader.report.figures",
    "grader.report.mathml",
    "grader.report.plainly",
    "grader.student.placeholders",
    "grader.student.vision",
    "grader.model",
)
REFUSED = ("reference", "judge", "mistake", "elbo", "gaussian", "freetext_facts", "deciding", "steps", "checks")
"""Words in the names of modules that know an answer."""
PARTS = {"grader.student": b'"""The part that stands in for absent packages."""\n'}
"""Packages of which only a part goes in, with the opening that stands in for their own."""
DIGITS = 256
MODULES = {"hw5_gan": "reference.gan", "hw5_ddpm": "reference.ddpm", "hw5_diffusion": "reference.score"}
REQUIREMENTS = ("torch>=2.2", "numpy>=1.26", "pillow>=10", "jinja2>=3.1", "latex2mathml>=3.77")


def kit_files(root: Path = ROOT) -> dict[str, bytes]:
    """The kit's files by name. Raises GraderError when one of them would bring an answer along."""
    files = {
        "check.py": _launcher(),
        "requirements.txt": ("\n".join(REQUIREMENTS) + "\n").encode(),
        "README.md": (root / SOURCE / "README.md").read_bytes(),
        f"{PACKAGE}/cases.json": public_cases(),
        f"{PACKAGE}/data/digits.npz": _digits(root),
        f"{PACKAGE}/data/cs446.npz": (root / "reference" / "data" / "cs446.npz").read_bytes(),
        f"{PACKAGE}/data/hw5_utils.py": (root / "submissions" / "template" / "hw5_utils.py").read_bytes(),
        f"{PACKAGE}/data/LICENSE-MNIST.md": (root / "reference" / "data" / "LICENSE-MNIST.md").read_bytes(),
        "LICENSE": (root / "LICENSE").read_bytes(),
        "grader/report/templates/page.css": (root / "grader/report/templates/page.css").read_bytes(),
    }
    for path in sorted((root / SOURCE).iterdir()):
        if path.suffix in (".py", ".html"):
            files[f"{PACKAGE}/{path.name}"] = path.read_bytes()
    for path in sorted((root / "submissions" / "template").iterdir()):
        if path.is_file():
            files[f"template/{path.name}"] = path.read_bytes()
    for name, content in _grader_modules(root):
        files[name] = content
    return files


def _launcher() -> bytes:
    return f'''"""Checks your homework: python check.py FOLDER"""

import sys

if sys.version_info < (3, 11):
    sys.exit(f"Python 3.11 or newer is needed; this is {{sys.version.split()[0]}}.")
try:
    import jinja2, latex2mathml, numpy, PIL, torch
except ImportError as error:
    sys.exit(f"{{error.name}} is missing. Once: {{sys.executable}} -m pip install -r requirements.txt")

from {PACKAGE}.main import main

sys.exit(main())
'''.encode()


def public_cases() -> bytes:
    """What the course's solution gives in each public case, with every result that is accepted, as JSON."""
    from importlib import import_module

    from grader.build.kit.cases import CASES

    rubric = read_rubric()
    document: dict[str, Any] = {
        "title": rubric.title,
        "limits": {
            "call_s": rubric.limits.call_s,
            "memory_mb": rubric.limits.memory_mb,
            "container_minutes": rubric.limits.container_minutes,
        },
        "cases": {},
    }
    for case in CASES:
        facts = _run(case.name, import_module(MODULES[case.module]))
        document["cases"][case.name] = {
            "tolerance": case.tolerance,
            "accepted": {name: _accepted(case.name, name, value) for name, value in facts.items()},
        }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _run(name: str, solution: ModuleType) -> dict[str, Any]:
    """What a solution gives in one public case, with the seed that a student's gets too."""
    import torch

    from grader.build.kit.cases import CASES
    from grader.build.kit.compare import plain

    torch.manual_seed(446)
    case = next(c for c in CASES if c.name == name)
    return {fact: plain(value) for fact, value in case.run(solution).items()}


def _accepted(case: str, fact: str, value: Any) -> list[Any]:
    """The result and the other ones that the handout leaves open."""
    return [_short(value), *(_short(other) for other in _left_open(case, fact, value))]


def _left_open(case: str, fact: str, value: Any) -> Iterator[Any]:
    if case.startswith("discriminator_loss") and fact == "loss":
        yield value / 2  # the mean of its two terms, for their sum
    if case == "discriminator_gradient":
        yield [v / 2 for v in value]
    if case == "loss_of_nothing":
        yield from (2 * value, 4000 * value, 8000 * value)  # summed over the coordinates, the batch, or both
    if case.startswith("generator_loss") and fact == "loss":
        from grader.build.kit.cases_gan import DARK
        from reference.gan import minimax_generator_loss

        levels = DARK if case.endswith("batch") else DARK[:1]
        yield float(minimax_generator_loss(_logits(levels)))
    if (case in ("step", "step_elsewhere") and fact.startswith("x_")) or (
        case == "samples_spread" and "spread" in fact
    ):
        with _other_variance() as solution:
            yield _run(case, solution)[fact]


def _logits(levels: Sequence[float]) -> Any:
    """What the known discriminator says of grey images."""
    import torch

    from grader.build.kit.planted import BrightnessLogit

    return BrightnessLogit()(torch.tensor(levels).reshape(-1, 1, 1, 1).expand(-1, 1, 28, 28)).detach()


@contextmanager
def _other_variance() -> Iterator[ModuleType]:
    """The course's solution of the DDPM with the paper's other variance of a reverse step, beta_t."""
    import torch

    import reference.ddpm as solution

    own = solution.posterior_variance

    def beta(t: Any, betas: Any) -> Any:
        steps = torch.as_tensor(t).long().reshape(-1)
        return torch.where(steps > 1, betas[steps - 1], torch.zeros(()))

    solution.posterior_variance = beta
    try:
        yield solution
    finally:
        solution.posterior_variance = own


def _short(value: Any) -> Any:
    """Numbers with six digits, so that the file is the same on every machine."""
    if isinstance(value, list):
        return [_short(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _digits(root: Path) -> bytes:
    with np.load(root / "reference" / "data" / "mnist.npz", allow_pickle=False) as data:
        images = data["images"][:DIGITS]
    header = io.BytesIO()
    np.lib.format.write_array(header, images, allow_pickle=False)
    from grader.build.archive import zip_bytes

    return zip_bytes({"images.npy": header.getvalue()})


def _grader_modules(root: Path) -> Iterator[tuple[str, bytes]]:
    """The modules of the grader that the self-check needs, by what they import at their top."""
    import grader.theory

    homes = (f"grader.theory.{grader.theory._HOME[name]}" for name in READER)
    for module in sorted(import_closure(root, [*SEEDS, *homes])):
        path = _path(root, module)
        known = module.startswith(ALLOWED) and not any(word in module for word in REFUSED)
        if path.name != "__init__.py" and not known:
            raise GraderError(f"The student kit would hold {module}, which may know an answer.")
        yield path.relative_to(root).as_posix(), PARTS.get(module) or without_comments(path.read_text("utf-8"))


class _Bare(ast.NodeTransformer):
    """Drops every string that stands by itself: docstrings, and the words under a constant."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                kept = [s for s in statements if not _is_words(s)]
                setattr(node, name, kept or ([ast.Pass()] if statements else []))
        return node


def _is_words(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def without_comments(source: str) -> bytes:
    """The code alone: an example in a docstring or a comment may be an answer."""
    return (ast.unparse(_Bare().visit(ast.parse(source))) + "\n").encode("utf-8")


def import_closure(root: Path, seeds: Iterable[str]) -> set[str]:
    """Every module under `root` that the seeds import when they are imported, packages included."""
    found: set[str] = set()
    waiting = list(seeds)
    while waiting:
        module = waiting.pop()
        if module in found or not _path(root, module).is_file():
            continue
        found.add(module)
        if "." in module:
            waiting.append(module.rpartition(".")[0])
        if module not in PARTS:
            waiting += _imports(ast.parse(_path(root, module).read_text("utf-8")).body)
    return found


def _imports(statements: Iterable[ast.stmt]) -> Iterator[str]:
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
            yield from _imports([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from _imports([*node.body, *node.orelse, *node.finalbody])
            for handler in node.handlers:
                yield from _imports(handler.body)


def _path(root: Path, module: str) -> Path:
    place = root.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def lines_of(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """(file, line) of every text in the kit: for a search."""
    for name, content in files.items():
        if not name.endswith(".npz"):
            for line in content.decode("utf-8").splitlines():
                yield name, line
