"""4.6 GAN training: the networks are wired so that they can learn, and the two losses train a GAN.

A mistake inside DNet, GNet or a loss is graded in its own question. So what fails here is first asked again of the
part by itself; when the part is wrong by itself, nothing more is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grader.checks import figures, gan_losses
from grader.checks.registry import REGISTRY, Bench, Record, Settings, StudentFailure, check
from grader.checks.training_optimum import train_to_optimum
from grader.checks.training_ring import train_ring
from grader.model import Evidence, Failure, Finding, Json, Lost, Note, Question, Undecided
from grader.scoring.sequential import best, decision
from grader.scoring.tolerances import read_tolerances

ZDIM, BATCH = 24, 16
QUESTIONS = {"disc": "DNet", "gen": "GNet"}
LOSSES = {gan_losses.discriminator_loss.name: "discriminator loss", gan_losses.generator_loss.name: "generator loss"}
DISCRIMINATOR_ONLY = (gan_losses.discriminator_loss.name,)


@check("gan.training", module="hw5_gan", driver="stand_in+gan+training_gan+figures", cost="training")
def training(bench: Bench, record: Record) -> None:
    """GAN wires the networks so that both learn, and its losses train a GAN"""
    try:
        record(attributes=bench.call("gan_attributes", ZDIM))
    except StudentFailure as fault:
        if fault.failure.kind != "exception":
            raise
        record(construction_failed=_told(fault.failure))
        return
    images = bench.rng.uniform(size=(BATCH, 1, 28, 28)).astype(np.float32)
    record(networks={which: _network(bench, which, images) for which in QUESTIONS})
    alone: dict[str, Json] = {}

    def wrong_alone(name: str) -> bool:
        if name not in alone:
            alone[name] = _alone(bench, name)
        return _is_wrong(alone[name], name, _Lenient(bench.question))

    tolerances = read_tolerances()
    for part, train, bars, losses in (
        ("optimum", train_to_optimum, {"deviation": tolerances["gan.optimum"].value}, DISCRIMINATOR_ONLY),
        ("ring", train_ring, {"energy": tolerances["gan.ring_energy"].value, "modes_missing": 2.0}, tuple(LOSSES)),
    ):
        try:
            train(bench, record, bars, again=lambda of=losses: not any(map(wrong_alone, of)))  # type: ignore[misc]
        except StudentFailure as fault:
            record(**{f"{part}_failed": _told(fault.failure)})
        if not record.facts.get(part, {}).get("passed", False):
            for name in losses:
                wrong_alone(name)
    record(losses=alone)
    figures.digits(bench, record)


class _Lenient:
    """Settings that accept whatever a policy may accept: what is wrong under them is wrong under all."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._tolerances = read_tolerances()

    def policy(self, name: str) -> Json:
        return "0" if name.endswith("_credit") else "accept"

    def tolerance(self, name: str) -> float:
        return self._tolerances[name].value

    def within(self, name: str, value: float | None) -> bool:
        return value is not None and bool(np.isfinite(value)) and value <= self.tolerance(name)


def _network(bench: Bench, which: str, images: Any) -> dict[str, Json]:
    """disc or gen inside GAN(ZDIM); where it fails, whether it fails by itself and inside GAN() too."""
    z = bench.rng.uniform(-1, 1, size=(BATCH, ZDIM)).astype(np.float32)
    x = images if which == "disc" else z
    try:
        return dict(bench.call("own_network", which, ZDIM, x, images, z))
    except StudentFailure as fault:
        found: dict[str, Json] = {"failed": _told(fault.failure)}
    try:
        found["alone"] = bench.call("own_class", which, ZDIM, x)
    except StudentFailure as fault:
        found["alone_failed"] = _told(fault.failure)
    wide = bench.rng.uniform(-1, 1, size=(BATCH, 64)).astype(np.float32)
    try:
        found["default"] = bench.call("own_network", which, 0, images if which == "disc" else wide, images, wide)
    except StudentFailure:
        found["default"] = None
    other = "gen" if which == "disc" else "disc"
    try:
        crossed = bench.call("own_network", other, ZDIM, x, images, z)
        found["crossed"] = crossed["kinds"]
    except StudentFailure:
        found["crossed"] = None
    return found


def _told(failure: Failure) -> dict[str, Json]:
    return {"kind": failure.kind, "sentence": failure.sentence, "where": failure.where}


def _alone(bench: Bench, name: str) -> dict[str, Json]:
    """What the check of one loss sees: it says whether a failed training is that loss's fault."""
    own = Record()
    try:
        REGISTRY[name].measure(bench, own)
    except StudentFailure as fault:
        return {"failed": _told(fault.failure)}
    return {"facts": own.facts, "parts_failed": sorted(own.failures)}


