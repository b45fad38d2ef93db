"""The figures that the handout asks for, from the student's own pieces trained together; they decide nothing.

They are made where the run asks for pictures, within the time that is left, in pieces: running out of time, or a
mistake in the student's code, ends the figure with a note and costs nothing. A submitted checkpoint saves the training.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checks.registry import Bench, OutOfTime, Record, StudentFailure
from grader.model import Array
from reference.data import create_samples, load_mnist
from reference.ddpm import beta_schedule
from reference.score import generate_sigmas

LEAST_S = 90.0
"""Wall seconds that must be left to begin a figure."""
MOST_S = 60.0
"""Wall seconds that one training for a figure may take, however busy the machine is."""
KEPT_S = 45.0
"""Wall seconds that a figure leaves to the rest of the run."""
DIGITS = {"steps": 1400, "piece": 50, "batch": 64, "rate": 2e-3, "cpu_s": 45.0}
SCORE = {"steps": 3000, "piece": 100, "rate": 1e-3, "cpu_s": 30.0}
NOISE = {"steps": 4000, "piece": 200, "batch": 256, "rate": 1e-3, "cpu_s": 15.0}


def wanted(bench: Bench) -> bool:
    """Whether this run asks for figures and has the time for them."""
    return bench.pictures and not bench.quick and bench.time_left_s() > LEAST_S


def _checkpoint(bench: Bench, name: str) -> NDArray[np.uint8] | None:
    content = bench.file(name)
    return None if content is None else np.frombuffer(content, dtype=np.uint8)


def _train(bench: Bench, plan: dict[str, float], piece: Callable[[int], Any]) -> list[Array]:
    """Runs pieces of a training until the steps, the CPU seconds or the wall seconds are spent; their losses."""
    losses: list[Array] = []
    spent, begun = 0.0, time.monotonic()
    for start in range(0, int(plan["steps"]), int(plan["piece"])):
        late = bench.time_left_s() < KEPT_S or time.monotonic() - begun > MOST_S
        if late or spent > plan["cpu_s"]:
            break
        seen = piece(start)
        losses.append(np.asarray(seen["losses"], np.float32))
        spent += float(seen["cpu_s"])
    return losses


def _quietly(record: Record, what: str, make: Callable[[], None]) -> None:
    try:
        make()
    except StudentFailure as fault:
        record.note(f"No figure of {what} was made: {fault.failure.sentence}")
    except OutOfTime:
        record.note(f"No figure of {what} was made: the run's time was up.")


def digits(bench: Bench, record: Record) -> None:
    """Digits of the student's GAN after a training with the student's losses, or of gan.ckpt."""

    def make() -> None:
        seed = int(bench.rng.integers(2**31 - 10_000))
        images = np.rint(load_mnist()[0] * 255).astype(np.uint8)
        images = images[bench.rng.choice(len(images), size=min(1500, len(images)), replace=False)]
        begun = bench.call("digits_begin", seed, DIGITS["rate"], _checkpoint(bench, "gan.ckpt"))
        piece, batch = int(DIGITS["piece"]), int(DIGITS["batch"])

        def advance(start: int) -> Any:
            return bench.call("digits_advance", images, piece, batch, seed + start, limit_s=60.0)

        losses = [] if begun["trained"] else _train(bench, DIGITS, advance)
        drawn = np.asarray(bench.call("digits_draw", 64, limit_s=30.0), np.float32).reshape(-1, 28, 28)
        record.array(f"picture.digits.{_steps(losses, DIGITS)}", np.clip(np.nan_to_num(drawn), 0, 1))
        if losses:
            both = np.concatenate(losses)
            record.array("picture.loss.discriminator", both[:, 0])
            record.array("picture.loss.generator", both[:, 1])

    if wanted(bench):
        _quietly(record, "digits", make)


def points_of_cs446(bench: Bench, record: Record) -> None:
    """CS446 by the student's ScoreNet, loss and sampler, or of model.ckpt: score field, samples, trajectory, loss."""

    def make() -> None:
        seed = int(bench.rng.integers(2**31 - 10_000))
        data = create_samples(0.01, bench.rng).astype(np.float32)
        sigmas = generate_sigmas(0.3, 0.01, 10).numpy().astype(np.float32)
        begun = bench.call("points_begin", "ScoreNet", seed, SCORE["rate"], _checkpoint(bench, "model.ckpt"))
        piece = int(SCORE["piece"])

        def advance(start: int) -> Any:
            return bench.call("score_advance", data, sigmas, piece, seed + start, limit_s=60.0)

        losses = [] if begun["trained"] else _train(bench, SCORE, advance)
        grid = np.stack(np.meshgrid(np.linspace(-2, 2, 25), np.linspace(-1, 1, 13)), -1).reshape(-1, 2)
        field = bench.call("score_field", grid.astype(np.float32), float(sigmas[0]))
        record.array("picture.score_field", np.concatenate([grid, np.asarray(field, np.float64)], 1).astype(np.float32))
        _replace_blobs(record, data)
        path = np.asarray(bench.call("score_samples", 1000, sigmas, limit_s=60.0), np.float32)
        record.array(f"picture.samples.{_steps(losses, SCORE)}", path[:, -1])
        record.array("picture.trajectory", path[:1, :: max(1, path.shape[1] // 400)])
        if losses:
            record.array("picture.loss.denoising", np.concatenate(losses))

    if wanted(bench):
        _quietly(record, "CS446", make)


def points_of_ddpm(bench: Bench, record: Record) -> None:
    """CS446 by the student's NoiseNet, loss and sampler."""

    def make() -> None:
        seed = int(bench.rng.integers(2**31 - 10_000))
        data = create_samples(0.01, bench.rng).astype(np.float32)
        data = ((data - data.mean(0)) / data.std(0)).astype(np.float32)
        betas = beta_schedule(200, 1e-4, 0.05).numpy().astype(np.float32)
        bench.call("points_begin", "NoiseNet", seed, NOISE["rate"], None)
        piece, batch = int(NOISE["piece"]), int(NOISE["batch"])

        def advance(start: int) -> Any:
            return bench.call("noise_advance", data, betas, batch, piece, seed + start, limit_s=60.0)

        losses = _train(bench, NOISE, advance)
        drawn = np.asarray(bench.call("noise_samples", 1000, betas, limit_s=60.0), np.float32)
        _replace_blobs(record, data)
        record.array(f"picture.samples.{_steps(losses, NOISE)}", drawn)
        record.array("picture.loss.ddpm", np.concatenate(losses))

    if wanted(bench):
        _quietly(record, "CS446", make)


def _replace_blobs(record: Record, data: Array) -> None:
    """The figures of the training on blobs make way: they lie over other data."""
    for name in ("picture.samples", "picture.loss"):
        record.arrays.pop(name, None)
    record.array("picture.data", data)


def _steps(losses: list[Array], plan: dict[str, float]) -> str:
    """What a caption says of the training."""
    return f"step_{len(losses) * int(plan['piece'])}" if losses else "checkpoint"
