"""Figures from the arrays of evidence: digits, a scatter, a score field, a trajectory, a curve. PNG by Pillow.

An array is drawn when its name is `picture.KIND` or `picture.KIND.CAPTION`, for example `picture.samples.step_400`:

| KIND | shape | drawn as |
|---|---|---|
| digits | (n, 28, 28) or (n, 1, 28, 28), values in [0, 1] | a grid of at most 64 |
| samples | (n, 2) | a scatter, over `picture.data` in grey where that is there |
| data | (n, 2) | a scatter, unless it serves as the ground of another figure |
| trajectory | (steps, 2) or (chains, steps, 2) | lines from a ring to a dot, over the data |
| score_field | (n, 4): x, y, u, v | arrows of equal scale, over the data |
| loss | (n,) or (n, 2): step, value | a curve |
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from grader.model import Array

PREFIX = "picture."
MOST_DIGITS = 64
MOST_POINTS = 4000
MOST_ARROWS = 900
MOST_CHAINS = 40
SIDE = 640
"""Pixels; a page shows a figure at half of it, so that it stays sharp."""
MARGIN = 56
INK, GREY, PALE, ACCENT, WARM = (32, 36, 44), (150, 156, 166), (206, 210, 217), (31, 95, 168), (176, 74, 18)
OUTSIDE = 0.02
"""Share of points at each end that a frame may cut off: a few diverged chains must not shrink the picture to a dot."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its words."""

    caption: str
    alt: str
    png: bytes
    width: int
    height: int

    @property
    def data_uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def figures(arrays: Mapping[str, Array]) -> list[Figure]:
    """The figures of one question's evidence, in the arrays' order. An array that no kind fits is left out."""
    found = {name[len(PREFIX) :]: array for name, array in arrays.items() if name.startswith(PREFIX)}
    ground = _points(found.get("data"))
    drawn = []
    for name, array in found.items():
        kind, _, rest = name.partition(".")
        caption = rest.replace("_", " ").replace(".", ", ")
        figure = _draw(kind, caption, np.asarray(array), ground, alone=len(found) == 1)
        if figure is not None:
            drawn.append(figure)
    return drawn


def _draw(kind: str, caption: str, array: Array, ground: Points | None, *, alone: bool) -> Figure | None:
    if not array.size or array.dtype.kind not in "fiu":
        return None
    values = np.asarray(array, dtype=np.float64)
    match kind:
        case "digits" if values.ndim in (3, 4) and values.shape[-2:] == (28, 28):
            return _digits(values.reshape(-1, 28, 28), caption)
        case "samples" if values.ndim == 2 and values.shape[1] == 2:
            return _scatter(values, ground, caption or "your samples")
        case "data" if values.ndim == 2 and values.shape[1] == 2 and alone:
            return _scatter(values, None, caption or "the data")
        case "trajectory" if values.ndim in (2, 3) and values.shape[-1] == 2:
            return _trajectory(values if values.ndim == 3 else values[None], ground, caption or "one trajectory")
        case "score_field" if values.ndim >= 2 and values.shape[-1] == 4:
            return _field(values.reshape(-1, 4), ground, caption or "your score field")
        case "loss" if values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 2):
            return _curve(values, caption or "the loss during training")
    return None


def _points(array: Array | None) -> Points | None:
    if array is None or array.ndim != 2 or array.shape[1] != 2:
        return None
    return _thin(_finite(np.asarray(array, dtype=np.float64)), MOST_POINTS)


def _finite(rows: Points) -> Points:
    return rows[np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))]


