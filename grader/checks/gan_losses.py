"""The two losses under planted linear networks with known logits: value, gradients, large logits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from grader.checks import compare
from grader.checks.gan_loss_mistakes import DISCRIMINATOR, GENERATOR, MINIMAX, variant_values
from grader.checks.gan_steps import steps_errors
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check
from grader.model import Array, Evidence, Finding, Json, Lost, Note

BATCHES = (6, 9, 13, 1)
LARGE, LARGEST = 70.0, 110.0
"""Standard deviation of the logits, and the size that some of them have: log(sigmoid) is not finite there in float32."""
SCALES = {"d": (1.0, 0.5), "g": (1.0,)}
"""L_D may be the sum of its two terms or their mean."""
SCALE_SHARE = Fraction(1, 2)
"""Lost for a loss that is right up to a factor."""
UNSTABLE_SHARE = Fraction(1, 4)
"""Lost for a loss that is right at moderate logits only."""
Plant = Mapping[str, Any]


@check("gan.discriminator_loss", module="hw5_gan", driver="gan")
def discriminator_loss(bench: Bench, record: Record) -> None:
    """_get_loss_d falls as real images get large logits and generated images small ones"""
    _measure(bench, record, "d")


@check("gan.generator_loss", module="hw5_gan", driver="gan")
def generator_loss(bench: Bench, record: Record) -> None:
    """_get_loss_g falls as the discriminator takes generated images for real"""
    _measure(bench, record, "g")


def draw_plant(rng: np.random.Generator, n: int, spread: float) -> Plant:
    """Linear networks, n real images and n latents, with logits of about the given standard deviation."""
    zdim = int(rng.integers(4, 12))
    weight = rng.normal(size=784)
    weight = (weight - weight.mean()) * spread / np.sqrt(784 / 12)
    plant = {
        "disc": {"weight": weight, "bias": rng.uniform(-0.3, 0.3, 1) * spread},
        "gen": {"matrix": rng.normal(size=(zdim, 784)) * 0.3 / np.sqrt(zdim / 3)},
        "batch": rng.uniform(0, 1, (n, 1, 28, 28)),
        "z": rng.uniform(-1, 1, (n, zdim)),
    }
    return {key: _float32(value) for key, value in plant.items()}


def _float32(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _float32(v) for k, v in value.items()}
    return value.astype(np.float32)


def logits(plant: Plant) -> tuple[Array, Array]:
    """Logits of the real and of the generated images, (N,) each, in float64."""
    weight, bias = plant["disc"]["weight"].astype(np.float64), float(plant["disc"]["bias"][0])
    images = plant["z"].astype(np.float64) @ plant["gen"]["matrix"].astype(np.float64)
    real = plant["batch"].reshape(len(plant["batch"]), -1).astype(np.float64)
    return real @ weight + bias, images @ weight + bias


def _draw(rng: np.random.Generator, which: str, n: int) -> Plant:
    """A plant whose right loss differs from every known mistake's, at every accepted scale."""
    plant = draw_plant(rng, n, 3.0)
    for _ in range(compare.REDRAWS * 5):
        a, b = logits(plant)
        right = _right(which, plant)["value"]
        values = variant_values(which, a, b).values()
        distances = [abs(v - scale * right) / abs(right) for v in values for scale in SCALES[which]]
        if n == 1 or min(distances) >= compare.SEPARATION:
            break
        plant = draw_plant(rng, n, 3.0)
    return plant


def _draw_large(rng: np.random.Generator) -> Plant:
    """A plant with logits beyond ±110, whose sigmoid is exactly 0 or 1 in float32, on both sides."""
    for _ in range(10 * compare.REDRAWS):
        plant = draw_plant(rng, 13, LARGE)
        if all(values.min() < -LARGEST and values.max() > LARGEST for values in logits(plant)):
            break
    return plant


def _measure(bench: Bench, record: Record, which: str) -> None:
    draws = [
        *(_one(bench, which, _draw(bench.rng, which, n), "moderate") for n in BATCHES),
        _one(bench, which, _draw_large(bench.rng), "large"),
    ]
    failures = [d.pop("fault") for d in draws if "fault" in d]
    if len(failures) == len(draws):
        raise failures[0]
    record(which=which, draws=draws, steps=steps_errors(bench, which, draw_plant(bench.rng, 4, 1.5)))


