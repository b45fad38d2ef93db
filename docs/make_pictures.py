"""Makes docs/terminal.svg, the picture of the README's first screen, from a real run.

.venv/bin/python docs/make_pictures.py [SUBMISSION]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich.console import Console

from grader.checks.catalogue import CHECK_NAMES
from grader.report.terminal import print_report
from grader.rubric import read_rubric
from grader.run import Options, default_paths, grade
from grader.scoring.tolerances import read_tolerances
from grader.tracks import open_homework

HERE = Path(__file__).resolve().parent
WIDTH = 112


def picture(submission: Path) -> str:
    """Grades the submission and draws the terminal with its table."""
    rubric_path, tolerances_path = default_paths()
    rubric = read_rubric(rubric_path, checks=CHECK_NAMES)
    report = grade(open_homework(submission), rubric, read_tolerances(tolerances_path), Options())
    with open("/dev/null", "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True, highlight=False)
        console.print(f"$ ./run_autograder submissions/{submission.name}", style="bold")
        print_report(report, console)
        svg = console.export_svg(title="grader")
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)  # the fonts would be fetched from elsewhere


if __name__ == "__main__":
    graded = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "submissions" / "perfect"
    (HERE / "terminal.svg").write_text(picture(graded), encoding="utf-8")
