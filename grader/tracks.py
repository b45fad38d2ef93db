"""Which files a submission of this homework holds, and on which track it is graded."""

from __future__ import annotations

import ast
from pathlib import Path

from grader.model import SubmissionError
from grader.rubric import Rubric
from grader.submission import Submission, open_submission

MODULE_OF_TRACK = {"ddpm": "hw5_ddpm", "score": "hw5_diffusion"}
MODULES = ("hw5_gan", "hw5_diffusion", "hw5_ddpm")


def choose_track(submission: Submission, rubric: Rubric, wanted: str) -> tuple[str, list[str]]:
    """The track and what to tell the student about the choice.

    With both files there, the one with fewer unimplemented functions counts: the template ships both.
    """
    if wanted != "auto":
        if wanted not in MODULE_OF_TRACK:
            raise SubmissionError(f"There is no track {wanted!r}; choose ddpm, score or auto.")
        return wanted, []
    stubs = {
        track: _stubs(submission.text(f"{module}.py"))
        for track, module in MODULE_OF_TRACK.items()
        if submission.text(f"{module}.py") is not None
    }
    if not stubs:
        return rubric.default_track, []
    if len(stubs) == 1:
        return next(iter(stubs)), []
    best = min(stubs, key=lambda track: (stubs[track], track != rubric.default_track))
    note = f"Both diffusion files are there; {MODULE_OF_TRACK[best]}.py was graded (the {best} track)."
    return best, [note]


def _stubs(text: str | None) -> float:
    """Share of a file's functions that only raise NotImplementedError or pass; 1 for a file that cannot be parsed."""
    try:
        tree = ast.parse(text or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 1.0
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    if not functions:
        return 1.0
    return sum(_is_stub(f) for f in functions) / len(functions)


def _is_stub(function: ast.FunctionDef) -> bool:
    body = [n for n in function.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant | ast.Name))]
    raises = any(isinstance(n, ast.Raise) and "NotImplementedError" in ast.dump(n) for n in body)
    return raises or all(isinstance(n, ast.Pass) for n in body)


def open_homework(path: Path) -> Submission:
    """The submission at a path, with this homework's modules. Raises SubmissionError."""
    return open_submission(path, modules=MODULES)
