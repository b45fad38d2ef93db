"""Makes submissions/mistakes/mutant_*.toml: small changes of right solutions that change what they do.

Each mutant changes one place of one function (an operator, a number, a root, a mean, an argument, a statement). It is
kept if the corpus' own oracle finds, with two seeds, that the question of that function is no longer answered.

Run: python tests/corpus/make_mutants.py [HOW_MANY_PER_FUNCTION]
"""

from __future__ import annotations

import ast
import contextlib
import copy
import io
import json
import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import oracle  # isort: skip
import torch

from grader.corpus import load_corpus

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
QUESTIONS = {
    "hw5_gan.py": {
        "DNet.__init__": "gan.dnet",
        "DNet.forward": "gan.dnet",
        "DNet._weight_init": "gan.weight_init",
        "GNet.__init__": "gan.gnet",
        "GNet.forward": "gan.gnet",
        "GNet._weight_init": "gan.weight_init",
        "GAN._get_loss_d": "gan.discriminator_loss",
        "GAN._get_loss_g": "gan.generator_loss",
    },
    "hw5_diffusion.py": {
        "ScoreNet.__init__": "score.score_net",
        "ScoreNet.forward": "score.score_net",
        "compute_denoising_loss": "score.denoising_loss",
        "langevin_dynamics_sample": "score.langevin",
    },
    "hw5_ddpm.py": {
        "beta_schedule": "ddpm.schedule",
        "beta_bar": "ddpm.schedule",
        "q_sample": "ddpm.q_sample",
        "predict_x_0": "ddpm.predict_x_0",
        "posterior_mean": "ddpm.posterior",
        "posterior_variance": "ddpm.posterior",
        "ddpm_loss": "ddpm.loss",
        "p_sample": "ddpm.p_sample",
        "sample": "ddpm.sample",
        "conditional_score": "ddpm.conditional_score",
    },
}
SWAPS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
NAMES = {
    "ones_like": "zeros_like",
    "zeros_like": "ones_like",
    "ones": "zeros",
    "zeros": "ones",
    "mean": "sum",
    "sum": "mean",
    "randn": "rand",
    "randn_like": "rand_like",
    "cumprod": "cumsum",
    "sqrt": "square",
    "zeros_": "ones_",
    "kaiming_uniform_": "xavier_uniform_",
    "softplus": "relu",
    "relu": "tanh",
}


def mutations(function: ast.FunctionDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """(what was changed, the changed function), one change each."""
    for index, node in enumerate(ast.walk(function)):
        for what, change in _changes(node):
            mutant = copy.deepcopy(function)
            change(list(ast.walk(mutant))[index])
            yield f"{what}, in {function.name}", mutant


def _changes(node: ast.AST) -> Iterator[tuple[str, object]]:
    text = ast.unparse(node) if isinstance(node, ast.expr) else ""
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
        new = SWAPS[type(node.op)]
        yield f"{text}: {new.__name__} for {type(node.op).__name__}", lambda n: setattr(n, "op", new())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for value in (node.value + 1, node.value - 1, node.value * 2):
            if value != node.value and value >= 0:
                yield f"{value!r} for {node.value!r}", lambda n, v=value: setattr(n, "value", v)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{not node.value} for {node.value}", lambda n: setattr(n, "value", not n.value)
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield f"{NAMES[node.attr]} for {node.attr}", lambda n: setattr(n, "attr", NAMES[n.attr])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield f"no minus in {text}", lambda n: setattr(n, "op", ast.UAdd())
    if isinstance(node, ast.Call) and len(node.args) >= 2 and not any(isinstance(a, ast.Starred) for a in node.args):
        yield f"arguments of {text} exchanged", lambda n: n.args.__setitem__(slice(0, 2), n.args[1::-1])
    if isinstance(node, ast.If):
        yield (
            f"condition {ast.unparse(node.test)} negated",
            lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test)),
        )
    for field in ("body", "orelse"):
        body = getattr(node, field, None)
        if isinstance(body, list) and len(body) > 1 and isinstance(body[0], ast.stmt):
            for i, statement in enumerate(body):
                if not isinstance(statement, ast.Return | ast.FunctionDef) and not _is_docstring(statement):
                    yield (
                        f"without {ast.unparse(statement).splitlines()[0]}",
                        lambda n, i=i, field=field: getattr(n, field).pop(i),
                    )


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods by their dotted names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for child in node.body:
                if isinstance(child, ast.FunctionDef):
                    yield f"{node.name}.{child.name}", child


