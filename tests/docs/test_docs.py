"""The documentation keeps its word: its commands run, its links lead somewhere, its example of a check works."""

from __future__ import annotations

import html
import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer

from grader.checks.registry import REGISTRY, Record
from grader.cli import app
from grader.judge import JudgeSettings, judge
from grader.lab import Lab
from grader.model import Evidence, Lost
from grader.rubric import read_rubric
from grader.run import Options, measure
from grader.tracks import open_homework

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ITSELF = ("./run_tests",)
"""What runs this test is not run by it."""
SERVES = "grader review"
COMMAND_S = 900.0


def commands(page: Path) -> list[str]:
    """The lines after a `$` in the page's ```console blocks, in order."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.S)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_there_are_commands_to_run() -> None:
    assert sum(len(commands(page)) for page in PAGES) >= 10


def _options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_and_option_named_in_the_docs_exists(page: Path) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    text = page.read_text("utf-8")
    mentioned = [c for c in commands(page) if c.startswith("grader ")] + re.findall(r"`(grader [a-z][^`]*)`", text)
    mentioned += re.findall(r"^    (grader [a-z].*?)(?: +#.*)?$", text, re.M)
    for line in mentioned:
        words = line.split()
        assert words[1] in known, line
        for word in words[2:]:
            if word.startswith("--"):
                assert word.split("=")[0].rstrip("…].,") in _options(known[words[1]]), line


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_and_path_leads_to_something(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
    for path in re.findall(r"`((?:grader|reference|submissions|docs|tests)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), f"{page.name}: {path}"


def _environment_is_current() -> bool:
    """Whether ./setup.sh, which ./run_autograder calls, would leave the environment of this very test alone."""
    stamp = ROOT / ".venv" / ".grader-setup"
    needs = subprocess.run(
        "cksum < pyproject.toml", shell=True, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    return stamp.is_file() and needs in stamp.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.name)
def test_every_command_in_the_docs_runs(page: Path, tmp_path: Path) -> None:
    for name in ("submissions", "reference", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = {**os.environ, "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    for line in commands(page):
        if line.startswith(ITSELF):
            continue
        if line.startswith("./"):
            assert _environment_is_current(), (
                f"{line} would rebuild the environment under this test: ./setup.sh dev first"
            )
        words = [str(ROOT / w[2:]) if w.startswith("./") else w for w in shlex.split(line)]
        if line.startswith(SERVES):
            _serves(words, tmp_path, environment)
            continue
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=COMMAND_S, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def plain_commands(page: str, section: str = "") -> list[str]:
    """The indented commands of a page, or of one of its sections, without the remarks beside them."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    text = text[text.index(section) :].partition("\n## ")[0]
    return re.findall(r"^    ((?:grader|dask) [a-z].*?)(?: +#.*)?$", text, re.M)


