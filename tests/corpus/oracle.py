"""What a solution does, compared with the reference in this process. For our own files only: nothing is isolated.

This is the corpus' own yardstick, apart from the grader's checks: it says of each check's question whether the
solution differs from the handout, so that a right case is known to be right and a wrong one to be wrong.
"""

from __future__ import annotations

import inspect
import math
import random
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from reference import ddpm, gan, score

Module = Any
TEMPLATE = Path(__file__).parents[2] / "submissions" / "template"
ABSENT = ("torchvision", "cv2", "matplotlib", "PIL", "tqdm", "seaborn", "imageio", "einops")


def load_module(name: str, text: str) -> types.ModuleType:
    """The module of that text; plotting libraries are mocks, hw5_utils is the template's."""
    module = types.ModuleType(name)
    module.__file__ = f"{name}.py"
    stand_ins: dict[str, Any] = {}
    for package in ABSENT:
        stand_in = mock.MagicMock(name=package)
        stand_in.__path__ = []
        stand_ins[package] = stand_in
        for child in ("pyplot", "utils", "transforms", "Image", "auto"):
            stand_ins[f"{package}.{child}"] = mock.MagicMock(name=f"{package}.{child}")
    for progress in ("tqdm", "tqdm.auto"):
        stand_ins[progress].tqdm = lambda items, *_, **__: items
    if name != "hw5_utils":
        stand_ins["hw5_utils"] = _utils()
    with mock.patch.dict(sys.modules, {**stand_ins, name: module}):
        exec(compile(text, module.__file__, "exec", dont_inherit=True), module.__dict__)
    return module


_UTILS: list[types.ModuleType] = []


def _utils() -> types.ModuleType:
    if not _UTILS:
        _UTILS.append(load_module("hw5_utils", (TEMPLATE / "hw5_utils.py").read_text("utf-8")))
    return _UTILS[0]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Everything random starts from `seed`."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    torch.set_grad_enabled(True)
    yield


def differences(file: str, text: str, seed: int = 0) -> dict[str, str]:
    """Check name -> how the solution differs from the handout; only those that differ."""
    probes = PROBES[file]
    try:
        module = load_module(file.removesuffix(".py"), text)
    except Exception as error:
        return dict.fromkeys(probes, f"import: {error!r}")
    found = {}
    for check, probe in probes.items():
        with seeded(seed):
            try:
                probe(module)
            except Exception as error:
                found[check] = f"{type(error).__name__}: {error}"[:300]
    return found


def same(got: Any, expected: Tensor, what: str, tolerance: float = 2e-3) -> None:
    """Raises AssertionError unless `got` has the shape and, within `tolerance`, the values of `expected`."""
    got = torch.as_tensor(got).detach().double()
    expected = expected.detach().double()
    assert got.shape == expected.shape, f"{what}: shape {tuple(got.shape)}, expected {tuple(expected.shape)}"
    error = (got - expected).abs().max().item() / (expected.abs().max().item() + 1e-12)
    assert error <= tolerance, f"{what}: relative error {error:.2g}"


def normal(z: Tensor, what: str) -> None:
    """Raises AssertionError unless `z` (N, d) looks standard normal and independent across rows and columns."""
    z = z.detach().double()
    n = z.numel()
    assert abs(z.mean()) < 5.5 / math.sqrt(n), f"{what}: mean {z.mean():.3f}"
    assert abs((z**2).mean() - 1) < 5.5 * math.sqrt(2 / n), f"{what}: variance {(z**2).mean():.3f}"
    kurtosis = (z**4).mean()
    assert abs(kurtosis - 3) < 5.5 * math.sqrt(96 / n), f"{what}: fourth moment {kurtosis:.3f}"
    if z.dim() == 2 and z.shape[1] > 1:
        assert abs((z[:, 0] * z[:, 1]).mean()) < 5.5 / math.sqrt(len(z)), f"{what}: coordinates are correlated"
    assert abs((z[1:] * z[:-1]).mean()) < 5.5 / math.sqrt(n), f"{what}: rows are correlated"


