"""Gradescope's entry: one submission in $AUTOGRADER_ROOT/submission, results/results.json after every check."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from grader.model import GraderError, SubmissionError
from grader.report.document import write_json
from grader.report.gradescope import could_not_grade, write_results


def grade_tree(root: Path) -> None:
    """Grades root/submission into root/results/results.json, which is valid from the first second on.

    Raises SubmissionError or GraderError after having written a results.json that says so.
    """
    results = root / "results" / "results.json"
    try:
        _grade(root, results)
    except SubmissionError as error:
        write_json(results, could_not_grade(str(error), ours=False))
        raise
    except Exception as error:
        write_json(results, could_not_grade("", ours=True))
        detail = "".join(traceback.format_exception(error))
        raise GraderError(f"the grader failed; results.json says so. {detail}") from error


def _grade(root: Path, results: Path) -> None:
    from grader.checks.catalogue import CHECK_NAMES
    from grader.rubric import read_rubric
    from grader.run import Options, Progress, default_paths, grade
    from grader.scoring.tolerances import read_tolerances
    from grader.tracks import open_homework

    begun = time.monotonic()
    rubric_path, tolerances_path = default_paths()
    rubric = read_rubric(rubric_path, checks=CHECK_NAMES)
    tolerances = read_tolerances(tolerances_path)
    submission = open_homework(root / "submission")
    written = -1

    def keep(progress: Progress) -> None:
        nonlocal written
        if progress.done != written:
            write_results(progress.report, results)
            written = progress.done

    deadline_s = rubric.limits.container_minutes * 60 - (time.monotonic() - begun)
    report = grade(submission, rubric, tolerances, Options(deadline_s=deadline_s), keep)
    write_results(report, results)