@pytest.fixture
def class_folder(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Two submissions of theory under the names that the pages use, and the environment for commands beside them."""
    answers = (ROOT / "submissions" / "perfect" / "answers.toml").read_text("utf-8")
    for folder in ("export", "submissions"):
        for name in ("submission_1234", "submission_1235"):
            (tmp_path / folder / name).mkdir(parents=True)
            (tmp_path / folder / name / "answers.toml").write_text(f"{answers}\n# {name}\n", encoding="utf-8")
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    return tmp_path, {**os.environ, "PATH": path, "BROWSER": "true", "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
def test_the_commands_for_a_class_run_as_they_stand(class_folder: tuple[Path, dict[str, str]]) -> None:
    folder, environment = class_folder
    lines = plain_commands("class.md")
    assert len(lines) >= 6
    for line in lines:
        if line.startswith(SERVES):
            _serves(line.split(), folder, environment)
            continue
        done = subprocess.run(line.split(), cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.mark.slow
def test_two_workers_by_hand_grade_as_the_page_says(class_folder: tuple[Path, dict[str, str]]) -> None:
    folder, environment = class_folder
    lines = plain_commands("cluster.md", "## Two workers by hand")
    assert [line.endswith("&") for line in lines] == [True, True, False]
    script = "\n".join(["trap 'kill $(jobs -p)' EXIT", *lines])
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert "2 graded now" in done.stdout


def _serves(words: list[str], folder: Path, environment: dict[str, str]) -> None:
    """A server says where it is, and goes when it is interrupted."""
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        os.set_blocking(server.stdout.fileno(), False)  # type: ignore[union-attr]
        said, until = "", time.monotonic() + 60
        while "127.0.0.1" not in said and time.monotonic() < until and server.poll() is None:
            said += (server.stdout.read() or b"").decode()  # type: ignore[union-attr]
            time.sleep(0.1)
        server.send_signal(signal.SIGINT)
        server.wait(30)
    assert "127.0.0.1" in said


def _drawn(svg: str) -> list[str]:
    """The words of a terminal's picture, without the seconds that the run took."""
    text = html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", svg, flags=re.S)).replace("\xa0", " ")
    return re.sub(r"\d+\.\d s", "", text).split()


@pytest.mark.slow
def test_the_picture_of_the_terminal_is_what_it_shows_today() -> None:
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    now = module.picture(ROOT / "submissions" / "perfect")
    assert _drawn(now) == _drawn((ROOT / "docs" / "terminal.svg").read_text("utf-8"))


def test_the_output_on_the_readmes_first_screen_is_what_is_printed_today() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"```text\n(.*?)```", text, re.S)
    command = next(c for c in commands(ROOT / "README.md") if "submissions/seed" in c).split()[1:]
    assert block is not None
    done = subprocess.run(
        [sys.executable, "-m", "grader", "check", *command], cwd=ROOT, env={**os.environ, "COLUMNS": "400"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    printed = " ".join(done.stdout.split())
    for line in re.split(r"\n(?= [✓✗◐?])", block[1]):
        for piece in " ".join(line.split()).split("…"):
            assert piece.strip() in printed, piece


@pytest.fixture
def example() -> Iterator[dict[str, Any]]:
    text = (ROOT / "docs" / "authors.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.S)
    assert found
    names: dict[str, Any] = {}
    exec(compile(found[1], "authors.md", "exec"), names)
    yield names
    REGISTRY.pop(names["monotone"].name)


@pytest.mark.parametrize(("bars", "lost"), [([0.1, 0.2, 0.5], []), ([0.5, 0.2, 0.1], ["not_monotone"])])
def test_the_example_of_a_new_check_measures_and_judges(
    example: dict[str, Any], bars: list[float], lost: list[str]
) -> None:
    bench = SimpleNamespace(rng=np.random.default_rng(1), call=lambda name, function, arguments: {"value": bars})
    record, monotone = Record(), example["monotone"]
    monotone.measure(bench, record)
    findings = monotone.judge_function(Evidence(monotone.name, record.facts), None)
    assert [f.mistake for f in findings if isinstance(f, Lost)] == lost


@pytest.mark.slow
def test_the_example_of_a_new_check_measures_a_real_submission(example: dict[str, Any]) -> None:
    rubric, submission, check = read_rubric(), open_homework(ROOT / "submissions" / "perfect"), example["monotone"]
    question = next(q for q in rubric.questions if q.check == "ddpm.schedule")
    with Lab.opened(submission, rubric, Options(), time.monotonic() + 300, needed=True) as lab:
        seen = measure(check, question, None, lab)  # type: ignore[arg-type]
    assert not seen.failures
    assert seen.facts["smallest_step"] > 0
    assert judge(check, seen, JudgeSettings(question, rubric.policy, {})).outcome == "passed"


def test_the_example_is_as_short_as_it_says() -> None:
    text = (ROOT / "docs" / "authors.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]  # type: ignore[index]
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) <= 15


def test_the_example_of_a_row_is_a_rubric_row(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "authors.md").read_text("utf-8")
    row = re.search(r"```toml\n(.*?)```", text, re.S)[1]  # type: ignore[index]
    rubric = (ROOT / "reference" / "rubric.toml").read_text("utf-8").replace('points = "40"', 'points = "41"', 1)
    path = tmp_path / "rubric.toml"
    path.write_text(f"{rubric}\n{row}", "utf-8")
    assert "3.5" in {q.number for q in read_rubric(path).questions}
