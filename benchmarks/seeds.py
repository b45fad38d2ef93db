"""The whole coding grade of the perfect solutions under other seeds: every hidden draw anew, all points each time.

    python benchmarks/seeds.py [--seeds N]

One line a grade (solution, seed, points, wall seconds, the slowest question); exit status 1 when a point is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SOLUTIONS = {"perfect": "ddpm", "perfect_score": "score"}


def main() -> int:
    """Prints a line for every grade."""
    from grader.checks.catalogue import is_coding
    from grader.lab import new_session
    from grader.rubric import read_rubric
    from grader.run import Options, grade
    from grader.scoring.tolerances import read_tolerances
    from grader.tracks import open_homework

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    shipped, tolerances = read_rubric(), read_tolerances()
    lost, spent = 0, []
    with new_session(shipped, Options()) as session:
        for number in range(arguments.seeds):
            rubric = replace(shipped, seed_key=f"seed-{number}")
            for solution, track in SOLUTIONS.items():
                questions = [q for q in rubric.for_track(track) if is_coding(q.check)]
                options = Options(track=track, only=tuple(q.number for q in questions))  # type: ignore[arg-type]
                begun = time.perf_counter()
                submission = open_homework(ROOT / "submissions" / solution)
                report = grade(submission, rubric, tolerances, options, session=session)
                spent.append(time.perf_counter() - begun)
                short = [r for r in report.results if r.verdict.points < r.question.points]
                slowest = max(report.results, key=lambda r: r.evidence.seconds)
                points = sum(r.verdict.points for r in report.results)
                most = float(sum(q.points for q in questions))
                print(
                    f"{solution:14} {rubric.seed_key:8} {float(points):5.4g} of {most:g} {spent[-1]:6.1f} s, "
                    f"slowest {slowest.question.check} {slowest.evidence.seconds:.1f} s",
                    flush=True,
                )
                lost += bool(short)
                for result in short:
                    print(f"    {result.question.check}: {result.verdict.message}", flush=True)
    mean = sum(spent) / len(spent)
    print(f"{len(spent)} grades, {lost} lost a point; {mean:.1f} s on average, {max(spent):.1f} s at most")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
