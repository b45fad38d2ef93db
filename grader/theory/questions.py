"""What each theory question is about: its family of models, the names it knows, the left-hand sides of its answer."""

from __future__ import annotations

from typing import Literal

from grader.theory import tree as t
from grader.theory.errors import ReadError
from grader.theory.names import base_of

Family = Literal["gan", "diffusion", "elbo", "score"]

FAMILY: dict[str, Family] = {
    "1.1": "gan",
    "1.2": "gan",
    "2.1": "elbo",
    "2.1.weight": "diffusion",
    "2.3": "diffusion",
    "2.3.beta_bar": "diffusion",
    "2.4": "diffusion",
    "2.5": "score",
}

_EVERYWHERE = frozenset({"pi", "e", "inf", "…"})
_KNOWN: dict[str, frozenset[str]] = {
    "gan": frozenset({"p_r", "p_g", "x", "y", "z", "u", "D"}),
    "diffusion": frozenset({"beta", "beta_bar", "x", "t", "T", "I", "d", "q"}),
    "elbo": frozenset(
        {"beta", "beta_bar", "sigma", "x", "T", "q", "p", "p_theta", "x_hat_theta", "x_hat", "epsilon", "epsilon_theta",
         "mu_theta", "mu_tilde", "mu_q", "const", "C", "c", "I", "d", "theta"}
    ),
    "score": frozenset({"x", "x_known", "M", "s_theta", "s", "delta", "I", "i", "j", "k", "d", "m", "t", "theta"}),
}  # fmt: skip
_EXTRA: dict[str, frozenset[str]] = {
    "1.2": frozenset({"D_star"}),
    "2.1.weight": frozenset({"sigma"}),
    "2.3": frozenset({"epsilon"}),
}

_CONSTANT_NAMES = frozenset({"x", "I", "e"})
FIXED: dict[str, frozenset[str]] = {
    "gan": _CONSTANT_NAMES | {"p_r", "p_g"},
    "diffusion": _CONSTANT_NAMES | {"T", "t", "beta", "d", "q"},
    "elbo": _CONSTANT_NAMES | {"T", "t", "beta", "d", "q", "p", "p_theta", "x_hat_theta"},
    "score": _CONSTANT_NAMES | {"M", "x_known", "s_theta", "s", "delta"},
}
"""Names whose meaning a student's text cannot change. (Redefining β̄_t or σ_t is what "where" clauses are for.)"""

_ANSWER_BASES: dict[str, frozenset[str]] = {
    "1.1": frozenset({"D"}),
    "1.2": frozenset({"V", "C", "L", "J"}),
    "2.1": frozenset({"ELBO", "L", "VLB", "F", "VLBO"}),
    "2.1.weight": frozenset({"w", "lambda", "gamma", "weight", "omega", "c", "W", "lambda_", "k"}),
    "2.3": frozenset({"q"}),
    "2.3.beta_bar": frozenset({"beta_bar"}),
    "2.4": frozenset({"mu", "m", "mean", "E"}),
    "2.5": frozenset({"s"}),
}


def family_of(question: str) -> Family:
    """The family of a question's models. Raises ReadError for a question without a symbolic answer."""
    family = FAMILY.get(question)
    if family is None:
        raise ReadError(f"There is no symbolic question {question[:20]!r}; known are {', '.join(FAMILY)}.", 0)
    return family


def known_names(question: str) -> frozenset[str]:
    """Names that need no definition in an answer to this question."""
    return _EVERYWHERE | _KNOWN[family_of(question)] | _EXTRA.get(question, frozenset())


def is_answer_side(question: str, node: t.Node) -> bool:
    """Is this left-hand side a name of the question's own answer?"""
    bases = _ANSWER_BASES[question]
    if question == "2.3.beta_bar":
        return isinstance(node, t.Sym) and node.name == "beta_bar"
    if question == "2.3":
        if isinstance(node, t.Call) and node.name in ("q", "p", "law"):
            return True
        return isinstance(node, t.Sym) and node.name == "x" and node.index == (t.Sym("t"),)
    if isinstance(node, (t.Sym, t.Call)):
        if question == "2.1" and isinstance(node, t.Sym) and node.name == "L" and node.index:
            return False
        return base_of(node.name) in bases
    return question == "2.5" and isinstance(node, t.Grad)
