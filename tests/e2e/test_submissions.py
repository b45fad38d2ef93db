"""What must be seen of whole submissions: full marks, named mistakes, and never a crash."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, grader

SUBMISSIONS = ROOT / "submissions"
CODING = ("4", "5")


def copy(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(SUBMISSIONS / name, tmp_path / name))


@pytest.mark.parametrize(("name", "track"), [("perfect", "ddpm"), ("perfect_score", "score")])
def test_a_perfect_submission_gets_every_point_that_the_machine_decides(check, name: str, track: str) -> None:
    run = check(SUBMISSIONS / name)
    assert run.status == 0, run.err
    questions = run.report["questions"]
    short = {q["number"]: (q["outcome"], q["message"]) for q in questions if q["points"] < q["max_points"]}
    assert run.report["track"] == track
    assert run.report["score"] == run.report["decided_max_score"], short
    assert set(short) == {"1.3", "2.2", "3.2.reason", "3.4.reason"}, short
    assert run.report["max_score"] == 40


def test_the_template_gets_nothing_and_a_sentence_each(check) -> None:
    run = check(SUBMISSIONS / "template")
    assert run.status == 0
    assert run.report["score"] == 0
    assert run.report["awaiting_review"] == 0
    for question in run.report["questions"]:
        assert question["outcome"] == "failed", question
        assert "not implemented" in question["message"].lower() or "no answer" in question["message"].lower(), question


def test_the_template_gets_nothing_on_the_score_track_either(check) -> None:
    run = check(SUBMISSIONS / "template", "--track", "score", "--only", "5")
    assert {q["outcome"] for q in run.report["questions"]} == {"failed"}
    assert all("not implemented" in q["message"].lower() for q in run.report["questions"])


BROKEN = {
    "syntax": ("def broken(:\n    pass\n", "syntax"),
    "infinite_loop": ("while True:\n    pass\n", "timeout"),
    "exit": ("import os\nos._exit(0)\n", "exited"),
}


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_file_costs_its_own_questions_and_no_others(check, tmp_path: Path, kind: str) -> None:
    folder = copy("perfect", tmp_path)
    text, mistake = BROKEN[kind]
    (folder / "hw5_gan.py").write_text(text, "utf-8")
    run = check(folder, "--quick")
    assert run.status == 0, run.err
    gan = [q for q in run.report["questions"] if q["number"].startswith("4") and q["outcome"] != "skipped"]
    assert {q["outcome"] for q in gan} == {"failed"}
    assert {q["mistake"] for q in gan} == {mistake}
    assert all("hw5_gan.py" in q["message"] for q in gan)
    ddpm = run.outcomes("5")
    assert set(ddpm.values()) <= {"passed", "skipped"}
    assert run.question("2.4.result")["outcome"] == "passed"


def test_a_missing_file_is_named(check, tmp_path: Path) -> None:
    folder = copy("perfect", tmp_path)
    (folder / "hw5_gan.py").unlink()
    run = check(folder, "--quick", "--only", "4")
    assert all("hw5_gan.py is not in the submission" in q["message"] for q in run.report["questions"][:5])


def test_an_empty_folder_is_reported_and_not_a_crash(check, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run = check(tmp_path / "empty")
    assert run.status in (0, 1)
    assert "Traceback" not in run.err + run.out
    assert run.status == 1 or run.report["score"] == 0


def test_a_zip_is_graded_like_its_folder(check, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "handed_in.zip", "w") as archive:
        for file in sorted((SUBMISSIONS / "perfect").iterdir()):
            archive.write(file, f"hw5/{file.name}")
    run = check(tmp_path / "handed_in.zip", "--quick", "--only", "1,2,4.1")
    assert run.question("4.1")["outcome"] == "passed"
    assert run.question("2.4.result")["outcome"] == "passed"


def test_notebooks_are_read(check, tmp_path: Path) -> None:
    import nbformat

    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("hw5_gan", "hw5_ddpm"):
        source = (SUBMISSIONS / "perfect" / f"{name}.py").read_text("utf-8")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%matplotlib inline\n" + source)])
        nbformat.write(notebook, folder / f"{name}.ipynb")
    run = check(folder, "--quick", "--only", "4.1,5.2")
    assert {q["outcome"] for q in run.report["questions"]} == {"passed"}, run.report["questions"]


def test_two_runs_give_the_same_report_but_for_times(check) -> None:
    def timeless(value):
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if not k.endswith("seconds") and k != "cpu_s"}
        return [timeless(v) for v in value] if isinstance(value, list) else value

    first, second = (check(SUBMISSIONS / "perfect").report for _ in range(2))
    assert json.dumps(timeless(first), sort_keys=True) == json.dumps(timeless(second), sort_keys=True)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["check", "no/such/folder"], 1, "no/such/folder"),
        (["check", "submissions/perfect", "--track", "both"], 2, "auto, ddpm or score"),
        (["check", "submissions/perfect", "--only", "9.9"], 2, "no such question"),
        (["check", "submissions/perfect", "--rubric", "no/rubric.toml"], 1, "no rubric here"),
        (["check"], 2, "Usage"),
        (["answers", "no/such/file.jsonl"], 1, "cannot be read"),
        (["read", "no/such/file.tex"], 1, "no/such/file.tex"),
    ],
)
def test_bad_input_gets_a_clear_sentence(arguments: list[str], status: int, words: str) -> None:
    done = grader(*arguments)
    assert done.returncode == status, done.stderr
    assert words in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("answer", ["привет мир", "x" * 10_000_000, "\\frac{" * 3000, "9" * 100_000, "\x00\x1b[31m"])
def test_an_absurd_answer_is_not_read_and_costs_nothing_else(check, tmp_path: Path, answer: str) -> None:
    folder = tmp_path / "absurd"
    folder.mkdir()
    quoted = json.dumps(answer)
    (folder / "answers.toml").write_text(f'["1.1"]\nresult = {quoted}\n["3.1"]\nverdict = true\n', "utf-8")
    run = check(folder, "--only", "1.1,3.1")
    assert run.status == 0, run.err
    assert run.question("1.1.result")["outcome"] in ("needs_review", "failed")
    assert run.question("1.1.result")["message"]
    assert len(run.question("1.1.result")["message"]) < 1000
    if len(answer) < 200_000:
        assert run.question("3.1")["outcome"] == "passed"


SEED_MISTAKES = {
    "1.2.result": "lost_log_4",
    "1.2.steps": "kl_second_argument",
    "2.1": "sign+beta_not_squared",
    "2.3.steps": "joint_for_marginal",
    "2.4.steps": "exponent_sign",
    "2.5.result": "mask_on_x_known_only",
    "2.5.steps": "mask_only_on_known",
}
SEED_RIGHT = {"1.1.result", "2.3.result", "2.3.beta_bar", "2.4.result", "3.1", "3.2.verdict", "3.3", "3.4.verdict"}


def test_the_founding_document_gets_its_grade_with_each_wrong_result_named(check) -> None:
    run = check(SUBMISSIONS / "seed")
    theory = [q for q in run.report["questions"] if q["number"][0] in "123"]
    assert {q["number"]: q["mistake"] for q in theory if q["mistake"]} == SEED_MISTAKES
    assert {q["number"] for q in theory if q["outcome"] == "passed"} == SEED_RIGHT
    coding = [q for q in run.report["questions"] if q["number"][0] in "45"]
    assert {q["mistake"] for q in coding} == {"missing_file"}
