"""The sentences of a report, as plain text: one wording for the terminal, Gradescope and the page."""

from __future__ import annotations

from fractions import Fraction

from grader.model import QuestionResult, Report

WORDS = {
    "passed": "right",
    "partial": "partly right",
    "failed": "wrong",
    "needs_review": "a person decides",
    "skipped": "not measured",
    "grader_error": "our fault: a person decides",
}


def number(value: Fraction) -> str:
    """Points without needless zeros: 1.5, 2."""
    return str(int(value)) if value.denominator == 1 else f"{float(value):g}"


def summary_text(report: Report) -> str:
    """The line that says what the machine decided and what awaits a person, and the notes."""
    lines = [f"{number(report.score)} of {number(report.decided_max)} points that the machine decides."]
    if report.awaiting:
        lines.append(
            f"{number(report.awaiting)} more {'point awaits' if report.awaiting == 1 else 'points await'} "
            f"a person (of {number(report.max_score)} in all)."
        )
    if not report.complete:
        lines.append("The run has not ended: what is not graded yet is not lost.")
    lines.extend(report.notes)
    return "\n".join(lines)


def result_text(result: QuestionResult) -> str:
    """What a student reads about one question."""
    verdict, question = result.verdict, result.question
    lines = [WORDS[verdict.outcome].capitalize() + ("." if not verdict.message else f": {verdict.message}")]
    if verdict.outcome in ("failed", "partial") and question.hint and not result.evidence.failures:
        lines.append(f"Hint: {question.hint}")
    lines.extend(verdict.notes if verdict.outcome != "grader_error" else ())
    if result.evidence.output.strip() and verdict.outcome in ("failed", "partial"):
        lines.append("Your code printed:\n" + result.evidence.output.strip()[:1000])
    return "\n".join(lines)
