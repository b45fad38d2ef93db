"""Which files a submission of this homework holds, and on which track it is graded."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from grader.model import SubmissionError
from grader.rubric import Rubric
from grader.submission import ARCHIVE_ENDINGS, Submission, open_submission

MODULE_OF_TRACK = {"ddpm": "hw5_ddpm", "score": "hw5_diffusion"}
MODULES = ("hw5_gan", "hw5_diffusion", "hw5_ddpm")
ASKED = {
    "hw5_gan": frozenset({"DNet", "GNet", "GAN"}),
    "hw5_diffusion": frozenset({"ScoreNet", "compute_denoising_loss", "langevin_dynamics_sample"}),
    "hw5_ddpm": frozenset(
        {"beta_schedule", "beta_bar", "q_sample", "predict_x_0", "posterior_mean", "posterior_variance"}
        | {"NoiseNet", "ddpm_loss", "p_sample", "sample", "conditional_score"}
    ),
}
"""The names that each module is asked to define: they tell the track, and which module a notebook holds."""


def choose_track(submission: Submission, rubric: Rubric, wanted: str) -> tuple[str, list[str]]:
    """The track and what to tell the student about the choice.

    With both files there, the one with fewer unimplemented functions counts: the template ships both.
    """
    if wanted != "auto":
        if wanted not in MODULE_OF_TRACK:
            raise SubmissionError(f"There is no track {wanted!r}; choose ddpm, score or auto.")
        return wanted, []
    stubs = {
        track: _unfinished(text, ASKED[module])
        for track, module in MODULE_OF_TRACK.items()
        if (text := submission.text(f"{module}.py")) is not None
    }
    if not stubs:
        return rubric.default_track, []
    if len(stubs) == 1:
        return next(iter(stubs)), []
    best = min(stubs, key=lambda track: (stubs[track], track != rubric.default_track))
    note = f"Both diffusion files are there; {MODULE_OF_TRACK[best]}.py was graded (the {best} track)."
    return best, [note]


def _unfinished(text: str, asked: frozenset[str]) -> float:
    """Share of the names asked for that are missing or only raise NotImplementedError; 1 for what cannot be parsed."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 1.0
    done = set()
    for node in tree.body:
        methods = [m for m in node.body if isinstance(m, ast.FunctionDef)] if isinstance(node, ast.ClassDef) else []
        bodies = [node] if isinstance(node, ast.FunctionDef) else methods
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not all(_is_stub(f) for f in bodies):
            done.add(node.name)
    return 1 - len(asked & done) / len(asked)


def _is_stub(function: ast.FunctionDef) -> bool:
    body = [n for n in function.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant | ast.Name))]
    raises = any(isinstance(n, ast.Raise) and "NotImplementedError" in ast.dump(n) for n in body)
    return raises or all(isinstance(n, ast.Pass) for n in body)


def open_homework(path: Path) -> Submission:
    """The submission at a path, with this homework's modules. Raises SubmissionError.

    A folder that holds nothing to grade but one archive (a learning platform's download) is read from the archive.
    """
    submission = open_submission(path, modules=ASKED)
    if submission.files or not path.is_dir():
        return submission
    archives = [i.name for i in submission.ignored if i.name.lower().endswith(ARCHIVE_ENDINGS)]
    places = [path / name for name in archives if (path / name).is_file() and not (path / name).is_symlink()]
    if len(places) != 1:
        return submission
    inner = open_submission(places[0], modules=ASKED)
    return replace(
        inner,
        origin=submission.origin,
        ignored=(*(i for i in submission.ignored if i.name not in archives), *inner.ignored),
        notes=(f"Read from {archives[0]}.", *inner.notes),
    )