class Planted(nn.Module):
    """A function as a network: students read devices off parameters and set modes."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, *args: Any) -> Tensor:
        return self.function(*args) + 0 * self.unused


def planted(m: Module, kind: str, function: Callable[..., Tensor]) -> nn.Module:
    """The student's own network with `function` as its forward, so that its class, layers and names are there."""
    try:
        net = getattr(m, kind)()
        names = list(inspect.signature(type(net).forward).parameters)
    except Exception:
        return Planted(function)
    unused = torch.zeros(1, requires_grad=True)
    net.forward = lambda *args, **named: function(*args, *(named[n] for n in names if n in named)) + 0 * unused
    return net  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------ GAN


def _own_parameters(net: nn.Module) -> list[nn.Parameter]:
    parameters = list(net.parameters())
    assert all(p.requires_grad for p in parameters), "a parameter is frozen"
    return parameters


def _network(student: nn.Module, reference: nn.Module, inputs: list[Tensor]) -> None:
    mine, theirs = list(reference.parameters()), _own_parameters(student)
    shapes = [tuple(p.shape) for p in theirs]
    assert shapes == [tuple(p.shape) for p in mine], f"parameters {shapes}"
    with torch.no_grad():
        for a, b in zip(theirs, mine, strict=True):
            b.copy_(torch.randn_like(b) * b[0].numel() ** -0.5 if b.dim() > 1 else torch.randn_like(b) * 0.3)
            a.copy_(b)
    for x in inputs:
        same(student(x), reference(x), f"outputs for {tuple(x.shape)}", 1e-4)
    with torch.no_grad():
        for p in (*theirs[-2:], *mine[-2:]):
            p.mul_(300)
    same(student(inputs[0]), reference(inputs[0]), "large outputs", 1e-4)
    student.eval()
    same(student(inputs[0]), reference(inputs[0]), "outputs in eval mode", 1e-4)


def _dnet(m: Module) -> None:
    inputs = [torch.rand(n, 1, 28, 28) for n in (5, 1)] + [torch.zeros(3, 1, 28, 28), 5 * torch.randn(3, 1, 28, 28)]
    _network(m.DNet(), gan.DNet(), inputs)


def _gnet(m: Module) -> None:
    for zdim in (64, 7):
        inputs = [2 * torch.rand(n, zdim) - 1 for n in (5, 1)] + [torch.zeros(2, zdim), 4 * torch.randn(3, zdim)]
        _network(m.GNet(zdim), gan.GNet(zdim), inputs)


def _weight_init(m: Module) -> None:
    for make in (m.DNet, lambda: m.GNet(16)):
        drawn: dict[int, list[Tensor]] = {}
        for _ in range(12):
            for i, p in enumerate(make().parameters()):
                if p.dim() == 1:
                    assert not p.any(), f"bias of parameter {i} is not 0"
                else:
                    drawn.setdefault(i, []).append((p / math.sqrt(6 / p[0].numel())).flatten().detach())
        assert drawn, "no weights"
        for i, w in drawn.items():
            u = torch.cat(w).double().sort().values
            assert u.abs().max() <= 1 + 1e-5, f"weights of parameter {i} exceed the bound: {u.abs().max():.3f}"
            ks = (u - torch.linspace(-1, 1, len(u), dtype=u.dtype)).abs().max() / 2
            assert ks < 2.2 / math.sqrt(len(u)) + 0.012, f"weights of parameter {i} are not uniform: {ks:.3f}"


class _Linear(nn.Module):
    """Returns weight * input, reduced to one number for each row if `logit`, else as pictures."""

    def __init__(self, scale: float, logit: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.logit = logit

    def forward(self, x: Tensor) -> Tensor:
        if self.logit:
            return self.scale * x.flatten(1)[:, :1]
        return (self.scale * x[:, :1]).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)


def _planted_gan(m: Module) -> Any:
    g = m.GAN(3)
    for name, scale in (("disc", 1.3), ("gen", 0.7)):
        linear, own = _Linear(scale, name == "disc").to(g._dev), getattr(g, name, None)
        if isinstance(own, nn.Module) and type(own).forward is not nn.Module.forward:
            names = list(inspect.signature(type(own).forward).parameters)[1:]
            own.scale = linear.scale

            def forward(*a: Any, run: nn.Module = linear, names: list[str] = names, **k: Any) -> Any:
                return run(*a, *(k[n] for n in names if n in k))

            own.forward = forward  # type: ignore[method-assign]
        else:
            setattr(g, name, linear)
    return g


