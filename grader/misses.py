"""What the bounds let through: the wrong solutions of the corpus, each judged from one measurement of its own check.

A bound was tried by a wrong solution when the judge compared something with it, and either found that beyond the bound
or found no fault at all. The share of the latter is the bound's miss rate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from grader.checks.catalogue import find_check
from grader.corpus import Case
from grader.judge import ObservedSettings
from grader.lab import new_session
from grader.model import WHOLE
from grader.rubric import Rubric
from grader.run import Options, grade
from grader.scoring.tolerances import Tolerance
from grader.submission import from_texts


@dataclass(frozen=True, slots=True)
class Misses:
    """One bound: the wrong solutions that tried it, and those among them that passed."""

    name: str
    tried: tuple[str, ...]
    passed: tuple[str, ...]

    @property
    def share(self) -> float | None:
        """None where no wrong solution tried it."""
        return len(self.passed) / len(self.tried) if self.tried else None


def measure_misses(
    rubric: Rubric,
    tolerances: Mapping[str, Tolerance],
    cases: Iterable[Case],
    listener: Callable[[str], None] = lambda _: None,
) -> list[Misses]:
    """Measures each wrong case's own check in a student process.

    Trainings are left out: a wrong one takes all of its tries.
    """
    tried: dict[str, list[str]] = {name: [] for name in tolerances}
    passed: dict[str, list[str]] = {name: [] for name in tolerances}
    with new_session(rubric, Options()) as session:
        for case in cases:
            if case.kind == "right" or case.question.endswith(".training"):
                continue
            listener(case.id)
            question = next(q for q in rubric.for_track(case.track) if q.check == case.question)
            options = Options(track=case.track, only=(question.number,), deadline_s=600.0)  # type: ignore[arg-type]
            report = grade(from_texts(case.files, origin=case.id), rubric, tolerances, options, session=session)
            result = next(r for r in report.results if r.question.number == question.number)
            settings = ObservedSettings(question, rubric.policy, tolerances)
            judge_function = find_check(question.check).judge_function
            if WHOLE in result.evidence.failures or judge_function is None:
                continue
            for _ in judge_function(result.evidence, settings):
                pass
            full = result.verdict.points == question.points
            for name in {bound for bound, _, within in settings.compared if full or not within}:
                tried[name].append(case.id)
                if full:
                    passed[name].append(case.id)
    return [Misses(name, tuple(tried[name]), tuple(passed[name])) for name in tolerances]


def lines(found: Sequence[Misses]) -> list[str]:
    """Lines for the terminal."""
    shown = [f"{'bound':26} {'tried by':>8} {'passed':>6}"]
    for misses in found:
        names = f"  {', '.join(misses.passed[:6])}" if misses.passed else ""
        shown.append(f"{misses.name:26} {len(misses.tried):8d} {len(misses.passed):6d}{names}")
    return shown


def updated(text: str, found: Sequence[Misses]) -> str:
    """The text of tolerances.toml with `miss` of the bounds that were tried; nothing else changes."""
    for misses in found:
        head = rf'(\["{re.escape(misses.name)}"\]\n(?:(?!\[).*\n)*?false_fail = \S+\n)(?:miss = .*\n)?'
        line = "" if misses.share is None else f"miss = {misses.share:.3f} # of {len(misses.tried)}\n"
        text = re.sub(head, lambda m, line=line: m[1] + line, text)  # type: ignore[misc]
    return text
