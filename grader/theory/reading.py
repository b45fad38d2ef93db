"""A student's text → statements, definitions and the member that is the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from grader.theory import tree as t
from grader.theory.bounds import MAX_STATEMENTS
from grader.theory.definitions import Definition
from grader.theory.errors import ReadError, TooLarge
from grader.theory.expression import parse_tokens
from grader.theory.lexeme import Token
from grader.theory.questions import family_of
from grader.theory.roles import classify
from grader.theory.segments import (
    Segment,
    StatedMoments,
    only_prose,
    segments,
    split_chain,
    stated_moments,
    strip_prose,
)
from grader.theory.statements import Member, Reading, Statement
from grader.theory.tokens import guess_language, tokenize


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
