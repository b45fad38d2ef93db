"""CPU seconds of the short trainings and of the score track's closed forms, one thread, as a multiple of a plain step.

    python benchmarks/training.py [--seeds N] [--wrong]

Every figure is taken in this process on the reference, so that ratios of one run can be compared between machines.
`--wrong` adds the slowest kind of wrong submission: a network that never learns, so that all tries run to their end.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import reference.ddpm
import reference.gan
import reference.score
from grader.checks.catalogue import find_check
from grader.checks.trusted_bench import measure_trusted, module_from_text

CHECKS = {
    "score.score_net": reference.score,
    "score.denoising_loss": reference.score,
    "score.langevin": reference.score,
    "score.training": reference.score,
    "ddpm.training": reference.ddpm,
    "gan.training": reference.gan,
}
NEVER_LEARNS = """
import torch
from torch import nn
class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
    def forward(self, x, label):
        label = label.float().reshape(-1, 1).expand(len(x), 1) / 100
        return self.net(torch.cat([x, label], 1)).clamp(min=0)
"""


def plain_step_s(steps: int = 300) -> float:
    """CPU seconds of one Adam step of a 3 x 128 perceptron on 128 rows: the unit of the table."""
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128), torch.nn.ReLU(), torch.nn.Linear(128, 2)
    )
    optimizer, x = torch.optim.Adam(net.parameters()), torch.randn(128, 3)
    begun = time.process_time()
    for _ in range(steps):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
    return (time.process_time() - begun) / steps


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--wrong", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    unit = plain_step_s()
    print(f"plain step: {unit * 1e3:.2f} ms")
    cases = [(name, module, "") for name, module in CHECKS.items()]
    if arguments.wrong:
        for name, network in (("score.training", "ScoreNet"), ("ddpm.training", "NoiseNet")):
            cases.append((name, module_from_text(NEVER_LEARNS.format(name=network)), " (never learns)"))
    print(f"{'check':36} {'mean s':>8} {'worst s':>8} {'steps':>8}")
    for name, module, remark in cases:
        spent = []
        for seed in range(1 if remark else arguments.seeds):
            begun = time.process_time()
            measure_trusted(find_check(name), module, seed)
            spent.append(time.process_time() - begun)
        mean = sum(spent) / len(spent)
        print(f"{name + remark:36} {mean:8.2f} {max(spent):8.2f} {mean / unit:8.0f}")


if __name__ == "__main__":
    main()