def probe(file: str, text: str, seed: int) -> dict[str, str]:
    """The oracle's differences, with everything that the code prints thrown away."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return oracle.differences(file, text, seed)


def write(case_id: str, base: str, file: str, question: str, also: list[str], why: str, name: str, source: str) -> None:
    """One TOML file."""
    lines = [f'base = "{base}"', f'file = "{file}"', f'question = "{question}"', 'mistake = ""']
    if also:
        lines.append(f"also_breaks = {json.dumps(also)}")
    lines += [f"why = {json.dumps(why, ensure_ascii=False)}", "", "[[define]]", f'name = "{name}"']
    lines += ["source = '''", source, "'''"]
    (SUBMISSIONS / "mistakes" / f"{case_id}.toml").write_text("\n".join(lines) + "\n")


def main(per_function: int = 2) -> None:
    torch.set_num_threads(1)
    rng = random.Random(446)
    for old in (SUBMISSIONS / "mistakes").glob("mutant_*.toml"):
        old.unlink()
    cases = load_corpus(SUBMISSIONS)
    bases: list[tuple[str, str, str]] = []
    for folder in ("perfect", "perfect_score"):
        for path in sorted((SUBMISSIONS / folder).glob("hw5_*.py")):
            bases.append((folder, path.name, path.read_text()))
    chosen = [c for c in cases if c.kind == "right"]
    rng.shuffle(chosen)
    bases += [(f"variants/{c.id}", c.file, c.files[c.file]) for c in chosen]
    own = {folder: dict(functions(ast.parse(text))) for folder, _, text in bases[:4]}
    seen: set[str] = set()
    known = {ast.dump(ast.parse(c.files[c.file])) for c in cases}
    made: dict[tuple[str, str], int] = {}
    for base, file, text in bases:
        for name, function in functions(ast.parse(text)):
            question = QUESTIONS[file].get(name)
            if question is None or ast.get_docstring(function) == "given":
                continue
            original = own.get("perfect_score" if file == "hw5_diffusion.py" else "perfect", {}).get(name)
            if base.startswith("variants/") and original and ast.dump(original) == ast.dump(function):
                continue
            limit = per_function * (3 if not base.startswith("variants/") else 1)
            kept = 0
            found = list(mutations(function))
            rng.shuffle(found)
            for why, mutant in found:
                if kept >= limit or made.get((file, name), 0) >= 8 * per_function:
                    break
                source = ast.unparse(ast.fix_missing_locations(mutant))
                if source in seen or "'''" in source:
                    continue
                seen.add(source)
                changed = _with(text, function, source)
                if ast.dump(ast.parse(changed)) in known:
                    continue
                broken = [probe(file, changed, seed) for seed in (0, 1)]
                if not all(question in b for b in broken):
                    continue
                kept += 1
                made[file, name] = made.get((file, name), 0) + 1
                track = question.partition(".")[0]
                also = sorted(({k for b in broken for k in b} | {f"{track}.training"}) - {question})
                place = name.replace("__", "").replace("._", "_").replace(".", "_").strip("_").lower()
                case_id = f"mutant_{place}_{made[file, name]:02d}"
                write(case_id, base, file, question, also, why, name, source)


def _with(text: str, function: ast.FunctionDef, source: str) -> str:
    lines = text.splitlines(keepends=True)
    start = min([function.lineno, *(d.lineno for d in function.decorator_list)]) - 1
    indent = " " * function.col_offset
    body = "".join(indent + line + "\n" for line in source.splitlines())
    return "".join([*lines[:start], body, *lines[function.end_lineno :]])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
