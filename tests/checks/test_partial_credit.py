"""What a minor fault costs stands in the rubric, and nowhere else."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from grader.checks.catalogue import find_check
from grader.checks.trusted_bench import measure_trusted
from grader.judge import JudgeSettings, judge
from grader.model import Verdict
from tests.checks.grading import RUBRIC, TOLERANCES
from tests.checks.test_gan_and_ddpm_checks import perfect

CHECKS = Path(__file__).resolve().parents[2] / "grader" / "checks"
CREDITS = [name for name in RUBRIC.policy if name.endswith("_credit")]


def test_every_credit_of_the_rubric_is_a_share_that_some_check_reads() -> None:
    texts = "".join(path.read_text("utf-8") for path in CHECKS.glob("*.py"))
    assert all(0 <= Fraction(str(RUBRIC.policy[name])) <= 1 and f'"{name}"' in texts for name in CREDITS)


def test_no_check_holds_a_share_of_its_own() -> None:
    for path in CHECKS.glob("*.py"):
        if path.name not in ("trusted_bench.py", "theory.py"):
            assert not re.search(r"Fraction\(\d", path.read_text("utf-8")), path.name


def test_another_credit_gives_other_points() -> None:
    check = find_check("gan.generator_loss")
    question = next(q for q in RUBRIC.questions if q.check == check.name)
    halved = perfect(
        "hw5_gan",
        ("return F.binary_cross_entropy_with_logits(fake, ", "return 0.5 * F.binary_cross_entropy_with_logits(fake, "),
    )
    seen = measure_trusted(check, halved, 0)

    def points(credit: str) -> Verdict:
        return judge(check, seen, JudgeSettings(question, {**RUBRIC.policy, "scaled_loss_credit": credit}, TOLERANCES))

    assert [points(c).points for c in ("1/2", "3/4", "0")] == [
        question.points * Fraction(c) for c in ("1/2", "3/4", "0")
    ]


def test_each_network_has_its_half_of_the_initialisation() -> None:
    check = find_check("gan.weight_init")
    question = next(q for q in RUBRIC.questions if q.check == check.name)
    broken = perfect("hw5_gan", ("self.conv1 = nn.Conv2d(1, 2", "self.conv1 = nn.Conv2d(1, 2, 0, 0, 0"))
    found = judge(check, measure_trusted(check, broken, 0), JudgeSettings(question, RUBRIC.policy, TOLERANCES))
    assert (found.points, found.awaiting) == (question.parts["gnet"], question.parts["dnet"])
