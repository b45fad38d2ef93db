"""Theory: typed results, derivation steps, true/false, free text. Reads formulas; runs no student code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from grader.checks.registry import Record, Settings, StudentFailure, check
from grader.desk import TheoryBench
from grader.model import Evidence, Finding, Lost, Note, Undecided
from grader.theory.answer_text import AnswerText

NO_ANSWER = "No answer was given."
LEAST_RELATIONS = 2
"""A derivation with fewer relations that could be checked is looked at by a person."""


def _answer(bench: TheoryBench) -> AnswerText | None:
    """The student's answer; raises when there is no readable file of answers at all."""
    if bench.answer is None and bench.problem is not None:
        raise StudentFailure(bench.problem)
    return bench.answer


def _with_definitions(answer: AnswerText, formula: str) -> str:
    """A formula together with the notation that the student declared elsewhere in the answer."""
    missing = [d for d in answer.definitions if d not in formula]
    return formula if not missing else f"{formula}, \\quad \\text{{where }} " + ",\\ ".join(missing)


def _judged(question: str, answer: AnswerText, formula: str) -> dict[str, Any]:
    from grader.theory import judge_answer

    judged = asdict(judge_answer(question, answer.lang, formula))
    if judged["verdict"] != "correct" and answer.definitions:
        again = asdict(judge_answer(question, answer.lang, _with_definitions(answer, formula)))
        if again["verdict"] != "unreadable":
            judged = again
    return {**judged, "answer": formula}


@check("theory.result", cost="instant")
def result(bench: TheoryBench, record: Record) -> None:
    """The final formula is the right one, in whatever form it is written."""
    answer = _answer(bench)
    topic = bench.question.topic or ""
    if answer is None:
        return
    if topic != bench.item:
        _part_result(topic, bench.item, answer, record)
    elif answer.result:
        record(**_judged(topic, answer, answer.result))


def _part_result(topic: str, item: str, answer: AnswerText, record: Record) -> None:
    """A result asked beside another ('2.3.beta_bar'): its own entry, else where the answer defines it."""
    name = topic.removeprefix(f"{item}.")
    if answer.parts.get(name):
        record(**_judged(topic, answer, answer.parts[name]))
        return
    candidates = [*answer.definitions, *(s.text for s in answer.steps), *([answer.result] if answer.result else [])]
    tried = [_judged(topic, answer, text) for text in candidates]
    right = [t for t in tried if t["verdict"] == "correct"]
    if right:
        record(**right[0])
    elif answer.result:
        whole = _judged(item, answer, answer.result)
        spelled_out = "∏" in whole["reading"] or any("prod" in text for text in candidates)
        record(verdict="contained" if whole["verdict"] == "correct" and spelled_out else "undefined")


@result.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    verdict = seen.facts.get("verdict")
    message = str(seen.facts.get("message", ""))
    if verdict is None:
        yield Lost("no_answer", NO_ANSWER)
    elif verdict == "incorrect":
        yield Lost(seen.facts.get("mistake") or "unnamed", message)
    elif verdict == "correct":
        if seen.facts.get("credit_hint") == "up_to_constant" and settings.policy("constant_in_elbo") == "reject":
            yield Lost("constant", "The bound is right only up to an additive constant; it is asked in full.")
    elif verdict == "contained":
        yield Note("It is not defined by name, but it stands spelled out in your result.")
    elif verdict == "undefined":
        yield Undecided("It is used but not defined in the answer: a person decides.")
    else:
        yield Undecided(f"{message} A person will read it; nothing is lost.".strip())


@check("theory.steps", cost="instant")
def steps(bench: TheoryBench, record: Record) -> None:
    """Each step of the derivation follows from the one before."""
    answer = _answer(bench)
    if answer is None:
        return
    from grader.theory.steps import check_steps

    if answer.result:
        record(result=_judged(bench.item, answer, answer.result)["verdict"])
    judged = check_steps(bench.item, answer)
    record(steps=[asdict(step) for step in judged.steps], first_wrong=judged.first_wrong)


@steps.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    checked = list(seen.facts.get("steps", []))
    followed = [s for s in checked if s["status"] == "follows"]
    wrong = [s for s in checked if s["status"] == "wrong"]
    undecided = [s for s in checked if s["status"] == "undecided"]
    if not checked:
        yield from _no_steps(str(seen.facts.get("result", "none")), settings)
        return
    if wrong:
        credit = Fraction(str(settings.policy("one_wrong_step_credit"))) if len(wrong) == 1 else Fraction(0)
        for i, step in enumerate(wrong):
            yield Lost(step["mistake"] or "wrong_step", step["message"], fraction=1 - credit if i == 0 else Fraction(0))
    elif len(followed) < LEAST_RELATIONS or len(undecided) > len(followed):
        yield Undecided(f"{_count(len(followed))} could be checked, the rest is for a person to read; nothing is lost.")
    elif seen.facts.get("result") != "correct":
        yield Undecided("Every step that could be checked follows, but the result does not: a person decides.")
    if undecided and not (len(followed) < LEAST_RELATIONS or len(undecided) > len(followed)):
        yield Note(f"{_count(len(undecided))} could not be read and cost nothing.")


def _no_steps(result_verdict: str, settings: Settings) -> Iterator[Finding]:
    policy = settings.policy("missing_steps")
    if result_verdict == "none":
        yield Lost("no_answer", NO_ANSWER)
    elif result_verdict == "incorrect" or policy == "fail":
        yield Lost("no_steps", "No derivation was given.")
    elif policy == "review" or result_verdict != "correct":
        yield Undecided("The result stands without a derivation: a person decides.")
    else:
        yield Note("No derivation was given; the right result counts for it.")


def _count(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"


@check("theory.true_false", cost="instant")
def true_false(bench: TheoryBench, record: Record) -> None:
    """The statement is judged true or false as it is."""
    answer = _answer(bench)
    if answer is not None and (answer.verdict is not None or answer.verdict_text or answer.text):
        record(verdict=answer.verdict, words=answer.verdict_text or answer.text)


@true_false.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    if "verdict" not in seen.facts:
        yield Lost("no_answer", NO_ANSWER)
    elif seen.facts["verdict"] is None:
        yield Undecided("Neither true nor false could be read in the answer: a person will read it.")
    elif seen.facts["verdict"] is not settings.question.expected:
        yield Lost("wrong_verdict", "The verdict is not right.")


@check("theory.free_text", cost="instant")
def free_text(bench: TheoryBench, record: Record) -> None:
    """The explanation names the reason; a person reads it."""
    from grader.theory.freetext import review_free_text

    answer = _answer(bench)
    if answer is None:
        return
    text = answer.reason if answer.verdict_text or answer.verdict is not None else answer.text
    if text and text.strip():
        record(**review_free_text(bench.item, text, bench.question.look_for).facts())


@free_text.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    if not seen.facts.get("text"):
        yield Lost("no_answer", NO_ANSWER)
    else:
        yield Undecided("A person reads your explanation.")
