"""Judging the denoising loss from the noisy points and noise levels that its network was shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grader.checks.registry import Settings, lost_share
from grader.checks.score_plants import NAMES, POINTS
from grader.model import Evidence, Finding, Lost

LIKE = 0.15
"""Deviation from a power of σ within which the noise is said to be scaled by it; it only names."""


def judge_denoising(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    """The rows that the network was shown first, then the loss that they imply."""
    facts = seen.facts
    if not any(facts["network_calls"]):
        yield Lost("network_not_used", "The loss never calls the score network.")
        return
    if "loss_error" not in facts:
        yield from _wrong_rows(facts)
        return
    draws = list(_judge_draws(facts, settings))
    yield from draws
    scalar = facts["is_tensor"] and int(np.prod(facts["loss_shape"])) == 1
    if not facts["is_tensor"]:
        yield Lost(
            "not_a_tensor", "The loss is a Python number (item()?); it must be a tensor that can be differentiated."
        )
    elif not scalar:
        yield Lost("not_a_scalar", f"The loss has shape {tuple(facts['loss_shape'])}, expected a scalar.")
    elif not facts["has_gradient"]:
        yield Lost("no_gradient", "The loss carries no gradient to the network (detach(), numpy or no_grad).")
    yield from _judge_value(facts, settings, explained=bool(draws), gradient=scalar and facts["has_gradient"])
    if not facts["data_kept"]:
        yield Lost("data_changed", "compute_denoising_loss changes the training data in place.")
    if facts.get("flat_sigmas_taken") is False:
        yield Lost(
            "flat_sigmas", "The network is given sigmas of shape (N,); the handout's ScoreNet takes shape (N, 1)."
        )
    if max(facts["network_calls"]) > 1:
        yield Lost(
            "python_loop",
            f"The loss calls the network {max(facts['network_calls'])} times for {POINTS} points (a Python loop over "
            "the samples, about a thousand times slower); one call takes the whole batch.",
            fraction=lost_share(settings, "python_loop_credit"),
        )


def _wrong_rows(facts: Mapping[str, Any]) -> Iterator[Finding]:
    if facts.get("every_level"):
        yield Lost(
            "every_level_used", "The loss uses every noise level for every x; the handout draws one σ for each x."
        )
        return
    rows = max(facts["rows"])
    name = "uses_part_of_the_data" if rows < POINTS else "rows"
    yield Lost(
        name, f"The network was shown {rows} points for {POINTS} training points; the handout draws one x̃ for each."
    )


def _judge_draws(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    if facts["clean"]:
        if settings.within("score.loss_match", facts["loss_error"]):
            yield Lost("noise_missing", "The training points are not perturbed: x̃ = x + σz.")
        else:
            yield Lost(
                "network_sees_clean_data", "The network is shown the training points themselves, not x̃ = x + σz."
            )
        return
    wrong_noise = not settings.within("score.surprise", facts["noise_surprise"])
    if facts["same_draws"]:
        yield Lost("noise_not_random", "Each call draws the same noise and noise levels (a seed set inside?).")
    elif facts["functions"] and facts["off_level"] > 1e-3:
        how = {"square": "σ²", "log": "log σ", "inverse": "1/σ", "index": "the index of σ"}[facts["functions"]]
        yield Lost("wrong_sigma_passed", f"The network is given {how} in the place of σ.")
        return
    elif facts["off_level"] > 1e-3:
        yield Lost(
            "sigma_not_of_the_list", "The network is given values of σ that are not in the list of noise levels."
        )
    elif facts["per_batch"] and wrong_noise:
        yield Lost("wrong_sigma_passed", "The network is given one σ for all points, but the noise has others.")
        return
    elif facts["per_batch"] and facts["batch_levels"] > 1:
        yield Lost("one_sigma_for_all", "All points of a batch share one σ; the handout draws σ for every x.")
    elif not settings.within("score.surprise", facts["levels_surprise"]):
        yield _levels(facts)
    elif facts["same_levels"]:
        yield Lost("sigma_not_random", "Each x has the same σ at every call; the handout draws σ at random.")
    if facts["same_noise"]:
        yield Lost("noise_shared", "One z is used for the whole batch; each x needs its own.")
    elif facts["same_coordinates"]:
        yield Lost("noise_shared", "Both coordinates of a point get the same noise; z has a value for each.")
    elif wrong_noise and not facts["same_draws"]:
        yield _noise(facts)


def _levels(facts: Mapping[str, Any]) -> Lost:
    missing = sum(c == 0 for c in facts["counts"])
    law = {"sigma": " (in proportion to σ)", "square": " (in proportion to σ²)", "inverse": " (in proportion to 1/σ)"}
    how = law.get(facts["levels_law"], "")
    if missing:
        how = f" ({missing} of {len(facts['counts'])} levels never occur)"
    return Lost("sigma_not_uniform", f"σ is not drawn uniformly from the noise levels{how}.")


def _noise(facts: Mapping[str, Any]) -> Lost:
    scale = facts["noise_scale"]
    if scale != "sigma" and facts["noise_scale_error"] < LIKE:
        name = {"square": "noise_scaled_by_variance", "root": "noise_scaled_by_root", "none": "noise_not_scaled"}[scale]
        size = {"square": "σ² z", "root": "√σ z", "none": "z, without the factor σ"}[scale]
        return Lost(name, f"The noise added to x is {size}; the handout adds σz.")
    if not facts["each_point_once"]:
        return Lost("rows_do_not_match", "The noisy points cannot be matched with the training points one by one.")
    if abs(facts["noise_mean"][0]) > 0.2:
        return Lost("noise_not_normal", "The noise does not have mean 0: z must be standard normal (randn, not rand).")
    return Lost("noise_not_normal", "The noise added to x is not σ times standard normal noise.")


def _judge_value(facts: Mapping[str, Any], settings: Settings, *, explained: bool, gradient: bool) -> Iterator[Finding]:
    if settings.within("score.loss_match", facts["loss_error"]):
        if gradient and not settings.within("score.gradient_match", facts["gradient_error"]):
            yield Lost("wrong_gradient", "The loss is right, but its gradient is not: part of it is detached.")
        return
    name = facts["closest"]
    if not settings.within("score.loss_match", facts["closest_error"]):
        if not explained:
            yield Lost(
                "unnamed",
                "The loss is not the one that its own noisy points and noise levels imply "
                "(the noise in the target must be the noise that was added to x).",
            )
        return
    if name == "halved":
        yield Lost(
            "halved",
            "The loss is half of the handout's: the squared norm sums over the two coordinates; "
            "the mean is over the data only.",
            fraction=lost_share(settings, "halved_denoising_loss_credit"),
        )
        return
    first, _, scale = name.partition("/")
    also = {
        "halved": " Besides, it is halved.",
        "factor_half_missing": " Besides, ½ is missing.",
        "summed_over_data": " Besides, it is summed.",
    }
    yield Lost(first.partition(":")[0], NAMES[first] + also.get(scale, ""))
