"""Arbitrary text never crashes the reader, and a changed right answer is never accepted unless it is equal."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.theory import judge_answer
from grader.theory.questions import FAMILY

DATA = Path(__file__).parent / "data"
FRAGMENTS = [
    r"\frac",
    r"{",
    r"}",
    r"(",
    r")",
    r"[",
    r"]",
    r"\left(",
    r"\right)",
    r"\sqrt",
    r"\bar",
    r"\overline",
    r"\hat",
    r"\tilde",
    r"\beta",
    r"\bar\beta",
    r"_t",
    r"_{t-1}",
    r"^2",
    r"^{-1}",
    r"^*",
    r"x",
    r"x_0",
    r"x_t",
    r"M",
    r"\odot",
    r"\cdot",
    r"+",
    r"-",
    r"*",
    r"/",
    r"=",
    r",",
    r";",
    r"\\",
    r"&",
    r"\text{where}",
    r"\text{with}",
    r"\prod_{i=1}^t",
    r"\sum_{t=1}^T",
    r"\int",
    r"dx",
    r"\mathbb{E}_{x\sim",
    r"p_r}",
    r"p_r(x)",
    r"p_g(x)",
    r"p_r",
    r"p_g",
    r"D^*(x)",
    r"KL",
    r"JSD",
    r"\|",
    r"|",
    r"\mathcal{N}",
    r"\nabla_x",
    r"\log",
    r"\exp",
    r"1",
    r"2",
    r"0",
    r"10",
    r"0.5",
    r"s_\theta(x,\delta)",
    r"q(x_t|x_0)",
    r"x_{known}",
    r"\alpha_t",
    r"\bar\alpha_t",
    r"\sigma_t",
    r"\epsilon",
    r"I",
    r"\begin{cases}",
    r"\end{cases}",
    r"\mathbf{x}",
    r"\begin{aligned}",
    r"\end{aligned}",
    r"Product(beta[i],(i,1,t))",
    r"Normal('x',0,1)",
    r"beta_bar_{t-1}",
    r"√",
    r"∏",
    r"²",
    r"β̄",
    r"ₜ",
    r"⊙",
    r"‖",
    r"\underbrace",
    r"\underset",
    r"\operatorname{diag}",
    r"\sim",
    r"\ge",
]
QUESTIONS = st.sampled_from(sorted(FAMILY))
LANGUAGES = st.sampled_from(["latex", "text", "auto"])
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(QUESTIONS, LANGUAGES, st.text(max_size=60))
def test_any_text_gets_a_verdict(question: str, lang: str, text: str) -> None:
    judge_answer(question, lang, text).message.encode("utf-8")


@SETTINGS
@given(QUESTIONS, LANGUAGES, st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(" ".join))
def test_any_sequence_of_mathematical_fragments_gets_a_verdict(question: str, lang: str, text: str) -> None:
    judge_answer(question, lang, text).message.encode("utf-8")


def answers(expected: str) -> list[dict[str, str]]:
    lines = (DATA / "course_answers.jsonl").read_text(encoding="utf-8").splitlines()
    return [case for case in map(json.loads, lines) if case["expected"] == expected]


@SETTINGS
@given(st.sampled_from(answers("correct")), st.randoms(use_true_random=False))
def test_a_right_answer_with_characters_lost_or_doubled_never_crashes(
    case: dict[str, str], chance: random.Random
) -> None:
    text = list(case["student"])
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text))
        text[place : place + 1] = chance.choice(([], [text[place]] * 2, [chance.choice("()[]{}_^\\-+2|")]))
        text = text or ["1"]
    judge_answer(case["question"], case["lang"], "".join(text)).message.encode("utf-8")


def one_number(case: dict[str, str]) -> bool:
    """Whether an answer is a single expression for a number: no definition beside it, no law, no pair."""
    return not {",", "="} & set(case["student"]) and case["question"] not in ("2.3", "2.1")


@pytest.mark.parametrize("case", list(filter(one_number, answers("correct"))), ids=lambda case: case["id"])
def test_a_right_answer_plus_or_times_something_is_wrong(case: dict[str, str]) -> None:
    wrapped = rf"\left({case['student']}\right)" if case["lang"] == "latex" else f"({case['student']})"
    for changed in (f"2 {wrapped}", f"-{wrapped}", f"{wrapped}/3", f"{wrapped}^2"):
        assert judge_answer(case["question"], case["lang"], changed).verdict in ("incorrect", "undecided"), changed
