"""What wrong GAN losses are worth, for known logits: each known mistake by its formula and the student's sentence."""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from grader.checks.compare import Array

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


def _unequal(u: float, v: float) -> LossMistake:
    return LossMistake(lambda a, b: u * _real(a) + v * _fake(b), "its two terms do not have the same weight")


DISCRIMINATOR: Mapping[str, LossMistake] = {
    "labels_swapped": LossMistake(
        lambda a, b: _fake(a) + _real(b), "the labels look swapped: real images are pushed to 0, generated ones to 1"
    ),
    "fake_term_missing": LossMistake(lambda a, b: _real(a), "only the real images enter; the generated ones are missing"),
    "real_term_missing": LossMistake(lambda a, b: _fake(b), "only the generated images enter; the real ones are missing"),
    "maximised": LossMistake(lambda a, b: -_real(a) - _fake(b), "the sign is wrong: minimising it makes the discriminator worse"),
    "fake_called_real": LossMistake(lambda a, b: _real(a) + _real(b), "generated images are labelled real as well"),
    "real_called_fake": LossMistake(lambda a, b: _fake(a) + _fake(b), "real images are labelled generated as well"),
    "fake_term_missing~real_twice": LossMistake(
        lambda a, b: _real(a) + _fake(a), "the second term is computed from the real batch; it belongs to generated images"
    ),
    "real_term_missing~fake_twice": LossMistake(
        lambda a, b: _real(b) + _fake(b), "the first term is computed from generated images; it belongs to the real batch"
    ),
    "sign_of_a_term": LossMistake(lambda a, b: _real(a) - _fake(b), "the second term is subtracted"),
    "sign_of_a_term~first": LossMistake(lambda a, b: _fake(b) - _real(a), "the first term is subtracted"),
    "double_sigmoid": LossMistake(
        lambda a, b: _real(_sigmoid(a)) + _fake(_sigmoid(b)),
        "the sigmoid is applied twice: probabilities are handed to a loss that expects logits",
    ),
    "double_sigmoid~swapped": LossMistake(
        lambda a, b: _fake(_sigmoid(a)) + _real(_sigmoid(b)),
        "the sigmoid is applied twice, and the labels look swapped",
    ),
    "mean_inside": LossMistake(
        lambda a, b: _real(np.atleast_1d(np.mean(a))) + _fake(np.atleast_1d(np.mean(b))),
        "the logits are averaged over the batch before the cross-entropy; the mean belongs outside",
    ),
    "label_smoothing": LossMistake(
        lambda a, b: 0.9 * _real(a) + 0.1 * _fake(a) + _fake(b), "the real labels are smoothed to 0.9; the label 1 is asked"
    ),
    "label_smoothing~both": LossMistake(
        lambda a, b: 0.9 * _real(a) + 0.1 * _fake(a) + 0.9 * _fake(b) + 0.1 * _real(b),
        "the labels are smoothed to 0.9 and 0.1; 1 and 0 are asked",
    ),
    "half_labels": LossMistake(
        lambda a, b: (_real(a) + _fake(a) + _real(b) + _fake(b)) / 2, "all images are labelled ½; real and generated differ"
    ),
    **{f"unequal_weights~{u:g}_{v:g}": _unequal(u, v) for u, v in ((1, 0.5), (0.5, 1), (1, 0.25), (0.25, 1), (1, 0.1), (0.1, 1))},
    "wrong_logits": LossMistake(
        lambda a, b: _real(a) + _fake(b - a), "logits of real images are subtracted from those of generated ones (relativistic)"
    ),
    "wrong_logits~both": LossMistake(
        lambda a, b: _real(a - b) + _fake(b - a), "differences of logits enter (relativistic); each image has its own logit"
    ),
    "wrong_logits~mean": LossMistake(
        lambda a, b: _real(a - np.mean(b)) + _fake(b - np.mean(a)), "logits are compared with the other side's mean (relativistic)"
    ),
    "divided_by_batch": LossMistake(
        lambda a, b: (_real(a) + _fake(b)) / len(a), "the mean over the batch is divided by the batch size once more"
    ),
    "uses_one_sample": LossMistake(lambda a, b: _real(a[:1]) + _fake(b), "only the first real image counts"),
    "uses_one_sample~fake": LossMistake(lambda a, b: _real(a) + _fake(b[:1]), "only the first generated image counts"),
    "uses_one_sample~both": LossMistake(lambda a, b: _real(a[:1]) + _fake(b[:1]), "only the first image of each kind counts"),
    "mean_inside~probability": LossMistake(
        lambda a, b: float(-np.log(np.mean(_sigmoid(a))) - np.log(np.mean(_sigmoid(-b)))),
        "the mean is taken before the logarithm; it belongs outside",
    ),
    "least_squares": LossMistake(
        lambda a, b: _mean((a - 1) ** 2) + _mean(b**2), "squared errors are used (least-squares GAN), not cross-entropy"
    ),
    "least_squares~probabilities": LossMistake(
        lambda a, b: _mean((_sigmoid(a) - 1) ** 2) + _mean(_sigmoid(b) ** 2),
        "squared errors of probabilities are used, not cross-entropy",
    ),
    "wasserstein": LossMistake(lambda a, b: _mean(b) - _mean(a), "differences of logits are used (Wasserstein), not cross-entropy"),
    "wasserstein~probabilities": LossMistake(
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
    "labels_swapped": LossMistake(
        lambda a, b: _fake(b), "generated images are labelled 0: minimising it makes the generator easier to unmask"
    ),
    "maximised": LossMistake(lambda a, b: -_real(b), "the sign is wrong: minimising it makes the generator easier to unmask"),
    "double_sigmoid": LossMistake(
        lambda a, b: _real(_sigmoid(b)),
        "the sigmoid is applied twice: probabilities are handed to a loss that expects logits",
    ),
    "double_sigmoid~labels": LossMistake(
        lambda a, b: _fake(_sigmoid(b)), "the sigmoid is applied twice, and generated images are labelled 0"
    ),
    "extra_term": LossMistake(
        lambda a, b: _real(b) + _fake(b), "generated images are labelled 1 and 0 at once; the generator has one term only"
    ),
    "mean_inside": LossMistake(
        lambda a, b: _real(np.atleast_1d(np.mean(b))),
        "the logits are averaged over the batch before the cross-entropy; the mean belongs outside",
    ),
    "divided_by_batch": LossMistake(
        lambda a, b: _real(b) / len(b), "the mean over the batch is divided by the batch size once more"
    ),
    "uses_one_sample": LossMistake(lambda a, b: _real(b[:1]), "only the first generated image counts"),
    "mean_inside~probability": LossMistake(
        lambda a, b: float(-np.log(np.mean(_sigmoid(b)))), "the mean is taken before the logarithm; it belongs outside"
    ),
    "label_smoothing": LossMistake(
        lambda a, b: 0.9 * _real(b) + 0.1 * _fake(b), "the label is smoothed to 0.9; the label 1 is asked"
    ),
    "wrong_label": LossMistake(lambda a, b: (_real(b) + _fake(b)) / 2, "generated images are labelled ½"),
    "least_squares": LossMistake(lambda a, b: _mean((b - 1) ** 2), "squared errors are used (least-squares GAN), not cross-entropy"),
    "least_squares~probabilities": LossMistake(
        lambda a, b: _mean((_sigmoid(b) - 1) ** 2), "squared errors of probabilities are used, not cross-entropy"
    ),
    "wasserstein": LossMistake(lambda a, b: -_mean(b), "the mean logit is used (Wasserstein), not cross-entropy"),
    "wasserstein~probabilities": LossMistake(
        lambda a, b: -_mean(_sigmoid(b)), "the logarithm is missing: probabilities are averaged"
    ),
}  # fmt: skip


def variant_values(which: str, a: Array, b: Array) -> dict[str, float]:
    """Every known mistake's value for logits a of real and b of generated images, (N,) each; which: 'd' or 'g'."""
    catalogue = DISCRIMINATOR if which == "d" else GENERATOR
    return {name: mistake.value(a, b) for name, mistake in catalogue.items()}
