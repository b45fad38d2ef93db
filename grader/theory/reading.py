"""A student's text → statements, definitions and the member that is the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from grader.theory import tree as t
from grader.theory.bounds import MAX_DEFINITIONS, MAX_STATEMENTS
from grader.theory.definitions import Definition as Definition
from grader.theory.definitions import definition_of
from grader.theory.errors import NoAnswer, ReadError, TooLarge, UnknownWord
from grader.theory.expression import parse_tokens
from grader.theory.questions import family_of, is_answer_side
from grader.theory.segments import (
    Segment,
    StatedMoments,
    only_prose,
    segments,
    split_chain,
    stated_moments,
    strip_prose,
)
from grader.theory.tokens import Token, guess_language, tokenize
from grader.theory.typesetting import typeset

_BETA_BAR_0 = t.Sym("beta_bar", (t.number(0),))
_X_NOW, _X_START = t.Sym("x", (t.Sym("t"),)), t.Sym("x", (t.number(0),))
_SQUARED = t.Pow(t.Sym("sigma"), t.TWO)
_X_BEFORE = t.Sym("x", (t.Add((t.Sym("t"), t.Neg(t.ONE))),))


@dataclass(frozen=True, slots=True)
class Member:
    """One side of a relation, as written and as read."""

    text: str
    start: int
    end: int
    node: t.Node | None
    error: ReadError | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A chain of members: a = b ≤ c. A lone expression is a chain of one."""

    members: tuple[Member, ...]
    relations: tuple[str, ...]
    intro: str = ""
    """The word or arrow that opened it: where, with, ⇒, …"""
    role: str = "answer"
    """answer, definition, condition or prose."""

    @property
    def final(self) -> Member:
        return self.members[-1]