def _thin(rows: Points, most: int) -> Points:
    """At most that many rows, spread evenly over all of them."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(int)]


def _digits(images: Points, caption: str) -> Figure:
    images = np.nan_to_num(images[:MOST_DIGITS])
    columns = min(8, len(images))
    rows = -(-len(images) // columns)
    scale, gap = 2, 4
    cell = 28 * scale + gap
    sheet = Image.new("L", (columns * cell + gap, rows * cell + gap), 255)
    pixels = np.clip(images, 0, 1) * 255
    for i, image in enumerate(pixels.astype(np.uint8)):
        tile = Image.fromarray(image).resize((28 * scale, 28 * scale), Image.Resampling.NEAREST)
        sheet.paste(tile, (gap + i % columns * cell, gap + i // columns * cell))
    blank = float((images.max(axis=(1, 2)) < 0.5).mean())
    spread = float(images.std(axis=0).mean())
    kind = "blank" if blank > 0.5 else "all alike" if spread < 0.01 and len(images) > 1 else "of varied shape"
    alt = f"{len(images)} generated images of 28 by 28 pixels, {kind}; mean brightness {images.mean():.2f}"
    return _figure(sheet, caption or "images from your generator", alt)


class _Frame:
    """A square plot with equal axes for points in the plane."""

    def __init__(self, clouds: Sequence[Points]) -> None:
        every = np.concatenate([c for c in clouds if len(c)] or [np.zeros((1, 2))])
        low, high = np.quantile(every, [OUTSIDE, 1 - OUTSIDE], axis=0)
        self.centre = (low + high) / 2
        self.half = max(float((high - low).max()) / 2 * 1.15, 1e-6)
        self.image = Image.new("RGB", (SIDE, SIDE), "white")
        self.pen = ImageDraw.Draw(self.image)

    def pixel(self, points: Points) -> Points:
        """(n, 2) coordinates as (n, 2) pixels, y upwards; far outliers stay finite."""
        unit = np.clip((points - self.centre) / self.half, -3, 3)
        room = SIDE / 2 - MARGIN / 2
        return np.stack([SIDE / 2 + unit[..., 0] * room, SIDE / 2 - unit[..., 1] * room], axis=-1)

    def dots(self, points: Points, colour: tuple[int, int, int], radius: float) -> None:
        for x, y in self.pixel(points):
            self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def inside(self, points: Points) -> float:
        """Share of the points that the frame shows."""
        return float((np.abs(points - self.centre) <= self.half * 1.1).all(axis=-1).mean()) if len(points) else 0.0

    def axes(self) -> None:
        self.pen.rectangle((1, 1, SIDE - 2, SIDE - 2), outline=PALE, width=2)
        low, high = self.centre - self.half, self.centre + self.half
        label = f"x {low[0]:.2g} to {high[0]:.2g}, y {low[1]:.2g} to {high[1]:.2g}"
        self.pen.text((14, SIDE - 34), label, fill=INK, font=_font(20))


def _scatter(points: Points, ground: Points | None, caption: str) -> Figure | None:
    total = len(points)
    points = _thin(_finite(points), MOST_POINTS)
    if not len(points):
        return None
    frame = _Frame([ground] if ground is not None and len(ground) else [points])
    if ground is not None:
        frame.dots(ground, PALE, 3)
    frame.dots(points, ACCENT, 2.5)
    frame.axes()
    lost = total - len(_finite(points)) if total <= MOST_POINTS else 0
    alt = f"{caption}: {len(points)} points, {frame.inside(points):.0%} of them in the frame; {_place(points)}"
    if ground is not None:
        alt += f"; the data, in grey, {_place(ground)}"
    return _figure(frame.image, caption, alt + (f"; {lost} were not finite" if lost else ""))


def _trajectory(chains: Points, ground: Points | None, caption: str) -> Figure | None:
    chains = _thin(_finite(chains), MOST_CHAINS)
    if not len(chains):
        return None
    frame = _Frame([c for c in (ground, chains.reshape(-1, 2)) if c is not None])
    if ground is not None:
        frame.dots(ground, PALE, 3)
    for chain in chains:
        line = [tuple(p) for p in frame.pixel(_thin(chain, 400)).tolist()]
        if len(line) > 1:
            frame.pen.line(line, fill=ACCENT, width=2)
        (a, b), (x, y) = line[0], line[-1]
        frame.pen.ellipse((a - 7, b - 7, a + 7, b + 7), outline=INK, width=3)
        frame.pen.ellipse((x - 7, y - 7, x + 7, y + 7), fill=WARM)
    frame.axes()
    start, end = chains[:, 0].mean(axis=0), chains[:, -1].mean(axis=0)
    count = f"{len(chains)} {'chain' if len(chains) == 1 else 'chains'} of {chains.shape[1]} steps"
    alt = f"{caption}: {count}, from ({start[0]:.2f}, {start[1]:.2f}), ring, to ({end[0]:.2f}, {end[1]:.2f}), dot"
    return _figure(frame.image, caption, alt)


def _field(rows: Points, ground: Points | None, caption: str) -> Figure | None:
    rows = _thin(_finite(rows), MOST_ARROWS)
    if not len(rows):
        return None
    at, arrow = rows[:, :2], rows[:, 2:]
    frame = _Frame([at])
    if ground is not None:
        frame.dots(ground, PALE, 3)
    lengths = np.linalg.norm(arrow, axis=1)
    longest = max(float(np.quantile(lengths, 0.95)), 1e-12)
    reach = 1.6 * SIDE / max(np.sqrt(len(rows)), 1)
    tails = frame.pixel(at)
    for (x, y), (u, v), length in zip(tails, arrow, lengths, strict=True):
        scale = reach * min(length / longest, 1) / max(length, 1e-12) * 0.5
        a, b = x + u * scale, y - v * scale
        frame.pen.line((x, y, a, b), fill=ACCENT, width=2)
        frame.pen.ellipse((a - 2.5, b - 2.5, a + 2.5, b + 2.5), fill=ACCENT)
    frame.axes()
    alt = f"{caption}: {len(rows)} arrows, median length {np.median(lengths):.3g}, drawn from tail to dot"
    return _figure(frame.image, caption, alt)


def _curve(values: Points, caption: str) -> Figure | None:
    series = np.stack([np.arange(len(values)), values], axis=1) if values.ndim == 1 else values
    series = _thin(_finite(series), 1000)
    if not len(series):
        return None
    width, height = SIDE, SIDE // 2
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    steps, heights = series[:, 0], series[:, 1]
    low, high = (float(q) for q in np.quantile(heights, [0, 0.995]))
    span, run = max(high - low, 1e-12), max(float(steps[-1] - steps[0]), 1e-12)
    x = MARGIN * 1.6 + (steps - steps[0]) / run * (width - MARGIN * 2.1)
    y = height - MARGIN - np.clip((heights - low) / span, 0, 1) * (height - MARGIN * 1.7)
    pen.line((MARGIN * 1.6, MARGIN * 0.5, MARGIN * 1.6, height - MARGIN), fill=GREY, width=2)
    pen.line((MARGIN * 1.6, height - MARGIN, width - MARGIN * 0.5, height - MARGIN), fill=GREY, width=2)
    pen.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], fill=ACCENT, width=3)
    font = _font(20)
    pen.text((8, MARGIN * 0.5 - 4), f"{high:.3g}", fill=INK, font=font)
    pen.text((8, height - MARGIN - 20), f"{low:.3g}", fill=INK, font=font)
    pen.text((MARGIN * 1.6, height - MARGIN + 10), f"step {steps[0]:.0f}", fill=INK, font=font)
    pen.text((width - MARGIN * 0.5, height - MARGIN + 10), f"step {steps[-1]:.0f}", fill=INK, font=font, anchor="ra")
    alt = f"{caption}: from {heights[0]:.3g} at step {steps[0]:.0f} to {heights[-1]:.3g} at step {steps[-1]:.0f}"
    return _figure(image, caption, alt + f"; lowest {heights.min():.3g}")


def _place(points: Points) -> str:
    x, y = np.median(points, axis=0)
    dx, dy = np.quantile(points, 0.9, axis=0) - np.quantile(points, 0.1, axis=0)
    return f"centred at ({x:.2f}, {y:.2f}), {dx:.2f} wide and {dy:.2f} high (the middle 80 %)"


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _figure(image: Image.Image, caption: str, alt: str) -> Figure:
    buffer = io.BytesIO()
    small = image if image.mode == "L" else image.quantize(64, dither=Image.Dither.NONE)
    small.save(buffer, "PNG", optimize=True)
    return Figure(caption, alt, buffer.getvalue(), image.width, image.height)
