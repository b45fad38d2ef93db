"""Wrong answers get the name of their mistake; the catalogue itself holds no right answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.theory import judge_answer
from grader.theory.mistakes import _base, catalogue, signature
from grader.theory.near_misses import changes
from grader.theory.questions import FAMILY
from grader.theory.reading import parse
from grader.theory.reference_answers import right_answer

DATA = Path(__file__).parent / "data"


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
        # outside the catalogue: one small change of the student's own formula
        ("1.1", "sigmoid(log p_r + log p_g)", "sign"),
        ("2.3", "N(x_t; sqrt(1-betabar_t) x_0, betabar_{t-1} I)", "index_in_variance"),
        ("2.3", "N(x_t; sqrt(a_t) x_0, (1-a_t) I), a_t = sum_{i=1}^t (1-beta_i)", "sum_for_product"),
        ("2.4", "(bb_tm1*sqrt(1-beta_t)*x_t + beta_t*sqrt(1-bb_tm1)*x_0)/sqrt(bb_t)", "root_too_many"),
        ("2.3.beta_bar", "1 - prod(1 - beta_s for s in range(t))", "starts_at_0"),
        ("2.3.beta_bar", "1 - np.prod(1 - beta[1:t])", "stops_early"),
        # and where none fits: what is right about the answer
        ("1.1", "p_r/(1 + p_g)", "not_a_ratio"),
        ("2.3.beta_bar", "t*beta_t", "right_at_first_step"),
        ("2.4", "beta_t*x_t + beta_t*sqrt(1-bb_tm1)/bb_t*x_0", "coefficient_of_x_t"),
        ("2.5", "s_theta(x,delta) - 3*x_known*M", "observed_entries"),
    ],
)
def test_a_mistake_is_named(question: str, text: str, mistake: str) -> None:
    judgement = judge_answer(question, "text", text)
    assert judgement.verdict == "incorrect"
    assert judgement.mistake == mistake


def test_every_wrong_answer_of_the_table_is_wrong_and_has_a_name() -> None:
    rows = [json.loads(line) for line in (DATA / "wrong_answers.jsonl").read_text(encoding="utf-8").splitlines()]
    unnamed = []
    for row in (row for row in rows if row["expected"] == "incorrect"):
        judgement = judge_answer(row["question"], row["lang"], row["student"])
        if judgement.verdict != "incorrect" or not judgement.mistake:
            unnamed.append((row["id"], row["student"], judgement.verdict, judgement.message))
    assert not unnamed


@pytest.mark.parametrize("question", sorted(FAMILY))
def test_a_small_change_of_the_right_answer_changes_one_place_only(question: str) -> None:
    right = right_answer(question)
    found = list(changes(right))
    assert all(change.node != right for change in found)
    assert all(change.id and change.sentence.endswith(".") for change in found)


def test_a_sentence_quotes_what_the_student_wrote_and_not_what_belongs_there() -> None:
    for change in changes(parse("2.3", "text", "N(x_t; sqrt(1 - beta_bar_{t-1})*x_0, beta_bar_t*I)")):
        if change.id == "index":
            assert "β̄_t " not in change.sentence.replace("“β̄_t”", "")


def test_a_change_that_leaves_the_right_answer_without_a_value_is_passed_over() -> None:
    text = (
        r"\mathrm{SNR}(t-1)-\mathrm{SNR}(t),\ \mathrm{SNR}(t)=\frac{\bar\beta_t}{\bar\beta_t},"
        r"\ \sigma_t^2=\frac{\beta_t\bar\beta_{t-1}}{\bar\beta_t}"
    )
    judgement = judge_answer("2.1.weight", "latex", text)
    assert (judgement.verdict, judgement.mistake) == ("incorrect", "zero")
