"""Names for wrong answers: known mistakes are transformations of the right answer, tried alone and in pairs.

The catalogue names, it never decides: it is asked only after an answer was found to differ from the right one. A
mistake matches when the student's answer and the transformed right answer agree in a fixed concrete model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

from grader.theory import tree as t
from grader.theory.deciding import PLANS, items_of, make_evaluator, make_model, scopes
from grader.theory.definitions import Definition
from grader.theory.errors import EvaluationError, ReadError
from grader.theory.gaussians import moments
from grader.theory.nearest import nearest_change
from grader.theory.partial import what_is_right
from grader.theory.questions import family_of
from grader.theory.reading import parse
from grader.theory.reference_answers import elbo_forms, right_answer, table
from grader.theory.statements import Reading
from grader.theory.values import FIRST_DIGITS

if TYPE_CHECKING:
    from grader.theory.models import Model

MAX_PAIRS = 160
"""Pairs of mistakes that are tried for one question: what fits into a few hundredths of a second."""

Signature = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One known mistake: a replacement in the right answer, or a whole wrong answer."""

    id: str
    sentence: str
    base: str
    find: t.Node | None
    put: t.Node | None
    answer: t.Node | None
    pair: bool

    def applied(self, node: t.Node) -> t.Node | None:
        """The node with this mistake made in it; None where there is no place for it."""
        if self.answer is not None:
            return self.answer
        assert self.find is not None
        changed = t.substitute(node, lambda n: self.put if n == self.find else None)
        return None if changed is node else changed


@cache
def catalogue(question: str) -> tuple[Mistake, ...]:
    """The known mistakes of a question, in the order in which they are tried."""

    def read(row: dict[str, Any], key: str) -> t.Node | None:
        return parse(question, "text", row[key]) if key in row else None

    rows = table()["mistakes"].get(question, [])
    return tuple(
        Mistake(
            r["id"],
            r["sentence"],
            r.get("base", ""),
            read(r, "find"),
            read(r, "put"),
            read(r, "answer"),
            r.get("pair", True),
        )
        for r in rows
    )


def name_mistake(reading: Reading, node: t.Node) -> tuple[str, str] | None:
    """(id, sentence) of the mistake, pair of mistakes or small change that explains a wrong answer; else None."""
    question = reading.question
    mine = signature(question, node, reading.definitions)
    known = singles(question)
    if mine is not None and mine in known:
        return known[mine]
    if mine is not None and (pair := pairs(question).get(mine)) is not None:
        return pair
    change = nearest_change(reading, node)
    return what_is_right(reading, node) if change is None else (change.id, change.sentence)


@cache
def _model(question: str, k: int) -> Model:
    family = family_of(question)
    model = make_model(family, f"catalogue/{question}/{k}", PLANS[family][k], FIRST_DIGITS)
    model.discriminator_known = question == "1.2"
    if question == "2.3.beta_bar":
        model.free_beta_bar_from = PLANS[family][k].t
    return model


def signature(question: str, node: t.Node, definitions: tuple[Definition, ...] = ()) -> Signature | None:
    """The values of a formula in the catalogue's fixed models, in twenty digits; None when it has none."""
    parts: list[str] = []
    for k in range(1 if question == "2.1" else 2):
        model = _model(question, k)
        evaluator = make_evaluator(model, definitions)
        try:
            if question == "2.3":
                mean, variance = moments(node, evaluator, definitions)
                values: list[Any] = [*mean.items, *variance]
            else:
                kept = node.mean if question == "2.4" and isinstance(node, t.Gauss) else node
                values = [x for _, scope in scopes(evaluator, kept) for x in items_of(evaluator.value(kept, scope))]
        except (EvaluationError, ReadError):
            return None
        parts.extend(model.n.mp.nstr(model.n.plain(value), 20) for value in values)
    return tuple(parts)


def _base(question: str, mistake: Mistake) -> t.Node:
    return elbo_forms()[mistake.base] if mistake.base else right_answer(question)


@cache
def singles(question: str) -> dict[Signature, tuple[str, str]]:
    """Signature → mistake, each alone."""
    out: dict[Signature, tuple[str, str]] = {}
    for mistake in catalogue(question):
        wrong = mistake.applied(_base(question, mistake))
        found = signature(question, wrong) if wrong is not None else None
        if found is not None:
            out.setdefault(found, (mistake.id, mistake.sentence))
    return out


@cache
def pairs(question: str) -> dict[Signature, tuple[str, str]]:
    """Signature → pair of mistakes."""
    out: dict[Signature, tuple[str, str]] = {}
    usable = [m for m in catalogue(question) if m.pair]
    usable.sort(key=lambda m: m.answer is None)  # whole answers first, replacements are then made in them
    tried = 0
    limit = MAX_PAIRS if question != "2.1" else MAX_PAIRS // 8
    for first, second in combinations(usable, 2):
        if first.base != second.base or second.answer is not None or first.id == second.id:
            continue
        once = first.applied(_base(question, first))
        twice = second.applied(once) if once is not None else None
        if twice is None:
            continue
        tried += 1
        if tried > limit:
            break
        found = signature(question, twice)
        if found is not None:
            sentence = f"Two mistakes seem to meet here. {first.sentence} {second.sentence}"
            out.setdefault(found, (f"{first.id}+{second.id}", sentence))
    return out
