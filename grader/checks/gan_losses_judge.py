"""Judging the two GAN losses from their values, gradients and steps under planted networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grader.checks import compare
from grader.checks.gan_loss_mistakes import DISCRIMINATOR, GENERATOR, MINIMAX
from grader.checks.registry import Settings, lost_share
from grader.model import Evidence, Finding, Lost, Note

LARGEST = 110.0
"""Size of the largest logits on both sides: log(sigmoid) is not finite there in float32."""
SCALES = {"d": (1.0, 0.5), "g": (1.0,)}
"""L_D may be the sum of its two terms or their mean."""


def judge_losses(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    """Findings of either loss check."""
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
        yield _lost(subject, which, name, moderate, settings)
        return
    wrong_gradient = list(_judge_gradient(subject, which, name, scale, moderate, settings))
    yield from wrong_gradient
    steps = seen.facts["steps"]
    if not wrong_gradient and (steps["failure"] or not settings.within("gan.steps", steps[name][str(scale)])):
        told = f": {steps['failure']}" if steps["failure"] else ""
        yield Lost(
            "steps",
            f"{subject} is right when it is called once, but a few optimizer steps with it go astray"
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
            fraction=lost_share(settings, "unstable_loss_credit"),
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


def _lost(subject: str, which: str, name: str, draws: Sequence[Mapping[str, Any]], settings: Settings) -> Lost:
    catalogue = DISCRIMINATOR if which == "d" else GENERATOR
    if name == "scale":
        ratio = draws[0]["value"] / draws[0]["right"]
        sentence = f"{subject} is {ratio:.3g} times the loss that the handout asks for."
        return Lost("scale", sentence, fraction=lost_share(settings, "scaled_loss_credit"))
    if name == "summed_over_batch":
        return Lost(
            "summed_over_batch",
            f"{subject} grows with the batch size: it is summed over the batch, a mean is asked.",
            fraction=lost_share(settings, "scaled_loss_credit"),
        )
    if name == "unnamed":
        return Lost(
            "unnamed",
            f"{subject} is not the binary cross-entropy of the logits: under networks with known logits, for "
            f"{len(draws)} batches, its value differs, and by no constant factor.",
        )
    if name.startswith("wrong_input"):
        how = "inverted (1 − x)" if name.endswith("inverted") else "rescaled to [−1, 1]"
        return Lost(
            "wrong_input", f"{subject}: the discriminator sees the real images {how}; it takes them as they are."
        )
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
    yield Lost(
        "gradient", f"{subject} has the right value, but its gradient for {network} is that of another function."
    )
