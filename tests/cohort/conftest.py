"""Small classes made of stored evidence, without a student process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from grader.cohort.judgement import judge_submission
from grader.cohort.pack import pack, pack_verdict
from grader.cohort.records import Measured, Run
from grader.cohort.roster import HandIn
from grader.cohort.settings import ClassSettings, keep_settings, read_settings
from grader.cohort.store import Store
from grader.model import Evidence
from grader.report.standing import Student

SATURATION = "D(G(z)) goes to 0, so the gradient of log(1 - D(G(z))) with respect to the logit vanishes."
Texts = Mapping[str, str]


@pytest.fixture(scope="session")
def settings() -> ClassSettings:
    return read_settings()


def theory_evidence(settings: ClassSettings, texts: Texts) -> dict[str, Evidence]:
    """What the theory checks would have seen: free texts as given, everything else right."""
    evidence = {}
    for question in settings.rubric.for_track("ddpm"):
        if question.check == "theory.free_text":
            text = texts.get(question.number, SATURATION)
            evidence[question.number] = Evidence(question.check, {"text": text, "verdict": "needs_review"})
        elif question.check == "theory.true_false":
            evidence[question.number] = Evidence(question.check, {"verdict": question.expected, "words": "True"})
        elif question.check == "theory.result":
            facts = {"verdict": texts.get(question.number, "correct"), "message": "", "answer": "x", "reading": "x"}
            evidence[question.number] = Evidence(question.check, facts)
    return evidence


def measured(
    settings: ClassSettings,
    key: str,
    texts: Texts,
    *,
    digest: str = "d",
    complete: bool = True,
    warnings: tuple[str, ...] = (),
) -> Measured:
    evidence = theory_evidence(settings, texts)
    judged = judge_submission(settings, "ddpm", key, evidence, {}, {})
    return Measured(
        key=key,
        run=Run(
            digest,
            "ddpm",
            isolation=("process",),
            warnings=warnings,
            seconds=1.0,
            peak_bytes=1 << 20,
            complete=complete,
        ),
        evidence={n: pack(e) for n, e in evidence.items()},
        verdicts={n: pack_verdict(v) for n, v in judged.verdicts.items()},
    )


MakeClass = Callable[[Mapping[str, Texts]], Path]


@pytest.fixture
def make_class(tmp_path: Path, settings: ClassSettings) -> MakeClass:
    """Writes a store with one graded submission for each key; the texts are its free-text answers."""

    def make(submissions: Mapping[str, Texts]) -> Path:
        path = tmp_path / "class.sqlite"
        folder = tmp_path / "class"
        hand_ins = []
        for key in submissions:
            (folder / key).mkdir(parents=True)
            (folder / key / "answers.toml").write_text("")
            student = Student(f"Name Of-{key}", f"{key}@example.edu", f"99{key}")
            hand_ins.append(HandIn(key, folder / key, (student,)))
        with Store(path) as store:
            store.enrol(hand_ins)
            keep_settings(store, settings)
            for key, texts in submissions.items():
                store.keep(measured(settings, key, texts), settings.stamp)
        return path

    return make
