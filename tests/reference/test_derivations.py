"""The derivations prove what they claim, refuse what is false, and agree with what the grader uses."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from grader.verify import report_lines, verify
from reference import derivations
from reference.derivations import Step, symbols
from reference.derivations.proof import ProofError, check
from reference.derivations.symbols import bb_prev, beta, p, q, x_0, x_t


@pytest.fixture(scope="module")
def report():
    return verify()


def test_every_result_is_proved_and_every_counterexample_computed(report):
    assert report.ok
    assert [outcome.result_id for outcome in report.outcomes] == ["1.1", "1.2", "1.3", "2.1", "2.3", "2.4", "2.5"]
    assert report.steps >= 60
    assert {error.result_id for error in report.seed_errors} == {"1.2", "2.1", "2.3", "2.4", "2.5"}


def test_the_report_prints_every_step_with_its_reason(report):
    text = "\n".join(report_lines(report))
    for outcome in report.outcomes:
        for step in outcome.proof.steps:
            assert step.claim in text
            assert step.how in text
    assert "NOT PROVED" not in text


def test_no_step_compares_a_formula_with_itself(report):
    for outcome in report.outcomes:
        for step in outcome.proof.steps:
            assert step.lhs != step.rhs
    with pytest.raises(ProofError, match="shows nothing"):
        check(p / (p + q), "=", p / (p + q), "nothing")


FALSE_STEPS = [
    (sp.Derivative(sp.log(x_0**2 + 1), x_0), "=", 1 / (x_0**2 + 1)),
    (derivations.D_STAR(p, q), "=", derivations.D_STAR(q, p)),
    (derivations.D_STAR(p, q), ">", sp.Rational(1, 2)),
    (beta, ">", bb_prev),
    (derivations.BETA_BAR(beta, bb_prev), "=", (1 - beta) * (1 - bb_prev)),
    (sp.log(p / (p + q)), "=", sp.log(2 * p / (p + q)) + sp.log(2)),
    (sp.Limit(-1 / (1 + sp.exp(-symbols.a)), symbols.a, -sp.oo), "=", -1),
    (symbols.m**2, "=", 2 * symbols.m),
    (sp.sqrt(1 - beta) * sp.sqrt(1 - bb_prev), "=", sp.sqrt(1 - beta * bb_prev)),
]


@pytest.mark.parametrize(("lhs", "relation", "rhs"), FALSE_STEPS)
def test_a_false_step_cannot_be_made(lhs, relation, rhs):
    with pytest.raises(ProofError):
        Step("a false claim", lhs, relation, rhs, "nothing")


MUTANTS = {
    "D_STAR": lambda right: sp.Lambda((p, q), right(q, p)),
    "POSTERIOR_MEAN": lambda right: sp.Lambda((beta, bb_prev, x_t, x_0), right(beta, bb_prev, x_0, x_t)),
    "POSTERIOR_VARIANCE": lambda right: sp.Lambda((beta, bb_prev), right(beta, bb_prev) / 2),
    "BETA_BAR": lambda right: sp.Lambda((beta, bb_prev), 1 - right(beta, bb_prev)),
    "Q_VARIANCE": lambda right: sp.Lambda((beta, bb_prev), sp.sqrt(right(beta, bb_prev))),
    "ELBO_WEIGHT": lambda right: sp.Lambda((beta, bb_prev, symbols.sigma), right(beta, bb_prev, symbols.sigma) / beta),
    "OBJECTIVE_CONSTANT": lambda right: right / 2,
    "SATURATED_GRADIENT": lambda right: sp.Lambda((symbols.a,), -right(symbols.a)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_result_is_not_proved(name, monkeypatch):
    """Putting a wrong formula in a result's place must break at least one proof (modules are read anew)."""
    import importlib

    from reference.derivations import conditional, diffusion, discriminator, elbo, results

    modules = (discriminator, diffusion, elbo, conditional)
    right = getattr(results, name)
    try:
        setattr(results, name, MUTANTS[name](right))
        broken = 0
        for module, derive_names in zip(
            modules,
            (
                ("optimal_discriminator", "objective_at_optimum", "saturation"),
                ("forward_marginal", "posterior"),
                ("evidence_lower_bound",),
                ("conditional_score",),
            ),
            strict=True,
        ):
            if not hasattr(module, name):
                continue
            importlib.reload(module)
            for derive in derive_names:
                try:
                    getattr(module, derive)()
                except ProofError:
                    broken += 1
        assert broken
    finally:
        setattr(results, name, right)
        for module in modules:
            importlib.reload(module)


def test_the_seed_elbo_exceeds_the_log_likelihood_that_it_should_bound(report):
    sign = next(error for error in report.seed_errors if error.where == "sign")
    evidence = -sp.log(2 * sp.pi) / 2 - 2
    assert float(sign.true) <= float(evidence) < float(sign.stated)


def test_the_reference_diffusion_computes_the_proved_formulas():
    torch = pytest.importorskip("torch")
    ddpm = pytest.importorskip("reference.ddpm")
    rng = np.random.default_rng(3)
    betas = rng.uniform(0.08, 0.92, size=5)
    x = rng.normal(size=(5, 2, 2))
    t = torch.arange(1, 6)
    tensor = lambda a: torch.tensor(a, dtype=torch.float64)  # noqa: E731
    bars = ddpm.beta_bar(tensor(betas)).numpy()
    mean = ddpm.posterior_mean(tensor(x[:, 0]), tensor(x[:, 1]), t, tensor(betas)).numpy()
    variance = ddpm.posterior_variance(t, tensor(betas)).numpy()
    noised = ddpm.q_sample(tensor(x[:, 0]), t, tensor(betas), tensor(np.zeros_like(x[:, 0]))).numpy()
    previous = 0.0
    for k, b in enumerate(betas):
        bar = float(derivations.BETA_BAR(b, previous))
        assert bars[k] == pytest.approx(bar, rel=1e-12)
        assert variance[k] == pytest.approx(float(derivations.POSTERIOR_VARIANCE(b, previous)), rel=1e-9, abs=1e-12)
        for axis in range(2):
            x_of_t, x_zero = x[k, :, axis]
            expected = float(derivations.POSTERIOR_MEAN(b, previous, x_of_t, x_zero))
            assert mean[k, axis] == pytest.approx(expected, rel=1e-9)
            assert noised[k, axis] == pytest.approx(float(derivations.Q_MEAN(b, previous, x_of_t)), rel=1e-9)
        previous = bar


def test_the_reference_conditional_score_is_the_proved_one():
    torch = pytest.importorskip("torch")
    ddpm = pytest.importorskip("reference.ddpm")
    rng = np.random.default_rng(4)
    x, known = rng.normal(size=(2, 3, 4))
    mask = rng.integers(0, 2, size=(3, 4)).astype(float)
    given = ddpm.conditional_score(*(torch.tensor(v) for v in (-x, x, known, mask))).numpy()
    for index in np.ndindex(*x.shape):
        expected = derivations.CONDITIONAL_SCORE(-x[index], x[index], known[index], mask[index])
        assert given[index] == pytest.approx(float(expected), rel=1e-9, abs=1e-12)
