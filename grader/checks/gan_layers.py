"""DNet and GNet: the table of layers by parameters, then the outputs for planted weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks import compare
from grader.checks.compare import Array, Case
from grader.checks.gan_deviations import DNET, GNET, Deviation
from grader.checks.gan_networks import nearest_deviation
from grader.checks.gan_plants import draw_planted, expected_output, layer_table
from grader.checks.gan_table import judge_table, match_by_shape, norm_name
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check
from grader.model import Evidence, Finding, Json, Lost, Note

MODES = ["train", "train_again", "eval", "eval_again"]
FIXED_BATCHES = (256, 128, 64, 100, 32)
"""Batch sizes tried where no other works: the homework's own, and usual ones."""
NEARBY = 1e-5
"""Relative size of the nudge that the gradient's input must bear: far above float32's rounding."""
STEADY = 5e-4
"""How much the reference's gradient may move under it: a quarter of the tolerance."""
LOUD, LOUDER = "large outputs", 30.0
"""One more case: the last layer's weights by this factor, so that a clamp of the output or of the logit shows."""
ZDIMS = (5, 16, 23, 37, 48)
"""zdim is drawn from these, so that a fixed 64 shows."""


@check("gan.dnet", module="hw5_gan", driver="stand_in+gan")
def dnet(bench: Bench, record: Record) -> None:
    """DNet has the layers of the table, with 593 parameters, and returns one logit for each image"""
    _measure(bench, record, "DNet", 0)


@check("gan.gnet", module="hw5_gan", driver="stand_in+gan")
def gnet(bench: Bench, record: Record) -> None:
    """GNet has the layers of the table for any zdim and turns latents into images with pixels in (0, 1)"""
    _measure(bench, record, "GNet", int(bench.rng.choice(ZDIMS)))


def _measure(bench: Bench, record: Record, which: str, zdim: int) -> None:
    layout = bench.call("network_layout", which, zdim)
    table = layer_table(which, zdim)
    record(which=which, zdim=zdim, layout=layout, table=table)
    rows = layout["parameters"]
    order = match_by_shape([row["shape"] for row in rows], table)
    if order is None or len({row["storage"] for row in rows}) != len(rows):
        return
    weights, cases = draw_planted(bench.rng, which, zdim, table)
    planted = _in_order(weights, order)
    scale = max(float(np.abs(case.expected).max()) for case in cases)
    seen: list[dict[str, Json]] = []
    first: StudentFailure | None = None
    for case in [*cases, _loud(which, zdim, weights, cases[0].args[0])]:
        loud = case.label == LOUD
        try:
            held = _in_order(_louder(weights), order) if loud else planted
            reply = bench.call("network_outputs", which, held, [case.args[0]], zdim=zdim)
        except StudentFailure as failure:
            if failure.failure.kind in compare.FATAL:
                raise
            first = first or failure
            seen.append(compare.failed_case(case, failure))
            continue
        for mode in ("train", "eval"):
            output = next(iter(reply[mode]))
            facts = compare.facts_of(case, output, type(output).__name__, scale=None if loud else scale)
            if mode == "eval":
                facts["label"] += ", after eval()"
            seen.append(facts)
    if first is not None and all(c["failure"] is not None for c in seen):
        record(fixed_batch=_fixed_batch(bench, which, planted, cases[0].args[0], zdim))
        if record.facts["fixed_batch"] is None:
            raise first
    record(cases=seen, order=order == sorted(order))
    if seen[0]["shape"] is None:
        return
    _name_deviation(bench, record, which, weights, planted, cases, zdim)
    _measure_gradient(bench, record, which, weights, planted, order, cases, zdim)


def _in_order(weights: Sequence[Array], order: Sequence[int]) -> list[Array]:
    """The weights as the student's network lists its parameters, in float32."""
    return [weights[i].astype(np.float32) for i in order]


def _louder(weights: Sequence[Array]) -> list[Array]:
    return [*weights[:-2], *(LOUDER * w for w in weights[-2:])]


