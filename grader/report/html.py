"""One question's feedback as HTML for Gradescope: the same sentences as the plain text, with steps and pictures."""

from __future__ import annotations

from markupsafe import Markup

from grader.model import Outcome, QuestionResult
from grader.report.page import QuestionView, question_view

OUTCOMES_WITH_PICTURES: frozenset[Outcome] = frozenset({"passed", "partial", "failed", "needs_review"})


class PictureBudget:
    """How many kilobytes of pictures a whole results.json may still hold; each picture counts as its data URI."""

    def __init__(self, kilobytes: int) -> None:
        self.left = kilobytes * 1000
        self.left_out = 0

    def take(self, size: int) -> bool:
        """Whether a picture of that many characters still fits; counts it if so."""
        if size > self.left:
            self.left_out += 1
            return False
        self.left -= size
        return True


def result_html(result: QuestionResult, budget: PictureBudget) -> str:
    """What a student reads about one question, as a fragment of plain tags with no style, script or link."""
    view = question_view(result)
    parts = [_paragraph(Markup("<strong>{} {}</strong>").format(view.mark, view.word.capitalize()), view.message)]
    if view.hint:
        parts.append(_paragraph(Markup("<em>Hint:</em>"), view.hint))
    if view.counterexample:
        parts.append(_paragraph(view.counterexample))
    if view.reading and view.outcome != "passed":
        parts.append(_paragraph("We read your answer as", Markup("<code>{}</code>").format(view.reading)))
    if view.steps:
        parts.append(_steps(view))
    parts += [_paragraph(note) for note in view.notes]
    for heading, text in (("Where your code stopped:", view.trace), ("Your code printed:", view.output)):
        if text:
            parts.append(Markup("<p>{}</p><pre>{}</pre>").format(heading, text[-2000:]))
    parts += _pictures(view, budget)
    return str(Markup("\n").join(parts))


def _paragraph(*pieces: str | Markup) -> Markup:
    return Markup("<p>{}</p>").format(Markup(" ").join(p for p in pieces if p))


def _steps(view: QuestionView) -> Markup:
    rows = Markup().join(
        Markup("<li>{} {}: <code>{}</code>{}</li>").format(
            s.mark, s.word, s.text, Markup("<br>{}").format(s.message) if s.message else ""
        )
        for s in view.steps
    )
    return Markup("<ol>{}</ol>").format(rows)


def _pictures(view: QuestionView, budget: PictureBudget) -> list[Markup]:
    pictures = []
    for figure in view.figures if view.outcome in OUTCOMES_WITH_PICTURES else ():
        uri = figure.data_uri
        if budget.take(len(uri)):
            pictures.append(
                Markup('<p><img src="{}" alt="{}" width="{}"><br>{}</p>').format(
                    uri, figure.alt, figure.width // 2, figure.caption
                )
            )
    return pictures
