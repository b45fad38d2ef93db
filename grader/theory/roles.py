"""The parts that statements play in a text: answer, definition, condition, prose; and which answer counts."""

from __future__ import annotations

from dataclasses import replace

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEFINITIONS
from grader.theory.definitions import Definition, definition_of
from grader.theory.errors import NoAnswer, ReadError, TooLarge, UnknownWord
from grader.theory.moments_apart import moments_apart, reading_of_moments
from grader.theory.questions import is_answer_side
from grader.theory.statements import Reading, Statement

_X_BEFORE = t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),))
_BETA_BAR_0 = t.Sym("beta_bar", (t.number(0),))


def classify(
    question: str, lang: str, text: str, statements: tuple[Statement, ...], earlier: tuple[Definition, ...]
) -> Reading:
    """Which statement is the answer, which are definitions, which only conditions."""
    found: list[Definition] = []
    roles: list[str] = []
    named: list[bool] = []
    conditional = False
    for statement in statements:
        role, definition, own = _role(question, statement)
        if statement.intro in ("if", "when", "If", "given") and "=" in statement.relations and role != "prose":
            conditional, role, definition = True, "condition", None
        roles.append(role)
        named.append(own)
        if definition is not None and role == "definition":
            found.append(definition)
    if len(found) > MAX_DEFINITIONS:
        raise TooLarge(f"The text declares more than {MAX_DEFINITIONS} symbols.", 0)
    if question == "2.3" and (apart := moments_apart(statements)) is not None:
        return reading_of_moments(question, lang, text, statements, apart, (*found, *earlier))
    candidates = [k for k, role in enumerate(roles) if role == "answer"]
    if question == "2.3.beta_bar" and any(named[k] for k in candidates):
        candidates = [k for k in candidates if named[k]]
    candidates = _concluded(statements, candidates, named)
    candidates = _without_named_parts(question, statements, candidates, named, found, roles)
    if not candidates:
        promoted = _root(statements, roles)
        if promoted is None:
            raise _first_error(statements) or NoAnswer("There is no formula that could be the answer.", 0)
        roles[promoted] = "answer"
        candidates = [promoted]
        definition = definition_of(statements[promoted].left, statements[promoted].final.node)
        found = [d for d in found if definition is None or d != definition]
    final = tuple(replace(s, role=r) for s, r in zip(statements, roles, strict=True))
    _refuse_unread_clauses(final)
    answers = tuple(final[k] for k in candidates)
    merged = tuple(found) + tuple(d for d in earlier if d.name not in {f.name for f in found})
    return Reading(question, lang, text, final, merged, answers, conditional)


def _role(question: str, statement: Statement) -> tuple[str, Definition | None, bool]:
    """(role, definition, is the left side the question's own answer symbol?)"""
    if statement.role in ("prose", "condition"):
        return statement.role, None, False
    clause = statement.intro not in ("", "⇒", "so", "and", "here", "given", "As", "as")
    if len(statement.members) == 1:
        return ("clause" if clause else "answer"), None, False
    relations = set(statement.relations)
    lhs, rhs = statement.members[0].node, statement.final.node
    if relations & {"∈", "<", ">", "≠", "∀"}:
        return "condition", None, False
    own = lhs is not None and is_answer_side(question, lhs)
    if "~" in relations:
        before = lhs == _X_BEFORE or (isinstance(lhs, t.Call) and lhs.name == "law" and lhs.args == (_X_BEFORE,))
        if isinstance(rhs, t.Gauss) and (own or (question == "2.4" and before)):
            return "answer", None, True
        if lhs is None or rhs is None:
            return "clause", None, False
        definition = definition_of(lhs, rhs, law=True)
        return ("definition" if definition else "condition"), definition, False
    if relations <= {"≤", "≥", "→"} and len(statement.members) == 2 and not own and not _is_bound(question, statement):
        return "condition", None, False
    if own and question == "2.3.beta_bar" and lhs == _BETA_BAR_0 and rhs == t.number(0):
        return "condition", None, False
    if own:
        return "answer", None, True
    if lhs is None:
        return ("clause" if clause else "answer"), None, False
    definition = definition_of(lhs, _body(statement))
    if definition is not None and (clause or not definition.implicit or question != "2.4"):
        return "definition", definition, False
    return ("clause" if clause else "answer"), None, False


def _is_bound(question: str, statement: Statement) -> bool:
    """log p_θ(x_0) ≥ … states the ELBO."""
    return question == "2.1" and statement.relations[-1] in ("≥", "≤")


def _body(statement: Statement) -> t.Node | None:
    """The last member that was read: what the chain says its left side is."""
    for member in reversed(statement.members[1:]):
        if member.node is not None:
            return member.node
    return None


def _concluded(statements: tuple[Statement, ...], candidates: list[int], named: list[bool]) -> list[int]:
    """“p_r (1 − D) = p_g D ⇒ D* = …”: equations before the conclusion that names the answer are its derivation."""
    last = max((k for k in candidates if named[k] and statements[k].intro in ("⇒", "so")), default=-1)
    return [k for k in candidates if k >= last or named[k] or len(statements[k].members) < 2]


def _without_named_parts(
    question: str, statements: tuple[Statement, ...], candidates: list[int], named: list[bool], found: list[Definition],
    roles: list[str],
) -> list[int]:  # fmt: skip
    """“c²/(2σ²), c = …”: a name that the other candidate uses is its definition, even if answers are called so."""
    kept = []
    for k in candidates:
        lhs = statements[k].left
        others = [j for j in candidates if j != k]
        name = getattr(lhs, "name", "")
        if named[k] and name and any(name in _names(statements[j].final.node) for j in others):
            definition = definition_of(lhs, _body(statements[k]))
            if definition is not None:
                found.append(definition)
                roles[k] = "definition"
                continue
        kept.append(k)
    return kept


def _names(node: t.Node | None) -> set[str]:
    return set() if node is None else {n.name for n in t.walk(node) if isinstance(n, (t.Sym, t.Call))}


def _root(statements: tuple[Statement, ...], roles: list[str]) -> int | None:
    """The definition that no other one uses: an answer under a name of the student's own."""
    defined = [k for k, role in enumerate(roles) if role == "definition" and "~" not in statements[k].relations]
    names = {k: getattr(statements[k].left, "name", "") for k in defined}
    used: set[str] = set()
    for k in defined:
        for member in statements[k].members[1:]:
            if member.node is not None:
                used |= {n.name for n in t.walk(member.node) if isinstance(n, (t.Sym, t.Call))}
    roots = [k for k in defined if names[k] not in used]
    if len(roots) == 1:
        return roots[0]
    free = [k for k in (roots or defined) if statements[k].intro in ("", "⇒", "so", "and")]
    return free[0] if free else None


def _first_error(statements: tuple[Statement, ...]) -> ReadError | None:
    for statement in statements:
        for member in statement.members:
            if member.error is not None:
                return member.error
    return None


def _refuse_unread_clauses(statements: tuple[Statement, ...]) -> None:
    """Nothing of the text is dropped silently: a clause that is neither definition nor plain prose is refused."""
    for statement in statements:
        if statement.role == "clause":
            error = next((m.error for m in statement.members if m.error is not None), None)
            start = statement.members[0].start
            raise error or UnknownWord(f"The clause “{statement.intro} …” could not be used.", start)
        if statement.role == "definition" and statement.final.node is None:
            raise statement.final.error or NoAnswer("A definition could not be read.", statement.final.start)
