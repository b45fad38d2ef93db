"""The homework's data, shipped as files: MNIST digits and the points that spell "CS446". NumPy only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent


def load_mnist() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images (N, 1, 28, 28) in [0, 1] and their digits (N,): as many of each digit. Licence: LICENSE-MNIST.md."""
    with np.load(HERE / "mnist.npz", allow_pickle=False) as file:
        return (file["images"][:, None] / np.float32(255)), file["digits"].astype(np.int64)


def load_cs446() -> NDArray[np.float64]:
    """Pixel centres (M, 2) of the text "CS446", of height 1 around the origin; `create_samples` adds the noise."""
    with np.load(HERE / "cs446.npz", allow_pickle=False) as file:
        points: NDArray[np.float64] = file["points"].astype(np.float64)
    return points


def create_samples(noise: float = 0.01, rng: np.random.Generator | None = None) -> NDArray[np.float64]:
    """The homework's training set (M, 2): the points of `load_cs446` with normal noise added to each coordinate."""
    rng = np.random.default_rng() if rng is None else rng
    points = load_cs446()
    return points + noise * rng.standard_normal(points.shape)
