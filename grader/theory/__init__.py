"""Reading and deciding symbolic answers: LaTeX or plain text → a typed tree → evaluation in random concrete models.

Nothing here imports torch, and importing this package imports nothing else: names are resolved on first use.

What other rooms call
---------------------
judge_answer(question, lang, text, policy=AnswerPolicy()) -> Judgement
    One answer to one question ("1.1", "1.2", "2.1", "2.1.weight", "2.3", "2.3.beta_bar", "2.4", "2.5").
    Never raises on a student's text.
judge_reading(reading, policy=AnswerPolicy()) -> Judgement
    The same for an answer that was read already (a write-up's final member, for instance).
read(question, lang, text, definitions=()) -> Reading
    How an answer is understood. Raises a `ReadError` (with .column and a sentence) when nothing can be made of it.
parse(question, lang, text) -> Node
    One expression, no relation in it. Raises `ReadError`.
compare(lhs, rhs, context, relation="=", wrt=None) -> Comparison
    Whether two trees stand in a relation ("=", "∝", "≤", "≥") in every concrete model of the homework that is drawn.
typeset(node) -> str
    A tree as plain unicode text.

A `Reading` holds every statement of the text, and a statement every member of its chain `a = b ≤ c`:

    reading.statements[k].members[j].node       Node, or None when that member could not be read
    reading.statements[k].members[j].error      the ReadError then
    reading.statements[k].members[j].text       the student's characters; .start and .end are columns
    reading.statements[k].relations[j]          "=", "∝", "≤", "≥", "~", "⇒", … between member j and j + 1
    reading.statements[k].role                  "answer", "definition", "condition" or "prose"
    reading.definitions                         tuple of Definition: what the text declares; pass it on to later steps
    reading.answers                             the members that could be the final answer (usually one)

`Context(question, definitions)` says in which homework question an expression stands; `reading.context` is ready made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.theory.comparing import Comparison, compare
    from grader.theory.definitions import Definition
    from grader.theory.errors import ReadError
    from grader.theory.judge import judge_answer, judge_reading
    from grader.theory.reading import parse, read
    from grader.theory.statements import Context, Member, Reading, Statement
    from grader.theory.tree import Node
    from grader.theory.typesetting import typeset
    from grader.theory.verdict import AnswerPolicy, Judgement

_HOME = {
    "judge_answer": "judge",
    "judge_reading": "judge",
    "Judgement": "verdict",
    "AnswerPolicy": "verdict",
    "Comparison": "comparing",
    "compare": "comparing",
    "ReadError": "errors",
    "Context": "statements",
    "Definition": "definitions",
    "Member": "statements",
    "Reading": "statements",
    "Statement": "statements",
    "parse": "reading",
    "read": "reading",
    "Node": "tree",
    "typeset": "typesetting",
}

__all__ = [
    "AnswerPolicy",
    "Comparison",
    "Context",
    "Definition",
    "Judgement",
    "Member",
    "Node",
    "ReadError",
    "Reading",
    "Statement",
    "compare",
    "judge_answer",
    "judge_reading",
    "parse",
    "read",
    "typeset",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
