"""The students' kit: it finds mistakes at home, runs by itself, and holds no answer."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.build.archive import ROOT, unpack
from grader.build.kit.cases import CASES
from grader.build.kit.compare import difference, plain
from grader.build.student_kit import import_closure, kit_files, lines_of, public_cases
from grader.corpus import Case, load_corpus
from tests.corpus.oracle import load_module

TEN_MISTAKES = (
    "ddpm_beta_bar_is_alpha_bar",
    "ddpm_conditional_mask_on_known_only",
    "ddpm_posterior_swapped",
    "ddpm_p_sample_variance_for_std",
    "ddpm_loss_vector",
    "denoising_halved",
    "langevin_one_sample",
    "langevin_ascending",
    "init_children_of_a_sequential",
    "gnet_slope_0.1",
)
ACCEPTED = json.loads(public_cases())["cases"]
CORPUS = load_corpus(ROOT / "submissions")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    unpack(kit_files(), folder)
    return folder


def checked(kit: Path, folder: Path, *options: str) -> tuple[str, str]:
    """What `python check.py FOLDER` prints, in the kit alone, and the page that it writes."""
    out = folder / "report.html"
    command = [sys.executable, "check.py", str(folder), "--out", str(out), *options]
    done = subprocess.run(command, cwd=kit, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout, out.read_text("utf-8")


def first_mistake(case: Case) -> str | None:
    """The first public case that a solution of the corpus fails, as the kit says it."""
    module = case.file.removesuffix(".py")
    student = load_module(module, case.files[case.file])
    for public in (c for c in CASES if c.module == module):
        torch.manual_seed(446)
        try:
            found: dict[str, Any] = {name: plain(value) for name, value in public.run(student).items()}
        except Exception as error:
            return f"{public.name}: {error}"
        entry = ACCEPTED[public.name]
        if wrong := difference(found, entry["accepted"], entry["tolerance"]):
            return f"{public.name}: {wrong}"
    return None


@pytest.mark.parametrize("case", [c for c in CORPUS if c.kind == "right"], ids=lambda c: c.id)
def test_no_right_solution_is_told_that_it_is_wrong(case: Case) -> None:
    assert first_mistake(case) is None


@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_nearly_every_wrong_solution_is_noticed_at_home(every: int) -> None:
    wrong = [c for c in CORPUS if c.kind == "wrong"][::every]
    missed = [c.id for c in wrong if first_mistake(c) is None]
    print(f"{len(wrong) - len(missed)} of {len(wrong)} noticed; not: {missed}")
    assert len(missed) <= len(wrong) / 20


@pytest.mark.slow
@pytest.mark.parametrize("name", TEN_MISTAKES)
def test_the_first_mistake_of_a_wrong_submission_is_found_without_an_answer(
    kit: Path, tmp_path: Path, name: str
) -> None:
    case = next(c for c in CORPUS if c.id == name)
    for file, text in case.files.items():
        (tmp_path / file).write_text(text, "utf-8")
    printed, page = checked(kit, tmp_path, "--quick")
    assert "✗" in printed
    assert "not as in the public case" in page or "stopped" in page
    for line in answer_lines():
        assert line not in printed
        assert line not in page


@pytest.mark.slow
@pytest.mark.parametrize("name", ["perfect", "perfect_score"])
def test_a_perfect_submission_sees_only_ticks_and_its_pictures(kit: Path, tmp_path: Path, name: str) -> None:
    for path in (ROOT / "submissions" / name).iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    printed, page = checked(kit, tmp_path)
    assert "✗" not in printed
    assert sum(line.startswith("  ?") for line in printed.splitlines()) <= 1  # a second derivative is not read
    assert page.count("data:image/png;base64,") >= 4
    assert "<math" in page
    assert "<script" not in page
    assert "://" not in page.replace("http://www.w3.org/1998/Math/MathML", "")


@pytest.mark.slow
def test_a_file_that_hangs_crashes_or_is_empty_is_a_sentence(kit: Path, tmp_path: Path) -> None:
    (tmp_path / "hw5_gan.py").write_text("import os\nos._exit(3)\n")
    (tmp_path / "hw5_ddpm.py").write_text("def beta_bar(\n")
    (tmp_path / "hw5_diffusion.py").write_text("")
    (tmp_path / "answers.toml").write_text('["2.3"]\nresult = \'\\frac{1\'\nbeta_bar = "?? 1"\n')
    printed, _ = checked(kit, tmp_path)
    assert "ended the process (exit status 3)" in printed
    assert "hw5_ddpm.py, line 1" in printed
    assert "ScoreNet" in printed
    assert "not read 2.3" in printed
    assert "does not say that it is right" in printed


ELSEWHERE = """
import os, signal, sys
for name in ("resource", "pwd", "grp", "termios", "pty", "syslog"):
    sys.modules[name] = None
for name in ("fork", "getuid", "geteuid", "setsid", "killpg", "sched_getaffinity", "getloadavg"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "setitimer"):
    delattr(signal, name)
