"""The short trainings: right networks of any architecture pass, networks that cannot learn are named."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import Any

import pytest

import reference.ddpm
import reference.gan
import reference.score
from grader.checks.catalogue import find_check
from grader.checks.trusted_bench import measure_trusted, module_from_text
from tests.checks.grading import judged, verdict

NETS = tomllib.loads((Path(__file__).parent / "noise_nets.toml").read_text("utf-8"))["net"]
MODULES = {"score.training": reference.score, "ddpm.training": reference.ddpm, "gan.training": reference.gan}


@pytest.mark.parametrize("check", MODULES)
def test_the_reference_passes(check: str) -> None:
    for seed in range(2):
        found = verdict(check, MODULES[check], seed)
        assert found.outcome == "passed", (seed, found)


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS, ids=lambda n: n["name"])
def test_any_architecture_that_learns_passes_and_the_others_are_named(net: dict[str, Any]) -> None:
    module = module_from_text("import torch\nfrom torch import nn\n" + net["source"])
    found = verdict("ddpm.training", module, seed=1)
    if net["mistakes"]:
        assert found.outcome == "failed"
        assert set(found.mistakes) & set(net["mistakes"]), found
    else:
        assert found.outcome == "passed", found


def test_a_mistake_in_a_gan_loss_costs_nothing_in_the_training() -> None:
    text = inspect.getsource(reference.gan)
    wrong = text.replace("F.softplus(-a_real).mean() + F.softplus(a_fake).mean()", "F.softplus(a_real).mean()")
    assert wrong != text
    found = verdict("gan.training", module_from_text(wrong), seed=1)
    assert found.outcome == "passed"
    assert "discriminator loss" in " ".join(found.notes)


LOSS = "F.softplus(-a_real).mean() + F.softplus(a_fake).mean()"
OFF_OPTIMUM = {
    "flipped": "F.softplus(a_real).mean() + F.softplus(-a_fake).mean()",
    "least squares": "((a_real - 1) ** 2).mean() + (a_fake**2).mean()",
    "sigmoid twice": "F.softplus(-a_real.sigmoid()).mean() + F.softplus(a_fake.sigmoid()).mean()",
}


@pytest.mark.parametrize("loss", OFF_OPTIMUM.values(), ids=OFF_OPTIMUM)
def test_a_wrong_discriminator_loss_misses_the_known_optimum_and_is_graded_in_its_own_question(loss: str) -> None:
    module = module_from_text(inspect.getsource(reference.gan).replace(LOSS, loss))
    seen = measure_trusted(find_check("gan.training"), module, seed=2)
    assert seen.facts["optimum"]["passed"] is False
    found = judged(seen)
    assert found.outcome == "passed"
    assert "discriminator loss" in " ".join(found.notes)


@pytest.mark.parametrize("scaled", [f"0.5 * ({LOSS})", LOSS.replace("mean", "sum")], ids=["half", "summed"])
def test_a_positive_factor_leaves_the_optimum_where_it_is(scaled: str) -> None:
    module = module_from_text(inspect.getsource(reference.gan).replace(LOSS, scaled))
    assert measure_trusted(find_check("gan.training"), module, seed=2).facts["optimum"]["passed"] is True


def test_a_loss_that_goes_wrong_in_larger_batches_only_misses_the_optimum_by_name() -> None:
    other = f"({LOSS}) if len(a_real) < 50 else F.softplus(a_real).mean() + F.softplus(-a_fake).mean()"
    found = verdict("gan.training", module_from_text(inspect.getsource(reference.gan).replace(LOSS, other)), seed=1)
    assert found.mistakes == ("discriminator_optimum",)
    assert "p_r/(p_r + p_g)" in found.message


def test_a_network_without_gradient_is_named() -> None:
    text = inspect.getsource(reference.gan)
    wrong = text.replace("return torch.sigmoid(self.conv3(h))", "return torch.sigmoid(self.conv3(h)).detach()")
    assert verdict("gan.training", module_from_text(wrong), seed=1).mistakes == ("no_gradient",)


def test_a_sampler_or_loss_that_is_wrong_does_not_fail_the_score_network() -> None:
    text = inspect.getsource(reference.score)
    wrong = text.replace("return 0.5 * (sigma**2 *", "return -0.5 * (sigma**2 *")
    assert wrong != text
    assert verdict("score.training", module_from_text(wrong), seed=1).outcome == "passed"
