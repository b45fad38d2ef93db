"""No attack of the corpus gains a point over the same wrong submission without it; the other module keeps its own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import pytest

from grader.lab import HELPER_DATA
from grader.model import Report
from grader.rubric import read_rubric
from grader.run import Options, grade
from grader.scoring.tolerances import read_tolerances
from grader.student import Limits, StudentSession
from grader.student.layers import LAYERS, Layers
from grader.submission import from_texts
from tests.student import attacks
from tests.student.test_attacks import HARMLESS

LIMITS = Limits(import_s=2.0, call_s=6.0, memory_bytes=1 << 30)
PREFIX = {"hw5_gan.py": "gan.", "hw5_ddpm.py": "ddpm.", "hw5_diffusion.py": "score."}
QUICK_ONES = ["01_write_results_json", "08_replies_by_hand", "17_pickle_payload", "58_driver_poison"]
CORPUS = attacks.load()
RUBRIC = read_rubric()
TOLERANCES = read_tolerances()


@pytest.fixture(scope="module")
def session() -> Iterator[StudentSession]:
    data = {path.name: path.read_bytes() for path in HELPER_DATA.glob("*.npz")}
    with StudentSession({}, limits=LIMITS, data_files=data) as session:
        if not session.isolation.contained:
            pytest.skip(session.isolation.sentence)
        yield session


@pytest.fixture(scope="module")
def canary() -> Iterator[attacks.Canary]:
    with attacks.Canary() as canary:
        yield canary


def graded(files: dict[str, str], file: str, session: StudentSession, trainings: bool = False) -> Report:
    track = "score" if file == "hw5_diffusion.py" else "ddpm"
    only = tuple(
        question.number
        for question in RUBRIC.for_track(track)
        if question.check.startswith(tuple(PREFIX.values())) and (trainings or not question.check.endswith(".training"))
    )
    options = Options(track=track, only=only, deadline_s=500.0)
    return grade(from_texts(files, origin="attack"), RUBRIC, TOLERANCES, options, session=session)


@cache
def points_without(file: str, session: StudentSession) -> dict[str, Fraction]:
    return points(graded(attacks.base(file), file, session))


def points(report: Report) -> dict[str, Fraction]:
    return {result.question.check: result.verdict.points for result in report.results}


def hold(attack: attacks.Attack, session: StudentSession) -> Report:
    """Grade an attack and compare with its base, question by question. Returns the report."""
    report = graded(attack.files, attack.file, session)
    without = points_without(attack.file, session)
    own = PREFIX[attack.file]
    for result in report.results:
        check, verdict = result.question.check, result.verdict
        assert verdict.outcome != "grader_error", (check, verdict.message)
        if check.startswith(own):
            assert verdict.points <= without[check], (check, verdict.message)
        else:
            assert verdict.points == result.question.points, (check, verdict.message)
    for result in report.results:
        if result.question.check.startswith(own) and result.verdict.points < without[result.question.check]:
            assert result.verdict.message, result.question.check
    return report


def test_the_bases_get_little_and_the_honest_module_everything(session: StudentSession) -> None:
    for file, prefix in PREFIX.items():
        for result in graded(attacks.base(file), file, session).results:
            if not result.question.check.startswith(prefix):
                assert result.verdict.points == result.question.points
        gained = sum((p for check, p in points_without(file, session).items() if check.startswith(prefix)), Fraction())
        assert gained <= 3


@pytest.mark.parametrize("attack", [a for a in CORPUS if a.id in QUICK_ONES], ids=lambda attack: attack.id)
def test_an_attack_gains_no_point(attack: attacks.Attack, session: StudentSession, canary: attacks.Canary) -> None:
    hold(attack, session)
    assert canary.look() == []


@pytest.mark.slow
@pytest.mark.parametrize("attack", [a for a in CORPUS if a.id not in QUICK_ONES], ids=lambda attack: attack.id)
def test_no_attack_gains_a_point(attack: attacks.Attack, session: StudentSession, canary: attacks.Canary) -> None:
    report = hold(attack, session)
    assert canary.look() == []
    assert canary.token not in repr(report)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [name for name in LAYERS if name not in ("process", "environment")])
def test_grades_hold_with_any_layer_switched_off(layer: str) -> None:
    data = {path.name: path.read_bytes() for path in HELPER_DATA.glob("*.npz")}
    with StudentSession({}, limits=LIMITS, data_files=data, isolation=Layers(frozenset({layer}))) as session:
        honest = attacks.base("hw5_gan.py")
        honest["hw5_gan.py"] = (attacks.SUBMISSIONS / "perfect" / "hw5_gan.py").read_text("utf-8")
        for result in graded(honest, "hw5_gan.py", session).results:
            assert result.verdict.points == result.question.points, (result.question.check, result.verdict.message)
        for attack in CORPUS:
            if attack.id in HARMLESS[::4]:
                hold(attack, session)
