"""Feeds the judge with random and mutated text for a bounded time: `python tests/theory/fuzz_reader.py --seconds 120`.

Not collected by pytest. Prints every input that raised or took longer than the limit; exits 1 when there was one.
Findings become cases in test_bounds.py.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from grader.theory import judge_answer  # noqa: E402
from grader.theory.bounds import TIME_LIMIT_S  # noqa: E402
from grader.theory.questions import FAMILY  # noqa: E402

DATA = Path(__file__).parent / "data"


def _words(text: str) -> list[str]:
    return text.split()


PIECES = _words(
    r"\frac { } ( ) [ ] | || \| \left \right \sqrt \bar \hat _ ^ , ; = + - * / ' & "
    r"\\ \text{ \mathbf{ \sum \prod \int "
    r"\mathbb{E} \mathcal{N} \nabla \partial \begin{cases} \end{cases} "
    r"\underset \underbrace \over \cdots \log \exp KL E N H D "
    r"beta beta_bar x_t x_0 x_known M p_r p_g s_theta sigma_t alpha_t "
    r"where with = ~ < > \in \sim 1 2 0.5 1e5 ½ ² ₜ β̄ √ ∏ ∑ ∫ ⊙ "
    r"for in range ( i , 1 , t ) dx d t T i q(x_t|x_0) \propto \Rightarrow . : ! @ # $ % \x \0"
)


def inputs(seed: int) -> object:
    """An endless mixture: noise, pieces, mutated and spliced real answers."""
    chance = random.Random(seed)
    names = ("course_answers.jsonl", "more_answers.jsonl")
    cases = [json.loads(line) for name in names for line in (DATA / name).open(encoding="utf-8")]
    questions = sorted(FAMILY)
    while True:
        kind = chance.random()
        case = chance.choice(cases)
        question, lang, text = case["question"], case["lang"], case["student"]
        if kind < 0.15:
            text = "".join(chr(chance.choice((chance.randrange(32, 127), chance.randrange(0x2500)))) for _ in range(40))
        elif kind < 0.45:
            text = chance.choice(("", " ")).join(chance.choice(PIECES) for _ in range(chance.randrange(1, 25)))
        else:
            letters = list(text)
            for _ in range(chance.randrange(1, 6)):
                place = chance.randrange(len(letters) + 1)
                if chance.random() < 0.5:
                    letters[place : place + chance.randrange(4)] = chance.choice(PIECES)
                else:
                    other = chance.choice(cases)["student"]
                    start = chance.randrange(len(other) + 1)
                    letters[place:place] = other[start : start + chance.randrange(20)]
            text = "".join(letters)
        yield (
            (chance.choice(questions) if kind < 0.5 else question),
            chance.choice(("latex", "text", "auto", lang)),
            text,
        )


def main() -> int:
    """Runs for the given time and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    count, slowest, failures = 0, 0.0, 0
    verdicts: dict[str, int] = {}
    for question, lang, text in inputs(arguments.seed):  # type: ignore[attr-defined]
        start = time.process_time()
        try:
            judgement = judge_answer(question, lang, text)
            judgement.message.encode("utf-8")
            verdicts[judgement.verdict] = verdicts.get(judgement.verdict, 0) + 1
        except Exception as error:
            failures += 1
            print(f"{type(error).__name__}: {error}: {question} {lang} {text!r}")
        spent = time.process_time() - start
        if spent > TIME_LIMIT_S:
            failures += 1
            print(f"took {spent:.1f} s: {question} {lang} {text!r}")
        slowest, count = max(slowest, spent), count + 1
        if time.monotonic() > end or failures > 20:
            break
    print(f"{count} inputs, slowest {slowest * 1e3:.0f} ms, {verdicts}, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
