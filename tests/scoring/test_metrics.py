"""Metrics and tests of law: zero for the same law, large for another, never blind to NaN."""

from __future__ import annotations

import numpy as np
import pytest

from grader.scoring import laws, metrics
from grader.scoring.calibration import failure_rate, fit_tail, rate_without_failures
from grader.scoring.sequential import Attempts, Checkpoint, best, decision, train_until_good


def test_energy_distance_is_about_zero_for_one_law_and_exact_for_two_points() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 800, 2))
    assert abs(metrics.energy_distance(x, y)) < 0.02
    apart = metrics.energy_distance(np.zeros((5, 1)), np.full((4, 1), 3.0))
    assert apart == pytest.approx(6.0)
    assert metrics.energy_distance(x, np.full((3, 2), np.nan)) == np.inf


def test_sliced_wasserstein_of_a_shift_is_its_length_over_root_two() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 2))
    assert metrics.sliced_wasserstein(x, x + np.array([3.0, 0.0]), rng, 500) == pytest.approx(3 / np.sqrt(2), rel=0.1)


def test_a_missing_mode_and_a_constant_sample_are_seen() -> None:
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    rng = np.random.default_rng(2)
    x = centres[rng.integers(2, size=300)] + 0.1 * rng.normal(size=(300, 2))
    assert metrics.mode_coverage(x, centres, 0.5).covered == 2
    assert metrics.distinct_share(np.zeros((100, 2))) == pytest.approx(0.01)
    assert metrics.copied_share(x[:50], x) == 1.0
    assert metrics.mode_width(x, centres, 1.0) == pytest.approx(0.1, rel=0.2)


def test_normal_draws_are_hardly_ever_surprising_and_uniform_ones_always() -> None:
    rng = np.random.default_rng(3)
    assert max(laws.standard_normal(rng.normal(size=1000)) for _ in range(300)) < 6
    assert laws.standard_normal(rng.uniform(-np.sqrt(3), np.sqrt(3), size=1000)) > 8
    assert laws.standard_normal(1.2 * rng.normal(size=1000)) > 8
    assert laws.standard_normal(np.array([np.nan])) == laws.CAP


def test_repeated_noise_and_unequal_counts_are_surprising() -> None:
    rng = np.random.default_rng(4)
    z = rng.normal(size=(50, 20))
    assert laws.independent_rows(z) < 6
    assert laws.independent_rows(np.repeat(z, 2, axis=0)) > 50
    assert laws.uniform_counts(np.array([100.0, 90, 110])) < 3
    assert laws.uniform_counts(np.array([200.0, 90, 10])) > 20
    assert laws.best_law(np.array([30.0, 20, 10]), {"flat": np.ones(3), "linear": np.array([3.0, 2, 1])}) == "linear"


def test_training_stops_at_the_first_pass_and_the_decision_can_be_taken_again() -> None:
    def training(number: int):  # type: ignore[no-untyped-def]
        for step, energy in ((1, 0.5), (2, 0.05 if number else 0.4), (3, 0.01)):
            yield Checkpoint(step, {"energy": energy, "shown": float("inf")})

    attempts = train_until_good(training, {"energy": 0.1})
    assert attempts.passed
    assert [len(t) for t in attempts.tries] == [3]
    facts = attempts.facts()
    assert facts["tries"][0][0]["shown"] is None
    assert decision(facts, {"energy": 0.1}) is True
    assert decision(facts, {"energy": 0.001}) is None
    assert best(facts, "energy") == 0.01
    assert decision(Attempts({"energy": 0.1}).facts(), {"energy": 0.1}) is False


def test_the_fitted_tail_of_an_exponential_law_is_its_own() -> None:
    values = np.random.default_rng(5).exponential(size=4000)
    tail = fit_tail(values)
    assert tail is not None
    assert tail.quantile(1e-4) == pytest.approx(-np.log(1e-4), rel=0.25)
    assert failure_rate(values, 9.2) == pytest.approx(1e-4, rel=2)
    assert fit_tail(values[:10]) is None
    assert rate_without_failures(3000) == pytest.approx(1e-3, rel=0.01)
