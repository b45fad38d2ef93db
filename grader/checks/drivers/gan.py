"""Runs inside the student process: builds the student's networks, plants ours, calls the student's losses.

Every function takes the student's module first. No expected value stands here: a student may read this file.
"""

import torch
from torch import nn

REPLIES = {
    "network_layout": {
        "module": "bool",
        "parameters": [
            {
                "name": "str",
                "local": "str",
                "owner": "str",
                "dtype": "str",
                "shape": ["int"],
                "storage": "int",
                "trained": "bool",
            }
        ],
        "buffers": [{"name": "str", "owner": "str", "shape": ["int"]}],
        "layers": ["str"],
        "hidden": ["str"],
    },
    "network_outputs": {"*": ["array?"]},
    "network_gradients": ["array?"],
    "initial_weights": {"names": [{"name": "str", "local": "str", "owner": "str"}], "weights": [["array"]]},
    "planted_loss": {
        "built_by": "str",
        "kind": "str",
        "value": "array?",
        "is_tensor": "bool",
        "differentiable": "bool",
        "disc": (None, ["array?"]),
        "gen": (None, ["array?"]),
        "z": ["array"],
        "rows": ["int"],
    },
    "steps_trajectory": [["array"]],
}

CONTAINERS = (list, tuple, dict)


class PlantedDiscriminator(StandIn):  # noqa: F821 (of stand_in.py, which comes before)
    """A linear discriminator with known weights: (N, 1, 28, 28) → logits (N, 1). Counts the images that it saw."""

    def __init__(self, weight, bias):
        super().__init__()
        self.weight = nn.Parameter(weight.reshape(-1, 1).clone())
        self.bias = nn.Parameter(bias.reshape(1).clone())
        self.rows = Log()  # noqa: F821

    def answer(self, x):
        self.rows.append(int(x.shape[0]))
        return x.reshape(x.shape[0], -1) @ self.weight + self.bias


class PlantedGenerator(StandIn):  # noqa: F821 (of stand_in.py, which comes before)
    """A linear generator with known weights: (N, zdim) → (N, 1, 28, 28). Remembers the z that it was given."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = nn.Parameter(matrix.clone())
        self.seen = Log()  # noqa: F821

    def answer(self, z):
        self.seen.append(z.detach().clone())
        return (z @ self.matrix).reshape(z.shape[0], 1, 28, 28)


def _hidden_modules(net):
    """Layers that sit in a plain list, tuple or dict, where PyTorch does not find them."""
    found = []
    for module in net.modules():
        for value in vars(module).values():
            if isinstance(value, CONTAINERS):
                items = value.values() if isinstance(value, dict) else value
                found += [item for item in items if isinstance(item, nn.Module)]
    known = {id(m) for m in net.modules()}
    return [m for m in found if id(m) not in known]


def _named(net):
    """Every parameter with the layer that owns it, in the order of definition; a shared one appears repeatedly."""
    rows = []
    for path, module in net.named_modules(remove_duplicate=False):
        for local, p in module.named_parameters(recurse=False, remove_duplicate=False):
            rows.append((f"{path}.{local}" if path else local, local, type(module).__name__, p))
    return rows


def _describe(net):
    storages = {}
    rows = []
    for name, local, owner, p in _named(net):
        place = storages.setdefault((p.untyped_storage().data_ptr(), p.storage_offset()), len(storages))
        rows.append(
            {
                "name": name,
                "local": local,
                "owner": owner,
                "shape": list(p.shape),
                "storage": place,
                "dtype": str(p.dtype),
                "trained": bool(p.requires_grad),
            }
        )
    buffers = [
        {"name": f"{path}.{local}" if path else local, "owner": type(m).__name__, "shape": list(b.shape)}
        for path, m in net.named_modules()
        for local, b in m.named_buffers(recurse=False)
    ]
    return {
        "module": isinstance(net, nn.Module),
        "parameters": rows,
        "buffers": buffers,
        "layers": [type(m).__name__ for m in net.modules() if not list(m.children())],
        "hidden": [type(m).__name__ for m in _hidden_modules(net)],
    }


def _build(student, which, zdim):
    net = student.DNet() if which == "DNet" else student.GNet(zdim)
    if not isinstance(net, nn.Module):
        raise TypeError(f"{which} must be an nn.Module; its instance is a {type(net).__name__}.")
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in net.parameters()):
        net(torch.zeros(2, 1, 28, 28) if which == "DNet" else torch.zeros(2, zdim))
    return net


def _plain(value):
    """What the student's code returned, or its numbers as a tensor, or None where it holds none."""
    if value is None or isinstance(value, torch.Tensor):
        return value
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return None


def network_layout(student, which, zdim=64):
    """Parameters of a fresh DNet or GNet: names, shapes, owners, storages; buffers; layers PyTorch cannot find."""
    return _describe(_build(student, which, zdim))


def network_outputs(student, which, weights, inputs, zdim=64, modes=("train", "eval")):
    """Outputs for known weights (in the order of `network_layout`), per mode a list with one array per input batch."""
    net = _build(student, which, zdim)
    with torch.no_grad():
        for (_, _, _, p), w in zip(_named(net), weights, strict=True):
            p.copy_(w)
    outputs = {}
    for mode in modes:
        net.train(not mode.startswith("eval"))
        outputs[mode] = [_plain(net(x.clone())) for x in inputs]
    return outputs


