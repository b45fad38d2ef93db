"""A report as one self-contained page for the student: no network, no script, no computed point.

Only what a student may see is taken from the evidence: the student's own answer, how it was read, the verdict on each
of the student's steps, the student's side of a counterexample, the pictures, what the code printed. Nothing else of the
facts is shown, so that a hidden value or a reference result which a check keeps for the record can't reach the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.late import IN_TIME, Lateness
from grader.model import Json, Outcome, QuestionResult, Report, Visibility
from grader.report.figures import Figure, figures
from grader.report.mathml import formula, prose
from grader.report.text import WORDS, number

TEMPLATES = Path(__file__).resolve().parent / "templates"
SHOWN: frozenset[Visibility] = frozenset({"visible"})
MARKS: dict[Outcome, str] = {
    "passed": "✓",
    "partial": "◐",
    "failed": "✗",
    "needs_review": "?",
    "skipped": "–",
    "grader_error": "!",
}
STEP_OUTCOMES: dict[str, tuple[Outcome, str]] = {
    "follows": ("passed", "follows"),
    "wrong": ("failed", "does not follow"),
    "undecided": ("needs_review", "not decided"),
}
LONGEST_OUTPUT = 8000


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a derivation, ready to show."""

    outcome: Outcome
    mark: str
    word: str
    text: str
    formula: Markup
    message: str


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One question, ready to show."""

    number: str
    title: str
    outcome: Outcome
    mark: str
    word: str
    points: str
    message: Markup
    hint: str
    answer: Markup
    reading: str
    counterexample: str
    steps: tuple[StepView, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    trace: str
    output: str


def student_page(report: Report, late: Lateness = IN_TIME, visibilities: frozenset[Visibility] = SHOWN) -> str:
    """One HTML page: score, table, each question with formulas, steps and pictures, a summary to paste.

    The score is the points that count, after lateness; the points before stand beside it.
    Questions of another visibility are left out of everything, the sums too: the page doesn't say that they exist.
    """
    results = tuple(r for r in report.results if r.question.visibility in visibilities)
    score = sum((r.verdict.points for r in results), Fraction(0))
    most = sum((r.question.points for r in results), Fraction(0))
    awaiting = sum((r.verdict.awaiting for r in results), Fraction(0))
    counted = score * late.factor
    layers = ", ".join(report.isolation)
    return (
        page_environment()
        .get_template("page.html")
        .render(
            css=Markup((TEMPLATES / "page.css").read_text("utf-8")),
            title=report.title,
            origin=report.origin,
            track=report.track,
            score=number(counted),
            before_lateness=number(score) if late.factor < 1 else "",
            lateness=late.sentence,
            decided_max=number(most - awaiting),
            awaiting=_awaiting(awaiting, most),
            bar_label=f"{number(counted)} points of {number(most)}, {number(awaiting)} await a person",
            got_percent=_percent(counted, most),
            await_percent=_percent(awaiting, most),
            notes=[
                *report.notes,
                *([] if report.complete else ["The run has not ended: what is not graded yet is not lost."]),
            ],
            questions=[question_view(r) for r in results],
            warnings=report.warnings,
            paste=paste_text(report, results, late),
            seconds=f"{report.seconds:.1f}",
            isolation=f"Isolation: {layers}." if layers else "No student code was run.",
            digest=report.digest[:16],
        )
    )


def not_graded_page(title: str, origin: str, sentence: str) -> str:
    """One HTML page for a submission that was not graded: the reason in it, or none where it waits for another run."""
    css = Markup((TEMPLATES / "page.css").read_text("utf-8"))
    page = page_environment().get_template("not_graded.html")
    return page.render(css=css, title=title, origin=origin, sentence=sentence)


def paste_text(report: Report, results: Sequence[QuestionResult], late: Lateness = IN_TIME) -> str:
    """What a student may post in public: numbers, outcomes, points; no message and no formula."""
    score = sum((r.verdict.points for r in results), Fraction(0))
    decided = sum((r.question.points - r.verdict.awaiting for r in results), Fraction(0))
    before = f" ({number(score)} before lateness)" if late.factor < 1 else ""
    counted = f"{number(score * late.factor)} of {number(decided)} decided points{before}"
    lines = [f"{report.title}, {report.track} track: {counted}"]
    width = max((len(r.question.number) for r in results), default=0)
    lines += [
        f"{MARKS[r.verdict.outcome]} {r.question.number:<{width}}  {_points(r):>9}  {r.question.title}" for r in results
    ]
    return "\n".join(lines)


def question_view(result: QuestionResult) -> QuestionView:
    """What the page shows of one question; the facts are read by name, never as a whole."""
    question, verdict, evidence = result.question, result.verdict, result.evidence
    facts = evidence.facts
    wrong = verdict.outcome in ("failed", "partial")
    ours = verdict.outcome == "grader_error"
    trace = "\n\n".join(f.detail for f in evidence.failures.values() if f.detail and not f.ours)
    return QuestionView(
        number=question.number,
        title=question.title,
        outcome=verdict.outcome,
        mark=MARKS[verdict.outcome],
        word=WORDS[verdict.outcome],
        points=_points(result),
        message=prose(verdict.message),
        hint=question.hint if wrong and not evidence.failures else "",
        answer=_answer(facts),
        reading=_text(facts.get("reading")),
        counterexample=counterexample_text(facts.get("counterexample")) if wrong else "",
        steps=tuple(_steps(facts.get("steps"))),
        figures=tuple(figures(evidence.arrays)),
        notes=() if ours else tuple(verdict.notes),
        trace=trace[-LONGEST_OUTPUT:],
        output=evidence.output.strip()[:LONGEST_OUTPUT] if wrong else "",
    )


def counterexample_text(counterexample: Json) -> str:
    """The point and the student's own value there; the right value, if it was kept, stays in the record."""
    if isinstance(counterexample, str):
        return counterexample
    if not isinstance(counterexample, Mapping):
        return ""
    point, value = counterexample.get("point"), counterexample.get("student")
    if isinstance(point, Mapping):
        point = ", ".join(f"{name} = {_value(v)}" for name, v in point.items())
    if not point or value is None:
        return ""
    return f"At {point} your expression gives {_value(value)}, which is not what the right one gives there."


