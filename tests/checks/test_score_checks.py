"""The score track in closed form: right code in many styles keeps its points, each mistake is found and named."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import Any

import pytest

import reference.score
from grader.checks.trusted_bench import module_from_text
from tests.checks.grading import verdict

CASES = tomllib.loads((Path(__file__).parent / "score_cases.toml").read_text("utf-8"))["case"]
CHECKS = ("score.score_net", "score.denoising_loss", "score.langevin")


@pytest.mark.parametrize("check", CHECKS)
def test_the_reference_passes_on_every_draw(check: str) -> None:
    for seed in range(12):
        found = verdict(check, reference.score, seed)
        assert found.outcome == "passed", (seed, found)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['check']}: {c['name']}")
def test_right_styles_pass_and_mistakes_are_named(case: dict[str, Any]) -> None:
    base = inspect.getsource(reference.score)
    found = verdict(case["check"], module_from_text(base + "\n\n" + case["source"]), seed=3)
    if case["mistake"]:
        assert found.outcome in ("failed", "partial")
        assert case["mistake"] in found.mistakes, found
    else:
        assert found.outcome == "passed", found


def test_a_missing_function_fails_its_own_question_only() -> None:
    module = module_from_text(inspect.getsource(reference.score))
    del module.compute_denoising_loss
    assert verdict("score.denoising_loss", module).mistake == "missing_name"
    assert verdict("score.score_net", module).outcome == "passed"
    assert verdict("score.langevin", module).outcome == "passed"
