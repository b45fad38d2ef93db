"""A device that the code takes for granted is the named cause wherever it ends a measurement."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from grader.judge import DEVICE_ADVICE
from tests.checks.grading import verdict
from tests.checks.test_gan_and_ddpm_checks import perfect

ON_CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
CASES = {
    "the loss": (
        "gan.generator_loss",
        "hw5_gan",
        "fake = self.disc(self.gen(z))",
        "fake = self.disc(self.gen(z.cuda()))",
    ),
    "the network": ("gan.dnet", "hw5_gan", "return self.fc(x)", 'return self.fc(x.to("cuda"))'),
    "the constructor": ("gan.training", "hw5_gan", '"cuda" if torch.cuda.is_available() else "cpu"', '"cuda"'),
    "a pure function": (
        "ddpm.schedule",
        "hw5_ddpm",
        "return 1.0 - torch.cumprod(",
        "return 1.0 - torch.cumprod(0 * betas.cuda() + ",
    ),
}


@ON_CPU
@pytest.mark.parametrize(("check", "module", "old", "new"), CASES.values(), ids=CASES)
def test_cuda_in_the_code_is_named_with_what_to_do(check: str, module: str, old: str, new: str) -> None:
    found = verdict(check, perfect(module, (old, new)))
    assert "hard_coded_device" in found.mistakes, found
    assert DEVICE_ADVICE in found.message
    assert found.points < Fraction(2)
