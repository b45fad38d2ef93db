"""What the student process costs: fork-to-ready time, memory of all processes, and time beside a plain process.

    python benchmarks/student.py

Prints medians of one run; ratios are taken within it. Bars: ready in ≤ 50 ms, ≤ 700 MB in all, ≤ 10 % more time.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import psutil

from grader.student import StudentSession
from grader.student.layers import LAYERS, Layers

FORKS = 40
CALLS = 8
MIB = 1 << 20
STUDENT = """
import torch, torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1))
    def forward(self, x):
        return self.body(x)
"""
DRIVER = """
def train(student, x, steps):
    torch.manual_seed(0)
    net = student.Net()
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        optimizer.step()
    return {"loss": loss, "output": net(x)}
def nothing(student, x):
    return x
"""


def main() -> None:
    """Measure and print."""
    x = np.ones((256, 64), np.float32)
    for name, layers in (("all layers", Layers()), ("no layer", Layers(frozenset(LAYERS)))):
        with StudentSession({"hw5": STUDENT}, isolation=layers) as session:
            assert session.speed >= 1.0
            print(f"{name}: {len(session.isolation.active)} of {len(LAYERS)} active")
            ready, closed = _open(session)
            print(f"  ready after fork, layers and import: {ready * 1e3:.1f} ms; gone after {closed * 1e3:.1f} ms more")
            with session.worker("hw5", driver=DRIVER, seed=0) as worker:
                trip = _median(lambda w=worker: w.call("nothing", x), FORKS)  # type: ignore[misc]
                print(f"  a call there and back with {x.nbytes // 1024} kB: {trip * 1e3:.2f} ms")
                worker.call("train", x, 50)
                _print_memory(session)
                if name == "all layers":
                    inside = _median(lambda w=worker: w.call("train", x, 150), CALLS)  # type: ignore[misc]
    plain = _plain(x)
    print(f"150 training steps: {inside * 1e3:.0f} ms in a worker, {plain * 1e3:.0f} ms in a plain process", end=" ")
    print(f"({inside / plain - 1:+.1%})")


def _open(session: StudentSession) -> tuple[float, float]:
    """Median wall seconds until a fresh worker is ready, and from there until it is gone."""
    opened, closed = [], []
    for _ in range(FORKS):
        start = time.perf_counter()
        with session.worker("hw5", driver=DRIVER, seed=0):
            opened.append(time.perf_counter() - start)
        closed.append(time.perf_counter() - start - opened[-1])
    return statistics.median(opened), statistics.median(closed)


def _median(action: Callable[[], object], times: int) -> float:
    """Median wall seconds of an action."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _plain(x: np.ndarray) -> float:  # type: ignore[type-arg]
    """The same calls in this process, on one thread as in a worker."""
    import math
    import types

    import torch

    torch.set_num_threads(1)
    student, driver = types.ModuleType("hw5"), {"torch": torch, "np": np, "math": math}
    exec(STUDENT, student.__dict__)
    exec(DRIVER, driver)
    train = driver["train"]
    train(student, torch.from_numpy(x), 50)  # type: ignore[operator]
    return _median(lambda: train(student, torch.from_numpy(x.copy()), 150), CALLS)  # type: ignore[operator]


def _print_memory(session: StudentSession) -> None:
    """Proportional set size of this process, the zygote and one worker that has trained."""
    assert session.process_id is not None
    untrusted = psutil.Process(session.process_id)
    sizes = []
    for process in (psutil.Process(os.getpid()), untrusted, *untrusted.children(recursive=True)):
        info = process.memory_full_info()
        sizes.append(getattr(info, "pss", info.uss))
    private = psutil.Process(untrusted.children(recursive=True)[-1].pid if sizes[2:] else untrusted.pid)
    print(f"  memory: {sum(sizes) / MIB:.0f} MB in all (this process {sizes[0] / MIB:.0f},", end=" ")
    print(f"untrusted {sum(sizes[1:]) / MIB:.0f}); private to the worker {private.memory_full_info().uss / MIB:.0f} MB")


if __name__ == "__main__":
    main()