"""
"""A Python that lacks what Windows lacks, as far as torch on this machine allows; fcntl is left to it."""


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_it_runs_where_posix_is_not_and_where_a_tick_cannot_be_printed(
    kit: Path, tmp_path: Path, encoding: str
) -> None:
    folder, lacking = tmp_path / "My homework ß" / "Übung 5", tmp_path / "lacking"
    folder.mkdir(parents=True)
    lacking.mkdir()
    (lacking / "sitecustomize.py").write_text(ELSEWHERE, "utf-8")
    for path in (ROOT / "submissions" / "perfect").glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    gan = folder / "hw5_gan.py"
    gan.write_text(gan.read_text("utf-8").replace("zeros_like", "ones_like"), "utf-8")
    environment = {
        **os.environ, "PYTHONPATH": str(lacking), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C",
    }  # fmt: skip
    command = [sys.executable, "check.py", str(folder), "--out", str(folder / "Bericht.html")]
    done = subprocess.run(command, cwd=kit, env=environment, capture_output=True, timeout=300, check=False)
    printed = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in printed
    assert ("✗" if encoding == "utf-8" else "  x 4.") in printed
    assert ("✓" if encoding == "utf-8" else "  + 5.1") in printed
    page = (folder / "Bericht.html").read_text("utf-8")
    assert "data:image/png" in page
    assert "not as in the public case" in page


def _absent(tree: ast.AST) -> Iterator[str]:
    """What a file does that only POSIX has, or that depends on the machine's own encoding."""
    guarded = {id(n) for t in ast.walk(tree) if isinstance(t, ast.Try) for b in t.body for n in ast.walk(b)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in guarded:
            yield from (a.name for a in node.names if a.name in ("resource", "fcntl", "pwd", "grp", "termios", "pty"))
        if isinstance(node, ast.Attribute) and node.attr in ("fork", "getuid", "SIGALRM", "SIGKILL", "killpg", "poll_"):
            yield node.attr
        if isinstance(node, ast.Call):
            named = {k.arg for k in node.keywords}
            match node.func:
                case ast.Name(id="open") if "encoding" not in named and "b" not in ast.unparse(node):
                    yield ast.unparse(node)
                case ast.Attribute(attr="read_text") if not node.args and not named:
                    yield ast.unparse(node)
                case ast.Attribute(attr="write_text") if len(node.args) < 2 and not named:
                    yield ast.unparse(node)


def test_no_file_of_it_needs_posix_or_the_machines_own_encoding() -> None:
    for name, content in kit_files().items():
        if name.endswith(".py") and not name.startswith("template/"):
            assert not list(_absent(ast.parse(content))), name


def test_a_notebook_is_not_passed_over_in_silence(kit: Path, tmp_path: Path) -> None:
    (tmp_path / "hw5_gan.ipynb").write_text("{}", "utf-8")
    printed, page = checked(kit, tmp_path)
    for text in (printed, page):
        assert "jupyter nbconvert --to script hw5_gan.ipynb" in text


def test_an_empty_folder_is_a_usage_error(kit: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "check.py", str(tmp_path)], cwd=kit, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "name your homework's folder" in done.stderr


# ---------------------------------------------------------------- what must not be in it


def answer_lines() -> set[str]:
    """Lines of the reference and of the perfect submissions that say how something is computed."""
    given = {
        line.strip() for p in (ROOT / "submissions" / "template").glob("*.py") for line in p.read_text().splitlines()
    }
    sources = [*(ROOT / "reference").glob("*.py"), *(ROOT / "submissions").glob("perfect*/*.py")]
    return {line for path in sources for line in _bodies(path.read_text("utf-8"))} - given


def _bodies(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Return | ast.Assign | ast.AugAssign) and node.lineno == node.end_lineno:
            line = lines[node.lineno - 1].strip()
            if len(line) >= 30 and any(sign in line for sign in "*/-+("):
                yield line


def test_no_line_of_a_solution_is_in_the_kit() -> None:
    held = {line.strip() for _, line in lines_of(kit_files())}
    assert not held & answer_lines()


def test_no_typed_answer_is_in_the_kit() -> None:
    text = "\n".join(line for _, line in lines_of(kit_files()))
    squeezed = "".join(text.split())
    for path in [ROOT / "reference" / "answers.toml", *(ROOT / "submissions").glob("perfect*/answers.toml")]:
        for answer in _strings(tomllib.loads(path.read_text("utf-8"))):
            if len(answer) >= 12 and any(sign in answer for sign in "+-*/\\="):
                assert "".join(answer.split()) not in squeezed, answer


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def test_no_verdict_reason_key_or_tolerance_is_in_the_kit() -> None:
    text = "\n".join(line for _, line in lines_of(kit_files()))
    rubric = tomllib.loads((ROOT / "reference" / "rubric.toml").read_text("utf-8"))
    assert rubric["assignment"]["seed_key"] not in text
    for question in rubric["question"]:
        for item in question.get("look_for", []):
            assert item["text"] not in text
    assert not re.search(r"^expected = (true|false)", text, re.M)
    reader = "".join(line for name, line in lines_of(kit_files()) if name.startswith("grader/"))
    assert "75" not in reader
    assert "MAE" not in reader
    tolerances = tomllib.loads((ROOT / "reference" / "tolerances.toml").read_text("utf-8"))
    for name in _names(tolerances):
        assert name not in text, name


def _names(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        full = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _names(value, f"{full}.")
        elif "." in prefix:
            yield prefix.rstrip(".")


def test_nothing_that_judges_can_be_imported_from_the_kit() -> None:
    names = set(kit_files())
    for part in ("reference/", "grader/checks", "grader/scoring", "judge", "mistakes", "freetext_facts", "rubric"):
        assert not [name for name in names if part in name]


def test_a_module_that_knows_an_answer_would_be_followed_to() -> None:
    assert "grader.theory.reference_answers" in import_closure(ROOT, ["grader.theory.judge"])


def test_every_public_case_has_its_accepted_results() -> None:
    assert set(ACCEPTED) == {c.name for c in CASES}
    assert public_cases() == public_cases()
