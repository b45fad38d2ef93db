"""`grader verify`: the proofs of all theory results as data and as lines to print; nothing here prints."""

from __future__ import annotations

import textwrap
import time
from dataclasses import dataclass
from typing import Any, Final

import sympy as sp

from reference import derivations
from reference.derivations.symbols import bb_prev, beta

WIDTH: Final = 104
"""Columns that a formula may take in print."""

_BETA_BAR_T: Final = {derivations.BETA_BAR(beta, bb_prev): sp.Symbol("betabar_t", positive=True)}
_LETTERS: Final = (
    ("betabar_t", "β̄_t"),
    ("betabar_{t-1}", "β̄_{t−1}"),
    ("beta", "β"),
    ("sigma", "σ"),
    ("xhat", "x̂"),
    ("theta", "θ"),
    ("mu_", "μ_"),
    ("sqrt", "√"),
    ("**", "^"),
    ("*", "·"),
)


@dataclass(frozen=True, slots=True)
class ProofOutcome:
    """One result: its proof, or why it could not be proved. seconds: time that proving took."""

    result_id: str
    proof: derivations.Proof | None
    failure: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` found. ok: every result is proved and every seed counterexample computed."""

    outcomes: tuple[ProofOutcome, ...]
    seed_errors: tuple[derivations.SeedError, ...]
    seed_failure: str | None
    seconds: float

    @property
    def ok(self) -> bool:
        return self.seed_failure is None and all(outcome.proof is not None for outcome in self.outcomes)

    @property
    def steps(self) -> int:
        """Number of checked steps."""
        return sum(len(outcome.proof.steps) for outcome in self.outcomes if outcome.proof)


def verify() -> VerifyReport:
    """Prove every result anew and compute the seed document's counterexamples (a few seconds, one core)."""
    started = time.perf_counter()
    outcomes = []
    for result_id, derive in derivations.DERIVATIONS:
        begun = time.perf_counter()
        proof, failure = None, None
        try:
            proof = derive()
        except derivations.ProofError as error:
            failure = str(error)
        outcomes.append(ProofOutcome(result_id, proof, failure, time.perf_counter() - begun))
    seed: tuple[derivations.SeedError, ...] = ()
    seed_failure = None
    try:
        seed = derivations.seed_errors()
    except derivations.ProofError as error:
        seed_failure = str(error)
    return VerifyReport(tuple(outcomes), seed, seed_failure, time.perf_counter() - started)


def proof_lines(proof: derivations.Proof) -> list[str]:
    """A proof as plain text: title, assumptions, then per step its claim, its mathematics and its reason."""
    lines = [f"{proof.result_id}  {proof.title}", f"     Given: {proof.assumptions}."]
    for number, step in enumerate(proof.steps, start=1):
        lines.append(f"  {number:2}. {step.claim}")
        lines.extend(_formula(step))
        lines.append(f"      because: {step.how}")
    lines.append(f"      proved in {len(proof.steps)} steps, each checked by sympy.")
    return lines


def seed_error_lines(error: derivations.SeedError) -> list[str]:
    """A counterexample as plain text."""
    return [
        f"{error.result_id}  {error.where}: {error.statement}",
        f"      at {error.example}",
        f"      the document's value {_value(error.stated)}, the true value {_value(error.true)}",
        f"      {error.note}",
    ]


def report_lines(report: VerifyReport) -> list[str]:
    """The whole report as plain text lines (unicode), proofs first, then the seed document."""
    lines: list[str] = []
    for outcome in report.outcomes:
        if outcome.proof is not None:
            lines.extend(proof_lines(outcome.proof))
        else:
            lines.append(f"{outcome.result_id}  NOT PROVED: {outcome.failure}")
        lines.append("")
    lines.append("What the founding document states otherwise, each with a counterexample:")
    for error in report.seed_errors:
        lines.extend(seed_error_lines(error))
    if report.seed_failure is not None:
        lines.append(f"A counterexample failed: {report.seed_failure}")
    proved = sum(outcome.proof is not None for outcome in report.outcomes)
    lines.append("")
    lines.append(
        f"{proved} of {len(report.outcomes)} results proved in {report.steps} steps, "
        f"{len(report.seed_errors)} counterexamples, {report.seconds:.1f} s."
    )
    return lines


def _formula(step: derivations.Step) -> list[str]:
    """The step's mathematics, drawn over several lines where that fits the width, else in one line, wrapped."""
    lhs, rhs = (side.subs(_BETA_BAR_T) for side in map(sp.sympify, (step.lhs, step.rhs)))
    relation = {"=": sp.Eq, "<": sp.Lt, ">": sp.Gt}[step.relation]
    drawn = sp.pretty(relation(lhs, rhs, evaluate=False), use_unicode=True, wrap_line=False).splitlines()
    if max(map(len, drawn)) > WIDTH:
        line = f"{sp.sstr(lhs)} {step.relation} {sp.sstr(rhs)}"
        for ascii_name, letter in _LETTERS:
            line = line.replace(ascii_name, letter)
        drawn = textwrap.wrap(line, WIDTH, break_long_words=False)
    return [f"      {part}".rstrip() for part in drawn]


def _value(value: Any) -> str:
    exact = sp.sstr(value)
    return exact if value.is_Rational or value.is_Float else f"{exact} ≈ {sp.N(value, 6)}"
