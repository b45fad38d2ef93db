"""The miss rate of a bound counts the wrong solutions that the bound catches, and those that nothing does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from grader.corpus import load_corpus
from grader.misses import Misses, measure_misses, updated
from tests.checks.grading import RUBRIC, TOLERANCES

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
CASES = {case.id: case for case in load_corpus(SUBMISSIONS)}


def test_a_bound_is_tried_by_what_exceeds_it() -> None:
    cases = [CASES[name] for name in ("dnet_tanh", "dnet_stub", "ddpm_conditional_plus", "gan_cuda_only")]
    found = {m.name: m for m in measure_misses(RUBRIC, dict(TOLERANCES), cases)}
    assert found["gan.forward"].tried == ("dnet_tanh",)
    assert found["ddpm.formula"].tried == ("ddpm_conditional_plus",)
    assert not any(m.passed for m in found.values())
    assert found["gan.ring_energy"].share is None


def test_a_looser_bound_lets_them_pass() -> None:
    far = {name: replace(TOLERANCES[name], value=1e9) for name in ("gan.forward", "gan.gradient")}
    found = {m.name: m for m in measure_misses(RUBRIC, {**TOLERANCES, **far}, [CASES["dnet_tanh"]])}
    assert found["gan.forward"].passed == ("dnet_tanh",)
    assert found["gan.forward"].share == 1.0


def test_only_the_miss_lines_of_the_file_change() -> None:
    first = '["a.b"]\nvalue = 1\nwhat = "x"\nruns = 3\nfalse_fail = 0.0\n'
    text = first + '\n["c"]\nvalue = 2\nwhat = "y"\nruns = 1\nfalse_fail = 1e-3\n'
    found = [Misses("a.b", ("p", "q"), ("p",)), Misses("c", (), ())]
    once = updated(text, found)
    assert once == text.replace("false_fail = 0.0\n", "false_fail = 0.0\nmiss = 0.500 # of 2\n")
    assert updated(once, found) == once
