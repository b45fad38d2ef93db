"""The public cases, in the order in which they are run."""

from __future__ import annotations

from . import cases_ddpm, cases_gan, cases_score
from .case import CASES, Case

__all__ = ["CASES", "Case", "cases_ddpm", "cases_gan", "cases_score"]
