"""The corpus is what it says: right cases are right, wrong ones are wrong where they say, and every edit applies."""

from __future__ import annotations

import ast
import contextlib
import io
import warnings
import zlib
from collections import Counter
from pathlib import Path

import pytest
import torch

from grader.checks.catalogue import CHECK_NAMES
from grader.corpus import Case, load_corpus
from grader.model import GraderError
from tests.corpus import oracle

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
CASES = load_corpus(SUBMISSIONS)
RIGHT = [c for c in CASES if c.kind == "right"]
WRONG = [c for c in CASES if c.kind == "wrong"]
SOME = [c for c in CASES if zlib.crc32(c.id.encode()) % 12 == 0]
"""A fixed sample; the whole corpus is tested with --all."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def differences(case: Case, seed: int) -> dict[str, str]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return oracle.differences(case.file, case.files[case.file], seed)


def test_there_are_right_and_wrong_cases_for_every_coding_check() -> None:
    assert len(RIGHT) >= 40
    assert len(WRONG) >= 120
    per_check = Counter(c.question for c in WRONG)
    coding = {name for name in CHECK_NAMES if not name.startswith("theory.")}
    assert set(per_check) == coding
    assert min(per_check.values()) >= 2
    assert {c.file for c in RIGHT} == set(oracle.PROBES)


def test_every_case_names_checks_that_exist_and_explains_itself() -> None:
    for case in CASES:
        assert case.why, case.id
        assert set(case.also_breaks) <= CHECK_NAMES, case.id
        assert case.question not in case.also_breaks, case.id


def test_every_file_of_every_case_is_valid_python_or_toml() -> None:
    for case in CASES:
        for name, text in case.files.items():
            if name.endswith(".py"):
                ast.parse(text)
        assert case.file in case.files


def test_no_two_cases_are_the_same_submission() -> None:
    texts = Counter(ast.dump(ast.parse(c.files[c.file])) for c in CASES)
    assert [n for n in texts.values() if n > 1] == []


def test_the_list_of_mistakes_is_complete() -> None:
    listed = (SUBMISSIONS / "mistakes" / "README.md").read_text("utf-8")
    for case in WRONG:
        assert not case.mistake or f"`{case.mistake}`" in listed, case.mistake


def check_case(case: Case, seeds: range) -> None:
    for seed in seeds:
        found = differences(case, seed)
        if case.kind == "right":
            assert found == {}, case.id
        else:
            assert case.question in found, f"{case.id} is not wrong"
            assert set(found) <= {case.question, *case.also_breaks}, f"{case.id}: {found}"


@pytest.mark.parametrize("case", SOME, ids=[c.id for c in SOME])
def test_a_sample_of_the_corpus_is_right_or_wrong_as_it_says(case: Case) -> None:
    check_case(case, range(1))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[c.id for c in CASES])
def test_the_whole_corpus_is_right_or_wrong_as_it_says(case: Case) -> None:
    check_case(case, range(2))


@pytest.mark.parametrize("folder", ["perfect", "perfect_score"])
def test_the_perfect_submissions_are_right(folder: str) -> None:
    for path in sorted((SUBMISSIONS / folder).glob("hw5_*.py")):
        assert oracle.differences(path.name, path.read_text("utf-8"), 5) == {}


def test_the_template_holds_no_answer() -> None:
    for path in sorted((SUBMISSIONS / "template").glob("hw5_*.py")):
        if path.name != "hw5_utils.py":
            found = oracle.differences(path.name, path.read_text("utf-8"), 0)
            assert set(found) == set(oracle.PROBES[path.name])
            assert all("NotImplementedError" in why for why in found.values()), found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'base = "perfect"\nquestion = "gan.dnet"\nfile = "hw5_gan.py"\n[[replace]]\nold = "@@"\nnew = ""',
            "'@@' stands 0",
        ),
        ('base = "nobody"\nquestion = "gan.dnet"', "neither a folder"),
        ('base = "perfect"\nquestion = "gan.dnet"', "as it is"),
        ('base = "perfect"', "names its question"),
        ('base = "perfect"\nquestion = "gan.dnet"\ncolour = 1', "unknown field 'colour'"),
        ("base = ", "not valid TOML"),
    ],
)
def test_a_case_that_cannot_be_made_is_refused_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "perfect").mkdir()
    (tmp_path / "perfect" / "hw5_gan.py").write_text("x = 1\n")
    (tmp_path / "mistakes").mkdir()
    (tmp_path / "mistakes" / "odd.toml").write_text(text)
    with pytest.raises(GraderError, match=r"odd\.toml") as caught:
        load_corpus(tmp_path)
    assert said in str(caught.value)


def test_a_definition_is_replaced_added_or_put_into_its_class(tmp_path: Path) -> None:
    (tmp_path / "perfect").mkdir()
    (tmp_path / "perfect" / "a.py").write_text(
        "import os\n\n\nclass A:\n    def f(self):\n        return 1\n\n\ndef g():\n    pass\n"
    )
    (tmp_path / "variants").mkdir()
    (tmp_path / "variants" / "v.toml").write_text(
        'base = "perfect"\nfile = "a.py"\nwhy = "x"\n'
        "[[define]]\nname = \"A.f\"\nsource = '''def f(self):\n    return 2'''\n"
        "[[define]]\nname = \"A.h\"\nsource = '''def h(self):\n    return 3'''\n"
        "[[define]]\nname = \"g\"\nsource = '''def g():\n    return 4'''\n"
        "[[define]]\nname = \"k\"\nsource = '''def k():\n    return 5'''\n"
    )
    (case,) = load_corpus(tmp_path)
    names: dict[str, object] = {}
    exec(case.files["a.py"], names)
    a = names["A"]()  # type: ignore[operator]
    assert (a.f(), a.h(), names["g"](), names["k"]()) == (2, 3, 4, 5)  # type: ignore[operator]
