"""Pairs of coding submissions that agree without names, comments and layout. For the instructor, never a grade."""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from rapidfuzz.distance import Indel

from grader.cohort.store import Store
from grader.model import SubmissionError
from grader.tracks import MODULES, open_homework

ROOT = Path(__file__).resolve().parent.parent.parent
BASELINES = (
    ROOT / "submissions" / "template",
    ROOT / "submissions" / "perfect",
    ROOT / "submissions" / "perfect_score",
)
LEAST_TOKENS = 60
"""Below it everything is alike."""
MOST_TOKENS = 20_000
KEPT = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | {"self", "torch", "nn", "F", "np"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two submissions whose file agrees; `baseline` is the larger likeness of the two to template or reference."""

    file: str
    one: str
    other: str
    percent: float
    baseline: float


def normalised(text: str) -> list[str]:
    """The tokens of a Python file without comments, docstrings and layout; names by the order of their first use.

    A file that Python cannot parse is taken token by token as far as it goes.
    """
    try:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and _is_docstring(body[0]):
                node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
        text = ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    names: dict[str, str] = {}
    tokens: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME and token.string not in KEPT:
                tokens.append(names.setdefault(token.string, f"v{len(names)}"))
            elif token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER):
                tokens.append(token.string)
            elif token.type == tokenize.STRING:
                tokens.append("''")
            if len(tokens) >= MOST_TOKENS:
                break
    except (tokenize.TokenError, SyntaxError):
        pass
    return tokens


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def similar_pairs(store: Store, least_percent: float) -> list[Pair]:
    """Pairs that agree at least so far, and more with each other than either with template or reference."""
    baselines = [tokens for folder in BASELINES if folder.is_dir() for tokens in [_files(folder)]]
    class_files = {row.key: _files(row.path) for row in store.rows()}
    pairs = []
    for module in MODULES:
        known = [b[module] for b in baselines if module in b]
        files = {key: found[module] for key, found in class_files.items() if module in found}
        to_baseline = {key: max((_percent(tokens, b) for b in known), default=0.0) for key, tokens in files.items()}
        for (one, mine), (other, theirs) in combinations(files.items(), 2):
            percent = _percent(mine, theirs, least_percent)
            baseline = max(to_baseline[one], to_baseline[other])
            if percent >= least_percent and percent > baseline:
                pairs.append(Pair(f"{module}.py", one, other, percent, baseline))
    return sorted(pairs, key=lambda p: (-(p.percent - p.baseline), p.file, p.one, p.other))


def _files(path: Path) -> dict[str, list[str]]:
    try:
        submission = open_homework(path)
    except SubmissionError:
        return {}
    found = {m: normalised(text) for m in MODULES if (text := submission.text(f"{m}.py")) is not None}
    return {m: tokens for m, tokens in found.items() if len(tokens) >= LEAST_TOKENS}


def _percent(one: Sequence[str], other: Sequence[str], least: float = 0.0) -> float:
    return 100 * Indel.normalized_similarity(one, other, score_cutoff=least / 100)