def _one(bench: Bench, which: str, plant: Plant, size: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"size": size, "n": len(plant["z"])}
    try:
        reply = bench.call("planted_loss", which, plant["disc"], plant["gen"], plant["batch"], plant["z"])
    except StudentFailure as failure:
        if failure.failure.kind in compare.FATAL:
            raise
        where = f" ({failure.failure.where})" if failure.failure.where else ""
        return {**facts, "fault": failure, "failure": failure.failure.sentence + where, "kind": failure.failure.kind}
    a, b = logits(plant)
    right = _right(which, plant)
    value = reply["value"]
    scalar = float(value.reshape(())) if isinstance(value, np.ndarray) and value.size == 1 else None
    first = any(z.shape[0] == 1 and np.allclose(z, plant["z"][:1], atol=1e-6) for z in reply["z"])
    used = [z for z in reply["z"] if z.shape != plant["z"].shape or not np.allclose(z, plant["z"], atol=1e-6)]
    return {
        **facts,
        "failure": None,
        "shape": list(value.shape) if isinstance(value, np.ndarray) else None,
        "value": scalar if scalar is not None and np.isfinite(scalar) else None,
        "is_tensor": reply["is_tensor"],
        "differentiable": reply["differentiable"],
        "right": right["value"],
        "variants": {**variant_values(which, a, b), **(_changed_inputs(plant, b) if which == "d" else {})},
        "gradient": _gradient_facts(reply["disc" if which == "d" else "gen"], right),
        "generator_called": bool(reply["z"]),
        "other_z": bool(used),
        "first_z": first,
        "rows": sum(reply["rows"]),
        "python_kind": reply["kind"],
    }


def _changed_inputs(plant: Plant, b: Array) -> dict[str, float]:
    """The discriminator's loss where it sees the real images inverted or rescaled to [−1, 1]."""
    images, weight = plant["batch"].reshape(len(plant["batch"]), -1).astype(np.float64), plant["disc"]["weight"]
    bias = float(plant["disc"]["bias"][0])
    changed = {"wrong_input~inverted": 1 - images, "wrong_input~rescaled": 2 * images - 1}
    right = DISCRIMINATOR["real_term_missing"].value
    return {name: right(b, -(x @ weight + bias)) + right(b, b) for name, x in changed.items()}


def _right(which: str, plant: Plant) -> dict[str, Any]:
    """Value and gradients of the reference's losses for a plant, in float64."""
    import torch

    from reference import gan as reference

    weight, bias, matrix, batch, z = (
        torch.from_numpy(np.asarray(v, dtype=np.float64))
        for v in (plant["disc"]["weight"], plant["disc"]["bias"], plant["gen"]["matrix"], plant["batch"], plant["z"])
    )
    weight, bias, matrix = (p.requires_grad_() for p in (weight, bias, matrix))
    real, fake = batch.flatten(1) @ weight + bias, (z @ matrix) @ weight + bias
    inputs = [weight, bias] if which == "d" else [matrix]
    if which == "d":
        value = reference.discriminator_loss(real, fake)
        others = {"real": reference.generator_loss(real), "fake": reference.minimax_generator_loss(fake) * -1}
    else:
        value = reference.generator_loss(fake)
        others = {MINIMAX: reference.minimax_generator_loss(fake)}
    gradients = {name: torch.autograd.grad(v, inputs, retain_graph=True) for name, v in others.items()}
    return {
        "value": float(value.detach()),
        "gradient": [g.numpy() for g in torch.autograd.grad(value, inputs, retain_graph=True)],
        "others": {name: [g.numpy() for g in gs] for name, gs in gradients.items()},
    }


