"""What wrong GAN losses are worth, for known logits: each known mistake by its formula and the student's sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from grader.model import Array

MINIMAX = "minimax_generator_loss"


@dataclass(frozen=True, slots=True)
class LossMistake:
    """A wrong loss: its value for the logits of real images a and of generated images b, and the sentence."""

    value: Callable[[Array, Array], float]
    sentence: str


def _softplus(x: Array) -> Array:
    result: Array = np.logaddexp(0, x)
    return result


def _sigmoid(x: Array) -> Array:
    result: Array = np.exp(-_softplus(-x))
    return result


def _real(a: Array) -> float:
    """Cross-entropy of logits with the label 1."""
    return float(np.mean(_softplus(-a)))


def _fake(b: Array) -> float:
    """Cross-entropy of logits with the label 0."""
    return float(np.mean(_softplus(b)))


def _mean(x: Array) -> float:
    return float(np.mean(x))


DISCRIMINATOR: Mapping[str, LossMistake] = {
    "labels_swapped": LossMistake(
        lambda a, b: _fake(a) + _real(b), "the labels look swapped: real images are pushed to 0, generated ones to 1"
    ),
    "only_real": LossMistake(lambda a, b: _real(a), "only the real images enter; the generated ones are missing"),
    "only_fake": LossMistake(lambda a, b: _fake(b), "only the generated images enter; the real ones are missing"),
    "sign": LossMistake(lambda a, b: -_real(a) - _fake(b), "the sign is wrong: minimising it makes the discriminator worse"),
    "all_labelled_real": LossMistake(lambda a, b: _real(a) + _real(b), "generated images are labelled real as well"),
    "all_labelled_fake": LossMistake(lambda a, b: _fake(a) + _fake(b), "real images are labelled generated as well"),
    "real_batch_twice": LossMistake(
        lambda a, b: _real(a) + _fake(a), "the second term is computed from the real batch; it belongs to generated images"
    ),
    "generated_twice": LossMistake(
        lambda a, b: _real(b) + _fake(b), "the first term is computed from generated images; it belongs to the real batch"
    ),
    "difference": LossMistake(lambda a, b: _real(a) - _fake(b), "the second term is subtracted"),
    "difference_reversed": LossMistake(lambda a, b: _fake(b) - _real(a), "the first term is subtracted"),
    "double_sigmoid": LossMistake(
        lambda a, b: _real(_sigmoid(a)) + _fake(_sigmoid(b)),
        "the sigmoid is applied twice: probabilities are handed to a loss that expects logits",
    ),
    "double_sigmoid_swapped": LossMistake(
        lambda a, b: _fake(_sigmoid(a)) + _real(_sigmoid(b)),
        "the sigmoid is applied twice, and the labels look swapped",
    ),
    "mean_logit": LossMistake(
        lambda a, b: float(_softplus(-np.mean(a)) + _softplus(np.mean(b))),
        "the logits are averaged over the batch before the cross-entropy; the mean belongs outside",
    ),
    "label_smoothing": LossMistake(
        lambda a, b: 0.9 * _real(a) + 0.1 * _fake(a) + _fake(b), "the real labels are smoothed to 0.9; the label 1 is asked"
    ),
    "label_smoothing_both": LossMistake(
        lambda a, b: 0.9 * _real(a) + 0.1 * _fake(a) + 0.9 * _fake(b) + 0.1 * _real(b),
        "the labels are smoothed to 0.9 and 0.1; 1 and 0 are asked",
    ),
    "half_labels": LossMistake(
        lambda a, b: (_real(a) + _fake(a) + _real(b) + _fake(b)) / 2, "all images are labelled ½; real and generated differ"
    ),
    "least_squares": LossMistake(
        lambda a, b: _mean((a - 1) ** 2) + _mean(b**2), "squared errors are used (least-squares GAN), not cross-entropy"
    ),
    "least_squares_of_probabilities": LossMistake(
        lambda a, b: _mean((_sigmoid(a) - 1) ** 2) + _mean(_sigmoid(b) ** 2),
        "squared errors of probabilities are used, not cross-entropy",
    ),
    "wasserstein": LossMistake(lambda a, b: _mean(b) - _mean(a), "differences of logits are used (Wasserstein), not cross-entropy"),
    "wasserstein_of_probabilities": LossMistake(
        lambda a, b: _mean(_sigmoid(b)) - _mean(_sigmoid(a)), "the logarithm is missing: probabilities are averaged"
    ),
    "hinge": LossMistake(
        lambda a, b: _mean(np.maximum(0, 1 - a)) + _mean(np.maximum(0, 1 + b)), "a hinge loss is used, not cross-entropy"
    ),
}  # fmt: skip

GENERATOR: Mapping[str, LossMistake] = {
    MINIMAX: LossMistake(
        lambda a, b: -_fake(b),
        "it is the minimax objective of the discriminator's second term, which this course does not accept",
    ),
    "fake_labels": LossMistake(
        lambda a, b: _fake(b), "generated images are labelled 0: minimising it makes the generator easier to unmask"
    ),
    "sign": LossMistake(lambda a, b: -_real(b), "the sign is wrong: minimising it makes the generator easier to unmask"),
    "double_sigmoid": LossMistake(
        lambda a, b: _real(_sigmoid(b)),
        "the sigmoid is applied twice: probabilities are handed to a loss that expects logits",
    ),
    "double_sigmoid_fake_labels": LossMistake(
        lambda a, b: _fake(_sigmoid(b)), "the sigmoid is applied twice, and generated images are labelled 0"
    ),
    "both_labels": LossMistake(
        lambda a, b: _real(b) + _fake(b), "generated images are labelled 1 and 0 at once; the generator has one term only"
    ),
    "mean_logit": LossMistake(
        lambda a, b: float(_softplus(-np.mean(b))),
        "the logits are averaged over the batch before the cross-entropy; the mean belongs outside",
    ),
    "label_smoothing": LossMistake(
        lambda a, b: 0.9 * _real(b) + 0.1 * _fake(b), "the label is smoothed to 0.9; the label 1 is asked"
    ),
    "half_labels": LossMistake(lambda a, b: (_real(b) + _fake(b)) / 2, "generated images are labelled ½"),
    "least_squares": LossMistake(lambda a, b: _mean((b - 1) ** 2), "squared errors are used (least-squares GAN), not cross-entropy"),
    "least_squares_of_probabilities": LossMistake(
        lambda a, b: _mean((_sigmoid(b) - 1) ** 2), "squared errors of probabilities are used, not cross-entropy"
    ),
    "wasserstein": LossMistake(lambda a, b: -_mean(b), "the mean logit is used (Wasserstein), not cross-entropy"),
    "wasserstein_of_probabilities": LossMistake(
        lambda a, b: -_mean(_sigmoid(b)), "the logarithm is missing: probabilities are averaged"
    ),
}  # fmt: skip


def variant_values(which: str, a: Array, b: Array) -> dict[str, float]:
    """Every known mistake's value for logits a of real and b of generated images, (N,) each; which: 'd' or 'g'."""
    catalogue = DISCRIMINATOR if which == "d" else GENERATOR
    return {name: mistake.value(a, b) for name, mistake in catalogue.items()}
