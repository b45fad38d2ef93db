"""The closed-form checks of the GAN and of the DDPM track: right code passes, a mistake costs in its own question."""

from __future__ import annotations

import json
import tomllib
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grader.checks import compare
from grader.checks.catalogue import MODULES, find_check
from grader.checks.ddpm_mistakes import RIGHT, Read
from grader.checks.ddpm_tables import draw_betas, reference_values, tables
from grader.checks.gan_deviations import DNET, GNET
from grader.checks.gan_losses import draw_plant
from grader.checks.gan_networks import dnet_output, gnet_output
from grader.checks.gan_plants import draw_planted, layer_table
from grader.checks.trusted_bench import measure_trusted, module_from_text
from grader.judge import JudgeSettings, judge
from grader.model import Evidence
from reference import gan as reference_gan
from tests.checks.grading import RUBRIC, TOLERANCES, verdict

HERE = Path(__file__).resolve().parent
PERFECT = HERE.parents[1] / "submissions" / "perfect"
CHECKS = {"hw5_gan": MODULES["grader.checks.gan"], "hw5_ddpm": MODULES["grader.checks.ddpm"]}
CASES: list[dict[str, Any]] = tomllib.loads((HERE / "gan_and_ddpm_cases.toml").read_text("utf-8"))["case"]


def perfect(module: str, *edits: tuple[str, str]) -> types.ModuleType:
    """The perfect solution with texts replaced; each must stand in it."""
    text = (PERFECT / f"{module}.py").read_text("utf-8")
    text = text.replace("from hw5_utils import BASE_URL, GANDataset, download\n", "")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return module_from_text(text, module)


def points(name: str) -> Any:
    return next(q.points for q in RUBRIC.questions if q.check == name)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("module", CHECKS)
def test_the_perfect_solution_gets_all_points_whatever_is_drawn(module: str, seed: int) -> None:
    student = perfect(module)
    for name in CHECKS[module]:
        found = verdict(name, student, seed)
        assert found.points == points(name), (name, found.message)
        assert not found.notes


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_a_mistake_costs_in_its_own_question_only_and_is_named(case: dict[str, Any]) -> None:
    student = perfect(case["module"], *((old, new) for old, new in case["edits"]))
    for name in CHECKS[case["module"]]:
        found = verdict(name, student)
        if name == case.get("question"):
            assert found.points < points(name)
            assert case["mistake"] in found.mistakes, found.message
            assert found.message.strip()
        else:
            assert found.points == points(name), (name, found.message)


def test_evidence_is_strict_json_even_of_infinite_outputs() -> None:
    student = perfect("hw5_gan", ("return self.fc(x)", "return self.fc(x) / 0"))
    seen = measure_trusted(find_check("gan.dnet"), student, 0)
    json.dumps(dict(seen.facts), allow_nan=False)
    assert "not_finite" in verdict("gan.dnet", student).mistakes


def test_a_judgement_needs_no_student_code_and_survives_storage() -> None:
    check = find_check("ddpm.p_sample")
    seen = measure_trusted(check, perfect("hw5_ddpm"), 0)
    stored = Evidence(seen.check, json.loads(json.dumps(dict(seen.facts))))
    question = next(q for q in RUBRIC.questions if q.check == check.name)
    assert judge(check, stored, JudgeSettings(question, RUBRIC.policy, TOLERANCES)).points == question.points


def test_the_losses_are_judged_where_the_networks_cannot_even_be_built() -> None:
    student = perfect("hw5_gan", ("self.conv1 = nn.Conv2d(1, 2", "self.conv1 = nn.Conv2d(1, 2, 0, 0, 0"))
    for name in ("gan.discriminator_loss", "gan.generator_loss"):
        assert verdict(name, student).points == points(name)
    assert verdict("gan.dnet", student).points == 0
    assert verdict("gan.weight_init", student).awaiting > 0


