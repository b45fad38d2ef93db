"""A throw-away root file system laid out as Gradescope's container and limited like it, where possible.

The machine's own system (packages, Python, pip's configuration) lies below an overlay whose upper layer is in memory;
the homes and this checkout are hidden behind empty folders, so that only the archive's files are there. Needs root,
mount namespaces and overlayfs; `why_not()` says what is missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEMORY_MB = 768
CPUS = 0.5
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HIDDEN = ("/root", "/home", "/tmp", "/var/tmp", "/dev/shm", str(ROOT))
MOUNTS = """
set -e
mount --make-rprivate /
mkdir -p "$1" && mount -t tmpfs -o size=6g,mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount --rbind /sys "$1/root/sys"
shift_root="$1/root"; shift
for place in "$@"; do
  [ -d "$shift_root$place" ] || continue
  case "$place" in /root) mode=700 ;; /home) mode=755 ;; *) mode=1777 ;; esac
  mount -t tmpfs -o "mode=$mode" tmpfs "$shift_root$place"
done
mkdir -p "$shift_root/autograder/results"
echo ready
exec sleep infinity
"""


def why_not() -> str | None:
    """Why no such file system can be made here; None when it can."""
    if os.geteuid() != 0:
        return "it needs root"
    for tool in ("unshare", "nsenter", "chroot"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    probe = 'mount --make-rprivate / && d=$(mktemp -d) && mount -t tmpfs t "$d" && mkdir "$d/u" "$d/w" "$d/r" && '
    probe += 'mount -t overlay o -o "lowerdir=/,upperdir=$d/u,workdir=$d/w" "$d/r"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", probe], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"no overlay can be mounted: {done.stderr.strip()[:200]}"


@dataclass(frozen=True)
class Ran:
    """A command that ran in the container."""

    status: int
    output: str
    seconds: float
    peak_mb: float | None
    """Highest memory of all its processes and their files in memory; None where no limit could be set."""


class Limits:
    """A control group with Gradescope's smallest container's limits; version 1 or 2, whichever can be written."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.peak: Path | None = None
        name = f"gradescope-test-{os.getpid()}"
        base = Path("/sys/fs/cgroup")
        with contextlib.suppress(OSError):
            if (base / "cgroup.controllers").exists():
                self._version_2(base / name)
            else:
                self._version_1(base, name)

    def _version_1(self, base: Path, name: str) -> None:
        limit = str(MEMORY_MB << 20)
        for controller, settings in (
            ("memory", {"memory.limit_in_bytes": limit}),
            ("cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": str(int(CPUS * 100_000))}),
        ):
            folder = base / controller / name
            folder.mkdir()
            for file, value in settings.items():
                (folder / file).write_text(value)
            self.folders.append(folder)
        self.peak = base / "memory" / name / "memory.max_usage_in_bytes"

    def _version_2(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "memory.max").write_text(str(MEMORY_MB << 20))
        (folder / "cpu.max").write_text(f"{int(CPUS * 100_000)} 100000")
        self.folders.append(folder)
        self.peak = folder / "memory.peak"

    @property
    def set(self) -> bool:
        """Whether memory and processor are limited."""
        return self.peak is not None

    def join_script(self) -> str:
        """Shell that puts the calling process into the group."""
        return "".join(f"echo $$ > {folder}/cgroup.procs && " for folder in self.folders)

    def take_peak_mb(self) -> float | None:
        """The highest memory since the last call."""
        if self.peak is None:
            return None
        try:
            value = int(self.peak.read_text()) / 2**20
            with contextlib.suppress(OSError):
                self.peak.write_text("0")
            return value
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


class Container:
    """The running file system; commands run in it by chroot, as root."""

    def __init__(self, folder: Path) -> None:
        self.base = folder / "container"
        self.limits = Limits()
        command = ["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", MOUNTS, "mounts", str(self.base), *HIDDEN]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"no container: {self.process.stderr.read() if self.process.stderr else ''}")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.inside = children[0]

    @property
    def autograder(self) -> Path:
        """The container's /autograder, seen from outside through the process that holds the mounts."""
        return Path(f"/proc/{self.inside}/root{self.base}/root/autograder")

    def run(self, script: str, *, limited: bool, timeout_s: float, env: Mapping[str, str] | None = None) -> Ran:
        """Runs a shell script in /autograder with an empty environment but PATH, HOME and `env`."""
        variables = [f"{k}={v}" for k, v in {"PATH": PATH, "HOME": "/root", **(env or {})}.items()]
        enter = ["nsenter", "-t", self.inside, "-m", "-p", "chroot", f"{self.base}/root", "env", "-i", *variables]
        enter += ["sh", "-c", f"cd /autograder && {script}"]
        if limited and self.limits.set:
            self.limits.take_peak_mb()
            enter = ["sh", "-c", self.limits.join_script() + 'exec "$@"', "join", *enter]
        begun = time.monotonic()
        done = subprocess.run(
            enter, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout_s
        )
        seconds = time.monotonic() - begun
        return Ran(done.returncode, done.stdout, seconds, self.limits.take_peak_mb() if limited else None)

    def submit(self, files: Mapping[str, bytes]) -> None:
        """A fresh container's state for one hand-in: submission/ with these files, empty results/."""
        for name in ("submission", "results"):
            shutil.rmtree(self.autograder / name, ignore_errors=True)
            (self.autograder / name).mkdir()
        for name, content in files.items():
            path = self.autograder / "submission" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def close(self) -> None:
        self.process.kill()  # --kill-child takes every process of the namespace along
        self.process.wait(10)
        self.limits.close()


@contextlib.contextmanager
def container(folder: Path) -> Iterator[Container]:
    """A container that is gone when the block ends."""
    made = Container(folder)
    try:
        yield made
    finally:
        made.close()
