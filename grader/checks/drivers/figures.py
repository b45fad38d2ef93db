"""Runs in the student process, for figures only: the student's own pieces trained together, or a checkpoint loaded.

Nothing that comes from here decides a point.
"""

import io
import random
import time

import numpy as np
import torch

_figure = {}


def _seed_figure(seed):
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _load(net, checkpoint):
    state = torch.load(io.BytesIO(bytes(checkpoint.to(torch.uint8).tolist())), weights_only=True, map_location="cpu")
    net.load_state_dict(state)


def digits_begin(student, seed, rate, checkpoint):
    """The student's GAN and two Adams; with a checkpoint (bytes as an array) of gen, nothing is left to train."""
    _seed_figure(seed)
    gan = student.GAN()
    if checkpoint is not None:
        _load(gan.gen, checkpoint)
    parameters = gan.disc.parameters(), gan.gen.parameters()
    _figure.update(gan=gan, optimizers=[torch.optim.Adam(p, lr=rate) for p in parameters], losses=[])
    return {"trained": checkpoint is not None}


def digits_advance(student, images, steps, batch, seed):
    """Steps of the student's own losses on digits; the losses of each, and the CPU seconds."""
    _seed_figure(seed)
    gan, (opt_d, opt_g) = _figure["gan"], _figure["optimizers"]
    device, zdim = getattr(gan, "_dev", "cpu"), getattr(gan, "_zdim", 64)
    begun, values = time.process_time(), []
    for _ in range(steps):
        rows = torch.randint(len(images), (batch,))
        z = (2 * torch.rand(batch, zdim) - 1).to(device)
        real = (images[rows].float() / 255).to(device)
        opt_d.zero_grad()
        loss_d = gan._get_loss_d(batch, real, z)
        loss_d.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss_g = gan._get_loss_g(batch, z)
        loss_g.backward()
        opt_g.step()
        values.append([float(loss_d.detach()), float(loss_g.detach())])
    return {"losses": torch.tensor(values), "cpu_s": time.process_time() - begun}


def digits_draw(student, n):
    """Images (n, 1, 28, 28) of the generator."""
    gan = _figure["gan"]
    device, zdim = getattr(gan, "_dev", "cpu"), getattr(gan, "_zdim", 64)
    with torch.no_grad():
        return gan.gen((2 * torch.rand(n, zdim) - 1).to(device)).float()


def points_begin(student, class_name, seed, rate, checkpoint):
    """The student's network and an Adam; with a checkpoint nothing is left to train."""
    _seed_figure(seed)
    net = getattr(student, class_name)()
    if checkpoint is not None:
        _load(net, checkpoint)
    _figure.update(net=net, optimizer=torch.optim.Adam(net.parameters(), lr=rate))
    return {"trained": checkpoint is not None}


def score_advance(student, data, sigmas, steps, seed):
    """Full-batch steps of the student's denoising loss."""
    _seed_figure(seed)
    return _descend(steps, lambda: student.compute_denoising_loss(_figure["net"], data, sigmas))


def noise_advance(student, data, betas, batch, steps, seed):
    """Steps of the student's DDPM loss on random batches."""
    _seed_figure(seed)
    return _descend(steps, lambda: student.ddpm_loss(_figure["net"], data[torch.randint(len(data), (batch,))], betas))


def _descend(steps, loss_of):
    optimizer, begun, values = _figure["optimizer"], time.process_time(), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    return {"losses": torch.tensor(values), "cpu_s": time.process_time() - begun}


def score_samples(student, n, sigmas):
    """Trajectories (n, steps, 2) of the student's sampler under the student's network."""
    return student.langevin_dynamics_sample(_figure["net"], n, sigmas, return_traj=True).detach().float()


def noise_samples(student, n, betas):
    """Samples (n, 2) of the student's sampler under the student's network."""
    return student.sample(_figure["net"], n, betas).detach().float()


def score_field(student, x, sigma):
    """The student's scores at x (n, 2)."""
    with torch.no_grad():
        return _figure["net"](x, sigma)
