"""What a write-up holds for one question, gathered block by block, and the answer that is made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from grader.theory.answer_text import (
    MAX_STEPS,
    TRUE_FALSE,
    AnswerText,
    StepText,
)
from grader.theory.freetext import read_verdict
from grader.theory.rows import chains_of, result_of, top_level_relations


def later(earlier: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Earlier definitions, unless declared anew, then the own ones."""
    latest = {declared(text): text for text in own}
    return (*(text for text in earlier if declared(text) not in latest), *latest.values())


def declared(definition: str) -> str:
    """The left side of a definition without spaces: what it declares."""
    relations = top_level_relations(definition)
    return re.sub(r"\s", "", definition[: relations[0][1]]) if relations else definition


@dataclass(slots=True)
class Collected:
    """What was found for one question so far."""

    line: int = 0
    size: int = 0
    prose: list[str] = field(default_factory=list)
    steps: list[StepText] = field(default_factory=list)
    inline: list[StepText] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)
    words: str = ""

    def answer(self, question: str, source: str, shared: tuple[str, ...]) -> AnswerText:
        prose = re.sub(r"\s+", " ", " ".join(self.prose)).strip()
        if question in TRUE_FALSE:
            verdict, reason = read_verdict(prose)
            return AnswerText(
                question,
                verdict=verdict,
                verdict_text=prose or None,
                reason=reason or None,
                text=prose,
                source=source,
                line=self.line,
            )
        steps = tuple(self.steps or self.inline)[:MAX_STEPS]
        definitions = later(shared, tuple(self.definitions))
        chains = chains_of(steps)
        parts = {}
        if question == "2.3":
            bars = [d for d in definitions if re.match(r"\W*(?:bar|overline)\W*beta", d)]
            if bars:
                parts["beta_bar"] = bars[-1]
        return AnswerText(
            question,
            result=result_of(question, chains),
            steps=steps,
            text=prose,
            definitions=definitions,
            parts=parts,
            source=source,
            line=self.line,
        )