def test_the_minimax_generator_loss_follows_the_policy() -> None:
    student = perfect("hw5_gan", ("return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))", MINIMAX))
    accepted = verdict("gan.generator_loss", student)
    assert accepted.points == points("gan.generator_loss")
    assert accepted.notes
    check = find_check("gan.generator_loss")
    question = next(q for q in RUBRIC.questions if q.check == check.name)
    strict = JudgeSettings(question, {**RUBRIC.policy, "minimax_generator_loss": "reject"}, TOLERANCES)
    assert judge(check, measure_trusted(check, student, 0), strict).points == 0


MINIMAX = "return -F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))"


def test_no_message_holds_a_hidden_number() -> None:
    student = perfect("hw5_ddpm", ("    return 1.0 - torch.cumprod(1.0 - betas, dim=0)", "    return betas * 0.123"))
    seen = measure_trusted(find_check("ddpm.schedule"), student, 0)
    found = verdict("ddpm.schedule", student)
    assert "unnamed" in found.mistakes
    assert "cumprod" not in found.message
    assert "1 -" not in found.message
    assert "as_is" in seen.facts["beta_bar"]


@pytest.mark.parametrize("function", RIGHT)
def test_the_catalogue_deviates_from_the_reference_formula(function: str) -> None:
    rng = np.random.default_rng(0)
    betas, t = draw_betas(rng, 7, 0.05, 0.4), np.array([3, 1, 7, 4])
    x, y = rng.normal(size=(2, 4, 1))
    bars = reference_values("beta_bar", betas)
    read = Read(betas[t - 1][:, None], bars[t - 1][:, None], np.append(0.0, bars)[t - 1][:, None])
    order = {
        "q_sample": (x, t, betas, y),
        "predict_x_0": (x, t, betas, y),
        "posterior_mean": (x, y, t, betas),
        "posterior_variance": (t, betas),
    }[function]
    np.testing.assert_allclose(RIGHT[function](read, x, y).ravel(), reference_values(function, *order).ravel())


def test_the_tables_are_the_reference() -> None:
    rng = np.random.default_rng(0)
    betas, t = draw_betas(rng, 6, 0.05, 0.4), np.array([1, 4, 6])
    x, noise = rng.normal(size=(2, 3, 2))
    a, b = (c[t][:, None] for c in tables(betas)["q"])
    np.testing.assert_allclose(a * x + b * noise, reference_values("q_sample", x, t, betas, noise))
    e, f = (c[t][:, None] for c in tables(betas)["mean"])
    np.testing.assert_allclose(e * x + f * noise, reference_values("posterior_mean", x, noise, t, betas))


@pytest.mark.parametrize("which", ["DNet", "GNet"])
def test_networks_without_a_deviation_are_the_reference_and_each_deviation_shows(which: str) -> None:
    zdim = 12
    weights, cases = draw_planted(np.random.default_rng(0), which, zdim, layer_table(which, zdim))
    tensors, x = [torch.from_numpy(w) for w in weights], torch.from_numpy(cases[0].args[0].astype(np.float64))
    forward, deviations = (dnet_output, DNET) if which == "DNet" else (gnet_output, GNET)
    assert compare.relative_error(forward(tensors, x, {}).numpy(), cases[0].expected) < 1e-12  # type: ignore[operator]
    for deviation in deviations:
        error = compare.relative_error(forward(tensors, x, deviation.options).numpy(), cases[0].expected)
        assert error is None or error > compare.SEPARATION, deviation.name


def test_a_planted_gan_has_large_known_logits() -> None:
    plant = draw_plant(np.random.default_rng(0), 9, 3.0)
    assert plant["batch"].shape == (9, 1, 28, 28)
    assert plant["disc"]["weight"].shape == (784,)


@pytest.mark.parametrize("seed", range(3))
def test_weights_drawn_by_the_reference_have_the_asked_law(seed: int) -> None:
    module = types.ModuleType("hw5_gan")
    module.DNet, module.GNet = reference_gan.DNet, reference_gan.GNet  # type: ignore[attr-defined]
    assert verdict("gan.weight_init", module, seed).points == points("gan.weight_init")
