"""Trusted side: tries the isolation layers of this machine, all together and one by one."""

from __future__ import annotations

import os
import sys

from grader.student.layers import LAYERS, IsolationReport, Layers, LayerStatus
from grader.student.session import StudentSession


def report() -> IsolationReport:
    """What each layer's probe says when all of them are on, as they are in a run."""
    with StudentSession({}, isolation=Layers.from_environment()) as session:
        return session.isolation


def diagnose() -> list[LayerStatus]:
    """Every layer with its state and what it does, or what would make it work here.

    Raises `StudentProcessError` when no student process can be started at all.
    """
    return [
        LayerStatus(layer.name, layer.state, LAYERS[layer.name] if layer.active else _advice(layer))
        for layer in report().layers
    ]


def _advice(layer: LayerStatus) -> str:
    hint = ""
    if sys.platform != "linux":
        hint = "; grade other people's code in a Linux container"
    elif layer.name in ("mount", "network", "pids", "ipc") and os.geteuid() == 0:
        hint = "; usual in a container, where user_drop, landlock and seccomp stand in for it"
    elif layer.name in ("mount", "network", "pids", "ipc"):
        hint = "; allow unprivileged user namespaces to have it"
    return f"{layer.state}: {layer.detail}{hint}"
