"""Every bound of the reader and the evaluator refuses, quickly and with a sentence; nothing hangs, nothing runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from grader.theory import bounds as b
from grader.theory import errors as e
from grader.theory import judge_answer, read


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("p_r" + " " * b.MAX_LENGTH, e.TooLong),
        ("+".join(["p_r"] * b.MAX_TOKENS), e.TooLong),
        ("(" * (b.MAX_DEPTH + 1) + "p_r" + ")" * (b.MAX_DEPTH + 1), e.TooDeep),
        ("/".join(["p_r"] * (b.MAX_TREE_DEPTH + 2)), e.TooDeep),
        ("1" * (b.MAX_DIGITS + 1), e.TooManyDigits),
        (f"p_r^{b.MAX_EXPONENT + 1}", e.ExponentTooLarge),
        ("2^2^2^2", e.ExponentTooLarge),
        ("1e9999", e.TooManyDigits),
        ("; ".join(["p_r"] * (b.MAX_STATEMENTS + 1)), e.TooLarge),
        ("p_r where " + ", ".join(f"a_{{{k}}} = 1" for k in range(b.MAX_DEFINITIONS + 1)), e.TooLarge),
        ("+".join(["p_r*p_g"] * (b.MAX_TOKENS // 8)), e.TooLarge),
    ],
)
def test_a_bound_refuses_with_its_own_class(text: str, error: type[e.ReadError]) -> None:
    start = time.process_time()
    with pytest.raises(e.ReadError) as caught:
        _ = read("1.1", "text", text).answer
    assert isinstance(caught.value, error)
    assert caught.value.sentence
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("2.3.beta_bar", "1 - " + "prod_{i=1}^{60} " * 6 + "(1 - beta_i)"),
        ("2.3.beta_bar", f"prod_{{i=1}}^{{{b.MAX_RANGE + 1}}} (1 - beta_i)"),
        ("2.3.beta_bar", "prod_{i=1}^{1000000000} i"),
        ("1.2", "E_{x~p_r, y~p_g, z~p_r, u~p_g, v~p_r, w~p_r}[log(p_r(x))]"),
        ("2.1", "E_{q(x_{1:T}|x_0)}[" * 8 + "1" + "]" * 8),
        ("1.1", "exp(exp(exp(exp(9))))"),
        ("1.1", "p_r^(9^9)"),
    ],
)
def test_work_beyond_the_bound_is_undecided_within_the_time_limit(question: str, text: str) -> None:
    start = time.process_time()
    judgement = judge_answer(question, "text", text)
    assert judgement.verdict in ("undecided", "incorrect", "unreadable")
    assert time.process_time() - start < b.TIME_LIMIT_S


@pytest.mark.parametrize(
    "text",
    [
        "a = b, b = a, a",
        "D*(x) = a where a = b + 1, b = a - 1",
        "D*(x) = r(x), r(x) = r(x)",
    ],
)
def test_a_circular_definition_is_refused_by_name(text: str) -> None:
    judgement = judge_answer("1.1", "text", text)
    assert judgement.verdict == "unreadable"
    assert "refers to itself" in judgement.message


def test_no_code_is_executed(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for text in (
        f"__import__('os').system('touch {mark}')",
        f"open('{mark}', 'w')",
        f"exec(\"open('{mark}','w')\")",
        f"lambda: open('{mark}','w')",
    ):
        for lang in ("latex", "text", "auto"):
            for question in ("1.1", "2.3", "2.5"):
                assert judge_answer(question, lang, text).verdict in ("unreadable", "incorrect", "undecided")
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        r"\frac0.5",
        r"\mathcal{N}M",
        "N_g",
        r"N_t|x_0)",
        "",
        " ",
        "$$",
        "\\",
        "{",
        "}",
        ")",
        "_",
        "^",
        "=",
        "\\frac",
        "\\frac{",
        "\\sqrt",
        "\\left(",
        "‖",
        "||",
        "\ud800",
        "\x00",
    ],
)
def test_fragments_are_unreadable_and_never_a_crash(text: str) -> None:
    for question in ("1.1", "1.2", "2.1", "2.1.weight", "2.3", "2.3.beta_bar", "2.4", "2.5"):
        for lang in ("latex", "text", "auto"):
            judgement = judge_answer(question, lang, text)
            assert judgement.verdict == "unreadable"
            judgement.message.encode("utf-8")


def test_an_unknown_question_is_a_sentence() -> None:
    assert "known are" in judge_answer("9.9", "text", "1").message
