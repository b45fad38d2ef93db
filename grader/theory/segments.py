"""Tokens → statements: where one formula ends and the next begins, what is prose, where a chain has its relations."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grader.theory import vocabulary as v
from grader.theory.lexeme import Token

RELATIONS = frozenset({"=", "∝", "≤", "≥", "≈", "<", ">", "≠", "~", "∈"})
_ARROWS = frozenset({"⇒", "⇔", "→"})
_SEPARATORS = frozenset({",", ";", ".", ":", "\n", "quad", "∀", '"', "?"})
_OPERATORS = frozenset({"+", "-", "*", "⊙", "/", "^", "_"})
_OPEN, _CLOSE = frozenset({"(", "[", "{", "begin", "⟨"}), frozenset({")", "]", "}", "end", "⟩"})


@dataclass(frozen=True, slots=True)
class Segment:
    """The tokens of one statement and what opened it."""

    tokens: tuple[Token, ...]
    intro: str = ""
    role: str = "answer"


def segments(tokens: tuple[Token, ...], lang: str) -> list[Segment]:
    """Splits at separators, arrows and opening words that stand outside every bracket."""
    flat = _without_alignment(tokens)
    found: list[Segment] = []
    current: list[Token] = []
    intro, role, level = "", "answer", 0

    def flush() -> None:
        nonlocal current, role
        if current:
            found.append(Segment(tuple(current), intro, role))
        current, role = [], "answer"

    for place, token in enumerate(flat):
        if token.kind in _OPEN:
            level += 1
        elif token.kind in _CLOSE:
            level = max(0, level - 1)
        if level == 0 and token.kind in _SEPARATORS:
            if token.kind in ("\n", "quad") and _joined(flat, place, current):
                continue
            if token.kind == "," and _condition_goes_on(flat, place, current):
                current.append(token)
                continue
            flush()
            if token.kind in ("\n", ".", ";"):
                intro = ""
            if token.kind == "∀":
                role = "condition"
            continue
        if level == 0 and token.kind in _ARROWS:
            flush()
            intro = "⇒" if token.kind != "→" else "→"
            continue
        if level == 0 and token.kind == "name" and len(token.value) > 1 and token.value in v.INTRODUCTIONS:
            flush()
            intro = token.value if not (intro in ("where", "with", "let") and token.value == "and") else intro
            continue
        current.append(token)
    flush()
    return _without_enumerations(_chained(found))


def _without_alignment(tokens: tuple[Token, ...]) -> list[Token]:
    """Drops & outside case distinctions, and turns \\overset{(a)}{=} into =."""
    out: list[Token] = []
    cases = 0
    place = 0
    while place < len(tokens):
        token = tokens[place]
        cases += {"begin": 1, "end": -1}.get(token.kind, 0)
        if token.kind == "&" and cases == 0:
            place += 1
            continue
        if token.kind in ("overset", "stackrel"):
            first = _group_end(tokens, place + 1)
            second = _group_end(tokens, first)
            out.extend(x for x in tokens[first:second] if x.kind not in ("{", "}"))
            place = second
            continue
        out.append(token)
        place += 1
    return out


def _group_end(tokens: tuple[Token, ...], start: int) -> int:
    level = 0
    for place in range(start, len(tokens)):
        level += {"{": 1, "}": -1}.get(tokens[place].kind, 0)
        if level == 0:
            return place + 1
    return len(tokens)


def _joined(flat: list[Token], place: int, current: list[Token]) -> bool:
    """Does the line or the gap end inside a formula: after an operator, or before one or a relation?"""
    if not current:
        return True
    if current[-1].kind in _OPERATORS | RELATIONS | {"nabla", "big"}:
        return True
    for token in flat[place + 1 :]:
        if token.kind in ("\n", "quad"):
            continue
        if token.kind in ("-", "+") and flat[place].kind == "quad":
            return True
        return token.kind in (_OPERATORS - {"_"}) | RELATIONS
    return False


def _condition_goes_on(flat: list[Token], place: int, current: list[Token]) -> bool:
    """“x_{t−1} | x_t, x_0 ∼ …”: a comma between what a law is conditional on."""
    kinds = [token.kind for token in current]
    if "|" not in kinds or any(kind in RELATIONS for kind in kinds):
        return False
    for token in flat[place + 1 : place + 8]:
        if token.kind in RELATIONS:
            return token.kind == "~"
        if token.kind in _SEPARATORS:
            return False
    return False


def _chained(found: list[Segment]) -> list[Segment]:
    """A statement that starts with a relation continues the one before."""
    out: list[Segment] = []
    for segment in found:
        if segment.tokens[0].kind in RELATIONS and out and segment.intro in ("", "⇒"):
            previous = out.pop()
            out.append(replace(previous, tokens=previous.tokens + segment.tokens))
        else:
            out.append(segment)
    return out


def _without_enumerations(found: list[Segment]) -> list[Segment]:
    """t = 1, …, T is one condition, not three answers."""
    out: list[Segment] = []
    skip = False
    for segment in found:
        if skip:
            skip = False
            continue
        if all(token.kind in ("…", "-") for token in segment.tokens) and out:
            out[-1] = replace(out[-1], role="condition")
            skip = True
            continue
        if (
            any(token.kind == "…" for token in segment.tokens)
            and segment.tokens[0].kind == "name"
            and 1 < len(segment.tokens) <= 7
            and segment.tokens[1].kind == "="
        ):
            segment = replace(segment, role="condition")
        out.append(segment)
    return out


def split_chain(tokens: tuple[Token, ...]) -> tuple[list[tuple[Token, ...]], tuple[str, ...]]:
    """Members and relations of a chain a = b ≤ c."""
    members: list[tuple[Token, ...]] = []
    relations: list[str] = []
    current: list[Token] = []
    level = 0
    for token in tokens:
        if token.kind in _OPEN:
            level += 1
        elif token.kind in _CLOSE:
            level = max(0, level - 1)
        if level == 0 and token.kind in RELATIONS and not _in_limit(current):
            if not current and (members or relations):
                relations[-1] = token.kind
                continue
            members.append(tuple(current))
            relations.append(token.kind)
            current = []
            continue
        current.append(token)
    members.append(tuple(current))
    while len(members) > 1 and not members[0]:
        members.pop(0)
        relations.pop(0)
    return members, tuple(relations)


def _in_limit(current: list[Token]) -> bool:
    """Does prod_i stand before the sign, whose limit is typed without braces (prod_i=1^t)?"""
    if len(current) < 3 or current[-1].kind != "name":
        return False
    return (current[-2].kind == "_" or current[-2].value in ("from", "for")) and current[-3].kind == "big"


def only_prose(tokens: tuple[Token, ...], lang: str) -> bool:
    """Words, perhaps with symbols among them (“M is the mask”), and no operator that could change a formula."""
    words = [token for token in tokens if token.kind == "name" and len(token.value) > 1 and token.value in v.PROSE]
    if not words:
        return False
    structural = {"name", "_", "{", "}", "(", ")", "mark", "accent", "'", "-", "num", "[", "]"}
    if any(token.kind not in structural for token in tokens):
        return False
    first = tokens[0]
    verbs = ("is", "are", "denotes", "be", "denote")
    if any(token.value in verbs for token in tokens[1:]):
        tail = next(k for k, token in enumerate(tokens) if token.value in verbs and k > 0)
        if "of" in [token.value for token in tokens[tail:]]:  # “p_g is the density of G(z)”: of whom is no claim
            owner = next(k for k, token in enumerate(tokens) if token.value == "of" and k > tail)
            letters = all(len(x.value) == 1 or x.value in v.PROSE for x in tokens[owner:] if x.kind == "name")
            noun = owner - tail >= 2 and all(_is_prose(x) for x in tokens[tail:owner])
            return noun and letters and not any(x.kind in ("num", "-") for x in tokens[owner:])
        return all(
            token.kind == "name" and token.value in v.PROSE for token in tokens[tail:] if token.kind == "name"
        ) and not any(token.kind == "num" for token in tokens[tail:])
    if first.value in ("all", "any", "every", "each", "fixed") and all(
        token.kind in ("name", "_", "{", "}") for token in tokens
    ):
        return True
    plain = all(token.kind in ("name", "(", ")", "-", "'") for token in tokens)
    return plain and all(token.value in v.PROSE for token in tokens if token.kind == "name") and first is not None


def strip_prose(tokens: tuple[Token, ...], *, first: bool, last: bool) -> tuple[Token, ...]:
    """A member without the words around its formula (“the mean is …”, “… elementwise”)."""
    start, stop = 0, len(tokens)
    while first and start < stop and _is_prose(tokens[start]):
        start += 1
    while (
        last and stop > start and _is_prose(tokens[stop - 1]) and (stop < 2 or tokens[stop - 2].kind not in ("_", "^"))
    ):
        stop -= 1
    while last and stop > start and tokens[stop - 1].kind in ("quad", "\n"):
        stop -= 1
    return tokens[start:stop]


def _is_prose(token: Token) -> bool:
    return token.kind == "name" and len(token.value) > 1 and token.value in v.PROSE


@dataclass(frozen=True, slots=True)
class StatedMoments:
    """The tokens of a mean and of a variance (or deviation) that are stated in words."""

    mean: tuple[Token, ...]
    spread: tuple[Token, ...]
    deviation: bool


_VARIANCE_WORDS = frozenset({"variance", "covariance", "var", "cov", "Var", "Cov"})
_BETWEEN = frozenset(
    {"is", "of", "matrix", "and", "with", "the", "a", "has", "diagonal", "equal", "to", "distribution"}
)


def stated_moments(tokens: tuple[Token, ...]) -> StatedMoments | None:
    """“mean μ and variance Σ”, with nothing else that could matter before, between or behind; else None."""
    words = [
        (place, token.value) for place, token in enumerate(tokens) if token.kind == "name" and len(token.value) > 1
    ]
    means = [place for place, word in words if word == "mean"]
    spreads = [place for place, word in words if word in _VARIANCE_WORDS or word in ("std", "deviation")]
    if len(means) != 1 or len(spreads) != 1 or means[0] > spreads[0]:
        return None
    before = tokens[: means[0]]
    if any(
        token.kind != "name" or (len(token.value) > 1 and token.value not in v.PROSE | v.INTRODUCTIONS)
        for token in before
    ):
        return None
    if any(token.kind == "name" and len(token.value) == 1 and token.value not in "aA" for token in before):
        return None
    deviation = tokens[spreads[0]].value in ("std", "deviation")
    return StatedMoments(_core(tokens[means[0] + 1 : spreads[0]]), _core(tokens[spreads[0] + 1 :]), deviation)


def _core(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Tokens without the words and punctuation around them."""
    start, stop = 0, len(tokens)

    def loose(token: Token) -> bool:
        return token.kind in ("=", ",", ".", ":", ";", "\n", "quad") or (
            token.kind == "name" and len(token.value) > 1 and (token.value in _BETWEEN or token.value == "standard")
        )

    while start < stop and loose(tokens[start]):
        start += 1
    while stop > start and loose(tokens[stop - 1]):
        stop -= 1
    return tokens[start:stop]
