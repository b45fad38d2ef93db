"""A stream of answers keeps its order, survives malformed lines and stops what takes too long."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grader.theory.guard import JudgeWorker
from grader.theory.stream import answer_lines

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("processes", [0, 2])
def test_answers_come_in_order_and_malformed_lines_stop_nothing(processes: int) -> None:
    good = (DATA / "course_answers.jsonl").read_text(encoding="utf-8").splitlines()[:20]
    lines = ["not json", *good, '{"id": "q", "question": "7.7", "lang": "text", "student": "1"}', "", '{"id": 3}', "[]"]
    rows = list(answer_lines(lines, processes=processes))
    assert [row["verdict"] for row in rows[1:21]] == [json.loads(line)["expected"] for line in good]
    assert [row["id"] for row in rows[1:21]] == [json.loads(line)["id"] for line in good]
    assert [row["verdict"] for row in rows[:1] + rows[21:]] == ["unreadable"] * 4
    assert all(set(row) == {"id", "verdict", "mistake", "message", "ms"} for row in rows)
    assert "JSON" in rows[0]["message"]


def test_the_first_answer_does_not_wait_for_the_last_line() -> None:
    seen = []

    def lines() -> object:
        for k in range(50):
            seen.append(k)
            yield json.dumps({"id": k, "question": "1.1", "lang": "text", "student": "p_r/(p_r+p_g)"})

    stream = answer_lines(lines(), processes=2)  # type: ignore[arg-type]
    assert next(stream)["id"] == 0
    assert len(seen) <= 4
    stream.close()  # type: ignore[attr-defined]


def test_a_worker_that_takes_too_long_is_killed_and_the_next_answer_still_comes() -> None:
    with JudgeWorker() as worker:
        assert worker.judge("1.1", "text", "p_r/(p_r+p_g)", limit_s=30).verdict == "correct"
        stopped = worker.judge("1.1", "text", "p_r/(p_r+p_g)", limit_s=0.0)
        assert (stopped.verdict, stopped.mistake) == ("undecided", "time_limit")
        assert worker.judge("1.1", "text", "p_g/(p_r+p_g)", limit_s=30).verdict == "incorrect"


def test_judging_imports_neither_torch_nor_sympy() -> None:
    code = (
        "import sys; from grader.theory import judge_answer; judge_answer('1.1', 'latex', r'\\frac{p_g}{p_r+p_g}');"
        "print([m for m in ('torch', 'sympy', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