def network_gradients(student, which, weights, x, cotangent, zdim=64):
    """d<cotangent, output>/d parameter for known weights; None where no gradient arrives."""
    net = _build(student, which, zdim)
    with torch.no_grad():
        for (_, _, _, p), w in zip(_named(net), weights, strict=True):
            p.copy_(w)
    parameters = [p for _, _, _, p in _named(net)]
    scalar = (net(x) * cotangent).sum()
    if not scalar.requires_grad:
        return [None for _ in parameters]
    return list(torch.autograd.grad(scalar, parameters, allow_unused=True))


MOST_VALUES = 6_000_000
"""Parameters that one reply may hold, all constructions together."""


def initial_weights(student, which, times, seed, zdim=64, explicit=False):
    """Parameters of several freshly built networks; with `explicit`, after one more call of `_weight_init`."""
    built = []
    for i in range(times):
        torch.manual_seed(seed + i)
        net = _build(student, which, zdim)
        if explicit:
            net._weight_init()
        rows = _named(net)
        for module in _hidden_modules(net):
            rows += [(f"{type(module).__name__} in a list ({n})", m, o, p) for n, m, o, p in _named(module)]
        built.append([p.detach().clone() for _, _, _, p in rows])
        names = [{"name": n, "local": m, "owner": o} for n, m, o, _ in rows]
        if i > 0 and (i + 2) * sum(p.numel() for p in built[-1]) > MOST_VALUES:
            break  # a network far larger than asked: fewer of them tell enough
    return {"names": names, "weights": built}


def _own(student, kept, name, *arguments):
    """A network of the student's own, also while ours stand under the names of its classes."""
    planted = {other: student.__dict__.get(other) for other in kept}
    student.__dict__.update(kept)
    try:
        return kept[name](*arguments)
    finally:
        student.__dict__.update(planted)


def _gan(student, disc, gen, zdim):
    """A GAN of the student's class around planted networks, whether or not its own constructor works."""
    kept = {name: student.__dict__[name] for name in ("DNet", "GNet") if name in student.__dict__}
    built_by = "constructor"
    disc.stand_in_for(kept.get("DNet"), lambda: _own(student, kept, "DNet"))
    gen.stand_in_for(kept.get("GNet"), lambda: _own(student, kept, "GNet", zdim))
    try:
        student.DNet = lambda *args, **kwargs: disc
        student.GNet = lambda *args, **kwargs: gen
        kind = student.GAN
        try:
            gan = kind(zdim)
        except Exception:
            gan = kind.__new__(kind)
            if isinstance(gan, nn.Module):
                nn.Module.__init__(gan)
            built_by = "parts"
    finally:
        for name in ("DNet", "GNet"):
            if name in kept:
                setattr(student, name, kept[name])
            elif name in student.__dict__:
                delattr(student, name)
    gan._dev, gan._zdim = torch.device("cpu"), zdim
    gan.disc, gan.gen = disc.requires_grad_(True), gen.requires_grad_(True)
    return gan, built_by


def _gradients(loss, net):
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        return None
    asked = [p for p in net.parameters() if p.requires_grad]
    found = iter(torch.autograd.grad(loss, asked, retain_graph=True, allow_unused=True) if asked else ())
    return [next(found) if p.requires_grad else None for p in net.parameters()]


def planted_loss(student, which, disc, gen, batch, z, seed=0):
    """`_get_loss_d` or `_get_loss_g` under planted networks: value, gradients of both networks, the z that was used.

    disc: weight (784,) and bias (1,); gen: matrix (zdim, 784); batch: (N, 1, 28, 28); z: (N, zdim).
    """
    torch.manual_seed(seed)
    d, g = PlantedDiscriminator(disc["weight"], disc["bias"]), PlantedGenerator(gen["matrix"])
    gan, built_by = _gan(student, d, g, int(z.shape[1]))
    n = int(z.shape[0])
    loss = gan._get_loss_d(n, batch.clone(), z.clone()) if which == "d" else gan._get_loss_g(n, z.clone())
    value = _plain(loss)
    usable = isinstance(loss, torch.Tensor) and loss.numel() == 1
    scalar = loss.reshape(()) if usable else None
    return {
        "built_by": built_by,
        "kind": type(loss).__name__,
        "value": value,
        "is_tensor": isinstance(loss, torch.Tensor),
        "differentiable": bool(usable and loss.requires_grad),
        "disc": _gradients(scalar, d),
        "gen": _gradients(scalar, g),
        "z": list(g.seen),
        "rows": list(d.rows),
    }


def steps_trajectory(student, which, disc, gen, batches, zs, lr):
    """Gradient steps of the student's loss ('d' or 'g') under planted networks: the trained weights after each.

    batches: images (N, 1, 28, 28) and zs: latents (N, zdim), one of each for every step.
    """
    d, g = PlantedDiscriminator(disc["weight"], disc["bias"]), PlantedGenerator(gen["matrix"])
    gan, _ = _gan(student, d, g, int(zs[0].shape[1]))
    trained = list((d if which == "d" else g).parameters())
    states = []
    for batch, z in zip(batches, zs, strict=True):
        n = int(z.shape[0])
        for p in trained:
            p.grad = None
        loss = gan._get_loss_d(n, batch.clone(), z.clone()) if which == "d" else gan._get_loss_g(n, z.clone())
        loss.backward()
        with torch.no_grad():
            for p in trained:
                p.sub_(lr * p.grad)
        states.append([p.detach().clone() for p in trained])
    return states
