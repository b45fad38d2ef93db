"""For what a final formula is stated: the member that counts, what it must equal, and doubts about its left side."""

from __future__ import annotations

from grader.theory import tree as t
from grader.theory.errors import ReadError
from grader.theory.questions import is_answer_side, known_names
from grader.theory.reference_answers import right_answer
from grader.theory.statements import Reading, Statement

_X_BEFORE = t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),))
_X_NOW, _X_START = t.Sym("x", (t.Sym("t"),)), t.Sym("x", (t.number(0),))
_LAW_OF = {"2.3": ((_X_NOW,), {_X_START}), "2.4": ((_X_BEFORE,), {_X_NOW, _X_START})}
"""Whose law is asked for, and given what."""
_OPERATORS = ("-", "−", "\\frac", "\\tfrac", "\\dfrac", "\\log", "\\ln", "\\exp", "\\sqrt", "log", "exp", "sqrt", "√")
_OTHER = "The expression is right for what is asked for, but it is stated for something else."


def answer_and_reference(reading: Reading, statement: Statement) -> tuple[t.Node, t.Node, str]:
    """The student's final member, what it must equal, and the relation that leads to it."""
    question = reading.question
    members = statement.members
    relation = statement.relations[-1] if statement.relations else "="
    final = statement.final
    if (
        question == "2.1"
        and len(members) > 1
        and relation == "≤"
        and _is_evidence(final.node)
        and not _is_evidence(members[0].node)
    ):
        final, relation = members[-2], statement.relations[-2] if len(members) > 2 else "≥"
    if (
        len(members) > 1
        and relation == "="
        and _only_a_name(question, final.node, reading)
        and members[-2].node is not None
    ):
        final = members[-2]
        members = members[:-1] if len(members) > 2 else (final,)
    if final.node is None:
        raise final.error or ReadError("The answer could not be read.", final.start)
    node, reference = final.node, right_answer(question)
    left = _without_average(members[0].node) if len(members) > 1 else None
    if question == "2.3.beta_bar" and isinstance(left, t.Sym) and left.name == "beta_bar" and len(left.index) == 1:
        stated_for = left.index[0]  # β̄_{t−1} = … is another quantity than β̄_t
        if isinstance(stated_for, t.Sym) and stated_for.name in ("s", "i", "j", "k", "n", "tau"):
            return t.substitute(node, lambda n: t.Sym("t") if n == stated_for else None), reference, relation
        reference = t.substitute(reference, lambda n: stated_for if n == t.Sym("t") else None)
    if question == "2.3" and isinstance(left, t.Fun) and left.name == "log" and is_answer_side(question, left.arg):
        return t.Fun("exp", node), reference, relation
    if left is not None:
        if isinstance(left, t.Neg) and (is_answer_side(question, left.arg) or _is_evidence(left.arg)):
            return t.Neg(node), reference, {"≤": "≥", "≥": "≤"}.get(relation, relation)
        if not is_answer_side(question, left) and question not in ("2.1", "2.3"):
            replaced = t.substitute(left, lambda n: reference if _asked_for(question, n) else None)
            if replaced is not left:
                reference = replaced
    return node, reference, relation


def _without_average(left: t.Node | None) -> t.Node | None:
    """E[−log p_θ(x_0)] ≤ …, averaged over the data, states the bound as −log p_θ(x_0) ≤ … does."""
    if isinstance(left, t.Expect):
        inner = left.body.arg if isinstance(left.body, t.Neg) else left.body
        return left.body if _is_evidence(inner) else left
    return left


def _asked_for(question: str, node: t.Node) -> bool:
    """Does this part of a left side name what is asked for? In 2.5, s_θ(x, δ) without x_known does not."""
    conditional = question != "2.5" or (isinstance(node, t.Call) and bool(node.given))
    return conditional and is_answer_side(question, node)


def left_side_doubt(reading: Reading, statement: Statement) -> str:
    """A sentence when a right expression is stated for something else than what is asked; empty otherwise."""
    if len(statement.members) < 2:
        return ""
    left = statement.members[0]
    if left.node is None:
        opening = left.text.lstrip(" $({[")
        if opening[:1].isdigit() or opening.startswith(_OPERATORS):
            return "The expression is right for the quantity that is asked for, but its left side could not be read."
        return ""
    if reading.question == "2.3" and isinstance(left.node, t.Sym) and left.node.name == "x":
        return "" if left.node == _X_NOW else _OTHER
    if reading.question == "2.1" and isinstance(left.node, t.Fun) and not _is_evidence(left.node):
        return _OTHER
    expected = _LAW_OF.get(reading.question)
    law = isinstance(left.node, t.Call) and left.node.name in ("q", "p", "law", "E")
    if expected is not None and isinstance(left.node, t.Call) and law:
        if (left.node.args, set(left.node.given)) == expected:
            return ""
        return "The expression is right for the law that is asked for, but it is stated for another one."
    return ""


def _only_a_name(question: str, node: t.Node | None, reading: Reading) -> bool:
    """“… = D*(x)”: the chain ends in the name of what it states."""
    if not isinstance(node, (t.Sym, t.Call)):
        return False
    if is_answer_side(question, node):
        return True
    defined = {d.name for d in reading.definitions}
    return isinstance(node, t.Sym) and node.name not in known_names(question) and node.name not in defined


def _is_evidence(node: t.Node | None) -> bool:
    """log p_θ(x_0)"""
    return (
        isinstance(node, t.Fun)
        and node.name == "log"
        and isinstance(node.arg, t.Call)
        and node.arg.name in ("p_theta", "p")
        and node.arg.args == (t.Sym("x", (t.number(0),)),)
        and not node.arg.given
    )


def known_called_k(node: t.Node) -> t.Node | None:
    """The formula with x_k read as x_known; None where k is an index, or where x_known has its own name."""
    short = t.Sym("x", (t.Sym("k"),))
    names = {n.name for n in t.walk(node) if isinstance(n, t.Sym)}
    renamed = t.substitute(node, lambda n: t.Sym("x_known") if n == short else None)
    still = any(n == t.Sym("k") for n in t.walk(renamed))
    return None if renamed is node or still or "x_known" in names else renamed