def _answer(facts: Mapping[str, Json]) -> Markup:
    if _text(facts.get("answer")).strip():
        return formula(_text(facts["answer"]), block=True)
    words = _text(facts.get("text")) or _text(facts.get("words"))
    return prose(words.strip()[:LONGEST_OUTPUT])


def _steps(steps: Json) -> list[StepView]:
    views = []
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, Mapping) and isinstance(step.get("text"), str):
            outcome, word = STEP_OUTCOMES.get(str(step.get("status")), STEP_OUTCOMES["undecided"])
            message = _text(step.get("message"))
            text = step["text"]
            views.append(StepView(outcome, MARKS[outcome], word, text, formula(text, block=True), message))
    return views


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _value(value: Json) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "(" + ", ".join(_value(v) for v in value[:12]) + ")"
    return str(value)


def _points(result: QuestionResult) -> str:
    text = f"{number(result.verdict.points)} / {number(result.question.points)}"
    return f"{text} (+{number(result.verdict.awaiting)}?)" if result.verdict.awaiting else text


def _awaiting(awaiting: Fraction, most: Fraction) -> str:
    if not awaiting:
        return ""
    verb = "point awaits" if awaiting == 1 else "points await"
    return f"{number(awaiting)} more {verb} a person (of {number(most)} in all)."


def _percent(part: Fraction, whole: Fraction) -> str:
    return f"{float(part / whole) * 100:.1f}" if whole else "0"


@cache
def page_environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
