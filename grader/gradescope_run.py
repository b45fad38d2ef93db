"""Gradescope's entry: one submission in $AUTOGRADER_ROOT/submission, results/results.json after every check."""

from __future__ import annotations

import signal
import time
import traceback
from pathlib import Path

from grader.metadata import read_metadata, refused, with_lateness
from grader.model import GraderError, Json, Report, SubmissionError
from grader.report.document import write_json
from grader.report.gradescope import could_not_grade, results_document

LAST_S = 2.0
"""Wall seconds before the container's limit at which the run is ended by force …"""
LAST_SHARE = 0.05
"""… but never more than this share of the limit."""


def grade_tree(root: Path, *, spent_s: float = 0.0, by_force: bool = False) -> None:
    """Grades root/submission into root/results/results.json, which is valid from the first second on.

    `spent_s` wall seconds of the container's limit are gone already. With `by_force` the kernel ends this process just
    before the limit, whatever it is doing; what was graded is on disk then.
    Raises SubmissionError or GraderError after having written a results.json that says so.
    """
    results = root / "results" / "results.json"
    earned: list[Report] = []
    try:
        _grade(root, results, earned, time.monotonic() - spent_s, by_force=by_force)
    except SubmissionError as error:
        write_json(results, could_not_grade(str(error), ours=False))
        raise
    except Exception as error:
        detail = "".join(traceback.format_exception(error))
        if not earned:  # else the file on disk has what was graded, and says that the rest awaits a person
            write_json(results, could_not_grade("", ours=True))
        raise GraderError(f"the grader failed; results.json says so. {detail}") from error


def _grade(root: Path, results: Path, earned: list[Report], begun: float, *, by_force: bool) -> None:
    from grader.checks.catalogue import CHECK_NAMES
    from grader.rubric import read_rubric
    from grader.run import Options, Progress, default_paths, grade
    from grader.scoring.tolerances import read_tolerances
    from grader.tracks import open_homework

    rubric_path, tolerances_path = default_paths()
    rubric = read_rubric(rubric_path, checks=CHECK_NAMES)
    limit_s = rubric.limits.container_minutes * 60
    if by_force:
        _end_by_force(begun + limit_s - min(LAST_S, LAST_SHARE * limit_s))
    feedback = rubric.feedback
    metadata = read_metadata(root / "submission_metadata.json")
    if metadata is not None and (kept := refused(metadata, feedback)) is not None:
        write_json(results, kept)
        return
    tolerances = read_tolerances(tolerances_path)
    submission = open_homework(root / "submission")
    written = -1

    def write(report: Report) -> None:
        document: dict[str, Json] = results_document(report, feedback)
        write_json(results, document if metadata is None else with_lateness(document, metadata, feedback))
        earned.append(report)

    def keep(progress: Progress) -> None:
        nonlocal written
        if progress.done != written:
            write(progress.report)
            written = progress.done

    deadline_s = begun + limit_s - time.monotonic()
    options = Options(deadline_s=max(deadline_s, 0.1), pictures=feedback.picture_kb > 0)
    write(grade(submission, rubric, tolerances, options, keep))


def _end_by_force(at: float) -> None:
    """Has the kernel end this process at that time of the monotonic clock: no lock and no long sum can keep it."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(at - time.monotonic(), 0.5))
