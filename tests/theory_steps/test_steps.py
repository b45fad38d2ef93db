"""Derivations: right steps follow, wrong ones are named, what is not understood costs nothing."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from grader.theory.answer_text import AnswerText, StepText, split_leading
from grader.theory.answers_file import read_answers_toml
from grader.theory.steps import MAX_RELATIONS, check_steps

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = {case["id"]: case for case in map(json.loads, (HERE / "derivations.jsonl").read_text().splitlines())}
DERIVED = ("1.1", "1.2", "2.3", "2.4", "2.5")


def answer_of(question: str, steps: list[str], definitions=(), lang="latex") -> AnswerText:
    texts = []
    for step in steps:
        leading, rest = split_leading(step)
        texts.append(StepText(rest, lang, leading=leading))
    return AnswerText(question, steps=tuple(texts), definitions=tuple(definitions), lang=lang)


@pytest.mark.parametrize("name", CASES)
def test_a_derivation_is_judged_step_by_step(name):
    case = CASES[name]
    answer = answer_of(case["question"], case["steps"], case.get("definitions", ()), case.get("lang", "latex"))
    judged = check_steps(case["question"], answer)
    follows = [step for step in judged.steps if step.status == "follows"]
    wrong = [step for step in judged.steps if step.status == "wrong"]
    if "follows" in case:
        assert len(follows) == case["follows"]
    assert len(follows) >= case.get("follows_at_least", 0)
    assert len(wrong) == len(case["wrong"])
    for expected, step in zip(case["wrong"], wrong, strict=True):
        assert expected is None or step.mistake == expected
        assert step.counterexample is not None or step.mistake == "kl_second_argument"
        assert step.message
    first = next((k for k, step in enumerate(judged.steps) if step.status == "wrong"), None)
    assert judged.first_wrong == first
    json.dumps([asdict(step) for step in judged.steps])


@pytest.mark.parametrize("name", ["perfect", "perfect_score"])
def test_a_good_students_steps_all_follow(name):
    answers = read_answers_toml((ROOT / "submissions" / name / "answers.toml").read_text()).answers
    for question in DERIVED:
        judged = check_steps(question, answers[question])
        assert len(judged.steps) >= 3
        assert [step.status for step in judged.steps] == ["follows"] * len(judged.steps)


MUTATIONS = (
    (r"\\sqrt\{1 - \\bar\\beta_\{t-1\}\}", r"(1 - \\bar\\beta_{t-1})"),
    (r"(?<=[\w})]) - (?!.*\\epsilon)", " + "),
    (r"2(?=\\?,? ?[(\\])", "3"),
    (r"\\bar\\beta", r"\\beta"),
    (r"\\odot M(?!.*=)", ""),
    (r"\\log 4", r"\\log 2"),
)


@pytest.mark.parametrize("question", ["1.2", "2.3", "2.4", "2.5"])
def test_a_changed_sign_root_index_or_factor_never_passes(question):
    answer = read_answers_toml((ROOT / "submissions/perfect/answers.toml").read_text()).answers[question]
    right = len(check_steps(question, answer).steps)
    tried = 0
    for k, step in enumerate(answer.steps):
        for pattern, changed in MUTATIONS:
            for match in re.finditer(pattern, step.text):
                text = step.text[: match.start()] + match.expand(changed) + step.text[match.end() :]
                judged = check_steps(
                    question,
                    replace(answer, steps=(*answer.steps[:k], replace(step, text=text), *answer.steps[k + 1 :])),
                )
                assert sum(s.status == "follows" for s in judged.steps) < right, text
                tried += 1
    assert tried >= 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "a = b = c",
        "\\frac",
        "x_t = x_t = x_t",
        "∝∝∝",
        "1 = 2",
        "\\Rightarrow",
        "= =",
        "{",
        "x" * 30_000,
        "a=" * 3000,
    ],
)
@pytest.mark.parametrize("question", [*DERIVED, "2.1", "1.3", "9.9"])
def test_no_step_text_raises(question, text):
    for lang in ("latex", "text"):
        judged = check_steps(question, answer_of(question, [text, "= " + text, "\\Rightarrow " + text], lang=lang))
        assert len(judged.steps) <= MAX_RELATIONS


def test_a_false_number_is_wrong_in_every_question():
    for question in DERIVED:
        assert check_steps(question, answer_of(question, ["1 = 2"])).first_wrong == 0


def test_the_same_derivation_is_judged_the_same_every_time():
    case = CASES["2.4 wrong solution"]
    answer = answer_of(case["question"], case["steps"])
    assert check_steps("2.4", answer) == check_steps("2.4", answer)
