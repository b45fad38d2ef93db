"""What the grader tells a new zygote on its command line, as JSON: paths, folders and switched-off layers."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PACKAGE_DIR = str(Path(__file__).resolve().parent)
HIDDEN_PACKAGES = ("grader", "reference")


@dataclass(frozen=True, slots=True)
class Plan:
    """Absolute paths. ``outside`` is a file of the grader that a worker must not see."""

    package_dir: str
    site: list[str]
    """Folders of installed packages, put on the module path as they are (no ``.pth`` is read)."""
    standard_library: list[str]
    outside: str
    mount_point: str
    """An empty folder to build a new root on."""
    scratch: str
    """Parent of the workers' scratch folders where they cannot have one of memory."""
    off: list[str]

    @staticmethod
    def make(folder: str, off: Sequence[str]) -> Plan:
        """The plan for this interpreter; ``folder`` is the session's own temporary folder."""
        site = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
        standard = dict.fromkeys(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
        standard[os.path.dirname(os.__file__)] = None
        return Plan(
            package_dir=PACKAGE_DIR,
            site=[path for path in site if os.path.isdir(path)],
            standard_library=[path for path in standard if os.path.isdir(path)],
            outside=os.path.join(PACKAGE_DIR, "session.py"),
            mount_point=os.path.join(folder, "root"),
            scratch=os.path.join(folder, "scratch"),
            off=sorted(off),
        )

    def command(self, control_fd: int) -> list[str]:
        """The isolated interpreter's command line: no site, no user folder, no environment, no bytecode."""
        script = os.path.join(self.package_dir, "zygote.py")
        return [sys.executable, "-I", "-S", "-B", script, str(control_fd), json.dumps(asdict(self))]
