"""Which module defines which check, so that a theory-only run never imports torch. A test compares it with the code."""

from __future__ import annotations

from importlib import import_module

from grader.checks.registry import REGISTRY, Check
from grader.model import GraderError

MODULES = {
    "grader.checks.theory": ("theory.result", "theory.steps", "theory.free_text", "theory.true_false"),
    "grader.checks.gan": (
        "gan.dnet",
        "gan.gnet",
        "gan.weight_init",
        "gan.discriminator_loss",
        "gan.generator_loss",
    ),
    "grader.checks.score": ("score.score_net", "score.denoising_loss", "score.langevin"),
    "grader.checks.ddpm": (
        "ddpm.schedule",
        "ddpm.q_sample",
        "ddpm.predict_x_0",
        "ddpm.posterior",
        "ddpm.loss",
        "ddpm.p_sample",
        "ddpm.sample",
        "ddpm.conditional_score",
    ),
    "grader.checks.training": ("gan.training", "score.training", "ddpm.training"),
}

CHECK_NAMES = frozenset(name for names in MODULES.values() for name in names)


def is_coding(name: str) -> bool:
    """Whether a check runs student code; told without importing it."""
    return not name.startswith("theory.")


def find_check(name: str) -> Check:
    """The check of that name, its module imported on first use. Raises GraderError for an unknown name."""
    for module, names in MODULES.items():
        if name in names:
            import_module(module)
            return REGISTRY[name]
    raise GraderError(f"There is no check called {name!r}.")
