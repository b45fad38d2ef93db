"""Part 5, score track, in closed form: importing this module registers its checks."""

from __future__ import annotations

from grader.checks.denoising import denoising
from grader.checks.langevin import langevin
from grader.checks.score_net import score_net

__all__ = ["denoising", "langevin", "score_net"]
