"""Whether the text contradicts itself: a symbol that is defined twice, or a given one that is set to something else."""

from __future__ import annotations

from itertools import combinations

from grader.theory import tree as t
from grader.theory.deciding import PLANS, items_of, make_evaluator, make_model, same
from grader.theory.definitions import Definition
from grader.theory.errors import EvaluationError, ReadError
from grader.theory.evaluate import Evaluator
from grader.theory.questions import family_of
from grader.theory.statements import Reading
from grader.theory.typesetting import symbol_name
from grader.theory.values import Value

_GIVEN = frozenset({"M", "m", "x_known", "s_theta", "beta", "x"})
"""Quantities of the handout that an answer could set to something else."""


def twice_defined(reading: Reading) -> str:
    """A sentence when two definitions of one symbol disagree; empty when none do."""
    for first, second in combinations(reading.definitions, 2):
        if first.name == second.name and _same_place(first, second) and _differ(reading, first, second):
            return (
                f"“{symbol_name(first.name)}” is defined twice, and the two definitions differ: a person decides "
                "which one is meant."
            )
    return ""


def given_redefined(reading: Reading) -> str:
    """A sentence when the text sets a quantity of the handout to something else; empty when it does not."""
    for definition in reading.definitions:
        if definition.name in _GIVEN and not definition.law and _sets_anew(reading, definition):
            return (
                f"“{symbol_name(definition.name)}” is given by the handout, and the answer sets it to something else: "
                "a person decides what is meant."
            )
    return ""


def _same_place(first: Definition, second: Definition) -> bool:
    """α_t and α_i are one place; L_0 and L_{t−1} are two."""
    if first.lhs == second.lhs:
        return True
    return bool(first.index) and all(isinstance(i, t.Sym) and i != t.Sym("T") for i in (*first.index, *second.index))


def _differ(reading: Reading, first: Definition, second: Definition) -> bool:
    if first.body == second.body and first.law == second.law and first.root == second.root:
        return False
    if first.law or second.law:
        return True
    return _unequal(reading, first, second)


def _unequal(reading: Reading, first: Definition, second: Definition) -> bool:
    """Do two definitions of one name give it two values? What has no value here is no evidence."""
    evaluator = _evaluator(reading)
    a, b = _value(evaluator, reading, first), _value(evaluator, reading, second)
    return a is not None and b is not None and same(evaluator.n, a, b) != "equal"


def _sets_anew(reading: Reading, definition: Definition) -> bool:
    """x_known = …, β_t = …: is the value another than the handout's?"""
    if not isinstance(definition.lhs, t.Sym) or definition.lhs == definition.body or definition.implicit:
        return False
    evaluator = _evaluator(reading)
    try:
        given = evaluator.known(definition.lhs, evaluator.base)
        stated = evaluator.value(definition.body)
    except (EvaluationError, ReadError):
        return False
    expected, found = items_of(given), items_of(stated)
    if len(found) == 1:
        found = found * len(expected)
    n = evaluator.n
    return len(found) != len(expected) or not all(n.close(a, b) for a, b in zip(found, expected, strict=True))


def _evaluator(reading: Reading) -> Evaluator:
    family = family_of(reading.question)
    model = make_model(family, f"definitions/{reading.text}", PLANS[family][0])
    model.discriminator_known = reading.question == "1.2"
    return make_evaluator(model, reading.definitions)


def _value(evaluator: Evaluator, reading: Reading, definition: Definition) -> Value | None:
    """The value that this definition alone gives its name at t."""
    others = tuple(d for d in reading.definitions if d.name != definition.name)
    alone = make_evaluator(evaluator.model, (*others, definition))
    node = definition.lhs.base if isinstance(definition.lhs, t.Pow) else definition.lhs
    if isinstance(node, t.Sym) and len(node.index) == 1 and "t" in alone.base.ints:
        node = t.Sym(node.name, (t.Sym("t"),))
    scope = alone.base if "t" in alone.base.ints else alone.base.with_int("i", 1)
    try:
        return alone.value(node, scope)
    except (EvaluationError, ReadError):
        return None
