"""The judge is a pure function: findings become points, and a fault of ours never costs one."""

from collections.abc import Iterator
from fractions import Fraction

import pytest

from grader.checks.registry import Check
from grader.judge import JudgeSettings, judge
from grader.model import Evidence, Failure, Finding, GraderError, Lost, Note, Question, Undecided

HALVES = {"mean": Fraction(1), "variance": Fraction(1)}
QUESTION = Question("5.4", "Posterior", Fraction(2), "ddpm.posterior", parts=HALVES)
SETTINGS = JudgeSettings(QUESTION, {"switch": "accept"}, {})


def check_with(*findings: Finding) -> Check:
    def judgement(seen: Evidence, settings: object) -> Iterator[Finding]:
        yield from findings

    return Check("ddpm.posterior", lambda bench, record: None, "hw5_ddpm", "ddpm", "cheap", "", judgement)


@pytest.mark.parametrize(
    ("findings", "points", "awaiting", "outcome"),
    [
        ((), "2", "0", "passed"),
        ((Note("advice"),), "2", "0", "passed"),
        ((Lost("m", "wrong", "mean"),), "1", "0", "partial"),
        ((Lost("m", "wrong", "mean", Fraction(1, 4)),), "7/4", "0", "partial"),
        ((Lost("m", "wrong", "mean"), Lost("m2", "also wrong", "mean")), "1", "0", "partial"),
        ((Lost("m", "wrong"),), "0", "0", "failed"),
        ((Undecided("look", "mean"),), "1", "1", "needs_review"),
        ((Undecided("look"), Lost("m", "wrong", "variance")), "0", "1", "needs_review"),
    ],
)
def test_findings_become_points(findings: tuple[Finding, ...], points: str, awaiting: str, outcome: str) -> None:
    verdict = judge(check_with(*findings), Evidence("ddpm.posterior"), SETTINGS)
    assert (verdict.points, verdict.awaiting, verdict.outcome) == (Fraction(points), Fraction(awaiting), outcome)


def test_a_failed_part_costs_that_part_only() -> None:
    failure = Failure("timeout", "no answer in 20 s", "hw5_ddpm.py:3")
    seen = Evidence("ddpm.posterior", failures={"variance": failure})
    verdict = judge(check_with(), seen, SETTINGS)
    assert verdict.points == 1
    assert verdict.mistake == "timeout"
    assert "hw5_ddpm.py:3" in verdict.message


def test_a_failure_of_the_whole_measurement_costs_everything_and_says_why() -> None:
    seen = Evidence("ddpm.posterior", failures={"all": Failure("import", "the file cannot be imported")})
    verdict = judge(check_with(), seen, SETTINGS)
    assert (verdict.points, verdict.outcome, verdict.mistake) == (0, "failed", "import")


def test_a_fault_of_the_grader_is_never_a_zero() -> None:
    def broken(seen: Evidence, settings: object) -> Iterator[Finding]:
        raise GraderError("no tolerance")
        yield

    check = check_with()
    check.judge_function = broken
    measured = Evidence("ddpm.posterior", failures={"all": Failure("grader", "KeyError: 'x'")})
    for verdict in (judge(check, Evidence("x"), SETTINGS), judge(check_with(), measured, SETTINGS)):
        assert verdict.outcome == "grader_error"
        assert verdict.awaiting == QUESTION.points
        assert "our fault" in verdict.message


def test_a_missing_policy_or_tolerance_is_our_error() -> None:
    with pytest.raises(GraderError, match="no policy 'other'"):
        SETTINGS.policy("other")
    with pytest.raises(GraderError, match=r"has no 'gan\.forward'"):
        SETTINGS.tolerance("gan.forward")