def _loud(which: str, zdim: int, weights: Sequence[Array], x: Array) -> Case:
    return Case(LOUD, [x], expected_output(which, zdim, _louder(weights), x))


def _fixed_batch(bench: Bench, which: str, planted: Sequence[Array], x: Array, zdim: int) -> int | None:
    """The batch size that works, of a network for which the usual ones don't."""
    for size in FIXED_BATCHES:
        try:
            bench.call("network_outputs", which, list(planted), [np.resize(x, (size, *x.shape[1:]))], zdim=zdim)
        except StudentFailure as failure:
            if failure.failure.kind in compare.FATAL:
                raise
            continue
        return size
    return None


def _name_deviation(
    bench: Bench,
    record: Record,
    which: str,
    weights: Sequence[Array],
    planted: Sequence[Array],
    cases: Sequence[Case],
    zdim: int,
) -> None:
    """Compares the outputs for the first batch with those of every known mistake; only where they are not right."""
    facts = record.facts["cases"][0]
    error = facts["error_reshaped"]
    if facts["shape"] is None or not facts["finite"] or facts["shape"][:1] != facts["expected_shape"][:1]:
        return
    if error is not None and error < 1e-6:
        return
    found = bench.call("network_outputs", which, list(planted), [cases[0].args[0]], zdim=zdim, modes=MODES)
    first = found["train"][0]
    twice = {mode: not np.array_equal(found[mode][0], found[f"{mode}_again"][0]) for mode in ("train", "eval")}
    record(random=twice)
    if first.size == cases[0].expected.size:
        name, distance, _ = nearest_deviation(which, weights, cases[0].args[0], first.reshape(cases[0].expected.shape))
        flat = first.ravel().astype(np.float64)
        factor = float(flat @ cases[0].expected.ravel() / (cases[0].expected ** 2).sum())
        scaled = compare.relative_error(flat, factor * cases[0].expected.ravel())
        record(deviation=name, deviation_error=distance, factor=factor, factor_error=scaled)


