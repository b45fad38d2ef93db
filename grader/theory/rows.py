r"""Rows and chains of displayed formulas, and which of them states the result.

Works on the student's characters: cuts `\\` and `=` only where no bracket or environment is open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from grader.theory.answer_text import StepText, split_leading

_NOISE: Final = re.compile(
    r"\\(?:label|tag|eqref|ref|cite)\*?\{[^{}]*\}|\\(?:nonumber|notag|displaystyle|allowbreak|noindent|centering)(?![A-Za-z])"
    r"|\\(?:v|h)space\*?\{[^{}]*\}|\\(?:hfill|qedhere|square|blacksquare|smallskip|medskip|bigskip|newpage|clearpage)(?![A-Za-z])"
)
_WRAPPER: Final = re.compile(
    r"^\s*\\begin\{(aligned|split|gathered|align|alignedat|array)\*?\}(?:\[[^\]]*\])?(?:\{[^{}]*\})?(.*)\\end\{\1\*?\}\s*[.,;]?\s*$",
    re.DOTALL,
)
_OPEN: Final = re.compile(
    r"\\begin\{[^{}]*\}|\\end\{[^{}]*\}|\\\\(?:\[[^\]]{0,12}\])?|\\[A-Za-z]+|\\.|[{}()\[\]]|.", re.DOTALL
)
_CONTINUES: Final = re.compile(r"^\s*(?:[+\-−·*/]|\\(?:cdot|times|odot|left|frac\b)(?![A-Za-z]))")
_RELATION_COMMANDS: Final = frozenset(
    [
        r"\Longrightarrow",
        r"\Rightarrow",
        r"\implies",
        r"\Leftrightarrow",
        r"\iff",
        r"\propto",
        r"\leq",
        r"\le",
        r"\geq",
        r"\ge",
        r"\approx",
        r"\equiv",
        r"\sim",
    ]
)


def tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """(token, depth of open brackets and environments before it, place): commands, brackets, single characters."""
    depth = 0
    for match in _OPEN.finditer(text):
        token = match.group(0)
        closes = token in "})]" or token.startswith(r"\end{") or token in (r"\}", r"\)", r"\]")
        if closes:
            depth = max(0, depth - 1)
        yield token, depth, match.start()
        if token in "{([" or token.startswith(r"\begin{") or token == r"\{":
            depth += 1


def rows_of(display: str, environment: str = "") -> list[tuple[str, int]]:
    """The rows of a displayed formula without alignment marks, each with its line offset."""
    text = _NOISE.sub(" ", display)
    offset = 0
    while wrapper := _WRAPPER.match(text):
        offset += text.count("\n", 0, wrapper.start(2))
        text = wrapper[2]
    if environment == "multline":
        text = re.sub(r"\\\\", " ", text)
    cuts = [(place, token) for token, depth, place in tokens(text) if depth == 0 and token.startswith("\\\\")]
    rows: list[tuple[str, int]] = []
    start = 0
    for place, token in [*cuts, (len(text), "")]:
        piece = text[start:place]
        line = offset + text.count("\n", 0, start + len(piece) - len(piece.lstrip()))
        start = place + len(token)
        row = re.sub(r"(?<!\\)&", " ", piece).strip()
        if not row or row in ".,;":
            continue
        leading, _ = split_leading(row)
        if rows and leading is None and _CONTINUES.match(row):
            rows[-1] = (f"{rows[-1][0]} {row}", rows[-1][1])
        else:
            rows.append((row, line))
    return rows


def top_level_relations(text: str) -> list[tuple[str, int, int]]:
    """(relation as written, start, end) where nothing is open, up to the first comma, `\\quad` or `where`."""
    found: list[tuple[str, int, int]] = []
    previous = ""
    for token, depth, place in tokens(text):
        if depth == 0:
            if (
                token in (",", ";")
                or token in (r"\quad", r"\qquad")
                or text.startswith((r"\text{where", r"\text{with"), place)
            ):
                if found:
                    break
            elif token in _RELATION_COMMANDS or token in "=∝⇒⟹≤≥<>~≈":
                start = place - 1 if token == "=" and previous in (":", "<", ">") else place
                if found and found[-1][2] == start + (start != place) and token == "=":
                    found[-1] = (text[found[-1][1] : place + 1], found[-1][1], place + 1)
                else:
                    found.append((text[start : place + len(token)], start, place + len(token)))
        previous = token
    return found


@dataclass(frozen=True, slots=True)
class Chain:
    """Rows that go on from each other: `A = B`, `= C` is one chain. text: all of it; steps: its rows."""

    steps: tuple[StepText, ...]

    @property
    def text(self) -> str:
        parts = [self.steps[0].text]
        for step in self.steps[1:]:
            parts.extend((WRITTEN.get(step.leading or "=", "="), step.text))
        return " ".join(parts)

    @property
    def left(self) -> str:
        """Everything before the first relation; empty when there is none."""
        relations = top_level_relations(self.text)
        return self.text[: relations[0][1]].strip() if relations else ""


WRITTEN: Final = {
    "=": "=", "∝": r"\propto", "≤": r"\le", "≥": r"\ge", "≈": r"\approx", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow",
}  # fmt: skip


def chains_of(steps: Sequence[StepText]) -> list[Chain]:
    """Steps grouped: one that begins with =, ∝, ≤, ≥ or ≈ goes on from the one before."""
    groups: list[list[StepText]] = []
    for step in steps:
        if groups and step.leading in ("=", "∝", "≤", "≥", "≈"):
            groups[-1].append(step)
        else:
            groups.append([step])
    return [Chain(tuple(group)) for group in groups]


_NOTATION: Final = re.compile(
    r"(?:\\(?:bar|overline|tilde|hat|widetilde|widehat)\s*\{?\s*)?\\?(?:alpha|beta|gamma|sigma|lambda|eta|Sigma|[a-zA-Z])\s*\}?"
    r"(?:[_^]\s*(?:\{[^{}]*\}|\\?\w+|\*))*(?:\s*\((?:x|i|t|s)\))?"
)
_NOT_NOTATION: Final = re.compile(
    r"^(?:\\(?:bar|hat|tilde)\s*\{?)?\\?(?:mathbf|boldsymbol|[xDVGpqsJLE])(?![a-z])|^\\(?:mu|epsilon)|^0"
)


def is_notation(left: str) -> bool:
    """Whether a left side is a symbol that an answer may declare, such as `\\bar\\alpha_t`, `\\sigma_t^2`, `m(x)`."""
    bare = re.sub(r"\\(?:mathbf|boldsymbol|bm|mathrm|left|right)(?![A-Za-z])|\s", "", left).rstrip(":")
    bare = bare.strip("{}") if bare.startswith("{") else bare
    return bool(bare) and _NOTATION.fullmatch(bare) is not None and _NOT_NOTATION.match(bare) is None


_TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "1.1": (r"D\W*(?:\^|_)?\W*(?:\*|star|opt|ast|G)|^\W*(?:mathcal)?\W*D",),
    "1.2": (),
    "2.1": (r"ELBO|operatorname\{L|mathcal\{?\s*L|VLB",),
    "2.3": (r"^\W*q\W*\(", r"\\sim|^\W*(?:mathbf|boldsymbol|bm)?\W*x"),
    "2.4": (r"mu|mean|\\mathbb\{?E|Mean", r"^\W*(?:mathbf|boldsymbol|bm)?\W*x", r"^\W*q\W*\("),
    "2.5": (r"s\W*_?\W*\\?theta.*(?:\||\\mid|\\vert).*", r"nabla.*\\log.*(?:\||\\mid|\\vert)"),
}
_BOXED: Final = re.compile(r"\\boxed\s*\{")


def result_of(question: str, chains: Sequence[Chain]) -> str | None:
    """The formula that states the result: a boxed one, else the last that names what is asked, else the last."""
    for chain in reversed(chains):
        boxed = _BOXED.search(chain.text)
        if boxed:
            return _inside(chain.text, boxed.end())
    candidates = [chain for chain in chains if not is_notation(chain.left)] or list(chains)
    for target in _TARGETS.get(question, ()):
        named = [chain for chain in candidates if re.search(target, chain.left)]
        if question == "2.3" and target.startswith("^\\W*q"):
            named = [chain for chain in named if re.search(r"mathcal\W*N|Normal|\bN\s*\(|operatorname\W*N", chain.text)]
        if named:
            return shorten(named[-1].text)
    return shorten(candidates[-1].text) if candidates else None


def _inside(text: str, start: int) -> str:
    """The text up to the brace that closes the one before `start`."""
    depth = 1
    for match in re.finditer(r"\\.|[{}]", text[start:], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match.group(0), 0)
        if depth == 0:
            return text[start : start + match.start()].strip()
    return text[start:].strip()


def shorten(text: str) -> str:
    """`L = A = B, where …` → `L = B, where …`; the left side is kept only where it is a name."""
    relations = top_level_relations(text)
    if len(relations) < 1:
        return text
    last = relations[-1]
    after = text[last[2] :].strip()
    if re.fullmatch(r"[\s0.]*", after) and len(relations) > 1:  # "… = 0" ends an equation, not a result
        last = relations[-2]
        after = text[last[2] : relations[-1][1]].strip()
    implied = [r for r in relations if split_leading(r[0])[0] in ("⇒", "⇔") and r[1] < last[1]]
    start = implied[-1][2] if implied else 0
    first = next(r for r in relations if r[1] >= start)
    left = text[start : first[1]].strip()
    if split_leading(last[0])[0] in ("⇒", "⇔"):
        return after
    name_like = left and len(left) <= 80 and not re.search(r"\\(?:d|t)?frac|\\int|\\sum|\\prod|\+|\\max|\\min", left)
    return f"{left} {last[0] if len(relations) == 1 else '='} {after}" if name_like else after