def _batches() -> Iterator[tuple[Tensor, Tensor]]:
    for n, scale, shift in ((6, 4.0, 0.0), (1, 1.0, 3.0), (5, 2.0, -4.0), (4, 0.1, 0.0), (8, 150.0, 0.0)):
        x = (torch.randn(n, 1, 1, 1) * scale + shift).expand(n, 1, 28, 28)
        yield x, torch.randn(n, 3) * scale - shift


def _discriminator_loss(m: Module) -> None:
    g = _planted_gan(m)
    ratios = []
    for x, z in _batches():
        g.disc.zero_grad()
        got = g._get_loss_d(len(x), x, z)
        expected = gan.discriminator_loss(g.disc(x), g.disc(g.gen(z)).detach())
        assert got.shape == (), f"shape {tuple(got.shape)}"
        ratios.append((got / expected).item())
        (slope,) = torch.autograd.grad(got, g.disc.scale)
        (wanted,) = torch.autograd.grad(gan.discriminator_loss(g.disc(x), g.disc(g.gen(z).detach())), g.disc.scale)
        ratios.append((slope / wanted).item())
    for target in (1.0, 0.5):
        if all(abs(r - target) < 2e-3 * target for r in ratios):
            return
    raise AssertionError(f"ratios to the right loss {[round(r, 3) for r in ratios]}")


def _generator_loss(m: Module) -> None:
    g = _planted_gan(m)
    errors: dict[str, float] = {"non-saturating": 0.0, "minimax": 0.0}
    for _, z in _batches():
        got = g._get_loss_g(len(z), z)
        assert got.shape == (), f"shape {tuple(got.shape)}"
        (slope,) = torch.autograd.grad(got, g.gen.scale)
        for name, loss in (
            ("non-saturating", gan.generator_loss),
            ("minimax", gan.minimax_generator_loss),
        ):
            expected = loss(g.disc(g.gen(z)))
            (wanted,) = torch.autograd.grad(expected, g.gen.scale)
            error = max(abs((got / expected).item() - 1), abs((slope - wanted).item()) / (abs(wanted.item()) + 1e-3))
            errors[name] = max(errors[name], error)
    assert min(errors.values()) < 2e-3, f"errors {errors}"


def _gan_training(m: Module) -> None:
    alive = []
    for _ in range(8):  # two channels with zero biases: all ReLUs of a right DNet can be dead at the start
        g = m.GAN(9)
        assert g._zdim == 9
        assert isinstance(g.disc, m.DNet)
        assert isinstance(g.gen, m.GNet)
        torch.manual_seed(len(alive))
        for net in (g.disc, g.gen):
            assert all(p.requires_grad for p in net.parameters()), "a parameter is frozen"
            with torch.no_grad():
                for p in net.parameters():
                    p.copy_(torch.randn_like(p) * 0.2)
        x, z = torch.rand(8, 1, 28, 28), 2 * torch.rand(8, 9) - 1
        moved = []
        for loss, net in (
            (lambda g=g, x=x, z=z: g._get_loss_d(8, x, z), g.disc),
            (lambda g=g, z=z: g._get_loss_g(8, z), g.gen),
        ):
            net.zero_grad()
            loss().backward()
            gradients = [p.grad for p in net.parameters()]
            assert all(v is not None and bool(torch.isfinite(v).all()) for v in gradients), "no finite gradient"
            moved.append(any(bool(v.any()) for v in gradients if v is not None))
        alive.append(all(moved))
    assert any(alive), "no gradient"


# ---------------------------------------------------------------------------------------------- score


def _score_net(m: Module) -> None:
    for kw in ({}, {"n_layers": 4, "latent_dim": 16}):
        student, reference = m.ScoreNet(**kw), score.ScoreNet(**kw)
        mine, theirs = list(reference.parameters()), _own_parameters(student)
        shapes = [tuple(p.shape) for p in theirs]
        assert shapes == [tuple(p.shape) for p in mine], f"parameters {shapes}"
        with torch.no_grad():
            for a, b in zip(theirs, mine, strict=True):
                b.copy_(torch.randn_like(b) * (b.shape[-1] ** -0.5))
                a.copy_(b)
        for n in (6, 1, 2):
            x, sigma = torch.randn(n, 2), torch.rand(n, 1) + 0.05
            same(student(x, sigma), reference(x, sigma), "sigma (N, 1)", 1e-4)
            for form in (0.3, torch.tensor(0.3), torch.full((n, 1), 0.3)):
                same(student(x, form), reference(x, 0.3), f"sigma {form!r}", 1e-4)


