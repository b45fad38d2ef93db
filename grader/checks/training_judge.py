"""The judgement that the trainings on points share."""

from __future__ import annotations

from collections.abc import Iterator

from grader.checks.registry import Settings
from grader.model import Evidence, Finding, Lost, Undecided
from grader.scoring.sequential import best, decision


def judge_training(seen: Evidence, settings: Settings, tolerance: str, name: str) -> Iterator[Finding]:
    """Findings on a training of the network called `name`, whose energy distance is bounded by `tolerance`."""
    facts = seen.facts
    if "stopped" in facts:
        yield _stopped(facts["stopped"], name)
        return
    bars = {"energy": settings.tolerance(tolerance), "modes_missing": 0.0}
    passed = decision(facts["training"], bars)
    if facts["shaken"] < 1e-6:
        yield Lost("weights_unused", f"The samples do not depend on {name}'s weights: the network learns nothing.")
    elif passed is None:
        yield Undecided("The training was stopped under an easier bound; this submission must be measured again.")
    elif not passed:
        yield _failed(seen, name)


def _stopped(why: object, name: str) -> Lost:
    if isinstance(why, dict) and "shape" in why:
        found, wanted = tuple(why["shape"]), tuple(why["wanted"])
        return Lost("output_shape", f"{name} returned shape {found} for a batch of points, expected {wanted}.")
    if isinstance(why, dict) and "frozen" in why:
        if why["frozen"]:
            return Lost("frozen_network", f"No parameter of {name} requires a gradient: nothing can be learned.")
        return Lost("no_parameters", f"{name} has no parameters: nothing can be learned (layers in a plain list?).")
    return Lost("no_gradient", f"No gradient reaches {name}'s parameters (no_grad, detach or .data in forward?).")


def _failed(seen: Evidence, name: str) -> Lost:
    """What the best samples look like."""
    training = seen.facts["training"]
    tries = len(training["tries"])
    last = training["tries"][-1][-1]
    how = f"in {tries} trainings of up to {last['step']} steps with the grader's loss, optimizer and sampler"
    energy = best(training, "energy")
    if energy is None:
        return Lost("diverged", f"{name}'s samples become infinite or NaN {how}.")
    if last.get("constant", 0) > 0.5:
        return Lost("constant_output", f"Most samples of {name} are the same point {how}.")
    missing = best(training, "modes_missing")
    if missing and missing >= 2:
        return Lost("mode_collapse", f"{name}'s samples reach only {3 - missing:.0f} of 3 clusters of the data {how}.")
    if missing:
        return Lost("mode_missing", f"{name}'s samples leave out a cluster of the data {how}.")
    return Lost("training", f"{name}'s samples stay far from the data {how} (energy distance {energy:.2f}).")
