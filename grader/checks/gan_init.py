"""Weight initialisation of DNet and GNet: Kaiming-uniform weights, zero biases, in every layer, once constructed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grader.checks.compare import Array
from grader.checks.registry import Bench, Record, Settings, StudentFailure, check
from grader.model import Evidence, Finding, Json, Lost, Note, Undecided

BUILT = {"DNet": 40, "GNet": 12}
"""Networks that are built to see the law of their weights; the smallest layer then has 720 of them."""
ZDIM = 16
MOST_WEIGHTS = 20_000
"""Of a larger layer, every k-th weight is tested, and the extremes."""
UNDECIDABLE = frozenset({"exception", "bad_reply"})
"""Failures of a constructor that say nothing of the initialisation."""

Law = Callable[[int, int], tuple[str, float]]
"""(fan_in, fan_out) → ('uniform', bound) or ('normal', standard deviation)."""

ACCEPTED: Mapping[str, Law] = {
    "kaiming_uniform": lambda i, o: ("uniform", (6 / i) ** 0.5),
    "kaiming_uniform_leaky": lambda i, o: ("uniform", (6 / 1.04 / i) ** 0.5),
}
"""Kaiming-uniform for ReLU, and for LeakyReLU of slope 0.2."""
ACCEPTED_LAST: Mapping[str, Law] = {"kaiming_uniform_linear": lambda i, o: ("uniform", (3 / i) ** 0.5)}
"""Gain 1, for a layer that no ReLU follows."""
WRONG: Mapping[str, tuple[Law, str]] = {
    "default_initialisation": (lambda i, o: ("uniform", (1 / i) ** 0.5), "look like PyTorch's defaults"),
    "fan_out": (lambda i, o: ("uniform", (6 / o) ** 0.5), "are scaled by the number of outputs (mode='fan_out')"),
    "xavier": (lambda i, o: ("uniform", (6 / (i + o)) ** 0.5), "look like Xavier-uniform"),
    "wrong_gain": (lambda i, o: ("uniform", (3 / i) ** 0.5), "are too small: the gain of a ReLU is missing"),
    "normal_weights": (lambda i, o: ("normal", (2 / i) ** 0.5), "look normally distributed (Kaiming-normal)"),
    "xavier~normal": (lambda i, o: ("normal", (2 / (i + o)) ** 0.5), "look like Xavier-normal"),
    "normal_weights~0.02": (lambda i, o: ("normal", 0.02), "look normally distributed with standard deviation 0.02"),
    "normal_weights~0.01": (lambda i, o: ("normal", 0.01), "look normally distributed with standard deviation 0.01"),
    "normal_weights~1": (lambda i, o: ("normal", 1.0), "look normally distributed with standard deviation 1"),
    "positive_weights": (lambda i, o: ("positive", (6 / i) ** 0.5), "are all positive"),
    "positive_weights~1": (lambda i, o: ("positive", 1.0), "look uniform on [0, 1]"),
    "wrong_gain~1": (lambda i, o: ("uniform", 1.0), "look uniform on [−1, 1]"),
}


MISTAKES = {"default_initialisation": "wrong_gain"}
"""How a law is called where the biases are zero, so that the initialisation did reach the layer."""


@check("gan.weight_init", module="hw5_gan", driver="stand_in+gan")
def weight_init(bench: Bench, record: Record) -> None:
    """After construction every layer of both networks has Kaiming-uniform weights and zero biases"""
    seed = int(bench.rng.integers(2**31))
    networks: dict[str, Json] = {}
    for which, times in BUILT.items():
        try:
            plain = bench.call("initial_weights", which, times, seed, zdim=ZDIM)
        except StudentFailure as failure:
            networks[which] = {
                "failure": failure.failure.sentence,
                "kind": failure.failure.kind,
                "where": failure.failure.where,
            }
            continue
        networks[which] = {"constructed": _layers(plain), "explicit": None}
        try:
            explicit = bench.call("initial_weights", which, times, seed, zdim=ZDIM, explicit=True)
            networks[which]["explicit"] = _layers(explicit)
        except StudentFailure as failure:
            networks[which]["explicit_failure"] = failure.failure.sentence
    record(networks=networks)


def _layers(reply: Mapping[str, Any]) -> list[dict[str, Json]]:
    """Every weight and bias, all constructions pooled: size, bound, distance from every known law."""
    built = reply["weights"]
    if len(built) > 1 and all(np.array_equal(a, b) for a, b in zip(built[0], built[1], strict=True)):
        built = built[:1]
    rows: list[dict[str, Json]] = []
    for i, name in enumerate(reply["names"]):
        values = np.stack([weights[i] for weights in built]).astype(np.float64)
        shape = values.shape[1:]
        if len(shape) >= 2:
            rows.append({"name": name["name"], "weight": True, **_weight(values, shape)})
        elif name["local"] != "weight":  # a one-dimensional `weight` is a norm's or PReLU's; any other is a bias
            worst = float(np.abs(values).max(initial=0.0))
            rows.append({"name": name["name"], "weight": False, "largest": worst if np.isfinite(worst) else None})
    return rows


def _weight(values: Array, shape: Sequence[int]) -> dict[str, Json]:
    fan_in, fan_out = int(np.prod(shape[1:])), int(shape[0] * np.prod(shape[2:]))
    flat = values.ravel().astype(np.float64)
    flat = np.sort(np.append(flat[:: len(flat) // MOST_WEIGHTS + 1], [flat.min(), flat.max()]))
    if not np.isfinite(flat).all():
        return {"finite": False, "distances": {}, "uniform_distance": None, "bound_ratio": None}
    laws: dict[str, Law] = {**ACCEPTED, **ACCEPTED_LAST, **{n: law for n, (law, _) in WRONG.items()}}
    return {
        "finite": True,
        "n": len(flat),
        "fan_in": fan_in,
        "constant": bool(flat[0] == flat[-1]),
        "bound_ratio": float(np.abs(flat).max() * np.sqrt(fan_in / 6)),
        "uniform_distance": _distance(flat, ("uniform", max(float(np.abs(flat).max()), 1e-30) * (1 + 1 / len(flat)))),
        "distances": {name: _distance(flat, law(fan_in, fan_out)) for name, law in laws.items()},
    }


def _distance(ordered: Array, law: tuple[str, float]) -> float:
    """√n times the Kolmogorov-Smirnov distance of ordered values from a law; its null law does not depend on n."""
    from scipy import stats

    kind, scale = law
    if kind == "normal":
        cdf = stats.norm.cdf(ordered / scale)
    elif kind == "positive":
        cdf = np.clip(ordered / scale, 0, 1)
    else:
        cdf = np.clip((ordered / scale + 1) / 2, 0, 1)
    n = len(ordered)
    steps = np.arange(n + 1) / n
    return float(max(np.max(steps[1:] - cdf), np.max(cdf - steps[:-1])) * np.sqrt(n))


@weight_init.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    networks = seen.facts.get("networks", {})
    law = _common_law([n["constructed"] for n in networks.values() if "constructed" in n], settings)
    for which, network in networks.items():
        yield from _judge_network(which, network, law, settings)


def _judge_network(which: str, network: Mapping[str, Any], law: str | None, settings: Settings) -> Iterator[Finding]:
    part = which.lower()
    if "failure" in network:
        text = f"{which} cannot be built, so its initial weights cannot be seen: {network['failure']}"
        where = f" ({network['where']})" if network["where"] else ""
        if network["kind"] in UNDECIDABLE and "_weight_init" not in network["where"]:
            yield Undecided(f"{text}{where}.", part, reason="prerequisite")
        else:
            yield Lost(network["kind"], f"{text}{where}.", part=part)
        return
    lost = _judge_layers(which, network["constructed"], law, settings)
    if lost is None:
        if _last_has_gain_1(network["constructed"], settings):
            yield Note(f"{which}: the last layer is drawn with gain 1, as for a layer without ReLU; accepted.")
        return
    explicit = network["explicit"]
    if explicit and _judge_layers(which, explicit, None, settings) is None:
        yield Lost(
            "not_called",
            f"{which}: _weight_init is right when it is called, but the constructor does not call it: a new {which} "
            "still has PyTorch's defaults.",
            part=part,
        )
        return
    yield Lost(*lost, part=part)


def _judge_layers(
    which: str, rows: Sequence[Mapping[str, Any]], law: str | None, settings: Settings
) -> tuple[str, str] | None:
    """The mistake and its sentence, or None where every layer is as asked."""
    weights = [row for row in rows if row["weight"]]
    if not weights:
        return "no_layers", f"{which} has no layers whose weights could be initialised."
    last = weights[-1]
    bad = [row for row in weights if not _weight_is_right(row, settings, row is last)]
    biased = [row for row in rows if not row["weight"] and not settings.within("gan.init_bias", row["largest"])]
    if not bad and not biased:
        return None
    untouched = [row for row in bad if _law_of(row, settings) == "default_initialisation"]
    if untouched and biased:
        names = ", ".join(row["name"] for row in untouched[:4])
        if len(untouched) == len(weights) and not any("." in row["name"].removesuffix(".weight") for row in weights):
            return (
                "not_called",
                f"{which}: the weights and biases are still PyTorch's defaults: _weight_init changes nothing.",
            )
        if len(untouched) == len(weights):
            return "skipped_layers", (
                f"{which}: the weights and biases of every layer are still PyTorch's defaults: _weight_init reaches "
                "none of them. Layers inside a Sequential are not among the children of the network itself."
            )
        return (
            "skipped_layers",
            f"{which}: {names} and its bias are still PyTorch's defaults; the other layers are not.",
        )
    if bad:
        return _name_law(which, bad, weights, law, settings)
    names = ", ".join(row["name"] for row in biased[:4])
    return "biases_not_zero", f"{which}: the weights are right, but {names} is not zero after construction."


def _common_law(networks: Sequence[Sequence[Mapping[str, Any]]], settings: Settings) -> str | None:
    """The wrong law that explains every wrong weight of both networks, where a single layer would leave a choice."""
    weights = [[row for row in rows if row["weight"]] for rows in networks]
    bad = [row for rows in weights for row in rows if not _weight_is_right(row, settings, row is rows[-1])]
    laws = (
        law
        for law in WRONG
        if all(row["finite"] and settings.within("gan.init_distance", row["distances"][law]) for row in bad)
    )
    return next(laws, None) if bad else None


def _weight_is_right(row: Mapping[str, Any], settings: Settings, last: bool) -> bool:
    laws = [*ACCEPTED, *(ACCEPTED_LAST if last else ())]
    return (
        row["finite"]
        and settings.within("gan.init_bound", row["bound_ratio"])
        and any(settings.within("gan.init_distance", row["distances"][law]) for law in laws)
    )


def _last_has_gain_1(rows: Sequence[Mapping[str, Any]], settings: Settings) -> bool:
    last = [row for row in rows if row["weight"]][-1]
    return not _weight_is_right(last, settings, False)


def _law_of(row: Mapping[str, Any], settings: Settings) -> str | None:
    if not row["finite"]:
        return "not_finite"
    if row["constant"]:
        return "constant"
    fits = {law: row["distances"][law] for law in WRONG if settings.within("gan.init_distance", row["distances"][law])}
    return min(fits, key=lambda law: fits[law]) if fits else None


def _name_law(
    which: str,
    bad: Sequence[Mapping[str, Any]],
    weights: Sequence[Mapping[str, Any]],
    common: str | None,
    settings: Settings,
) -> tuple[str, str]:
    some = "every layer" if len(bad) == len(weights) else ", ".join(row["name"] for row in bad[:4])
    laws = {_law_of(row, settings) for row in bad}
    if laws == {"constant"}:
        return (
            "constant_weights",
            f"{which}: all weights of {some} are equal: the units of a layer cannot become different.",
        )
    if laws == {"not_finite"}:
        return "not_finite", f"{which}: the initial weights of {some} are not finite."
    for law in [common, *WRONG] if common else WRONG:
        if all(row["finite"] and settings.within("gan.init_distance", row["distances"][law]) for row in bad):
            sentence = f"{which}: the initial weights of {some} {WRONG[law][1]}; Kaiming-uniform is asked."
            return MISTAKES.get(law, law.split("~")[0]), sentence
    if all(row["finite"] and settings.within("gan.init_distance", row["uniform_distance"]) for row in bad):
        return (
            "wrong_gain",
            f"{which}: the initial weights of {some} are uniform, but with another bound than Kaiming's.",
        )
    too_large = [row for row in bad if not settings.within("gan.init_bound", row["bound_ratio"])]
    seen = "lie outside the Kaiming-uniform bound" if too_large else "do not have the Kaiming-uniform distribution"
    return "unnamed", f"{which}: the initial weights of {some} {seen}."