def _denoising_loss(m: Module) -> None:
    levels = torch.tensor([2.0, 1.0, 0.5, 0.25, 0.1])
    for make in (lambda v: v, lambda v: v.numpy()):
        for n in (20_000, 3):
            x = torch.randn(n, 2) * 0.4 + torch.tensor([1.0, -2.0])
            x_before = x.clone()
            seen: list[tuple[Tensor, Tensor]] = []

            def net(x_tilde: Tensor, sigma: Tensor, seen: list[Any] = seen) -> Tensor:
                s = torch.as_tensor(sigma, dtype=torch.float32).expand(len(x_tilde), 1)
                seen.append((x_tilde.detach().clone().float(), s.detach().clone()))
                return torch.stack([x_tilde[:, 1] * 0.7, x_tilde[:, 0] - 1], dim=1).float() / s

            got = m.compute_denoising_loss(planted(m, "ScoreNet", net), x, make(levels))
            assert torch.equal(x, x_before), "the data was changed"
            x_tilde, sigma = (torch.cat(v) for v in zip(*seen, strict=True))
            assert x_tilde.shape == x.shape, f"the network sees {tuple(x_tilde.shape)}"
            s = torch.stack([x_tilde[:, 1] * 0.7, x_tilde[:, 0] - 1], dim=1) / sigma
            expected = score.denoising_loss(s, x, x_tilde, sigma).mean()
            assert got.shape == (), f"shape {tuple(got.shape)}"
            assert got.requires_grad, "no gradient"
            same(got, expected, "loss")
            level = (sigma - levels).abs().argmin(dim=1)
            assert torch.allclose(sigma[:, 0], levels[level]), "a sigma is not of the list"
            if n > 1000:
                counts = torch.bincount(level, minlength=5)
                chi2 = ((counts - n / 5) ** 2 / (n / 5)).sum().item()
                assert chi2 < 35, f"levels are drawn {counts.tolist()} times"
                normal((x_tilde - x) / sigma, "noise")
                assert len(seen) == 1, f"{len(seen)} calls of the network"
                m.compute_denoising_loss(planted(m, "ScoreNet", net), x, make(levels))
                assert not torch.equal(seen[1][0], x_tilde), "the same noise in two calls"
                assert not torch.equal(seen[1][1], sigma), "the same sigmas in two calls"


def _langevin(m: Module) -> None:
    for levels, steps, n in ((torch.tensor([1.3, 0.6, 0.5]), 4, 3000), (torch.tensor([0.8, 0.2]), 7, 1)):
        eps, centre = 0.05, torch.tensor([0.5, -1.0])
        for make in (lambda v: v, lambda v: v.numpy()):
            for return_traj in (False, True):
                seen: list[tuple[Tensor, Tensor]] = []

                def net(x: Tensor, sigma: Any, seen: list[Any] = seen, centre: Tensor = centre) -> Tensor:
                    s = torch.as_tensor(sigma, dtype=torch.float32).expand(len(x), 1)
                    seen.append((x.detach().clone(), s.detach().clone()))
                    return (centre - x) / (1 + s**2)

                got = m.langevin_dynamics_sample(planted(m, "ScoreNet", net), n, make(levels), steps, eps, return_traj)
                assert len(seen) == len(levels) * steps, f"{len(seen)} calls, expected {len(levels) * steps}"
                asked = torch.stack([s[0, 0] for _, s in seen])
                same(asked, levels.repeat_interleave(steps), "order of the sigmas", 1e-5)
                x = torch.stack([v for v, _ in seen], dim=1)
                assert x.shape == (n, len(seen), 2), f"the network sees {tuple(x.shape)}"
                last = torch.as_tensor(got)[:, -1] if return_traj else torch.as_tensor(got)
                if return_traj:
                    got = torch.as_tensor(got)
                    assert got.shape in ((n, len(seen), 2), (n, len(seen) + 1, 2)), f"trajectory {tuple(got.shape)}"
                    same(got[:, -len(seen) : -1], x[:, 1:], "trajectory", 1e-5)
                else:
                    assert last.shape == (n, 2), f"shape {tuple(last.shape)}"
                path = torch.cat([x, last[:, None]], dim=1)
                sigma = asked[None, :, None]
                alpha = eps * sigma**2 / levels[-1] ** 2
                z = (path[:, 1:] - path[:, :-1] - alpha * (centre - x) / (1 + sigma**2)) / torch.sqrt(2 * alpha)
                if n > 100:
                    normal(x[:, 0], "start")
                    again = m.langevin_dynamics_sample(
                        planted(m, "ScoreNet", net), n, make(levels), steps, eps, return_traj
                    )
                    assert not torch.equal(torch.as_tensor(again), torch.as_tensor(got)), "the same noise in two calls"
                    for i in range(len(levels)):
                        normal(z[:, i * steps : (i + 1) * steps].reshape(-1, 2), f"noise at level {i}")
                    normal(z.transpose(0, 1).reshape(-1, 2), "noise across steps")
                else:
                    assert z.abs().max() < 6, "noise"


