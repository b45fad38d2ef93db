"""Runs the grader as a user does: `grader check` in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str
    report: dict[str, Any]

    def question(self, number: str) -> dict[str, Any]:
        return next(q for q in self.report["questions"] if q["number"] == number)

    def outcomes(self, beginning: str) -> dict[str, str]:
        return {q["number"]: q["outcome"] for q in self.report["questions"] if q["number"].startswith(beginning)}


def grader(*arguments: str, timeout_s: float = 570.0, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grader", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=timeout_s, **kwargs)


@pytest.fixture
def check(tmp_path: Path):
    def run(path: Path, *options: str, timeout_s: float = 570.0) -> Run:
        file = tmp_path / "report.json"
        done = grader("check", str(path), "--json", str(file), *options, timeout_s=timeout_s)
        report = json.loads(file.read_text("utf-8")) if file.exists() else {}
        return Run(done.returncode, done.stdout, done.stderr, report)

    return run
