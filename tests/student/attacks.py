"""The attack corpus as submissions, and the canary that they are after."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUBMISSIONS = ROOT / "submissions"
FOLDER = SUBMISSIONS / "attacks"
CANARY = Path("/tmp/grader_canary")
PORT = 47999


@dataclass(frozen=True)
class Attack:
    id: str
    file: str
    category: str
    files: dict[str, str]
    """The whole submission: the attacked module and an honest other one."""

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py")

    @property
    def sources(self) -> dict[str, str]:
        return {name.removesuffix(".py"): text for name, text in self.files.items() if name.endswith(".py")}


def load() -> list[Attack]:
    """Every attack of `submissions/attacks`, assembled."""
    return [_assemble(path.stem, tomllib.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.toml"))]


def base(file: str) -> dict[str, str]:
    """The wrong module without an attack, beside the same honest one."""
    return _with_honest(file, (FOLDER / "base" / file).read_text("utf-8"))


def _assemble(name: str, table: dict[str, str]) -> Attack:
    wrong = (FOLDER / "base" / table["file"]).read_text("utf-8")
    parts = (table.get("first", ""), wrong, table.get("last", ""))
    return Attack(name, table["file"], table["category"], _with_honest(table["file"], "\n".join(parts)))


def _with_honest(file: str, text: str) -> dict[str, str]:
    honest = SUBMISSIONS / ("perfect_score" if file == "hw5_diffusion.py" else "perfect")
    files = {path.name: path.read_text("utf-8") for path in sorted(honest.glob("*.py"))}
    return {**files, file: text}


@dataclass
class Canary:
    """Files and listeners outside the sandbox; `intact` says what was touched."""

    token: str = field(default_factory=lambda: f"REFERENCE_TOKEN_{secrets.token_hex(8)}")
    touched: list[str] = field(default_factory=list)

    def __enter__(self) -> Canary:
        shutil.rmtree(CANARY, ignore_errors=True)
        contents = {
            "results/results.json": json.dumps({"score": 0}),
            "reference/reference.py": f"TOKEN = {self.token!r}\n",
            "home/keep.txt": "keep",
            "home/.bashrc": "# shell",
            "home/dir/file": "file",
            "submissions/neighbour/hw5_gan.py": "# neighbour's work\n",
        }
        for name, text in contents.items():
            (CANARY / name).parent.mkdir(parents=True, exist_ok=True)
            (CANARY / name).write_text(text)
        self._before = self._snapshot()
        self._tcp = socket.create_server(("127.0.0.1", PORT))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", PORT))
        for listener in (self._tcp, self._udp):
            listener.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self._tcp.close()
        self._udp.close()
        shutil.rmtree(CANARY, ignore_errors=True)

    def look(self) -> list[str]:
        """What was changed, made, or connected to since the last look."""
        now = self._snapshot()
        found = [
            f"changed {name}"
            for name in sorted(self._before.keys() | now.keys())
            if self._before.get(name) != now.get(name)
        ]
        for folder in ("/tmp", "/var/tmp", "/dev/shm", str(ROOT)):
            found += [str(path) for path in Path(folder).glob("grader_canary_*")]
            found += [str(path) for path in Path(folder).glob("*PWNED*")]
        for listener, take in ((self._tcp, self._tcp.accept), (self._udp, lambda: self._udp.recvfrom(100))):
            try:
                take()
                found.append(f"connection to {listener.getsockname()}")
            except BlockingIOError:
                pass
        self._before = now
        return found

    def _snapshot(self) -> dict[str, tuple[bytes, int]]:
        files = (path for path in CANARY.rglob("*") if path.is_file())
        return {str(path.relative_to(CANARY)): (path.read_bytes(), path.stat().st_mode) for path in files}
