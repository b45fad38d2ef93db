"""The right answers that the grader compares with are the formulas that the derivations prove."""

from __future__ import annotations

import pytest
import sympy as sp

from grader.theory import tree as t
from grader.theory.questions import family_of
from grader.theory.reference_answers import right_answer
from grader.theory.step_models import StepEvaluator, StepModel
from grader.theory.values import Numbers
from reference import derivations

NUMBERS = Numbers()


def bench(question: str, seed: str) -> tuple[StepModel, StepEvaluator]:
    model = StepModel(family_of(question), seed, NUMBERS)
    return model, StepEvaluator(question, model, ())


def exact(value: object) -> sp.Float:
    return sp.Float(str(value), 50)


def close(value: object, proved: object) -> bool:
    return abs(sp.N(proved, 45) - exact(value)) < sp.Float(10) ** -40


@pytest.fixture(params=["one", "two"])
def seed(request):
    return request.param


def test_1_1_is_the_proved_discriminator(seed):
    model, evaluator = bench("1.1", seed)
    p, q = (exact(model.densities[name][0]) for name in ("p_r", "p_g"))
    assert close(evaluator.value(right_answer("1.1")), derivations.D_STAR(p, q))


def test_1_2_differs_from_twice_the_jsd_by_the_proved_constant(seed):
    _, evaluator = bench("1.2", seed)
    twice = evaluator.value(t.Mul((t.TWO, t.Divergence("JSD", t.Sym("p_r"), t.Sym("p_g")))))
    assert close(evaluator.value(right_answer("1.2")) - twice, derivations.OBJECTIVE_CONSTANT)
    objective = evaluator.value(t.Call("V", (t.Sym("D_star"), t.Sym("G"))))
    assert close(objective - twice, derivations.OBJECTIVE_CONSTANT)


def test_2_3_has_the_proved_mean_and_variance(seed):
    model, evaluator = bench("2.3", seed)
    beta, before, x_0 = (exact(v) for v in (model.beta(5), model.beta_bar(4), model.state(0)))
    answer = right_answer("2.3")
    assert isinstance(answer, t.Gauss)
    assert close(evaluator.value(answer.mean), derivations.Q_MEAN(beta, before, x_0))
    assert close(evaluator.value(answer.spread), derivations.Q_VARIANCE(beta, before))


def test_beta_bar_obeys_the_proved_recursion(seed):
    model, evaluator = bench("2.3.beta_bar", seed)
    proved = derivations.BETA_BAR(exact(model.beta(5)), exact(model.beta_bar(4)))
    assert close(evaluator.value(right_answer("2.3.beta_bar")), proved)


def test_2_4_is_the_proved_mean(seed):
    model, evaluator = bench("2.4", seed)
    given = (exact(v) for v in (model.beta(5), model.beta_bar(4), model.state(5), model.state(0)))
    proved = derivations.POSTERIOR_MEAN(*given)
    assert close(evaluator.value(right_answer("2.4")), proved)
    assert close(evaluator.posterior()[0], proved)
    assert close(
        evaluator.posterior()[1], derivations.POSTERIOR_VARIANCE(exact(model.beta(5)), exact(model.beta_bar(4)))
    )


def test_the_elbo_weight_is_the_proved_one(seed):
    model, evaluator = bench("2.1.weight", seed)
    given = (exact(v) for v in (model.beta(5), model.beta_bar(4), model.sigma(5)))
    assert close(evaluator.value(right_answer("2.1.weight")), derivations.ELBO_WEIGHT(*given))


def test_2_5_is_the_proved_score_in_every_coordinate(seed):
    model, evaluator = bench("2.5", seed)
    answer = evaluator.value(right_answer("2.5"))
    names = ("s_theta", "x", "x_known")
    score, x, known = (evaluator.value(t.Sym(name)) for name in names)
    for place, value in enumerate(answer.items):
        parts = (exact(v.items[place]) for v in (score, x, known))
        assert close(value, derivations.CONDITIONAL_SCORE(*parts, int(model.mask.items[place])))
