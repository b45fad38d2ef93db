"""The names of the isolation layers, and what is known of each on this machine. Spoken on both sides."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

LayerState = Literal["active", "absent", "ineffective", "off"]

LAYERS: dict[str, str] = {
    "process": "a process of its own: nothing of the grader is in its memory",
    "environment": "emptied environment, isolated interpreter, no site files or plugins",
    "mount": "a root folder of its own with the libraries only, read-only, and a private scratch folder",
    "network": "a network namespace without any connection",
    "pids": "a process namespace of its own: it sees no other process and dies as a whole",
    "ipc": "its own shared memory and semaphores",
    "user_drop": "an unprivileged user that owns nothing",
    "capabilities": "no capability",
    "limits": "limits on memory, file size, open files, processes and processor time",
    "death_signal": "ends when the process above it ends",
    "undumpable": "its memory cannot be read by others of the same user",
    "no_new_privs": "cannot gain privileges by executing a file",
    "landlock": "file access only to the libraries and its scratch folder; no TCP",
    "seccomp": "no exec, fork, socket, trace, mount, change of owner or mode",
}

OFF_VARIABLE = "GRADER_LAYERS_OFF"
"""Read by the trusted side only, for tests: names of layers, separated by commas."""


@dataclass(frozen=True, slots=True)
class LayerStatus:
    """One layer: ``active`` means that it was applied and stopped its own probe."""

    name: str
    state: LayerState
    detail: str
    """Why it is not active; empty when it is."""

    @property
    def active(self) -> bool:
        """Whether it was applied and stopped its own probe."""
        return self.state == "active"


@dataclass(frozen=True, slots=True)
class Layers:
    """Which layers to try: all of them but ``off`` (for tests; a submission has no way to set it)."""

    off: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if unknown := sorted(self.off - LAYERS.keys()):
            raise ValueError(f"unknown isolation layer {', '.join(unknown)}; known are {', '.join(LAYERS)}")

    @staticmethod
    def from_environment() -> Layers:
        """All layers but those that `OFF_VARIABLE` names."""
        names = os.environ.get(OFF_VARIABLE, "").replace(",", " ").split()
        return Layers(frozenset(names))

    @staticmethod
    def only(names: Iterable[str]) -> Layers:
        """These layers and no others."""
        return Layers(frozenset(LAYERS) - frozenset(names))


@dataclass(frozen=True, slots=True)
class IsolationReport:
    """What each layer's own probe said in a worker, before any student code."""

    layers: tuple[LayerStatus, ...]

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the layers that stopped their probes."""
        return tuple(layer.name for layer in self.layers if layer.active)

    @property
    def contained(self) -> bool:
        """Whether files, network and other processes are out of reach: enough to run other people's code."""
        names = set(self.active)
        files = "landlock" in names or "mount" in names
        network = "network" in names or "seccomp" in names
        others = "seccomp" in names or "pids" in names or "user_drop" in names
        return files and network and others

    @property
    def sentence(self) -> str:
        """One line for the person who starts a run."""
        missing = [layer.name for layer in self.layers if not layer.active]
        if self.contained:
            rest = f"; not active: {', '.join(missing)}" if missing else ""
            return f"Student code runs isolated ({len(self.active)} of {len(self.layers)} layers{rest})."
        return (
            "Student code is NOT isolated from this machine's files, network or processes "
            f"(not active: {', '.join(missing)}). Grades still hold; grade only code that you would run yourself, "
            "or run the grader in a container on Linux."
        )
