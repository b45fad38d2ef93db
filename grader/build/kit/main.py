"""`python check.py [FOLDER]`: reads the formulas, runs the public cases, trains a little, and writes one page.

Nothing here gives points, and nothing of it decides a grade: what passes here can still be wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.report.plainly import speak_plainly

from .compare import difference

HERE = Path(__file__).resolve().parent
MODULES = ("hw5_gan", "hw5_ddpm", "hw5_diffusion")
CASE_S = 60.0
"""Seconds that one case may take on a student's machine before the file is given up."""
MARKS = {"fine": "✓", "different": "✗", "failed": "✗", "unwritten": "–", "unreached": "–"}
WORDS = {
    "fine": "as in the public case",
    "different": "not as in the public case",
    "failed": "stopped",
    "unwritten": "not written yet",
    "unreached": "not reached",
}


@dataclass
class Seen:
    """What came of one case."""

    name: str
    question: str
    sentence: str
    state: str = "unreached"
    message: str = ""
    detail: str = ""
    seconds: float = 0.0

    @property
    def mark(self) -> str:
        return MARKS[self.state]

    @property
    def word(self) -> str:
        return WORDS[self.state]


@dataclass
class FileSeen:
    """What came of one file."""

    name: str
    cases: list[Seen] = field(default_factory=list)
    seconds: float = 0.0
    peak_mb: float | None = None
    arrays: dict[str, Any] = field(default_factory=dict)

    @property
    def first_mistake(self) -> Seen | None:
        """The first case that went wrong."""
        return next((c for c in self.cases if c.state in ("different", "failed")), None)


def main(arguments: list[str] | None = None) -> int:
    """The command. 0: checked, whatever was found; 2: there is nothing to check."""
    parser = argparse.ArgumentParser(prog="check.py", description="Checks your homework folder before the deadline.")
    parser.add_argument("folder", nargs="?", default=".", help="the folder with hw5_gan.py, answers.toml, … (here)")
    parser.add_argument("--out", default="report.html", help="the page to write (report.html)")
    parser.add_argument("--quick", action="store_true", help="leave the tiny trainings out")
    options = parser.parse_args(arguments)
    speak_plainly()
    folder = Path(options.folder).resolve()
    names = [m for m in MODULES if (folder / f"{m}.py").is_file()]
    notebooks = [p.name for p in sorted(folder.glob("*.ipynb")) if p.stem not in names]
    if not names and not notebooks and not list(folder.glob("answers.toml")) + list(folder.glob("*.tex")):
        print(f"There is no hw5_*.py and no answers.toml in {folder}: name your homework's folder.", file=sys.stderr)
        return 2
    print("This is a self-check on your own machine, not isolated and without points.")
    files = [check_file(folder, name, quick=options.quick) for name in names]
    for file in files:
        show(file)
    from .formulas import formulas_of

    formulas, notes = formulas_of(folder)
    notes += [
        f"{n} is read by the grader, not here. To check its code: jupyter nbconvert --to script {n}" for n in notebooks
    ]
    if formulas:
        print("How we read your formulas; that one is read does not say that it is right:")
    for formula in formulas:
        print(f"  {'not read' if formula.problem else 'read as '} {formula.place}: {formula.problem or formula.whole}")
    for note in notes:
        print(f"  {note}")
    from .page import page

    out = Path(options.out)
    out.write_text(page(files, formulas, notes, settings()), encoding="utf-8")
    print(f"The page: {out.resolve()}")
    return 0


def settings() -> Mapping[str, Any]:
    """The course's limits and the accepted results of the public cases."""
    document: Mapping[str, Any] = json.loads((HERE / "cases.json").read_text("utf-8"))
    return document


def check_file(folder: Path, module: str, *, quick: bool = False) -> FileSeen:
    """Runs the public cases of one module in a process of its own and compares what came out."""
    with tempfile.TemporaryDirectory() as work:
        results, pictures = Path(work) / "results.jsonl", Path(work) / "pictures.npz"
        results.touch()
        package = (__package__ or "").split(".") or ["."]
        root = HERE.parents[len(package) - 1]
        command = [sys.executable, "-m", f"{__package__}.probe", str(folder), module, str(results), str(pictures)]
        command += ["quick"] if quick else []
        begun = time.monotonic()
        with subprocess.Popen(
            command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        ) as process:
            stopped = _watch(process, results)
        file = FileSeen(f"{module}.py", seconds=time.monotonic() - begun)
        _read(file, results.read_text("utf-8"), stopped, process.returncode)
        if pictures.exists():
            import numpy as np

            with contextlib.suppress(ValueError, OSError), np.load(pictures, allow_pickle=False) as arrays:
                file.arrays = {name: arrays[name] for name in arrays}
    return file


def _watch(process: subprocess.Popen[bytes], results: Path) -> str:
    """Waits for the process; kills it when no line has come for CASE_S. Returns why it was stopped, or ''."""
    size, since = 0, time.monotonic()
    while process.poll() is None:
        time.sleep(0.05)
        now = results.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > CASE_S:
            process.kill()
            process.wait()
            return f"Stopped after {CASE_S:.0f} s without an answer."
    return ""


def _read(file: FileSeen, lines: str, stopped: str, status: int | None) -> None:
    accepted = settings()["cases"]
    for text in lines.splitlines():
        line = json.loads(text)
        if line["state"] == "begin":
            file.cases.append(Seen(line["name"], line["question"], line["sentence"]))
        elif line["state"] == "memory":
            file.peak_mb = line["megabytes"]
        else:
            _settle(file.cases[-1], line, accepted)
    if file.cases and file.cases[-1].state == "unreached":
        last = file.cases[-1]
        last.state = "failed"
        last.message = stopped or f"Your code ended the process (exit status {status})."


def _settle(seen: Seen, line: Mapping[str, Any], accepted: Mapping[str, Any]) -> None:
    seen.seconds = line.get("seconds", 0.0)
    if line["state"] == "done":
        seen.state = "fine"
    elif line["state"] == "failed":
        seen.state = "unwritten" if line["kind"] == "not_implemented" else "failed"
        seen.message, seen.detail = line["sentence"], line["detail"]
    else:
        public = accepted[seen.name]
        seen.message = difference(line["found"], public["accepted"], public["tolerance"]) or ""
        seen.state = "different" if seen.message else "fine"


def show(file: FileSeen) -> None:
    """Prints what came of one file."""
    memory = f", {file.peak_mb:.0f} MB" if file.peak_mb else ""
    print(f"{file.name}: {file.seconds:.0f} s{memory}")
    for seen in file.cases:
        print(f"  {seen.mark} {seen.question or '   '} {seen.sentence}")
        if seen.message:
            print(f"        {seen.message}")
