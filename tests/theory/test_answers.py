"""Every answer of the two case files gets the verdict it deserves; no wrong one is accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.theory import judge_answer

DATA = Path(__file__).parent / "data"


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines() if line.strip()]


@pytest.mark.parametrize(
    "name",
    [
        "course_answers.jsonl",
        "more_answers.jsonl",
        "students_one.jsonl",
        "students_two.jsonl",
        "students_three.jsonl",
        "program_forms.jsonl",
        "contradictions.jsonl",
        "notations.jsonl",
        "wrong_answers.jsonl",
        "garbage.jsonl",
    ],
)
def test_every_verdict_is_the_expected_one(name: str) -> None:
    wrong = []
    for case in cases(name):
        judgement = judge_answer(case["question"], case["lang"], case["student"])
        if judgement.verdict != case["expected"]:
            wrong.append((case["id"], case["student"], case["expected"], judgement.verdict, judgement.message))
    assert not wrong


@pytest.mark.parametrize("name", ["course_answers.jsonl", "more_answers.jsonl"])
def test_the_language_can_be_guessed(name: str) -> None:
    wrong = []
    for case in cases(name):
        judgement = judge_answer(case["question"], "auto", case["student"])
        if case["expected"] in ("correct", "incorrect") and judgement.verdict != case["expected"]:
            wrong.append((case["id"], case["student"], case["expected"], judgement.verdict, judgement.message))
    assert not wrong


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("2.3", "Normal('x_0', sqrt(1 - beta_bar_t)*x_0, sqrt(beta_bar_t))"),
        ("2.3", "N(x_0 | mean = sqrt(1-betabar_t)*x_0, var = betabar_t*I)"),
        ("2.3", "x_{t-1} = sqrt(1-betabar_t)*x_0 + sqrt(betabar_t)*eps, eps ~ N(0, I)"),
        ("2.3.beta_bar", "betabar_{t-1} = 1 - prod_{i=1}^t (1 - beta_i)"),
        ("2.3.beta_bar", "1 - (1 - beta_t)*(1 - betabar_{t-1}), betabar_0 = 1"),
        ("2.1", "log p_theta(x_1) >= E_{q(x_{1:T}|x_0)}[log(p_theta(x_{0:T})/q(x_{1:T}|x_0))]"),
        ("2.4", "N(x_t; (betabar_{t-1}*sqrt(1-beta_t)*x_t + beta_t*sqrt(1-betabar_{t-1})*x_0)/betabar_t, "
         "beta_t*betabar_{t-1}/betabar_t)"),
    ],
)  # fmt: skip
def test_a_right_expression_for_another_quantity_is_not_accepted(question: str, text: str) -> None:
    assert judge_answer(question, "text", text).verdict in ("incorrect", "undecided")


def test_an_index_may_have_another_name() -> None:
    assert judge_answer("2.3.beta_bar", "latex", r"\bar\beta_s=1-\prod_{i=1}^s(1-\beta_i)").verdict == "correct"


def test_a_right_answer_carries_its_proof_and_a_wrong_one_its_counterexample() -> None:
    right = judge_answer("1.1", "text", "p_r/(p_r + p_g)")
    assert right.proof is not None
    assert "1e-12" in right.proof
    wrong = judge_answer("1.1", "text", "p_g/(p_r + p_g)")
    assert wrong.counterexample is not None
    assert wrong.counterexample["student"] != wrong.counterexample["expected"]


def test_the_message_never_shows_the_right_value_or_formula() -> None:
    for case in cases("course_answers.jsonl"):
        judgement = judge_answer(case["question"], case["lang"], case["student"])
        if judgement.verdict == "incorrect" and judgement.counterexample:
            assert f"value {judgement.counterexample['expected']})" not in judgement.message


def test_a_constant_in_the_elbo_is_a_policy() -> None:
    from grader.theory import AnswerPolicy

    text = "E_{q(x_{1:T}|x_0)}[log(p_theta(x_{0:T})/q(x_{1:T}|x_0))] + const"
    accepted = judge_answer("2.1", "text", text)
    assert (accepted.verdict, accepted.credit_hint) == ("correct", "up_to_constant")
    assert judge_answer("2.1", "text", text, AnswerPolicy(constant_in_elbo="reject")).verdict == "incorrect"


def test_alpha_without_a_definition_is_read_only_under_the_policy() -> None:
    from grader.theory import AnswerPolicy

    text = r"\mathcal{N}(x_t;\sqrt{\bar\alpha_t}x_0,(1-\bar\alpha_t)I)"
    unread = judge_answer("2.3", "latex", text)
    assert unread.verdict == "unreadable"
    assert "α" in unread.message
    assert judge_answer("2.3", "latex", text, AnswerPolicy(assume_standard_alpha=True)).verdict == "correct"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("1.1", "D*(x)"),
        ("1.1", "D^*(x) = D^*(x)"),
        ("1.2", "V(D*, G)"),
        ("2.3", "q(x_t | x_0)"),
        ("2.3.beta_bar", "betabar_t"),
        ("2.3.beta_bar", "1 - (1 - betabar_t)"),
        ("2.3.beta_bar", "1 - (1 - betabar_{t+1})/(1 - beta_{t+1})"),
        ("2.4", "mu(x_t, x_0)"),
        ("2.5", "s_theta(x, delta | x_known)"),
        ("2.1", "ELBO"),
    ],
)
def test_naming_the_quantity_is_no_answer(question: str, text: str) -> None:
    assert judge_answer(question, "text", text).verdict != "correct"


@pytest.mark.parametrize("tiny", ["1e-6", "1e-13", "1e-20", "1e-29", "10^(-30)", "exp(-100)", "1e-20*1e-20*1e-20"])
def test_an_answer_equal_only_to_many_digits_is_not_accepted(tiny: str) -> None:
    assert judge_answer("1.1", "text", f"p_r/(p_r + p_g) + {tiny}").verdict != "correct"
    assert judge_answer("1.1", "text", f"p_r/(p_r + p_g)*(1 + {tiny})").verdict != "correct"


def test_a_long_decimal_of_log_4_is_not_log_4() -> None:
    assert judge_answer("1.2", "text", "2*JSD(p_r, p_g) - 1.38629436111989061883446424292").verdict != "correct"
    assert judge_answer("1.2", "text", "2*JSD(p_r, p_g) - 1.386294361119890618834464242/1").verdict != "correct"
