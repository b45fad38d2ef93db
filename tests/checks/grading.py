"""One check over a trusted module, judged by the shipped rubric and tolerances."""

from __future__ import annotations

import types

from grader.checks.catalogue import find_check
from grader.checks.trusted_bench import measure_trusted
from grader.judge import JudgeSettings, judge
from grader.model import Evidence, Verdict
from grader.rubric import read_rubric
from grader.scoring.tolerances import read_tolerances

RUBRIC, TOLERANCES = read_rubric(), read_tolerances()


def judged(seen: Evidence) -> Verdict:
    """The verdict on evidence."""
    question = next(q for q in RUBRIC.questions if q.check == seen.check)
    return judge(find_check(seen.check), seen, JudgeSettings(question, RUBRIC.policy, TOLERANCES))


def verdict(name: str, module: types.ModuleType, seed: int = 0) -> Verdict:
    """The verdict of the check called `name`."""
    return judged(measure_trusted(find_check(name), module, seed))
