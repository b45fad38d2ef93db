"""Before an archive is handed out, the perfect submissions get full marks from it, in a tree like Gradescope's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.build.archive import ROOT, unpack
from grader.model import GraderError

PERFECT = ("perfect", "perfect_score")
LIMIT_S = 900.0
"""Wall seconds for one submission; the run inside ends by itself at the rubric's own limit."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One perfect submission, graded from the archive."""

    name: str
    score: float
    awaiting: float
    max_score: float
    seconds: float


def verify(files: Mapping[str, bytes], say: Callable[[str], None] = lambda _: None) -> list[Verified]:
    """Grades each perfect submission with the archive's own files and this environment's libraries.

    Raises GraderError with the first question that loses a point, or when the archive cannot grade.
    """
    done = []
    with tempfile.TemporaryDirectory(prefix="grader-build-") as folder:
        source = Path(folder) / "source"
        os.chmod(folder, 0o755)  # the student's user must be able to read the archive's own student process
        unpack(files, source)
        for name in PERFECT:
            say(f"grading submissions/{name} from the archive")
            done.append(_grade(source, Path(folder) / name, name))
    return done


def _grade(source: Path, tree: Path, name: str) -> Verified:
    submission = ROOT / "submissions" / name
    if not submission.is_dir():
        raise GraderError(f"submissions/{name} is not here: the archive cannot be verified without it.")
    shutil.copytree(submission, tree / "submission", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _ENTRY, str(source), str(tree)]
    begun = time.monotonic()
    try:
        ran = subprocess.run(
            command, cwd=source, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise GraderError(f"submissions/{name} took more than {LIMIT_S:.0f} s from the archive.") from None
    results = tree / "results" / "results.json"
    if ran.returncode or not results.exists():
        raise GraderError(f"The archive could not grade submissions/{name}:\n{ran.stderr[-4000:]}")
    return _verified(name, json.loads(results.read_text("utf-8")), time.monotonic() - begun)


_ENTRY = """
import sys
from pathlib import Path
import grader
from grader.gradescope_run import grade_tree
source = Path(sys.argv[1])
found = Path(grader.__file__).resolve()
if source.resolve() not in found.parents:
    sys.exit(f"the grader was imported from {found}, not from the archive")
grade_tree(Path(sys.argv[2]))
"""


def _verified(name: str, document: Mapping[str, Any], seconds: float) -> Verified:
    awaiting = 0.0
    for test in document["tests"]:
        waits = float(test["extra_data"]["awaiting_review"])
        awaiting += waits
        outcome = test["extra_data"]["outcome"]
        if outcome in ("skipped", "grader_error") or test["score"] + waits < test["max_score"]:
            raise GraderError(
                f"submissions/{name} loses points from the archive, question {test['number']}: {test['output']}"
            )
    return Verified(
        name,
        float(document["score"]),
        awaiting,
        sum(float(test["max_score"]) for test in document["tests"]),
        seconds,
    )
