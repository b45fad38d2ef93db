"""The shipped data is what the homework needs, and its points are what their script makes."""

from __future__ import annotations

import numpy as np

from reference import data
from reference.data import make_cs446


def test_mnist_is_balanced_in_the_unit_interval_and_small() -> None:
    images, digits = data.load_mnist()
    assert images.shape == (2000, 1, 28, 28)
    assert images.dtype == np.float32
    assert images.min() == 0
    assert images.max() == 1
    assert np.bincount(digits).tolist() == [200] * 10
    assert len(np.unique(images.reshape(2000, -1), axis=0)) == 2000
    assert (data.HERE / "mnist.npz").stat().st_size < 400_000
    assert "CC BY-SA 3.0" in (data.HERE / "LICENSE-MNIST.md").read_text()


def test_the_cs446_points_are_the_scripts_and_have_the_originals_scale() -> None:
    points = data.load_cs446()
    assert 1000 < len(points) < 1300
    made = make_cs446.raster("CS446")
    made = (made - made.mean(axis=0)) / np.ptp(made[:, 1])
    assert np.allclose(points, made, atol=1e-6)
    assert np.isclose(np.ptp(points[:, 1]), 1)
    assert 4 < np.ptp(points[:, 0]) < 5


def test_create_samples_adds_noise_of_the_asked_size() -> None:
    rng = np.random.default_rng(0)
    noisy = data.create_samples(0.01, rng)
    assert np.isclose((noisy - data.load_cs446()).std(), 0.01, rtol=0.1)
    assert np.array_equal(data.create_samples(0.0), data.load_cs446())
