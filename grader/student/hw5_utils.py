"""Untrusted side: the helpers that the homework gives (`hw5_utils`), with data that came with the grader.

Same names and behaviour as the students' file; nothing is downloaded and nothing is drawn. The text of this
module runs inside the worker; ``_DATA`` holds the bytes of the data files by name.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

BASE_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"

_DATA: dict[str, bytes] = {}


def _array(name: str, key: str) -> npt.NDArray[Any]:
    if name not in _DATA:
        raise FileNotFoundError(f"the grader was started without the data file {name}")
    with np.load(io.BytesIO(_DATA[name]), allow_pickle=False) as file:
        array: npt.NDArray[Any] = file[key]
    return array


def download(url: str, name: str, *_: object) -> None:
    """Puts the training images at ./data/``name`` as an IDX file, without any network."""
    path = Path("data") / Path(name).name
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        return
    images = _array("mnist.npz", "images")
    content = struct.pack(">4i", 2051, *images.shape) + images.tobytes()
    with open(path, "wb") as raw:
        raw.write(gzip.compress(content, 1) if path.suffix == ".gz" else content)


class GANDataset(Dataset[torch.Tensor]):
    """MNIST digits, (1, 28, 28) each, pixels in [0, 1], on the device ``dev``."""

    def __init__(
        self, data_f: object = "", dev: Any = "cpu", transform: Callable[[Any], Any] | None = None, *_: object
    ) -> None:
        pixels = _array("mnist.npz", "images")
        if transform is None:
            images = torch.from_numpy(pixels).to(torch.float32).unsqueeze(1) / 255
        else:
            images = torch.stack([torch.as_tensor(transform(image)) for image in pixels]).to(torch.float32)
        self.images = images.to(dev)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


def create_samples(noise: float = 0.01) -> npt.NDArray[np.float64]:
    """The training set (M, 2): points that spell "CS446", with normal noise."""
    points = _array("cs446.npz", "points").astype(np.float64)
    return points + noise * np.random.randn(*points.shape)


def generate_sigmas(sigma_begin: float, sigma_end: float, num_levels: int) -> npt.NDArray[np.float64]:
    """Noise levels in geometric progression, in descending order, (num_levels,)."""
    return np.geomspace(sigma_begin, sigma_end, num_levels)


def plot_score(scorenet: object, data: object, *_: object) -> None:
    """Draws nothing here."""
