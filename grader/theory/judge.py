"""One answer → one judgement. The order is: read, compare in random models, and only then name the mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from grader.theory import tree as t
from grader.theory.consistency import given_redefined, twice_defined
from grader.theory.deciding import ERROR_BOUND, component_index, many_digits
from grader.theory.elbo import elbo_equal
from grader.theory.errors import ReadError, UnknownSymbol
from grader.theory.gaussians import transition_equal
from grader.theory.noise_of_x_t import with_noise_of_x_t
from grader.theory.outcomes import Outcome, guarded
from grader.theory.reading import read
from grader.theory.stated import answer_and_reference, known_called_k, left_side_doubt
from grader.theory.statements import Reading, Statement
from grader.theory.value_decision import decide_value, seed_of
from grader.theory.values import MORE_DIGITS
from grader.theory.verdict import AnswerPolicy, Judgement

DEFAULT_POLICY = AnswerPolicy()

OUT_OF_SCOPE = (
    "The running index stands outside its sum or product: as typed, that ends before. Are parentheses missing?"
)


def judge_answer(question: str, lang: str, text: str, policy: AnswerPolicy = DEFAULT_POLICY) -> Judgement:
    """Judges one answer.

    question: "1.1" … "2.5"; lang: "latex", "text" or "auto". Never raises on a student's text: what cannot be read is
    the verdict "unreadable" with a sentence and a column, what cannot be decided is "undecided".
    """
    try:
        reading = read(question, lang, text)
    except ReadError as error:
        return Judgement("unreadable", error.kind, sentence_of(error, text), column=error.column)
    return judge_reading(reading, policy)


def sentence_of(error: ReadError, text: str) -> str:
    """The error with the place shown in the student's own characters."""
    around = printable(text[max(0, error.column - 12) : error.column + 12])
    place = f" (column {error.column + 1}: …{around}…)" if around else ""
    return f"The answer could not be read: {printable(error.sentence)}{place}"


def printable(text: str) -> str:
    """Text with control characters and lone surrogates escaped."""
    return "".join(c if c.isprintable() else " " if c == "\n" else c.encode("unicode_escape").decode() for c in text)


def judge_reading(reading: Reading, policy: AnswerPolicy = DEFAULT_POLICY) -> Judgement:
    """Judges an answer that was read already."""
    if (noisy := with_noise_of_x_t(reading)) is not None:
        judged = judge_reading(noisy, policy)
        if judged.verdict == "correct":
            return judged
    outcomes: list[Outcome] = []
    for statement in reading.answers:
        try:
            outcomes.append(_judge_statement(reading, statement, policy))
        except ReadError as error:
            if _outside_its_sum(statement, error):
                return Judgement("incorrect", "index_out_of_scope", OUT_OF_SCOPE, reading=reading.typeset)
            return Judgement(
                "unreadable", error.kind, sentence_of(error, reading.text), reading=reading.typeset, column=error.column
            )
        except RecursionError:
            return Judgement(
                "undecided", None, "The formula is too deeply nested to be evaluated.", reading=reading.typeset
            )
    verdicts = {o.verdict for o in outcomes}
    if len(verdicts) > 1:
        return Judgement(
            "undecided",
            None,
            "The text states several answers that do not agree; a person decides which one counts.",
            reading=reading.typeset,
        )
    return _judgement(reading, outcomes[0], answer_and_reference(reading, reading.answers[0])[0])


def _outside_its_sum(statement: Statement, error: ReadError) -> bool:
    """Is the unknown symbol the index of a ∑ or ∏ of the same answer, as in ∏_{i=1}^t 1 − β_i?"""
    node = statement.final.node
    if not isinstance(error, UnknownSymbol) or node is None:
        return False
    running = {part.var for part in t.walk(node) if isinstance(part, t.Big)}
    return any(isinstance(p, t.Sym) and p.name in running and p.column == error.column for p in t.walk(node))


