"""A fixed sample of the corpus through the real student process; `grader audit` runs all of it."""

from pathlib import Path

import pytest

from grader.audit import CaseResult, audit, choose, markdown
from grader.corpus import Case, load_corpus
from grader.rubric import read_rubric
from grader.run import default_paths
from grader.scoring.tolerances import read_tolerances

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
SAMPLE = 60


def test_in_a_sample_no_right_solution_loses_a_point_and_no_wrong_one_keeps_it() -> None:
    rubric_path, tolerances_path = default_paths()
    corpus = load_corpus(SUBMISSIONS)
    right = choose([c for c in corpus if c.kind == "right"], (), SAMPLE // 3)
    wrong = choose([c for c in corpus if c.kind == "wrong"], (), SAMPLE - SAMPLE // 3)
    results = audit(read_rubric(rubric_path), read_tolerances(tolerances_path), cases=[*right, *wrong])
    assert len(results) == SAMPLE
    assert not {r.case.id: r.faults for r in results if r.faults}


@pytest.mark.parametrize(
    ("kind", "lost", "faults"),
    [
        ("right", {}, 0),
        ("right", {"gan.gnet": ("slope",)}, 1),
        ("wrong", {"gan.dnet": ("padding",)}, 0),
        ("wrong", {}, 1),
        ("wrong", {"gan.dnet": ("padding",), "gan.gnet": ("slope",)}, 1),
        ("wrong", {"gan.dnet": ("padding",), "gan.training": ("blank",)}, 0),
    ],
)
def test_the_audit_counts_both_kinds_of_error(kind, lost, faults: int) -> None:
    wrong = kind == "wrong"
    case = Case("c", kind, "perfect", "hw5_gan.py", {}, "gan.dnet" * wrong, "padding" * wrong, ("gan.training",))
    result = CaseResult(case, lost, frozenset(), dict.fromkeys(lost, "message"), {"gan.dnet": 0.1})
    assert len(result.faults) == faults
    assert ("- c:" in "\n".join(markdown([result]))) == bool(faults)
