"""Formulas and numbers inside prose, checked against what is known.

Only statements of a recognized form are checked ("D(G(z)) → 0", "d/da log(1 − σ(a)) = −σ(a)", "BERT masks 15 %");
all else is left to the reviewer. Sources: the proofs of 1.3; He et al., Masked Autoencoders Are Scalable Vision
Learners (2022), section 3: 75 % of the patches; Devlin et al., BERT (2019), section 3.1: 15 % of the tokens.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked statement: the student's words, whether it agrees, and a sentence for the reviewer."""

    text: str
    status: Literal["agrees", "contradicts", "unchecked"]
    message: str


def check_statements(topic: str, text: str) -> tuple[Finding, ...]:
    """The checked statements in a prose answer to a topic of the handout, in the text's order."""
    if topic == "3.2":
        return _rates(text)
    if topic == "1.3":
        return _saturation(text)
    return ()


# ------------------------------------------------------------------------------------------------ 3.2: mask-out rates

MASK_RATES: Final = {"MAE": 75.0, "BERT": 15.0}
"""Per cent of the input that is hidden in training."""

_ALIASES: Final = (
    ("MAE", re.compile(r"\bMAE\b|masked\s+auto-?encoders?", re.IGNORECASE)),
    ("BERT", re.compile(r"\bBERT\b", re.IGNORECASE)),
)
_NUMBER: Final = re.compile(
    r"(?<![\w.])(\d{1,3}(?:\.\d+)?)\s*(\\?%|percent|per cent)|(?<![\w.])(0?\.\d+)(?![\d.])", re.IGNORECASE
)


def _rates(text: str) -> tuple[Finding, ...]:
    names = sorted((match.start(), match.end(), name) for name, pattern in _ALIASES for match in pattern.finditer(text))
    numbers = [
        (match.start(), match[0].strip(), float(match[1]) if match[1] else 100 * float(match[3]))
        for match in _NUMBER.finditer(text)
    ]
    respectively = re.search(r"\brespectively\b", text, re.IGNORECASE) is not None
    findings = []
    for index, (place, written, value) in enumerate(numbers):
        in_order = respectively and len(names) == len(numbers) == 2
        name = names[index][2] if in_order else _owner(place, names, text)
        if name is None:
            findings.append(Finding(written, "unchecked", f"{written}: of which model is not clear"))
            continue
        expected = MASK_RATES[name]
        words = f"{name} {written}"
        if math.isclose(value, expected, abs_tol=0.5):
            findings.append(Finding(words, "agrees", f"{name} masks {expected:g} %, as the text says"))
        else:
            findings.append(
                Finding(words, "contradicts", f"the text gives {written} for {name}; the paper has {expected:g} %")
            )
    return tuple(findings)


def _owner(place: int, names: list[tuple[int, int, str]], text: str) -> str | None:
    """The model that a number belongs to: the last one named before it in its sentence, else the next one after it."""
    start = max((match.end() for match in re.finditer(r"[.;!?](?=\s)", text[:place])), default=0)
    before = [name for begin, _, name in names if start <= begin < place]
    if before:
        following = re.match(
            r"[\d.]+\s*(?:\\?%|percent|per cent)?\s*(?:for|in|by)\s+(?:the\s+)?(?=MAE|BERT)", text[place:]
        )
        if following:  # "75 % for MAE and 15 % for BERT"
            after = [name for begin, _, name in names if begin >= place]
            return after[0] if after else before[-1]
        return before[-1]
    after = [name for begin, _, name in names if begin > place]
    return after[0] if after else None


# -------------------------------------------------------------------------------- 1.3: limits, slopes, the constant JSD

_LIMIT_SIGN: Final = r"(?:→|\\to|\\rightarrow|->|\\approx|≈|=|tends? to|goes to|approaches|converges? to)"
_VALUE: Final = r"(-?\s*(?:\d+(?:\.\d+)?|\\?infty|∞|infinity|\\?log\s*\(?\{?2\}?\)?|\\?ln\s*\(?\{?2\}?\)?|½|1/2))"
_LIMITS: Final[tuple[tuple[str, str, float], ...]] = (
    (r"log\(1-(?:D\(G\(z\)\)|σ\(a\)|D)\)", "log(1 − D(G(z))) where D rejects the sample", 0.0),
    (r"(?<!1-)(?:(?<!log)\b|(?<=\s))D\(G\(z\)\)", "D(G(z)) for a perfect discriminator", 0.0),
    (r"(?<!1-)(?<!log\(1-)(?<!-)σ\(a\)", "σ(a) where the sample is rejected", 0.0),
    (r"-σ\(a\)", "the slope −σ(a) where the sample is rejected", 0.0),
    (r"(?:JSD|D_JS)(?:\(p_r[‖|;,]+p_g\))?", "the JSD of disjoint supports", math.log(2)),
)
_SLOPE: Final = re.compile(
    r"(?:d/da|∂/∂a|∇_a|\\frac\{d\}\{da\}|\\frac\{∂\}\{∂a\})\s*\(?log\(1-σ\(a\)\)\)?\]?=(-?[^,;.\s]{1,60})"
)
_SIGMA: Final = 0.3
"""A value of σ(a) at which right and wrong slopes differ."""


