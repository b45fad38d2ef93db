"""5.1 ScoreNet: layers by identity, outputs with planted weights, σ in its three forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from grader.checks.registry import Bench, Record, Settings, StudentFailure, check, lost_share
from grader.checks.score_net_planted import (
    ACTIVATIONS,
    MISTAKES,
    difference,
    draw_weights,
    mistaken_scores,
    reference_scores,
)
from grader.model import Evidence, Finding, Json, Lost, Note

WIDTH, LAYERS, POINTS = 128, 8, 24
FORMS = {"column": "shape (N, 1)", "scalar": "0-dim tensor", "number": "float"}


def sound(seen: Mapping[str, Any]) -> bool:
    """Whether the layers found chain from 3 inputs to 2 outputs, so that the reference can be given their weights."""
    calls, layers = seen["calls"], seen["layers"]
    widths = {layers[i][1] for i in calls[:-1]}
    chain = all(layers[a][1] == layers[b][0] for a, b in pairwise(calls))
    return len(calls) >= 2 and chain and layers[calls[0]][0] == 3 and layers[calls[-1]][1] == 2 and len(widths) == 1


def functional_layers(shapes: list[list[int]]) -> tuple[list[list[int]], list[int]] | None:
    """Layers (in, out) of a network written with bare parameters, one matrix and one vector each, in their order."""
    matrices, vectors = [s for s in shapes if len(s) == 2], [s for s in shapes if len(s) == 1]
    if len(matrices) != len(vectors) or len(matrices) + len(vectors) != len(shapes) or not matrices:
        return None
    turned = matrices[0][0] == 3 and matrices[0][1] != 3
    layers = [[m[0], m[1]] if turned else [m[1], m[0]] for m in matrices]
    return layers, list(range(len(layers)))


@check("score.score_net", module="hw5_diffusion", driver="stand_in+score")
def score_net(bench: Bench, record: Record) -> None:
    """ScoreNet has the handout's layers and computes the handout's function of (x, σ)"""
    seen = bench.call("describe_net", {})
    if not seen["calls"]:
        bare = functional_layers(seen["parameter_shapes"])
        if bare:
            seen["layers"], seen["calls"] = bare
            seen["others"], seen["registered"] = [], True
    record(net=seen)
    if not seen["calls"] or not seen["registered"] or not seen["biases"] or not sound(seen):
        return
    calls, n = seen["calls"], POINTS
    weights, biases = draw_weights(seen["layers"], bench.rng)
    weights = [w.astype(np.float32).astype(np.float64) for w in weights]
    biases = [b.astype(np.float32).astype(np.float64) for b in biases]
    x = bench.rng.normal(size=(n, 2)).astype(np.float32).astype(np.float64)
    sigma = np.exp(bench.rng.uniform(np.log(0.05), np.log(2.0), size=(n, 1))).astype(np.float32).astype(np.float64)
    planted = ([w.astype(np.float32) for w in weights], [b.astype(np.float32) for b in biases])

    forms: dict[str, Json] = {}
    column: Any = None
    for form in FORMS:
        levels = sigma if form == "column" else np.full((n, 1), sigma[0, 0])
        given = {"column": sigma.astype(np.float32), "scalar": np.float32(sigma[0, 0]), "number": float(sigma[0, 0])}
        argument = np.array(given[form], dtype=np.float32) if form != "number" else given[form]
        try:
            found = bench.call("planted_outputs", *planted, x.astype(np.float32), argument)
        except StudentFailure as fault:
            forms[form] = {"error": None, "sentence": fault.failure.sentence, "where": fault.failure.where}
            continue
        column = found if form == "column" else column
        wanted = reference_scores(weights, biases, calls, x, levels)
        wrong = mistaken_scores(weights, biases, calls, x, levels)
        errors = {name: difference(found, value, levels) for name, value in wrong.items()}
        errors = {name: e for name, e in errors.items() if np.isfinite(e)}
        closest = min(errors, key=lambda name: errors[name]) if errors else ""
        forms[form] = {
            "error": _number(difference(found, wanted, levels)),
            "shape": list(np.shape(found)),
            "closest": closest,
            "closest_error": errors.get(closest),
        }
    one = bench.call("planted_outputs", *planted, x[:1].astype(np.float32), sigma[:1].astype(np.float32))
    forms["one"] = {
        "error": _number(difference(one, reference_scores(weights, biases, calls, x[:1], sigma[:1]), sigma[:1]))
    }
    record(forms=forms)
    try:
        trained = bench.call("planted_outputs_in_training", *planted, x.astype(np.float32), sigma.astype(np.float32))
        still = np.asarray(column if column is not None else trained[0], np.float64)
        record(training_error=_number(max(difference(found, still, sigma) for found in trained)))
    except StudentFailure as fault:
        record.note(f"In training mode ScoreNet fails: {fault.failure.sentence}")
    try:
        other = bench.call("describe_net", {"n_layers": 5, "latent_dim": 32})
        record(other={"calls": len(other["calls"]), "width": other["layers"][0][1] if other["layers"] else None})
    except StudentFailure:
        record(other=None)


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _structure(net: Mapping[str, Any]) -> Iterator[Lost]:
    """Faults of the layers after which the function is not compared."""
    calls, layers = net["calls"], net["layers"]
    if not calls:
        yield Lost("no_linear_layers", "No linear layers were found in ScoreNet's forward pass.")
    elif not net["registered"]:
        yield Lost(
            "unregistered_layers",
            "Some layers are not registered in ScoreNet (a plain Python list hides them): the optimizer never sees "
            "their parameters. nn.ModuleList or nn.Sequential registers them.",
        )
    elif not net["biases"]:
        yield Lost("no_bias", "Some linear layers have no bias; the handout's layers have one.")
    elif layers[calls[0]][0] != 3:
        found = layers[calls[0]][0]
        why = "σ is not among its inputs" if found == 2 else "the handout's input is (x, σ)"
        yield Lost("layer_shapes", f"The first layer has {found} inputs, expected 3: {why}.")
    elif layers[calls[-1]][1] != 2:
        yield Lost("layer_shapes", f"The last layer has {layers[calls[-1]][1]} outputs, expected 2.")
    elif not sound(net):
        yield Lost("layers_do_not_chain", "The widths of the hidden layers are not the same throughout.")


@score_net.judge
def _(seen: Evidence, settings: Settings) -> Iterator[Finding]:
    net = seen.facts["net"]
    structure = list(_structure(net))
    yield from structure
    if structure:
        return
    calls, layers = net["calls"], net["layers"]
    width, distinct, count = layers[calls[0]][1], len(set(calls)), len(calls)
    extra = list(_extra(net))
    yield from extra
    wrong = [] if extra else list(_function(seen.facts["forms"], settings))
    yield from wrong
    other = seen.facts.get("other") or {}
    if width != WIDTH:
        name = "hard_coded_width" if other.get("width") == width else "width"
        yield Lost(name, f"The hidden layers are {width} wide by default, expected {WIDTH} (latent_dim=128).")
    elif other.get("width") == WIDTH:
        yield _minor(settings, "hard_coded_width", "latent_dim is ignored: the hidden layers are always 128 wide.")
    if not settings.within("score.net_output", seen.facts.get("training_error", 0.0)):
        yield Lost("dropout", "In training mode the output differs from call to call (dropout?); the handout has none.")
    yield from _gradient(net)
    if distinct < count:
        yield Lost(
            "shared_layers",
            f"Hidden layers are the same object: the forward pass calls {count} linear layers, but only {distinct} are "
            f"different ({net['distinct_numbers']:,} parameters). [layer] * k repeats one layer; build each anew.",
            fraction=lost_share(settings, "shared_layers_credit"),
        )
    if count == LAYERS + 1:
        yield Lost(
            "nine_layers",
            f"ScoreNet has {count} linear layers, expected {LAYERS} in all: n_layers counts every linear layer, "
            "the first and the last among them.",
            fraction=lost_share(settings, "nine_layers_credit"),
        )
    elif count != LAYERS:
        name = "too_few_layers" if count < LAYERS else "too_many_layers"
        yield Lost(name, f"ScoreNet has {count} linear layers, expected {LAYERS} in all.")
    elif other.get("calls") == LAYERS:
        yield _minor(settings, "hard_coded_depth", "n_layers is ignored: there are always 8 linear layers.")
    if net["unused"]:
        yield Lost("unused_layers", f"{net['unused']} linear layers of ScoreNet are never used in its forward pass.")
    if not other:
        yield Note("ScoreNet(n_layers=5, latent_dim=32) does not work; the handout's __init__ takes both.")


def _minor(settings: Settings, mistake: str, message: str) -> Lost:
    return Lost(mistake, message, fraction=lost_share(settings, "minor_fault_credit"))


def _extra(net: Mapping[str, Any]) -> Iterator[Lost]:
    """Components with parameters that are not linear layers."""
    named = ", ".join(net["others"])
    if named:
        short = {"LayerNorm": "layer_norm", "BatchNorm1d": "batch_norm"}.get(net["others"][0], "extra_component")
        yield Lost(short, f"ScoreNet has other components with parameters ({named}); expected linear layers only.")


def _gradient(net: Mapping[str, Any]) -> Iterator[Lost]:
    if net["trainable_parameters"] < net["distinct_parameters"]:
        frozen = net["distinct_parameters"] - net["trainable_parameters"]
        yield Lost("frozen_network", f"{frozen} of ScoreNet's parameter tensors require no gradient and never change.")
    elif not net["has_gradient"] or (not net["unused"] and net["reached_by_gradient"] < net["distinct_parameters"]):
        found, all_of_them = net["reached_by_gradient"], net["distinct_parameters"]
        yield Lost(
            "no_gradient",
            f"A gradient reaches {found} of ScoreNet's {all_of_them} parameter tensors (no_grad, detach or .data in "
            "forward?).",
        )


def _function(forms: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    """What the planted outputs say of the function, and of σ's three forms."""
    right = [f for f in FORMS if settings.within("score.net_output", forms[f]["error"])]
    if right:
        yield from _other_forms(forms, right, settings)
        return
    first = next((f for f in FORMS if forms[f].get("closest")), None)
    if first is not None and settings.within("score.net_output", forms[first]["closest_error"]):
        name = forms[first]["closest"]
        if name == "input_order":
            yield _minor(settings, name, MISTAKES[name])
        elif name.startswith("activation:"):
            kind = name.removeprefix("activation:")
            short = "softplus_beta" if "beta" in kind else f"{kind.partition('_0')[0]}_for_softplus"
            yield Lost(short, f"Between the layers there is {ACTIVATIONS[kind][1]}; the handout has Softplus there.")
        else:
            yield Lost(name.partition(":")[0], MISTAKES[name])
    elif first is None and "sentence" in forms["column"]:
        where = forms["column"]["where"]
        yield Lost("exception", f"{forms['column']['sentence']}" + (f" ({where})" if where else ""))
    else:
        shape = next((forms[f]["shape"] for f in FORMS if "shape" in forms[f]), None)
        if shape is not None and shape != [POINTS, 2]:
            yield Lost(
                "output_shape", f"ScoreNet gave shape {tuple(shape)} for {POINTS} points, expected ({POINTS}, 2)."
            )
        else:
            yield Lost("unnamed", "With given weights, ScoreNet's output differs from the handout's function.")


def _other_forms(forms: Mapping[str, Any], right: list[str], settings: Settings) -> Iterator[Finding]:
    missing = [f for f in FORMS if f not in right]
    if missing:
        form = missing[0]
        why = forms[form].get("sentence") or "the output is another than for the same σ in the other forms"
        name = "sigma_forms"
        if settings.within("score.net_output", forms[form].get("closest_error")):
            name = forms[form]["closest"].partition(":")[0]
            why = MISTAKES.get(forms[form]["closest"], why).rstrip(".")
        yield Lost(
            name,
            f"ScoreNet is right for some forms of sigmas, but not for a {FORMS[form]}: {why}. The handout allows a "
            "float, a 0-dim tensor or shape (N, 1).",
            fraction=lost_share(settings, "sigma_form_credit"),
        )
    elif not settings.within("score.net_output", forms["one"]["error"]):
        yield Lost("one_point", "ScoreNet is wrong for a single point: x of shape (1, 2), sigmas of shape (1, 1).")
