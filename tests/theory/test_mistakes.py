"""Wrong answers get the name of their mistake; the catalogue itself holds no right answer."""

from __future__ import annotations

import pytest

from grader.theory import judge_answer
from grader.theory.mistakes import _base, catalogue, signature
from grader.theory.questions import FAMILY
from grader.theory.reference_answers import right_answer


@pytest.mark.parametrize("question", sorted(FAMILY))
def test_every_known_mistake_has_a_place_and_is_wrong(question: str) -> None:
    right = signature(question, right_answer(question))
    for mistake in catalogue(question):
        base = _base(question, mistake)
        wrong = mistake.applied(base)
        assert wrong is not None, f"{mistake.id} finds no place"
        found = signature(question, wrong)
        assert found is not None, f"{mistake.id} has no value"
        assert found != right
        assert found != signature(question, base), f"{mistake.id} changes nothing"


@pytest.mark.parametrize(
    ("question", "text", "mistake"),
    [
        ("1.1", "p_g/(p_r + p_g)", "swapped_densities"),
        ("1.2", "2*JSD(p_r||p_g)", "lost_log_4"),
        ("1.2", "KL(p_r || p_r+p_g) + KL(p_g || p_r+p_g)", "not_a_density"),
        ("2.3", "N(x_t; sqrt(1-betabar_t) x_0, sqrt(betabar_t) I)", "deviation_for_variance"),
        ("2.3", "N(x_t; (1-betabar_t) x_0, sqrt(betabar_t) I)", "root_missing_in_mean+deviation_for_variance"),
        ("2.4", "(bb_tm1*sqrt(1-beta_t)*x_t + beta_t*(1-bb_tm1)*x_0)/bb_t", "root_missing_beta_bar"),
        ("2.4", "beta_t*bb_tm1/bb_t", "wrong_kind"),
        ("2.1.weight", "beta_t*(1-bb_tm1)/(sigma_t^2*bb_t^2)", "beta_not_squared+missing_half"),
        (
            "2.1",
            "sum_{t=1}^T beta_t*(1-bb_tm1)/(2*sigma_t^2*bb_t^2) * E_{q(x_t|x_0)}[||xhat_theta(x_t) - x_0||^2]",
            "sign+beta_not_squared",
        ),
        ("2.5", "s_theta(x,delta) - grad_x ||x - x_known*M||^2", "mask_on_x_known_only"),
    ],
)
def test_a_mistake_is_named(question: str, text: str, mistake: str) -> None:
    judgement = judge_answer(question, "text", text)
    assert judgement.verdict == "incorrect"
    assert judgement.mistake == mistake