def _judgement(reading: Reading, outcome: Outcome, node: t.Node) -> Judgement:
    doubt = twice_defined(reading)
    if not doubt and outcome.verdict == "correct":
        doubt = given_redefined(reading)
    if doubt and outcome.verdict != "undecided":
        return Judgement("undecided", "contradiction", doubt, reading=reading.typeset)
    if outcome.verdict == "correct" and reading.conditional:
        message = "The answer is stated under a condition; a person decides whether it is meant in general."
        return Judgement("undecided", None, message, reading=reading.typeset)
    if outcome.verdict == "correct" and any(d.name in ("p_r", "p_g") and d.lhs != d.body for d in reading.definitions):
        message = "The answer sets p_r or p_g to something else; a person decides whether it is meant in general."
        return Judgement("undecided", None, message, reading=reading.typeset)
    if outcome.verdict == "correct":
        proof = f"equal to the right answer in {outcome.draws} random models, error ≤ {ERROR_BOUND}"
        message = outcome.sentence or "The answer is right."
        return Judgement(
            "correct", None, message, proof=proof, reading=reading.typeset, credit_hint=outcome.credit_hint
        )
    if outcome.verdict == "undecided":
        return Judgement("undecided", outcome.mistake, outcome.sentence, reading=reading.typeset)
    mistake, sentence = outcome.mistake, outcome.sentence
    if mistake is None:
        from grader.theory.mistakes import name_mistake

        named = name_mistake(reading, node)
        if named is not None:
            mistake, sentence = named
    difference = outcome.difference
    counterexample = None
    if difference is not None:
        counterexample = {"point": difference.point, "student": difference.left, "expected": difference.right}
        shown_point = (
            f"{difference.where + ': ' if difference.where else ''}your expression has the value {difference.left}"
        )
        sentence = (sentence or "The answer is not equal to the right one.") + (
            f" In a concrete case ({shown_point}) the right value is another."
        )
    return Judgement(
        "incorrect",
        mistake,
        sentence or "The answer is not right.",
        counterexample=counterexample,
        reading=reading.typeset,
    )


def _judge_statement(reading: Reading, statement: Statement, policy: AnswerPolicy) -> Outcome:
    question = reading.question
    node, reference, relation = answer_and_reference(reading, statement)
    deciders: dict[str, Callable[..., Outcome]] = {"2.1": _decide_elbo, "2.3": _decide_transition}
    decide = deciders.get(question, decide_value)
    outcome = guarded(lambda digits: decide(reading, node, reference, relation, policy, digits))
    if question == "2.5" and outcome.mistake == "kind_mismatch" and (short := known_called_k(node)) is not None:
        tried = guarded(lambda digits: decide(reading, short, reference, relation, policy, digits))
        outcome = tried if tried.verdict == "correct" else outcome
    if question == "2.5" and outcome.mistake == "kind_mismatch" and component_index(node):
        sentence = (
            f"Components (index {component_index(node)}) and whole vectors stand side by side; a person looks at it."
        )
        return Outcome("undecided", sentence=sentence)
    if outcome.verdict == "correct" and many_digits(node):
        outcome = guarded(lambda digits: decide(reading, node, reference, relation, policy, MORE_DIGITS))
    if outcome.verdict == "correct" and (doubt := left_side_doubt(reading, statement)):
        return Outcome("undecided", sentence=doubt)
    loose = ("≈", "∝") if question != "2.3" else ("≈",)
    if outcome.verdict == "correct" and relation in (*loose, *(("≤", "≥") if question != "2.1" else ())):
        return Outcome("undecided", sentence=f"The answer is stated with “{relation}” where an equation is asked for.")
    return outcome


def _decide_elbo(
    reading: Reading, node: t.Node, reference: t.Node, relation: str, policy: AnswerPolicy, digits: int
) -> Outcome:
    if relation == "≤":
        sentence = "The bound is stated as an upper bound of log p_θ(x_0); it is a lower one."
        return Outcome("incorrect", mistake="upper_bound", sentence=sentence)
    result = elbo_equal(node, reading.definitions, seed_of(reading), digits, policy)
    return _from_result(result)


def _decide_transition(
    reading: Reading, node: t.Node, reference: t.Node, relation: str, policy: AnswerPolicy, digits: int
) -> Outcome:
    result = transition_equal(reading, node, reference, relation, seed_of(reading), digits, policy)
    return _from_result(result)


def _from_result(result: dict[str, Any]) -> Outcome:
    return replace(Outcome(result.pop("verdict")), **result)