def _measure_gradient(
    bench: Bench,
    record: Record,
    which: str,
    weights: Sequence[Array],
    planted: Sequence[Array],
    order: Sequence[int],
    cases: Sequence[Case],
    zdim: int,
) -> None:
    """Whether the output's gradient reaches every parameter, and is the reference's."""
    case = cases[0]
    if record.facts["cases"][0]["shape"] != list(case.expected.shape):
        return
    for start in range(compare.REDRAWS):
        rows = case.args[0][start % len(case.args[0])][None] * np.float32(1 - 0.01 * (start // len(case.args[0])))
        cotangent = bench.rng.normal(size=(1, *case.expected.shape[1:])).astype(np.float32)
        wanted = _reference_gradient(which, zdim, weights, rows, cotangent)
        nearby = [w * (1 + NEARBY * bench.rng.normal(size=w.shape)) for w in weights]
        moved = _reference_gradient(which, zdim, nearby, rows, cotangent)
        if max(compare.relative_error(m, w) or 0.0 for m, w in zip(moved, wanted, strict=True)) < STEADY:
            break  # else a kink (ReLU, maximum) is so near that float32 may fall on its other side
    found = bench.call("network_gradients", which, list(planted), rows, cotangent, zdim=zdim)
    names = [row["name"] for row in record.facts["layout"]["parameters"]]
    lost = [n for n, g, i in zip(names, found, order, strict=True) if wanted[i].any() and (g is None or not g.any())]
    errors = [compare.relative_error(g, wanted[i]) for g, i in zip(found, order, strict=True) if g is not None]
    record(without_gradient=lost, gradient_error=None if None in errors else max(errors, default=None))  # type: ignore[type-var]


def _reference_gradient(which: str, zdim: int, weights: Sequence[Array], rows: Array, cotangent: Array) -> list[Array]:
    """The gradient of sum(output · cotangent) by each parameter of the reference network, in float64."""
    import torch

    from reference import gan as reference

    net = (reference.DNet() if which == "DNet" else reference.GNet(zdim)).double()
    with torch.no_grad():
        for p, w in zip(net.parameters(), weights, strict=True):
            p.copy_(torch.from_numpy(w))
    output = net(torch.from_numpy(rows.astype(np.float64)))
    (output * torch.from_numpy(cotangent.astype(np.float64))).sum().backward()
    return [p.grad.numpy() if p.grad is not None else np.zeros(p.shape) for p in net.parameters()]


def _judge(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    facts = seen.facts
    if not facts:
        return
    structural = judge_table(facts)
    if structural is not None:
        yield structural
        return
    if facts.get("fixed_batch") is not None:
        yield Lost(
            "batch_size", f"{facts['which']} works for batches of {facts['fixed_batch']} only; any size is asked."
        )
        return
    if "cases" not in facts:
        return

    def within(error: float | None) -> bool:
        return settings.within("gan.forward", error)

    catalogue = DNET if facts["which"] == "DNet" else GNET
    diagnosis = compare.diagnose(facts["cases"], within, {}, facts["which"])
    if diagnosis is not None:
        name, error = facts.get("deviation"), facts.get("deviation_error")
        if diagnosis.mistake == "unnamed":
            if name is not None and settings.within("gan.forward", error):
                yield Lost(name.split("+")[0].split("~")[0], f"{facts['which']}: {_sentence(name, catalogue)}.")
                return
            if all(within(c["error"]) for c in facts["cases"] if not c["label"].startswith(LOUD)):
                sentence = "is right for moderate outputs, not for large ones: is the result or the logit clamped?"
                yield Lost("clamped_output", f"{facts['which']} {sentence}")
                return
            extra = _other_reason(facts, settings)
            if extra is not None:
                yield extra
                return
        yield Lost(diagnosis.mistake, diagnosis.sentence)
        return
    if facts.get("without_gradient"):
        names = ", ".join(facts["without_gradient"][:4])
        yield Lost(
            "no_gradient",
            f"{facts['which']}: the output is right, but no gradient of it reaches {names}: it cannot be trained. "
            "Is something detached, or converted to numbers, in forward?",
        )
    elif "gradient_error" in facts and not settings.within("gan.gradient", facts["gradient_error"]):
        yield Lost("gradient", f"{facts['which']}: the output is right, but its gradient is that of another function.")
    if not facts["order"]:
        yield Note(
            f"{facts['which']}: the layers are not defined in the order of the table; they were recognised by shape."
        )


def _other_reason(facts: Mapping[str, Any], settings: Settings) -> Lost | None:
    """Why outputs differ where no known deviation explains it: randomness, normalisation, a factor, an unused layer."""
    which, random = facts["which"], facts.get("random", {})
    norms = [name for name in facts["layout"]["layers"] if "Norm" in name]
    if norms:
        return Lost(norm_name(norms[0]), f"{which} holds {norms[0]}, which the table of layers does not have.")
    if random.get("eval"):
        return Lost(
            "random_output", f"{which} returns different outputs for the same input: noise is added in forward."
        )
    if random.get("train"):
        return Lost(
            "dropout", f"{which} returns different outputs for the same input in training: dropout is not in the table."
        )
    if settings.within("gan.forward", facts.get("factor_error")):
        return Lost(
            "scaled_output", f"{which}: the outputs are {facts['factor']:.4g} times those of the table's layers."
        )
    if facts.get("without_gradient"):
        names = ", ".join(facts["without_gradient"][:4])
        return Lost(
            "unused_layer", f"{which}: {names} has no influence on the output: is a layer defined but not used?"
        )
    return None


def _sentence(name: str, catalogue: Sequence[Deviation]) -> str:
    sentences = {d.name: d.sentence for d in catalogue}
    return "; and ".join(sentences[part] for part in name.split("+"))


dnet.judge(_judge)
gnet.judge(_judge)