# ----------------------------------------------------------------------------------------------- DDPM


BETAS = torch.tensor([0.1, 0.35, 0.2, 0.5, 0.3, 0.15])
SHAPES = ((6, 2), (6, 3))
T_ALL = torch.tensor([1, 6, 3, 2, 5, 4])


def _schedule(m: Module) -> None:
    for T, args in ((10, ()), (1000, ()), (5, (0.1, 0.4)), (100, (1e-3, 0.05))):
        same(m.beta_schedule(T, *args), ddpm.beta_schedule(T, *args), f"beta_schedule({T})", 1e-5)
    for betas in (BETAS, ddpm.beta_schedule(100), ddpm.beta_schedule(1000), BETAS.double(), torch.tensor([0.3])):
        same(m.beta_bar(betas), ddpm.beta_bar(betas), "beta_bar", 1e-4)
        small = m.beta_bar(betas)[0]
        assert abs(small / betas[0] - 1) < 3e-3, "beta_bar_1"


def _pure(function: Callable[..., Tensor], reference: Callable[..., Tensor], names: tuple[str, ...]) -> None:
    for dtype in (torch.float32, torch.float64):
        for betas in (BETAS.to(dtype), ddpm.beta_schedule(6, 0.02, 0.6).to(dtype)):
            for shape in SHAPES:
                for t in (T_ALL, torch.full((6,), 1), torch.full((6,), 6)):
                    have = {"t": t, "betas": betas}
                    for name in ("x_0", "x_t", "noise"):
                        have[name] = torch.randn(shape, dtype=dtype) * 1.5
                    kept = {k: v.clone() for k, v in have.items()}
                    expected = reference(*(have[k] for k in names))
                    same(function(*(have[k] for k in names)), expected, f"t = {t.tolist()}, {shape}, {dtype}")
                    assert all(torch.equal(have[k], kept[k]) for k in have), "an input was changed"


def _q_sample(m: Module) -> None:
    _pure(m.q_sample, ddpm.q_sample, ("x_0", "t", "betas", "noise"))


def _predict_x_0(m: Module) -> None:
    _pure(m.predict_x_0, ddpm.predict_x_0, ("x_t", "t", "betas", "noise"))


def _posterior(m: Module) -> None:
    _pure(m.posterior_mean, ddpm.posterior_mean, ("x_t", "x_0", "t", "betas"))
    for betas in (BETAS, BETAS.double(), ddpm.beta_schedule(6, 0.02, 0.6)):
        for t in (T_ALL, torch.tensor([1, 1]), torch.tensor([6])):
            same(m.posterior_variance(t, betas), ddpm.posterior_variance(t, betas), "posterior_variance")