def _gradient_facts(found: Sequence[Array | None] | None, right: Mapping[str, Any]) -> dict[str, Json]:
    """Distance of the gradient from the right one at scale 1 and ½, and from those of known mistakes."""
    if found is None or all(g is None or not g.any() for g in found):
        return {"arrives": False, "errors": {}, "variants": {}}
    flat = np.concatenate([np.asarray(g).ravel() if g is not None else np.zeros(1) for g in found]).astype(np.float64)

    def error(gradients: Sequence[Array], scale: float) -> float | None:
        return compare.relative_error(flat, scale * np.concatenate([g.ravel() for g in gradients]))

    return {
        "arrives": True,
        "errors": {str(scale): error(right["gradient"], scale) for scale in (1.0, 0.5)},
        "variants": {
            name: {str(scale): error(gradients, scale) for scale in (1.0, 0.5)}
            for name, gradients in right["others"].items()
        },
    }


def _judge(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    if "draws" not in seen.facts:
        return
    which, draws = seen.facts["which"], seen.facts["draws"]
    subject = "_get_loss_d" if which == "d" else "_get_loss_g"
    moderate = [d for d in draws if d["size"] == "moderate"]
    valued = all(d["failure"] is None and d["value"] is not None for d in moderate)
    unusable = _unusable(subject, draws, _explain(which, moderate, settings)[0] if valued else "")
    if unusable is not None:
        yield unusable
        return
    name, scale = _explain(which, moderate, settings)
    if name == MINIMAX and settings.policy("minimax_generator_loss") == "accept":
        yield Note(
            "_get_loss_g minimises log(1 − D(G(z))), the printed objective; it is accepted. "
            "Its gradient vanishes while D wins (question 1.3)."
        )
    elif name != "right":
        yield _lost(subject, which, name, moderate)
        return
    wrong_gradient = list(_judge_gradient(subject, which, name, scale, moderate, settings))
    yield from wrong_gradient
    steps = seen.facts["steps"]
    if not wrong_gradient and (steps["failure"] or not settings.within("gan.steps", steps[name][str(scale)])):
        told = f": {steps['failure']}" if steps["failure"] else ""
        yield Lost(
            "steps",
            f"{subject} is right when it is called once, but a few optimizer steps with it go elsewhere than they should"
            f"{told}. Does it keep something from one call to the next?",
        )
    large = next(d for d in draws if d["size"] == "large")
    wanted = scale * (large["right"] if name == "right" else large["variants"][name])
    error = None if large["value"] is None else abs(large["value"] - wanted) / abs(wanted)
    if not settings.within("gan.loss_large", error):
        seen_value = "not finite" if large["value"] is None else f"off by {compare.percent(error or 0.0)}"
        yield Lost(
            "infinite_loss",
            f"{subject} is right for moderate logits, but {seen_value} for logits of ±{LARGEST:.0f}: the sigmoid "
            "and the logarithm are taken one after the other. The handout asks for binary cross-entropy with logits.",
            fraction=UNSTABLE_SHARE,
        )


def _unusable(subject: str, draws: Sequence[Mapping[str, Any]], named: str) -> Lost | None:
    """What makes the values meaningless; `named`: the known mistake that they nevertheless fit."""
    for draw in draws:
        if draw["failure"] is not None:
            return Lost(draw["kind"], f"{subject} fails for a batch of {draw['n']}: {draw['failure']}.")
        if draw["python_kind"] == "NoneType":
            return Lost("not_implemented", f"{subject} returns nothing: is it unfinished, or is the return missing?")
        if not draw["generator_called"]:
            name = "ignores_generator" if "fake_term_missing" not in named else "fake_term_missing"
            return Lost(name, f"{subject} never calls the generator self.gen on z.")
        if not draw["rows"]:
            return Lost("ignores_discriminator", f"{subject} never calls the discriminator self.disc.")
        if draw["first_z"] and draw["n"] > 1:
            return Lost("uses_one_sample", f"{subject} generates from the first latent only; the whole batch z counts.")
        if draw["other_z"]:
            return Lost("ignores_z", f"{subject} calls the generator on other latents than the z that it is given.")
        if draw["shape"] is None:
            kind = draw["python_kind"]
            return Lost("not_a_tensor", f"{subject} returns a value of type {kind}; a scalar tensor is asked.")
        if draw["value"] is None and draw["shape"] not in ([], [1]):
            shape = tuple(draw["shape"])
            return Lost("not_a_scalar", f"{subject} returns a tensor of shape {shape}; a scalar is asked.")
        if draw["value"] is None and draw["size"] == "moderate":
            return Lost("not_finite", f"{subject} is not finite for moderate logits.")
        if not draw["is_tensor"]:
            return Lost("not_a_tensor", f"{subject} returns a Python number: nothing can be trained with it.")
    return None


def _explain(which: str, draws: Sequence[Mapping[str, Any]], settings: Settings) -> tuple[str, float]:
    """('right' or the known mistake, scale) that gives the values of all draws; ('scale', …), ('unnamed', …) else."""

    def fits(values: Sequence[float], scale: float) -> bool:
        return all(
            settings.within("gan.loss", abs(d["value"] - scale * v) / max(abs(scale * v), 0.05))
            for d, v in zip(draws, values, strict=True)
        )

    right = [d["right"] for d in draws]
    for scale in SCALES[which]:
        if fits(right, scale):
            return "right", scale
    for scale in (1.0, 0.5):
        for name in draws[0]["variants"]:
            if fits([d["variants"][name] for d in draws], scale):
                return name, scale
    ratio = draws[0]["value"] / right[0]
    if ratio > 1e-9 and fits(right, ratio):
        return "scale", ratio
    per_row = ratio / draws[0]["n"]
    if per_row > 0 and fits([r * d["n"] for r, d in zip(right, draws, strict=True)], per_row):
        return "summed_over_batch", per_row
    return "unnamed", 1.0


def _lost(subject: str, which: str, name: str, draws: Sequence[Mapping[str, Any]]) -> Lost:
    catalogue = DISCRIMINATOR if which == "d" else GENERATOR
    if name == "scale":
        ratio = draws[0]["value"] / draws[0]["right"]
        sentence = f"{subject} is {ratio:.3g} times the loss that the handout asks for."
        return Lost("scale", sentence, fraction=SCALE_SHARE)
    if name == "summed_over_batch":
        return Lost(
            "summed_over_batch",
            f"{subject} grows with the batch size: it is summed over the batch, a mean is asked.",
            fraction=SCALE_SHARE,
        )
    if name == "unnamed":
        return Lost(
            "unnamed",
            f"{subject} is not the binary cross-entropy of the logits: under networks with known logits, for "
            f"{len(draws)} batches, its value differs, and by no constant factor.",
        )
    if name.startswith("wrong_input"):
        how = "inverted (1 − x)" if name.endswith("inverted") else "rescaled to [−1, 1]"
        return Lost("wrong_input", f"{subject}: the discriminator sees the real images {how}; it takes them as they are.")
    return Lost(name.split("~")[0], f"{subject}: {catalogue[name].sentence}.")


def _judge_gradient(
    subject: str, which: str, name: str, scale: float, draws: Sequence[Mapping[str, Any]], settings: Settings
) -> Iterator[Finding]:
    network = "the discriminator" if which == "d" else "the generator"
    facts = [d["gradient"] for d in draws]
    if not all(f["arrives"] for f in facts):
        yield Lost(
            "no_gradient",
            f"{subject} has the right value, but no gradient of it reaches {network}, which it is to train. "
            "Is something detached, or computed under no_grad?",
        )
        return

    def fits(key: str) -> bool:
        picked = [f["errors"] if key == "right" else f["variants"][key] for f in facts]
        return all(settings.within("gan.gradient", p[str(scale)]) for p in picked)

    if fits(name):
        return
    parts = {"real": "generated", "fake": "real"} if which == "d" else {}
    for key, missing in parts.items():
        if fits(key):
            yield Lost(
                "no_gradient_of_a_term",
                f"{subject} has the right value, but no gradient of the term with the {missing} images reaches "
                f"{network}: it is detached, or computed under no_grad.",
            )
            return
    yield Lost("gradient", f"{subject} has the right value, but its gradient for {network} is that of another function.")


discriminator_loss.judge(_judge)
generator_loss.judge(_judge)
