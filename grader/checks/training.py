"""The short trainings: importing this module registers their checks."""

from __future__ import annotations

from grader.checks import training_ddpm, training_gan, training_score

__all__ = ["training_ddpm", "training_gan", "training_score"]