def _loss(m: Module) -> None:
    x_0 = torch.randn(8000, 2) * 0.5 + torch.tensor([2.0, -1.0])
    batches, one_t = [], False
    for trial in range(61):
        batch, seen = x_0 if not one_t else x_0[:500], []

        def model(x_t: Tensor, t: Tensor, seen: list[Any] = seen) -> Tensor:
            t = torch.as_tensor(t).reshape(-1)
            seen.append((x_t.detach().clone(), t.expand(len(x_t)).clone()))
            return torch.sin(x_t) + 0.1 * t.reshape(-1, 1)

        got = m.ddpm_loss(planted(m, "NoiseNet", model), batch, BETAS)
        assert got.shape == (), f"shape {tuple(got.shape)}"
        assert got.requires_grad, "no gradient"
        ((x_t, t),) = seen
        assert x_t.shape == batch.shape, f"the network sees {tuple(x_t.shape)}"
        assert t.min() >= 1, f"t = {t.min()}"
        b = ddpm.beta_bar(BETAS)[t - 1][:, None]
        noise = (x_t - torch.sqrt(1 - b) * batch) / torch.sqrt(b)
        error = torch.sin(x_t) + 0.1 * t[:, None] - noise
        expected = (error**2).mean()
        ratio = (got / expected).item()
        assert min(abs(ratio - 1), abs(ratio / 2 - 1), abs(ratio / len(batch) / 2 - 1)) < 3e-3, f"ratio {ratio:.3f}"
        batches.append((t, noise))
        one_t = len(set(t.tolist())) == 1
        if not one_t and trial > 0:
            assert not torch.equal(batches[0][0], batches[1][0]), "the same t in two calls"
            assert not torch.equal(batches[0][1], batches[1][1]), "the same noise in two calls"
            break
    t, noise = (torch.cat(v) for v in zip(*batches[1 if one_t else 0 :], strict=True))
    normal(noise, "noise")
    draws = t[::500] if one_t else t
    counts = torch.bincount(draws, minlength=7)[1:].double()
    if one_t:
        assert (counts > 0).all(), f"t is drawn {counts.tolist()} times"
    else:
        chi2 = ((counts - len(t) / 6) ** 2 / (len(t) / 6)).sum().item()
        assert chi2 < 38, f"t is drawn {counts.tolist()} times"


def _plant(x_t: Tensor, t: Tensor) -> Tensor:
    t = torch.as_tensor(t).reshape(-1, *[1] * (x_t.dim() - 1)).to(x_t.dtype)
    return torch.cos(x_t) * (0.5 + 0.1 * t)


def _p_sample(m: Module) -> None:
    for betas in (BETAS, BETAS.double()):
        x_t, noise = torch.randn(6, 2, dtype=betas.dtype), torch.randn(6, 2, dtype=betas.dtype)
        for t in (*(torch.full((6,), i) for i in range(1, 7)), T_ALL):
            mean = ddpm.p_sample(planted(m, "NoiseNet", _plant), x_t, t, betas, torch.zeros_like(noise))
            got = m.p_sample(planted(m, "NoiseNet", _plant), x_t, t, betas, noise)
            kinds = []
            for variance in (ddpm.posterior_variance(t, betas), betas[t - 1] * (t > 1)):
                for z in (noise, -noise):  # the same law
                    expected = mean + torch.sqrt(variance)[:, None] * z
                    kinds.append(((got - expected).abs().max() / expected.abs().max()).item())
            assert got.shape == x_t.shape, f"shape {tuple(got.shape)}"
            assert min(kinds) < 2e-3, f"t = {t.tolist()}: errors {kinds}"


def _sample(m: Module) -> None:
    betas, seen, centre = ddpm.beta_schedule(40, 1e-3, 0.25), [], torch.tensor([2.0, -1.0])
    bars = ddpm.beta_bar(betas)

    def exact(x_t: Tensor, t: Tensor) -> Tensor:
        t = torch.as_tensor(t).reshape(-1).expand(len(x_t))
        seen.append((x_t.detach().clone(), t.clone()))
        b = bars[t - 1][:, None]
        return torch.sqrt(b) * (x_t - torch.sqrt(1 - b) * centre) / ((1 - b) * 0.25 + b)

    x = m.sample(planted(m, "NoiseNet", exact), 6000, betas)
    assert x.shape == (6000, 2), f"shape {tuple(x.shape)}"
    assert [int(t[0]) for _, t in seen] == list(range(40, 0, -1)), "order of t"
    normal(seen[0][0], "start")
    deviation = torch.sqrt(ddpm.posterior_variance(torch.arange(1, 41), betas))
    wide = torch.sqrt(betas)
    noises = []
    for i, (x_t, t) in enumerate(seen):
        following = seen[i + 1][0] if i + 1 < len(seen) else x
        b = bars[t - 1][:, None]
        noise = torch.sqrt(b) * (x_t - torch.sqrt(1 - b) * centre) / ((1 - b) * 0.25 + b)
        x_0 = ddpm.predict_x_0(x_t, t, betas, noise)
        rest = following - ddpm.posterior_mean(x_t, x_0, t, betas)
        if i == len(seen) - 1:
            assert rest.abs().max() < 0.02, f"noise at the last step: {rest.abs().max():.3f}"
        else:
            k = int(t[0]) - 1
            size = rest.std()
            scale = deviation[k] if abs(size / deviation[k] - 1) < abs(size / wide[k] - 1) else wide[k]
            noises.append(rest / scale)
    for i, z in enumerate(noises):
        normal(z, f"noise of step {i + 1}")
    assert abs((noises[0] * noises[1]).mean()) < 0.06, "the steps share their noise"
    few = [m.sample(planted(m, "NoiseNet", exact), n, betas) for n in (1, 3, 3)]
    assert few[0].shape == (1, 2), "n = 1"
    assert not torch.equal(few[1], few[2]), "the same samples in two calls"


