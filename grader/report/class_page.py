"""A class as one self-contained page: distributions, mistakes, time and memory, suspicious checks."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from markupsafe import Markup

from grader.model import Question
from grader.report.page import TEMPLATES, page_environment
from grader.report.standing import Standing
from grader.report.text import number

MANY_FAIL = 1 / 3
"""A question that more than this share fails is looked at: the question, the lecture or the check may be wrong."""
FEWEST_FOR_CORRELATION = 12
"""With fewer submissions a correlation says nothing."""
MOST_MISTAKES = 20
BINS = 10
LABEL = 16
"""Height of a line of labels in a histogram, in pixels."""


@dataclass(slots=True)
class QuestionSummary:
    """What a class did on one question."""

    question: Question
    shares: list[float] = field(default_factory=list)
    """Share of the decided points, for each submission that has some."""
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    pairs: list[tuple[float, float]] = field(default_factory=list)
    """(share here, share of all the other decided points)."""
    undecided: int = 0
    """Submissions with points here that await a person: they have not failed it."""
    causes: Counter[str] = field(default_factory=Counter)
    """The mistakes of those that got nothing."""

    @property
    def failed_share(self) -> float:
        """Share of the submissions that got nothing and for which nothing awaits a person."""
        looked_at = len(self.shares) + self.undecided
        return sum(1 for s in self.shares if s == 0) / looked_at if looked_at else 0.0

    @property
    def correlation(self) -> float | None:
        """Of this question with the rest; None where too few vary."""
        if len(self.pairs) < FEWEST_FOR_CORRELATION:
            return None
        here, rest = zip(*self.pairs, strict=True)
        try:
            return statistics.correlation(here, rest)
        except statistics.StatisticsError:
            return None

    @property
    def suspicions(self) -> list[str]:
        """Why an instructor should look at this check."""
        found = []
        if self.failed_share > MANY_FAIL:
            most = ", ".join(f"{cause} {count} times" for cause, count in self.causes.most_common(2))
            found.append(f"{self.failed_share:.0%} fail it{f' ({most})' if most else ''}")
        correlation = self.correlation
        if correlation is not None and correlation < 0:
            found.append(f"who passes it is worse elsewhere (correlation {correlation:.2f})")
        if self.outcomes["grader_error"]:
            found.append(f"the grader failed {self.outcomes['grader_error']} times")
        return found


@dataclass(slots=True)
class ClassSummary:
    """Sums over a class, taken one standing at a time."""

    title: str
    questions: dict[tuple[str, str], QuestionSummary] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    mistakes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By question number, title and mistake."""
    unable: list[tuple[str, str]] = field(default_factory=list)
    seconds: list[tuple[float, str]] = field(default_factory=list)
    peaks: list[tuple[int, str]] = field(default_factory=list)
    late: list[tuple[str, str, Fraction, Fraction]] = field(default_factory=list)
    """Pseudonym, what the policy says, points before lateness, points that count."""
    awaiting: Fraction = Fraction(0)

    def add(self, standing: Standing) -> None:
        """Takes one submission into the sums; its report may be forgotten after."""
        if standing.lateness.sentence:
            before, counted = standing.score_before_lateness, standing.score
            self.late.append((standing.pseudonym, standing.lateness.sentence, before, counted))
        if standing.report is None:
            self.unable.append((standing.pseudonym, standing.error.replace(standing.key, standing.pseudonym)))
            return
        report = standing.report
        self.scores.append(float(standing.score / report.max_score) if report.max_score else 0.0)
        self.seconds.append((report.seconds, standing.pseudonym))
        if report.peak_bytes:
            self.peaks.append((report.peak_bytes, standing.pseudonym))
        self.awaiting += report.awaiting
        for result in report.results:
            question, verdict = result.question, result.verdict
            place = (question.number, question.check)
            summary = self.questions.setdefault(place, QuestionSummary(question))
            summary.outcomes[verdict.outcome] += 1
            summary.seconds.append(result.evidence.seconds)
            self.mistakes.update((question.number, question.title, m) for m in verdict.mistakes)
            if verdict.outcome == "skipped":
                continue
            if verdict.awaiting:
                summary.undecided += 1
                continue
            if not verdict.points and verdict.mistake:
                summary.causes[verdict.mistake] += 1
            share = float(verdict.points / question.points)
            summary.shares.append(share)
            others = report.decided_max - question.points
            if others:
                summary.pairs.append((share, float((report.score - verdict.points) / others)))


