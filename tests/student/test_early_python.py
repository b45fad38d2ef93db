"""A release candidate of Python 3.11, as Ubuntu 22.04 ships it, is played by taking away what it lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAY = """
import sys
del sys.get_int_max_str_digits, sys.set_int_max_str_digits
from grader.student import warm
warm.up()
assert sys.get_int_max_str_digits() == 0
"""


def test_torchs_optimizers_work_on_a_release_candidate() -> None:
    done = subprocess.run([sys.executable, "-c", PLAY], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