def _plain(text: str) -> str:
    """LaTeX and spelling variants of the few symbols that are looked for, without spaces inside formulas."""
    for old, new in (
        (r"\left", ""), (r"\right", ""), (r"\mathcal", ""), (r"\mathrm", ""), (r"\operatorname", ""), (r"\text", ""),
        (r"\sigma", "σ"), ("sigmoid", "σ"), ("sigma", "σ"), (r"\partial", "∂"), (r"\nabla", "∇"),
        (r"\log", "log"), (r"\ln", "log"), ("ln(", "log("),
        (r"\|", "‖"), (r"\,", ""), ("−", "-"), ("\\!", ""), ("{D}", "D"), ("{G}", "G"), ("$", " "), ("D_{JS}", "D_JS"),
        ("{JSD}", "JSD"), ("[", "("), ("]", ")"),
    ):  # fmt: skip
        text = text.replace(old, new)
    text = re.sub(r"\s*([()=+/‖|^])\s*", r"\1", text)
    return re.sub(r"(?<=[\w)])\s*-\s*(?=[\w(∂σ])", "-", text)


def _saturation(text: str) -> tuple[Finding, ...]:
    plain = _plain(text)
    findings = []
    for pattern, name, right in _LIMITS:
        for match in re.finditer(rf"{pattern}\s*{_LIMIT_SIGN}\s*{_VALUE}", plain):
            if re.search(
                r"\bif\b|\bunless\b|\breal\b|\boptim", plain[max(0, match.start() - 30) : match.start()], re.IGNORECASE
            ):
                continue
            value = _value(match[1])
            agrees = math.isclose(value, right, abs_tol=5e-3)
            findings.append(
                Finding(
                    match[0],
                    "agrees" if agrees else "contradicts",
                    f"{name} is {_shown(right)}" + ("" if agrees else f", not {match[1].strip()}"),
                )
            )
    for match in _SLOPE.finditer(plain):
        findings.append(_slope(match[0], match[1]))
    return tuple(findings)


def _value(written: str) -> float:
    sign = -1.0 if written.strip().startswith("-") else 1.0
    body = written.strip().lstrip("-").strip()
    if "inf" in body or "∞" in body:
        return sign * math.inf
    if "log" in body or "ln" in body:
        return sign * math.log(2)
    return sign * (0.5 if body in ("½", "1/2") else float(body))


def _shown(value: float) -> str:
    return "log 2" if math.isclose(value, math.log(2)) else f"{value:g}"


_SLOPES: Final[dict[str, Callable[[float], float]]] = {
    "-σ(a)": lambda s: -s,
    "σ(a)": lambda s: s,
    "-D": lambda s: -s,
    "-D(G(z))": lambda s: -s,
    "σ(a)-1": lambda s: s - 1,
    "1-σ(a)": lambda s: 1 - s,
    "-(1-σ(a))": lambda s: s - 1,
    "σ(a)(1-σ(a))": lambda s: s * (1 - s),
    "-σ(a)(1-σ(a))": lambda s: -s * (1 - s),
    "-1/(1-σ(a))": lambda s: -1 / (1 - s),
    "1/(1-σ(a))": lambda s: 1 / (1 - s),
    "-1/(1+e^{-a})": lambda s: -s,
    "-1/(1+exp(-a))": lambda s: -s,
    "-\\frac{1}{1+e^{-a}}": lambda s: -s,
}


def _slope(statement: str, side: str) -> Finding:
    while side.endswith(")") and side.count(")") > side.count("("):
        side = side[:-1]
    slope = _SLOPES.get(re.split(r"→|->|\\to", side)[0])
    if slope is None:
        return Finding(statement, "unchecked", "a slope in a form that is not checked here")
    right = -_SIGMA
    if math.isclose(slope(_SIGMA), right):
        return Finding(statement, "agrees", "d/da log(1 − σ(a)) is as the text says")
    return Finding(
        statement,
        "contradicts",
        f"at σ(a) = {_SIGMA} the text's slope of log(1 − σ(a)) is {slope(_SIGMA):.3g}, but it is {right:.3g}",
    )
