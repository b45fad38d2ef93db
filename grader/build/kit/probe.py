"""Runs the public cases on one file, in a process of its own: a line of JSON for each, so that a hang costs one case.

python -m homework_check.probe FOLDER hw5_ddpm RESULTS.jsonl PICTURES.npz
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

BEGIN = "begin"


def main(arguments: list[str]) -> None:
    """Imports the module from the folder, runs its cases, then the tiny training."""
    folder, module, results, pictures, *quick = arguments
    sys.path[:0] = [folder]
    sys.path.append(str(Path(__file__).resolve().parent / "data"))  # hw5_utils, as it is given
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in the grading; more threads are slower for networks this small
    os.environ.setdefault("MPLBACKEND", "Agg")
    with open(results, "a", encoding="utf-8") as file:

        def say(**line: Any) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        say(state=BEGIN, name="import", question="", sentence=f"{module}.py can be imported")
        student = _guarded(say, "import", lambda: _imported(folder, module), folder)
        if student is None:
            return
        say(state="done", name="import")
        _cases(say, module, student, folder)
        if not quick:
            _practice(say, module, student, folder, Path(pictures))
        say(state="memory", megabytes=_peak_mb())


def _imported(folder: str, module: str) -> Any:
    """The student's module; packages that only draw or that the course lacks are stood in for, as in the grading."""
    from grader.student.placeholders import install

    install(frozenset(str(path) for path in Path(folder).glob("*.py")))
    return importlib.import_module(module)


def _cases(say: Any, module: str, student: Any, folder: str) -> None:
    import torch

    from .cases import CASES
    from .compare import plain

    for case in CASES:
        if case.module != module:
            continue
        say(state=BEGIN, name=case.name, question=case.question, sentence=case.sentence)
        torch.manual_seed(446)
        begun = time.perf_counter()
        facts = _guarded(say, case.name, lambda case=case: case.run(student), folder)
        if facts is not None:
            found = {name: plain(value) for name, value in facts.items()}
            say(state="found", name=case.name, found=found, seconds=time.perf_counter() - begun)


def _practice(say: Any, module: str, student: Any, folder: str, pictures: Path) -> None:
    import numpy as np

    from .practice import PRACTICE

    say(state=BEGIN, name="practice", question="", sentence="A tiny training with your functions")
    begun = time.perf_counter()
    arrays = _guarded(say, "practice", lambda: PRACTICE[module](student), folder)
    if arrays is not None:
        np.savez(pictures, **arrays)
        say(state="done", name="practice", seconds=time.perf_counter() - begun)


def _guarded(say: Any, name: str, run: Any, folder: str) -> Any:
    """The value, or None after having written why there is none."""
    try:
        return run()
    except NotImplementedError:
        say(state="failed", name=name, kind="not_implemented", sentence="Not written yet.", detail="")
    except BaseException as error:
        where = _place(error, folder)
        sentence = f"{type(error).__name__}: {error}" + (f" ({where})" if where else "")
        say(state="failed", name=name, kind="exception", sentence=sentence[:600], detail=traceback.format_exc()[-3000:])
    return None


def _place(error: BaseException, folder: str) -> str:
    """The deepest line of the student's own files in the traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(folder)]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name}" if frames else ""


def _peak_mb() -> float | None:
    """Largest memory of this process so far; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main(sys.argv[1:])
