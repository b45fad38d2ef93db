"""Untrusted side: what the zygote does once before it serves: imports, a speed measurement, its own protection."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import torch.utils.data

from grader.student import early_python, kernel, namespaces, placeholders, seccomp_filter, worker
from grader.student.plan import HIDDEN_PACKAGES

_ = (placeholders, worker)  # imported here so that no worker has to


MEASURE_S = 0.15


def up() -> float:
    """Take one optimizer step (its imports are slow) and measure this machine's speed. Returns seconds.

    One thread only: a forked child that inherits the state of a thread pool hangs at its first parallel operation.
    """
    early_python.complete()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Conv1d(1, 1, 1))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 8)).sum().backward()
    optimizer.step()
    np.random.default_rng(0).normal(size=4)
    return measure()


def measure() -> float:
    """Mean wall seconds of one round of a fixed workload, over long enough to feel a container's throttling."""
    x, weight, kernel_3x3 = torch.ones(64, 256), torch.ones(256, 256), torch.ones(8, 8, 3, 3)
    images = torch.ones(16, 8, 14, 14)
    rounds, start = 0, time.perf_counter()
    while time.perf_counter() - start < MEASURE_S or rounds < 10:
        for _ in range(10):
            x = torch.tanh(x @ weight)
            F.conv2d(images, kernel_3x3, padding=1).relu()
        sum(i * i for i in range(20_000))
        rounds += 1
    return (time.perf_counter() - start) / rounds


def protect(plan: dict[str, Any], report: namespaces.Report) -> None:
    """Swap the root for the small one, load what the workers' layers need, and lower this process's own standing."""
    if sys.platform != "linux":
        plan.update(readable=[], landlock_probes=[], closed_folder=None, no_seccomp="not Linux")
        for name in ("mount", "network", "pids", "ipc"):
            report[name] = ("absent", "only on Linux")
        return
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    plan["no_seccomp"] = seccomp_filter.load_library()
    with contextlib.suppress(Exception):
        import py_landlock

        py_landlock.get_abi_version()
    plan["proc_fd"] = _open_proc()
    site, standard, libraries = plan["site"], plan["standard_library"], list(namespaces.LIBRARIES)
    readable = [*_without_hidden(standard), *_without_hidden(site), *libraries]
    if report["mount"][0] == "active":
        hidden = [os.path.join(folder, name) for folder in (*site, *standard) for name in HIDDEN_PACKAGES]
        try:
            namespaces.enter_small_root(plan["mount_point"], [*standard, *site, *libraries], hidden, plan["outside"])
        except OSError as error:
            report["mount"] = ("absent", f"this machine refuses it ({error.strerror})")
    closed = (namespaces.readable_by_others(path) for path in readable if os.path.exists(path))
    plan["closed_folder"] = next((path for path in closed if path is not None), None)
    plan["readable"] = [path for path in readable if os.path.exists(path)]
    plan["landlock_probes"] = [plan["outside"], "/etc/passwd", "/etc/hostname"]
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)


def _open_proc() -> int | None:
    try:
        return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None


def _without_hidden(folders: list[str]) -> list[str]:
    """The folders, or the entries of those that also hold the grader's own packages."""
    paths = []
    for folder in folders:
        if any(os.path.isdir(os.path.join(folder, name)) for name in HIDDEN_PACKAGES):
            paths += [os.path.join(folder, name) for name in os.listdir(folder) if name not in HIDDEN_PACKAGES]
        elif not any(folder.startswith(other + os.sep) for other in paths):
            paths.append(folder)
    return paths


def thread_count() -> int:
    """Threads of this process (0 when the machine does not say)."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 0
