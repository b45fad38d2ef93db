"""Makes cs446.npz: the text "CS446" drawn with round strokes on a pixel grid, and the pixels' centres as points.

Run: python -m reference.data.make_cs446
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from reference.data import HERE

RADIUS = 2.35
"""Half the width of a stroke, in pixels."""

PITCH = 22.0
"""Distance from letter to letter, in pixels."""


def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> NDArray[np.float64]:
    """Points (200, 2) of an ellipse's arc from angle `start` to `end` in degrees; y points up."""
    angle = np.radians(np.linspace(start, end, 200))
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def line(*corners: tuple[float, float]) -> NDArray[np.float64]:
    """Points (., 2) of the line through the corners."""
    return np.concatenate([np.linspace(a, b, 200) for a, b in pairwise(corners)])


LETTERS: dict[str, list[NDArray[np.float64]]] = {
    "C": [arc(8, 10.5, 7.5, 9.5, 50, 310)],
    "S": [arc(8, 15.2, 6.5, 4.8, 40, 270), arc(8, 5.6, 6.8, 4.8, 90, -140)],
    "4": [line((11.5, 0.8), (11.5, 20.2), (1, 6.5), (16, 6.5))],
    "6": [arc(8, 6.8, 6.6, 5.8, 0, 360), arc(15.4, 6.8, 14.0, 13.2, 180, 103)],
}
"""Strokes of each letter on a field 17 wide and 21 high."""


def raster(text: str) -> NDArray[np.float64]:
    """Centres (M, 2) of the pixels within RADIUS of a stroke of `text`."""
    strokes = np.concatenate([s + np.array([PITCH * i, 0]) for i, letter in enumerate(text) for s in LETTERS[letter]])
    x, y = np.meshgrid(np.arange(-4, PITCH * len(text) + 4), np.arange(-4, 26), indexing="ij")
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    distance = np.linalg.norm(pixels[:, None] - strokes[None, ::4], axis=2).min(axis=1)
    drawn: NDArray[np.float64] = pixels[distance <= RADIUS]
    return drawn


def main() -> None:
    points = raster("CS446")
    height = np.ptp(points[:, 1])
    points = (points - points.mean(axis=0)) / height
    np.savez_compressed(HERE / "cs446.npz", points=points.astype(np.float32))


if __name__ == "__main__":
    main()