def _conditional_score(m: Module) -> None:
    for shape in ((5, 2), (4, 1, 3, 3), (7,)):
        s, x, known = torch.randn(shape), torch.randn(shape), torch.randn(shape)
        for mask in (torch.randint(0, 2, shape).float(), torch.zeros(shape), torch.ones(shape)):
            same(m.conditional_score(s, x, known, mask), ddpm.conditional_score(s, x, known, mask), str(shape), 1e-5)


def _ddpm_training(m: Module) -> None:
    net = m.NoiseNet()
    parameters = _own_parameters(net)
    assert parameters, "NoiseNet has no parameters"
    betas, x_0 = ddpm.beta_schedule(100), torch.randn(64, 2)
    opt = torch.optim.Adam(parameters, lr=2e-3)
    before = [p.detach().clone() for p in parameters]
    for _ in range(30):
        opt.zero_grad()
        ddpm.ddpm_loss(net, x_0, betas).backward()
        opt.step()
    assert any(not torch.equal(a, b) for a, b in zip(before, parameters, strict=True)), "nothing moves"
    x, t = torch.randn(16, 2), torch.randint(1, 100, (16,))
    net.eval()
    out = net(x, t)
    assert out.shape == x.shape, f"shape {tuple(out.shape)}"
    assert net(x[:1], t[:1]).shape == (1, 2), "one row"
    assert not torch.allclose(out, net(x, 101 - t), atol=1e-4), "t is not used"
    assert not torch.allclose(out, net(x + 0.5, t), atol=1e-4), "x_t is not used"
    for k in (3, 7, 11):
        same(net(x[k:], t[k:]), out[k:], "rows depend on each other", 1e-3)


def _score_training(m: Module) -> None:
    net, sigmas = m.ScoreNet(), score.generate_sigmas(0.3, 0.01, 10)
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    x = torch.randn(64, 2)
    before = [p.detach().clone() for p in net.parameters()]
    for _ in range(2):
        opt.zero_grad()
        m.compute_denoising_loss(net, x, sigmas).backward()
        opt.step()
    assert all(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)), "a layer does not move"
    out = m.langevin_dynamics_sample(net, 3, sigmas, 2)
    assert bool(torch.isfinite(torch.as_tensor(out)).all())


PROBES: dict[str, dict[str, Callable[[Module], None]]] = {
    "hw5_gan.py": {
        "gan.dnet": _dnet,
        "gan.gnet": _gnet,
        "gan.weight_init": _weight_init,
        "gan.discriminator_loss": _discriminator_loss,
        "gan.generator_loss": _generator_loss,
        "gan.training": _gan_training,
    },
    "hw5_diffusion.py": {
        "score.score_net": _score_net,
        "score.denoising_loss": _denoising_loss,
        "score.langevin": _langevin,
        "score.training": _score_training,
    },
    "hw5_ddpm.py": {
        "ddpm.schedule": _schedule,
        "ddpm.q_sample": _q_sample,
        "ddpm.predict_x_0": _predict_x_0,
        "ddpm.posterior": _posterior,
        "ddpm.loss": _loss,
        "ddpm.p_sample": _p_sample,
        "ddpm.sample": _sample,
        "ddpm.conditional_score": _conditional_score,
        "ddpm.training": _ddpm_training,
    },
}