def summarise(title: str, standings: Iterable[Standing]) -> ClassSummary:
    """The sums over a class."""
    summary = ClassSummary(title)
    for standing in standings:
        summary.add(standing)
    return summary


def class_page(summary: ClassSummary) -> str:
    """One HTML page; no network, no script, no student's name."""
    rows = [summary.questions[place] for place in sorted(summary.questions, key=_order)]
    return (
        page_environment()
        .get_template("class.html")
        .render(
            css=Markup((TEMPLATES / "page.css").read_text("utf-8")),
            summary=summary,
            rows=[
                {
                    "number": r.question.number,
                    "track": r.question.track or "",
                    "title": r.question.title,
                    "points": number(r.question.points),
                    "mean": f"{statistics.fmean(r.shares):.0%}" if r.shares else "–",
                    "bars": histogram(r.shares, 120, 26),
                    "outcomes": r.outcomes,
                    "seconds": f"{statistics.median(r.seconds):.2f}" if r.seconds else "–",
                    "most_seconds": f"{max(r.seconds, default=0):.1f}",
                }
                for r in rows
            ],
            scores=histogram(summary.scores, 640, 90, labelled=True),
            mean=f"{statistics.fmean(summary.scores):.1%}" if summary.scores else "–",
            median=f"{statistics.median(summary.scores):.1%}" if summary.scores else "–",
            awaiting=number(summary.awaiting),
            late=[(name, said, number(before), number(counted)) for name, said, before, counted in summary.late],
            mistakes=[(*place, n) for place, n in summary.mistakes.most_common(MOST_MISTAKES)],
            suspicious=[(r.question, r.suspicions) for r in rows if r.suspicions],
            slowest=[(f"{s:.1f}", name) for s, name in sorted(summary.seconds, reverse=True)[:5]],
            largest=[(f"{b / 2**20:.0f}", name) for b, name in sorted(summary.peaks, reverse=True)[:5]],
            median_seconds=f"{statistics.median(s for s, _ in summary.seconds):.1f}" if summary.seconds else "–",
        )
    )


def histogram(shares: Sequence[float], width: int, height: int, *, labelled: bool = False) -> Markup:
    """Counts of shares from 0 to 1 as a small picture with its numbers in words, labelled with them if asked."""
    counts = [0] * BINS
    for share in shares:
        counts[min(BINS - 1, int(share * BINS))] += 1
    most, step = max(counts) or 1, width / BINS
    words = ", ".join(f"{i * 10} to {i * 10 + 10} %: {n}" for i, n in enumerate(counts) if n)
    above, below = (LABEL, LABEL) if labelled else (0, 0)
    foot = above + height
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{foot - n / most * height:.1f}" width="{step - 1:.1f}" '
        f'height="{n / most * height:.1f}"/>'
        for i, n in enumerate(counts)
        if n
    )
    if labelled:
        middles = [(i * step + step / 2, foot - n / most * height - 4, str(n)) for i, n in enumerate(counts) if n]
        ends = [(i * step + step / 2, foot + below - 2, f"{i * 10}–{i * 10 + 10} %") for i in range(BINS)]
        bars += "".join(f'<text x="{x:.1f}" y="{y:.1f}">{text}</text>' for x, y, text in (*middles, *ends))
    total = above + height + below
    return Markup(
        f'<svg class="bars" role="img" viewBox="0 0 {width} {total}" width="{width}" height="{total}">'
        f"<title>{words or 'nothing decided'}</title>{bars}</svg>"
    )


def _order(place: tuple[str, str]) -> tuple[list[int | str], str]:
    return [int(p) if p.isdigit() else 10**6 for p in place[0].split(".")], place[1]
