"""The handout's tables of layers against the parameters that a network really has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from grader.model import Lost

Shape = Sequence[int]


def match_by_shape(found: Sequence[Shape], table: Sequence[Shape]) -> list[int] | None:
    """For each parameter found, its index in the table; None where the shapes are not the table's, each once."""
    if Counter(map(tuple, found)) != Counter(map(tuple, table)):
        return None
    free: dict[tuple[int, ...], list[int]] = {}
    for i, shape in enumerate(table):
        free.setdefault(tuple(shape), []).append(i)
    return [free[tuple(shape)].pop(0) for shape in found]


def norm_name(owner: str) -> str:
    """How a mistake is called that consists of an extra layer of this class: 'batch_norm', 'dropout', …"""
    kinds = {"Batch": "batch_norm", "Instance": "instance_norm", "Layer": "layer_norm", "Group": "group_norm"}
    return next((name for start, name in kinds.items() if owner.startswith(start)), "extra_component")


def judge_table(facts: Mapping[str, Any]) -> Lost | None:
    """What is wrong with the layers as such; None where they are the table's."""
    which, table, layout = facts["which"], facts["table"], facts["layout"]
    rows = layout["parameters"]
    shapes = [row["shape"] for row in rows]
    if len(rows) < len(table) and layout["hidden"]:
        kinds = ", ".join(sorted(set(layout["hidden"])))
        return Lost(
            "unregistered_layers",
            f"{which}: {len(layout['hidden'])} layers ({kinds}) are kept in a plain Python list or dict, where PyTorch "
            "does not see their parameters: no optimizer trains them. Use nn.ModuleList, nn.Sequential or attributes.",
        )
    if not rows:
        return Lost("no_layers", f"{which} has no parameters: none of the table's layers is defined in __init__.")
    shared = _shared(rows)
    if shared:
        return Lost(
            "shared_layers", f"{which}: {shared} are one and the same parameter; the table asks for separate layers."
        )
    frozen = [row["name"] for row in rows if not row["trained"]]
    if frozen:
        return Lost("frozen", f"{which}: {', '.join(frozen[:4])} cannot be trained (requires_grad is off).")
    norms = sorted({b["owner"] for b in layout["buffers"] if "Norm" in b["owner"]})
    if match_by_shape(shapes, table) is not None:
        if norms:
            return Lost(
                norm_name(norms[0]), f"{which} holds {' and '.join(norms)}, which the table of layers does not have."
            )
        return None
    return _wrong_shapes(which, rows, table)


def _shared(rows: Sequence[Mapping[str, Any]]) -> str:
    by_storage: dict[int, list[str]] = {}
    for row in rows:
        by_storage.setdefault(row["storage"], []).append(row["name"])
    return next((" and ".join(names[:3]) for names in by_storage.values() if len(names) > 1), "")


def _wrong_shapes(which: str, rows: Sequence[Mapping[str, Any]], table: Sequence[Shape]) -> Lost:
    shapes = [row["shape"] for row in rows]
    extra = [r for r in rows if "Norm" in r["owner"] or r["owner"] == "PReLU"]
    if extra:
        owners = " and ".join(dict.fromkeys(r["owner"] for r in extra))
        return Lost(
            norm_name(extra[0]["owner"]),
            f"{which} holds {owners} with parameters, which the table of layers does not have.",
        )
    if any("Transpose" in r["owner"] for r in rows):
        return Lost("layer_shapes", f"{which} uses transposed convolutions; the table has upsampling and convolutions.")
    weights = [s for s in shapes if len(s) > 1]
    asked = [s for s in table if len(s) > 1]
    if weights == asked and len(shapes) < len(table):
        return Lost("no_bias", f"{which}: {len(table) - len(shapes)} of the layers have no bias (bias=False?).")
    if len(weights) != len(asked):
        mistake = "extra_layer" if len(weights) > len(asked) else "missing_layer"
        kinds = _describe(weights)
        return Lost(
            mistake,
            f"{which} has {len(weights)} layers with weights ({kinds}); the table: {len(asked)} ({_describe(asked)}).",
        )
    wrong = [(i, found, want) for i, (found, want) in enumerate(zip(weights, asked, strict=True)) if found != want]
    if not wrong:
        return Lost("parameters", f"{which}: the biases have the shapes {[s for s in shapes if len(s) == 1]}.")
    index, found, want = wrong[0]
    mistake, reason = _difference(found, want)
    return Lost(
        mistake,
        f"{which}, layer {index + 1} with weights is {_layer(found)}; the table has {_layer(want)}{reason}"
        + ("" if reason.endswith("?") else "."),
    )


def _difference(found: Shape, want: Shape) -> tuple[str, str]:
    """Name of the mistake in one layer's weights, and a clause on its likely cause."""
    if len(found) != len(want):
        return "layer_shapes", ""
    if len(found) == 4 and list(found[2:]) != list(want[2:]):
        return "layer_shapes", ""
    if len(found) == 2 and found[0] == want[0]:
        if want[1] == 200:
            return "layer_shapes", ": the padding of a convolution or a pooling before it differs from the table"
        return "hard_coded_zdim", ": is zdim fixed in the class?"
    return "layer_shapes", ""


def _describe(weights: Sequence[Shape]) -> str:
    return ", ".join(_layer(s) for s in weights)


def _layer(shape: Shape) -> str:
    if len(shape) == 2:
        return f"linear {shape[1]}→{shape[0]}"
    return f"convolution {shape[1]}→{shape[0]} with kernel {'×'.join(str(k) for k in shape[2:])}"
