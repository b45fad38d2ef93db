"""Figures from evidence: drawn the same each time, whatever the arrays hold."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from grader.report.figures import figures
from tests.report.synthetic import full_report


def _arrays() -> dict[str, np.ndarray]:
    return dict(full_report().results[-1].evidence.arrays)


def test_each_kind_of_array_becomes_a_picture_and_hidden_arrays_do_not() -> None:
    drawn = figures(_arrays())
    assert [f.caption for f in drawn] == [
        "step 400",
        "one trajectory",
        "your score field",
        "the loss during training",
        "epoch 10",
    ]
    for figure in drawn:
        assert Image.open(io.BytesIO(figure.png)).size == (figure.width, figure.height)
        assert len(figure.png) < 40_000


def test_the_same_arrays_give_the_same_bytes() -> None:
    assert [f.png for f in figures(_arrays())] == [f.png for f in figures(_arrays())]


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("picture.samples", np.full((50, 2), np.nan)),
        ("picture.samples", np.array([[0.0, 0.0], [np.inf, 1.0], [1e300, -1e300]])),
        ("picture.samples", np.zeros((40, 2))),
        ("picture.samples", np.zeros((0, 2))),
        ("picture.samples", np.zeros((3, 5))),
        ("picture.loss", np.array([np.nan])),
        ("picture.loss", np.array([1.0])),
        ("picture.loss", np.full(10, 1e30)),
        ("picture.digits", np.full((3, 28, 28), np.nan)),
        ("picture.digits", np.full((1, 1, 28, 28), 7.0)),
        ("picture.digits", np.zeros((3, 27, 28))),
        ("picture.trajectory", np.zeros((1, 2))),
        ("picture.score_field", np.zeros((9, 4))),
        ("picture.something_new", np.zeros((9, 4))),
        ("picture.samples", np.array([["a", "b"]])),
    ],
)
def test_odd_arrays_are_drawn_or_left_out_never_an_error(name: str, array: np.ndarray) -> None:
    for figure in figures({name: array}):
        assert figure.alt


def test_a_few_diverged_points_do_not_shrink_the_picture() -> None:
    cloud = np.random.default_rng(0).normal(size=(1000, 2))
    cloud[:5] = 1e6
    (figure,) = figures({"picture.samples": cloud})
    dark = np.asarray(Image.open(io.BytesIO(figure.png)).convert("L"))[20:-60, 20:-20] < 200
    assert dark.any(axis=0).mean() > 0.5