@dataclass(frozen=True, slots=True)
class Context:
    """The homework question an expression stands in, and what the student has defined so far."""

    question: str
    definitions: tuple[Definition, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text was understood."""

    question: str
    lang: str
    text: str
    statements: tuple[Statement, ...]
    definitions: tuple[Definition, ...]
    answers: tuple[Statement, ...]
    """Statements whose last member could be the final answer; usually one."""
    conditional: bool = False
    """Is the answer stated only under a condition (“if p_g = p_r”)?"""

    @property
    def context(self) -> Context:
        return Context(self.question, self.definitions)

    @property
    def answer(self) -> t.Node:
        """The final answer. Raises the member's ReadError when it could not be read."""
        member = self.answers[0].final
        if member.node is None:
            raise member.error or NoAnswer("The answer could not be read.", member.start)
        return member.node

    @property
    def typeset(self) -> str:
        """The whole reading as plain text."""
        lines = [_chain(s) for s in self.answers]
        lines += [typeset_definition(d) for d in self.definitions]
        return "; ".join(line for line in lines if line)


def read(question: str, lang: str, text: str, definitions: Iterable[Definition] = ()) -> Reading:
    """How an answer is understood.

    question: "1.1" … "2.5"; lang: "latex", "text" or "auto"; definitions: what earlier parts of the work declared.
    Raises ReadError (with .column) when no member of the text can be the answer or when it cannot be read.
    """
    family = family_of(question)
    language = guess_language(text) if lang == "auto" else lang
    tokens = tokenize(text, language)
    if family == "score":
        tokens = _score_as_symbol(tokens)
    if question == "2.3":
        tokens = _noise_as_symbol(tokens)
    if question == "2.3":
        stated = stated_moments(tokens)
        if stated is not None:
            return _from_moments(question, language, text, stated, tuple(definitions))
    pieces = segments(tokens, language)
    if len(pieces) > MAX_STATEMENTS:
        raise TooLarge(f"The text has more than {MAX_STATEMENTS} statements.", 0)
    statements = [_statement(text, piece, family, language) for piece in pieces]
    statements = [s for s in statements if s is not None]
    return classify(question, language, text, tuple(s for s in statements if s), tuple(definitions))


def _score_as_symbol(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """“score − 2 …”: the word is the model's score where an operator or an argument follows, prose elsewhere."""
    following = (*(token.kind for token in tokens[1:]), "")
    return tuple(
        replace(token, value="s") if token.value == "score" and after in ("+", "-", "*", "(") else token
        for token, after in zip(tokens, following, strict=True)
    )


def _noise_as_symbol(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """“… * noise, noise ~ N(0, I)”: the word is ε where it is multiplied or has a law, prose elsewhere."""
    out = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1].kind if place else ""
        after = tokens[place + 1].kind if place + 1 < len(tokens) else ""
        as_symbol = token.value == "noise" and (before == "*" or after in ("~", "*"))
        out.append(replace(token, value="epsilon", roman=False) if as_symbol else token)
    return tuple(out)


def _from_moments(
    question: str, lang: str, text: str, stated: StatedMoments, definitions: tuple[Definition, ...]
) -> Reading:
    """“Gaussian with mean … and variance …” as a Gaussian."""
    family = family_of(question)
    mean, spread = parse_tokens(stated.mean, family, lang), parse_tokens(stated.spread, family, lang)
    node = t.Gauss(mean, spread, None, stated.deviation)
    member = Member(text, 0, len(text), node)
    statement = Statement((member,), ())
    return Reading(question, lang, text, (statement,), definitions, (statement,))


def parse(question: str, lang: str, text: str) -> t.Node:
    """One expression without relations. Raises ReadError."""
    language = guess_language(text) if lang == "auto" else lang
    return parse_tokens(tokenize(text, language), family_of(question), language)


def _statement(text: str, piece: Segment, family: str, lang: str) -> Statement | None:
    if only_prose(piece.tokens, lang):
        member = Member(_cut(text, piece.tokens), piece.tokens[0].column, piece.tokens[-1].end, None, None)
        return Statement((member,), (), piece.intro, "prose")
    chains, relations = split_chain(piece.tokens)
    if "∈" in relations and "=" in relations[: relations.index("∈")]:  # D* = … ∈ [0, 1]: a remark on the value
        cut = relations.index("∈")
        chains, relations = chains[: cut + 1], relations[:cut]
    members = []
    for place, chain in enumerate(chains):
        stripped = strip_prose(chain, first=place == 0, last=place == len(chains) - 1)
        members.append(_member(text, stripped, family, lang, chain))
    role = piece.role
    return Statement(tuple(members), relations, piece.intro, role)


def _member(text: str, tokens: tuple[Token, ...], family: str, lang: str, whole: tuple[Token, ...]) -> Member:
    used = tokens or whole
    start = used[0].column if used else 0
    end = used[-1].end if used else 0
    try:
        node = parse_tokens(tokens, family, lang)
    except ReadError as error:
        return Member(text[start:end], start, end, None, error)
    return Member(text[start:end], start, end, node)


def _cut(text: str, tokens: tuple[Token, ...]) -> str:
    return text[tokens[0].column : tokens[-1].end]


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
        return _from_two_statements(question, lang, text, statements, apart, (*found, *earlier))
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
        definition = definition_of(_lhs(statements[promoted]), statements[promoted].final.node)
        found = [d for d in found if definition is None or d != definition]
    final = tuple(replace(s, role=r) for s, r in zip(statements, roles, strict=True))
    _refuse_unread_clauses(final)
    answers = tuple(final[k] for k in candidates)
    merged = tuple(found) + tuple(d for d in earlier if d.name not in {f.name for f in found})
    return Reading(question, lang, text, final, merged, answers, conditional)


def _from_two_statements(
    question: str, lang: str, text: str, statements: tuple[Statement, ...], gauss: t.Gauss,
    definitions: tuple[Definition, ...],
) -> Reading:  # fmt: skip
    """“E[x_t | x_0] = …, Var[x_t | x_0] = …” as the Gaussian with these moments."""
    answer = Statement((Member(text, 0, len(text), gauss),), ())
    kept = tuple(d for d in definitions if d.body not in (gauss.mean, gauss.spread))
    return Reading(question, lang, text, statements, kept, (answer,))


def moments_apart(statements: tuple[Statement, ...]) -> t.Gauss | None:
    """The Gaussian of a mean and a variance that are stated one after the other, and nothing else; else None."""
    means, spreads = [], []
    for statement in statements:
        left, right = _lhs(statement), statement.final.node
        if right is None or left is None or statement.relations[-1] != "=":
            if statement.role == "prose":
                continue
            return None
        if any(isinstance(part, t.Gauss) for part in t.walk(right)):
            return None
        if _names_moment(left, ("E", "mu", "mean")):
            means.append(right)
        elif _names_moment(left, ("Var", "var", "Cov", "cov", "Sigma", "variance")) or left == _SQUARED:
            spreads.append(right)
    return t.Gauss(means[0], spreads[0]) if len(means) == len(spreads) == 1 else None


def _names_moment(left: t.Node, names: tuple[str, ...]) -> bool:
    if isinstance(left, t.Call):
        return left.name in names and left.args == (_X_NOW,) and set(left.given) <= {_X_START}
    return isinstance(left, t.Sym) and left.name in names and left.index in ((), (t.Sym("t"),))


def _lhs(statement: Statement) -> t.Node | None:
    return statement.members[0].node if len(statement.members) > 1 else None


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
        lhs = _lhs(statements[k])
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
    names = {k: getattr(_lhs(statements[k]), "name", "") for k in defined}
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


def _chain(statement: Statement) -> str:
    parts = []
    for place, member in enumerate(statement.members):
        parts.append(typeset(member.node) if member.node is not None else f"«{member.text}»")
        if place < len(statement.relations):
            parts.append(f" {statement.relations[place]} ")
    return "".join(parts)


def typeset_definition(definition: Definition) -> str:
    """A definition as the reader understood it."""
    relation = "∼" if definition.law else "="
    return f"with {typeset(definition.lhs)} {relation} {typeset(definition.body)}"
