"""The two error rates: every case of the corpus graded, right ones that lost a point, wrong ones that kept it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from grader.corpus import Case
from grader.lab import new_session
from grader.model import Report
from grader.rubric import Rubric
from grader.run import Options, grade
from grader.scoring.tolerances import Tolerance
from grader.submission import from_texts

PREFIX_OF_FILE = {"hw5_gan.py": "gan.", "hw5_ddpm.py": "ddpm.", "hw5_diffusion.py": "score."}


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: what every check of its file gave, and what went wrong with the grading of it."""

    case: Case
    lost: Mapping[str, tuple[str, ...]]
    """check → named mistakes, for every check that took or withheld points."""
    awaiting: frozenset[str]
    """The checks among them that took nothing: what they withhold awaits a person."""
    messages: Mapping[str, str]
    seconds: Mapping[str, float]

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for each way in which the grader was wrong about the case."""
        if self.case.kind == "right":
            return tuple(f"lost points in {check}: {self.messages[check]}" for check in self.lost)
        found = []
        if self.case.question not in self.lost:
            found.append(f"passed {self.case.question}")
        allowed = {self.case.question, *self.case.also_breaks}
        docked = [check for check in self.lost if check not in allowed | self.awaiting]
        found += [f"also lost points in {check}: {self.messages[check]}" for check in docked]
        return tuple(found)

    @property
    def named(self) -> bool:
        """Whether the expected mistake is among those named."""
        return bool(self.case.mistake) and self.case.mistake in self.lost.get(self.case.question, ())


@dataclass(slots=True)
class Row:
    """One question's line of the table."""

    check: str
    right: int = 0
    right_failed: int = 0
    wrong: int = 0
    wrong_passed: int = 0
    to_name: int = 0
    named: int = 0
    seconds: list[float] = field(default_factory=list)


def choose(cases: Sequence[Case], only: Sequence[str], sample: int | None) -> list[Case]:
    """Cases whose kind is, or whose check, file or id begins with, one of `only`; about `sample` of them, evenly."""

    def is_chosen(case: Case) -> bool:
        return any(case.kind == o or name.startswith(o) for o in only for name in (case.id, case.file, case.question))

    chosen = [case for case in cases if not only or is_chosen(case)]
    if sample is None or sample >= len(chosen):
        return chosen
    return [chosen[i * len(chosen) // sample] for i in range(sample)]


def audit(
    rubric: Rubric,
    tolerances: Mapping[str, Tolerance],
    *,
    cases: Sequence[Case],
    trainings: bool = True,
    listener: Callable[[CaseResult], None] = lambda _: None,
) -> list[CaseResult]:
    """Grades the corpus in one student process. `trainings=False` leaves out checks of that cost, except targets."""
    results = []
    with new_session(rubric, Options()) as session:
        for case in cases:
            prefix = PREFIX_OF_FILE[case.file]
            questions = [q for q in rubric.for_track(case.track) if q.check.startswith(prefix)]
            only = tuple(
                q.number
                for q in questions
                if trainings or not q.check.endswith(".training") or q.check == case.question
            )
            options = Options(track=case.track, only=only, deadline_s=600.0)  # type: ignore[arg-type]
            report = grade(from_texts(case.files, origin=case.id), rubric, tolerances, options, session=session)
            result = _result(case, report)
            results.append(result)
            listener(result)
    return results


def _result(case: Case, report: Report) -> CaseResult:
    short = [r for r in report.results if r.verdict.points < r.question.points]
    return CaseResult(
        case=case,
        lost={r.question.check: r.verdict.mistakes or (r.verdict.outcome,) for r in short},
        awaiting=frozenset(
            r.question.check for r in short if r.verdict.points + r.verdict.awaiting == r.question.points
        ),
        messages={r.question.check: r.verdict.message for r in short},
        seconds={r.question.check: r.evidence.seconds for r in report.results},
    )


def table(results: Iterable[CaseResult]) -> list[Row]:
    """A row a check: how many right cases lost points there, how many wrong ones kept them."""
    rows: dict[str, Row] = {}
    for result in results:
        for check, seconds in result.seconds.items():
            row = rows.setdefault(check, Row(check))
            row.seconds.append(seconds)
            if result.case.kind == "right":
                row.right += 1
                row.right_failed += check in result.lost
            elif check == result.case.question:
                row.wrong += 1
                row.wrong_passed += check not in result.lost
                row.to_name += bool(result.case.mistake)
                row.named += result.named
    return [rows[check] for check in sorted(rows)]


def markdown(results: Sequence[CaseResult]) -> list[str]:
    """The table as docs/accuracy.md has it, with a sum, then every fault."""
    lines = [
        "| check | right | failed | wrong | passed | named | median s |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    rows = table(results)
    for row in rows:
        median = sorted(row.seconds)[len(row.seconds) // 2] if row.seconds else 0.0
        lines.append(
            f"| {row.check} | {row.right} | {row.right_failed} | {row.wrong} | {row.wrong_passed} "
            f"| {row.named} of {row.to_name} | {median:.2f} |"
        )
    right = [r for r in results if r.case.kind == "right"]
    wrong = [r for r in results if r.case.kind == "wrong"]
    named, to_name = sum(r.named for r in wrong), sum(bool(r.case.mistake) for r in wrong)
    lines += [
        "",
        f"{len(right)} right solutions, {sum(bool(r.lost) for r in right)} lost a point. "
        f"{len(wrong)} wrong ones, {sum(r.case.question not in r.lost for r in wrong)} kept full points on what they "
        f"break. {named} of {to_name} listed mistakes were named.",
        "",
    ]
    lines += [f"- {r.case.id}: {fault}" for r in results for fault in r.faults]
    return lines
