"""The founding document comes out exactly so: this is the project's first real submission."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.theory import judge_answer
from grader.theory.freetext import review_free_text
from grader.theory.steps import check_steps
from grader.theory.writeup import read_writeup

SEED = Path(__file__).parents[2] / "submissions" / "seed" / "homework.tex"


@pytest.fixture(scope="module")
def answers():
    return read_writeup(SEED.read_text(), SEED.name).answers


RESULTS = {
    "1.1": "correct",
    "1.2": "incorrect",
    "2.1": "incorrect",
    "2.3": "correct",
    "2.4": "correct",
    "2.5": "incorrect",
}


@pytest.mark.parametrize("question", RESULTS)
def test_each_result_gets_its_verdict(answers, question):
    judged = judge_answer(question, "latex", answers[question].result)
    assert judged.verdict == RESULTS[question], judged
    assert (judged.mistake is None) == (RESULTS[question] == "correct")


def test_beta_bar_is_defined_rightly(answers):
    assert judge_answer("2.3.beta_bar", "latex", answers["2.3"].parts["beta_bar"]).verdict == "correct"


STEPS = {
    "1.1": {"follows": 1, "undecided": 1, "wrong": []},
    "1.2": {"follows": 0, "undecided": 1, "wrong": ["kl_second_argument", "lost_log_4"]},
    "2.3": {"follows": 10, "undecided": 0, "wrong": ["joint_for_marginal"]},
    "2.4": {"follows": 5, "undecided": 0, "wrong": ["exponent_sign"]},
    "2.5": {"follows": 6, "undecided": 0, "wrong": ["mask_only_on_known"]},
}


@pytest.mark.parametrize("question", STEPS)
def test_each_wrong_step_is_named_and_no_other(answers, question):
    judged = check_steps(question, answers[question])
    statuses = [step.status for step in judged.steps]
    assert [step.mistake for step in judged.steps if step.status == "wrong"] == STEPS[question]["wrong"]
    assert statuses.count("follows") == STEPS[question]["follows"]
    assert statuses.count("undecided") == STEPS[question]["undecided"]


def test_the_first_line_of_2_3_is_the_first_wrong_step(answers):
    judged = check_steps("2.3", answers["2.3"])
    assert judged.first_wrong == 0
    assert "marginal" in judged.steps[0].message


def test_verdicts_are_read_and_reasons_left_to_a_person(answers):
    assert [answers[f"3.{i}"].verdict for i in range(1, 5)] == [True, False, True, False]
    for question in ("3.2", "3.4"):
        review = review_free_text(question, answers[question].reason, ())
        assert review.status == "needs_review"
        assert not review.findings
    assert review_free_text("2.2", answers["2.2"].text, ()).verdict is False
