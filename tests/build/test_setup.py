"""setup.sh on machines that this one is not: every command that it calls is a stand-in, which notes how it was called.

The first machine is Ubuntu 22.04, Gradescope's: python3 is 3.10, and python3.11 with its venv comes from apt.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.build.archive import ROOT

REAL = ("bash", "sh", "cat", "cksum", "chmod", "cp", "dirname", "flock", "grep", "mkdir", "rm", "touch", "tr")
OLD_PYTHON = """
case "$1" in -V|-VV) echo "Python 3.10.12" ;; *) exit 1 ;; esac
"""
PYTHON = """
echo "${0##*/} $*" >> "$LOG"
case "$1 $2" in
  "-V "*|"-VV "*) echo "Python ${VERSION:-3.11.0}" ;;
  "-c import sys, venv"*) [ ! -e "$STATE/no-venv" ] ;;
  "-c import importlib"*) [ -e "$STATE/torch" ] ;;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip")
    for word in $REFUSED; do case "$*" in *"$word"*) echo "ERROR: No matching distribution" >&2; exit 1 ;; esac; done
    case "$*" in *torch==*) touch "$STATE/torch" ;; esac ;;
  *) exit 9 ;;
esac
"""
APT = """
echo "apt-get $*" >> "$LOG"
[ ! -e "$STATE/no-network" ] || { echo "E: Unable to fetch" >&2; exit 100; }
case "$*" in *python3.11-venv*) rm -f "$STATE/no-venv"; cp "$STATE/python" "$BIN/python3.11" ;; esac
case "$*" in *libseccomp2*) touch "$STATE/seccomp" ;; esac
"""
LDCONFIG = """[ ! -e "$STATE/seccomp" ] || echo "libseccomp.so.2 (libc6,x86-64) => /lib/libseccomp.so.2" """


@dataclass
class Machine:
    """A machine of stand-ins; `here` is where the archive lies."""

    folder: Path
    user: str = "0"

    def __post_init__(self) -> None:
        self.bin, self.state, self.here = (self.folder / name for name in ("bin", "state", "source"))
        for place in (self.bin, self.state, self.here / "reference"):
            place.mkdir(parents=True)
        for name in REAL:
            if found := shutil.which(name):
                (self.bin / name).symlink_to(found)
        self.command("python3", OLD_PYTHON)
        self.command("apt-get", APT)
        self.command("ldconfig", LDCONFIG)
        self.command("id", f"echo {self.user}")
        self.command("uname", "echo Linux")
        self.script(self.state / "python", PYTHON)
        self.has("seccomp")
        text = (ROOT / "setup.sh").read_text("utf-8")
        assert '"$here" = /autograder/source' in text
        self.script(self.here / "setup.sh", text.replace("= /autograder/source", f"= {self.here}"))
        (self.here / "pyproject.toml").write_text("[project]\n")

    def script(self, path: Path, text: str) -> None:
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh{text if text[0] == chr(10) else chr(10) + text}")
        path.chmod(0o755)

    def command(self, name: str, text: str) -> None:
        self.script(self.bin / name, text)

    def has(self, *facts: str) -> None:
        for fact in facts:
            (self.state / fact).touch()

    def setup(self, *arguments: str, **environment: str) -> tuple[int, str, list[str]]:
        """Exit status, what it said, what it called."""
        log = self.folder / "log"
        log.write_text("")
        names = {"PATH": self.bin, "LOG": log, "STATE": self.state, "BIN": self.bin, **environment}
        done = subprocess.run(
            [self.here / "setup.sh", *arguments],
            env={name: str(value) for name, value in names.items()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stdout
        return done.returncode, done.stderr, log.read_text().splitlines()


@pytest.fixture
def jammy(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def pips(calls: list[str]) -> list[str]:
    return [c.split("-m pip --disable-pip-version-check ")[1] for c in calls if "-m pip" in c]


def test_ubuntu_22_04_gets_python_3_11_from_apt_and_torch_from_the_cpu_index(jammy: Machine) -> None:
    status, said, calls = jammy.setup()
    assert status == 0, said
    assert [c for c in calls if c.startswith("apt-get")] == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends python3.11 python3.11-venv",
    ]
    assert f"python3.11 -m venv {jammy.here}/.venv" in calls
    assert pips(calls) == [
        "install --quiet --index-url https://download.pytorch.org/whl/cpu torch==2.13.0",
        f"install --quiet -e {jammy.here}",
    ]
    assert oct((jammy.here / "reference").stat().st_mode)[-2:] == "00"
    assert "ready" in said


def test_a_second_time_is_a_no_op(jammy: Machine) -> None:
    jammy.setup()
    status, said, calls = jammy.setup()
    assert (status, said) == (0, "")
    assert not [c for c in calls if "apt-get" in c or "-m " in c]


def test_what_is_missing_alone_is_installed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.command("python3.12", PYTHON)
    (machine.state / "seccomp").unlink()
    status, said, calls = machine.setup(VERSION="3.12.3")
    assert status == 0, said
    assert [c for c in calls if "install" in c and "apt" in c] == [
        "apt-get install -y -qq --no-install-recommends libseccomp2"
    ]
    assert f"python3.12 -m venv {machine.here}/.venv" in calls


def test_a_python_without_venv_does_not_count(jammy: Machine) -> None:
    jammy.command("python3.11", PYTHON)
    jammy.has("no-venv")
    status, said, calls = jammy.setup()
    assert status == 0, said
    assert any("python3.11-venv" in c for c in calls)


def test_no_root_means_no_apt_and_one_sentence(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user="1000")
    status, said, calls = machine.setup()
    assert status == 1
    assert calls == []
    assert said.startswith("setup: no Python 3.11 or newer was found; install one, or name it: PYTHON=")
    machine.command("mine", PYTHON)
    status, said, _ = machine.setup(PYTHON=str(machine.bin / "mine"))
    assert status == 0, said
    assert oct((machine.here / "reference").stat().st_mode)[-2:] != "00"


def test_no_network_is_said_and_leaves_nothing_that_looks_ready(jammy: Machine) -> None:
    jammy.has("no-network")
    status, said, _ = jammy.setup()
    assert status == 1
    assert "apt-get could not install python3.11 python3.11-venv" in said
    assert "no Python 3.11 or newer was found" in said
    assert not (jammy.here / ".venv").exists()


def test_without_libseccomp_and_without_network_it_goes_on(jammy: Machine) -> None:
    jammy.command("python3.11", PYTHON)
    (jammy.state / "seccomp").unlink()
    jammy.has("no-network")
    status, said, _ = jammy.setup()
    assert status == 0
    assert "could not install libseccomp2; going on without" in said


def test_a_cpu_build_comes_before_one_for_gpus_when_the_index_is_out_of_reach(jammy: Machine) -> None:
    status, said, calls = jammy.setup(REFUSED="--index-url")
    assert status == 0
    assert pips(calls)[1] == "install --quiet torch==2.13.0+cpu"
    assert "GPU" not in said
    (jammy.state / "torch").unlink()
    (jammy.here / ".venv" / ".grader-setup").unlink()
    status, said, calls = jammy.setup(REFUSED="--index-url +cpu")
    assert status == 0
    assert pips(calls)[2] == "install --quiet torch==2.13.0"
    assert "give the container 1.5 GB" in said


def test_a_failed_install_is_tried_again_the_next_time(jammy: Machine) -> None:
    status, said, _ = jammy.setup(REFUSED="torch")
    assert status != 0
    assert "No matching distribution" in said
    status, said, calls = jammy.setup()
    assert status == 0
    assert len(pips(calls)) == 2


def test_an_index_that_is_named_is_the_only_one_asked(jammy: Machine) -> None:
    index = "https://wheels.example/cpu"
    _, _, calls = jammy.setup(TORCH_INDEX_URL=index, TORCH_VERSION="2.12.1")
    assert pips(calls)[0] == f"install --quiet --index-url {index} torch==2.12.1"


def test_other_needs_go_into_the_environment_that_is_there_and_another_python_makes_a_new_one(jammy: Machine) -> None:
    jammy.setup()
    (jammy.here / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    status, _, calls = jammy.setup()
    assert status == 0
    assert not [c for c in calls if "-m venv" in c]
    assert pips(calls) == [f"install --quiet -e {jammy.here}"]
    status, _, calls = jammy.setup(VERSION="3.11.9")
    assert status == 0
    assert [c for c in calls if "-m venv" in c]


def test_what_the_tests_need_is_added_and_stays(jammy: Machine) -> None:
    jammy.setup()
    _, _, calls = jammy.setup("dev")
    assert pips(calls) == [f"install --quiet -e {jammy.here}[dev]"]
    assert jammy.setup()[1] == ""
    assert jammy.setup("dev")[1] == ""


def test_two_runs_at_once_make_one_environment(jammy: Machine) -> None:
    jammy.setup()
    (jammy.here / ".venv" / ".grader-setup").unlink()
    names = {"PATH": jammy.bin, "LOG": jammy.folder / "log", "STATE": jammy.state, "BIN": jammy.bin}
    environment = {name: str(value) for name, value in names.items()}
    (jammy.folder / "log").write_text("")
    command = [str(jammy.here / "setup.sh")]
    runs = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [run.wait(60) for run in runs] == [0, 0]
    assert len([c for c in (jammy.folder / "log").read_text().splitlines() if "-m venv" in c]) == 1