@training.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    if "construction_failed" in seen.facts:
        fault = seen.facts["construction_failed"]
        where = f" ({fault['where']})" if fault["where"] else ""
        yield Lost(fault["kind"], f"GAN() fails: {fault['sentence']}{where}")
        return
    networks = seen.facts["networks"]
    missing = [name for name in QUESTIONS if name not in seen.facts["attributes"]]
    if missing:
        yield Lost("missing_attribute", f"GAN has no attribute `{missing[0]}` after __init__.")
        return
    if any(networks[which].get("crossed") for which in QUESTIONS):
        yield Lost("swapped_networks", "disc and gen are exchanged: disc must be a DNet, gen a GNet.")
        return
    for which in QUESTIONS:
        yield from _wired(which, networks[which])
    yield from _trained(seen.facts, settings)


def _wired(which: str, found: Mapping[str, Any]) -> Iterator[Finding]:
    name = QUESTIONS[which]
    if "failed" in found:
        fault = found["failed"]
        where = f" ({fault['where']})" if fault["where"] else ""
        text = f"{fault['sentence']}{where}"
        if "alone_failed" in found:
            if found["alone_failed"]["kind"] in ("not_implemented", "missing_name"):
                yield Lost("network_missing", f"The GAN cannot train without {name}: {text}.")
            else:
                yield Note(f"{name} fails by itself, which its own question grades: {text}.")
        elif which == "gen" and found["default"] is not None:
            yield Lost("hard_coded_zdim", f"GAN(zdim={ZDIM}) does not pass zdim on to the generator: {text}.")
        else:
            yield Lost("network_fails", f"`{which}` of GAN(zdim={ZDIM}) fails: {text}.")
        return
    if found["trainable"] == 0 and found["parameters"]:
        yield Lost("frozen_network", f"No parameter of `{which}` requires a gradient: the optimizer cannot change it.")
    elif not found["has_gradient"] or (found["trainable"] and found["reached"] == 0):
        yield Lost("no_gradient", f"No gradient reaches {name}'s parameters (no_grad, detach or .data in forward?).")
    elif found["kinds"] == [QUESTIONS["gen" if which == "disc" else "disc"]]:
        yield Lost("swapped_networks", "disc and gen are exchanged: disc must be a DNet, gen a GNet.")


def _trained(facts: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """The losses under the grader's networks: nothing more is lost where a loss is wrong by itself."""
    to_optimum = {"deviation": settings.tolerance("gan.optimum")}
    to_ring = {"energy": settings.tolerance("gan.ring_energy"), "modes_missing": 2.0}
    for part, bars, losses, failed in (
        ("optimum", to_optimum, DISCRIMINATOR_ONLY, _off_optimum),
        ("ring", to_ring, tuple(LOSSES), _off_ring),
    ):
        if _passed(facts, part, bars):
            continue
        alone = facts.get("losses", {})
        if any(name not in alone for name in losses):
            yield Undecided("The training was stopped under an easier bound; this submission must be measured again.")
            return
        wrong = [LOSSES[name] for name in losses if _is_wrong(alone[name], name, settings)]
        if not wrong:
            yield failed(facts)
            return
        yield Note(f"The training with your losses failed; that is graded with the {' and the '.join(wrong)}.")


def _passed(facts: Mapping[str, Any], part: str, bars: Mapping[str, float]) -> bool:
    return part in facts and bool(decision(facts[part], bars))


def _stopped(facts: Mapping[str, Any], part: str) -> Lost | None:
    """Why a training could not go on."""
    if f"{part}_failed" in facts:
        fault = facts[f"{part}_failed"]
        return Lost(fault["kind"], f"The training stopped: {fault['sentence']}")
    if part not in facts:
        name = f"_get_loss_{facts['unusable_loss']}"
        return Lost("no_gradient", f"{name} gives no scalar with a gradient, so that nothing can be trained.")
    return None


def _off_optimum(facts: Mapping[str, Any]) -> Lost:
    found = None if (stopped := _stopped(facts, "optimum")) else best(facts["optimum"], "deviation")
    away = "becomes infinite or NaN" if found is None else f"stays {found:.2f} away from it on average"
    return stopped or Lost(
        "discriminator_optimum",
        "_get_loss_d is right on a few small batches, but a discriminator that is trained with it on two known "
        f"Gaussians does not reach its optimum p_r/(p_r + p_g) of question 1.1: it {away}.",
    )


def _off_ring(facts: Mapping[str, Any]) -> Lost:
    if (stopped := _stopped(facts, "ring")) is not None:
        return stopped
    energy, missing = best(facts["ring"], "energy"), best(facts["ring"], "modes_missing")
    how = "with the grader's networks and optimizers"
    if energy is None:
        return Lost("diverged", f"Training with your losses diverges {how}.")
    if missing is not None and missing > 2:
        return Lost("mode_collapse", f"Training with your losses reaches only {8 - missing:.0f} of 8 modes {how}.")
    return Lost("training", f"Training with your losses does not come near the data {how}.")


def _is_wrong(alone: Mapping[str, Any], name: str, settings: Settings) -> bool:
    if "failed" in alone or alone["parts_failed"]:
        return True
    judge = REGISTRY[name].judge_function
    assert judge is not None
    return any(isinstance(f, Lost) for f in judge(Evidence(name, alone["facts"]), settings))
