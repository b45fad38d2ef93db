"""The judging process behind a time limit: reads requests as JSON lines on stdin, writes judgements on stdout.

Run as `python -m grader.theory.worker` by `grader.theory.guard`; it never sees student code, only formulas.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from typing import Any

from grader.theory.judge import judge_answer
from grader.theory.verdict import AnswerPolicy


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """A judgement as plain data, with the milliseconds it took."""
    start = time.perf_counter()
    policy = AnswerPolicy(**request.get("policy", {}))
    judgement = judge_answer(request["question"], request["lang"], request["text"], policy)
    return {**dataclasses.asdict(judgement), "ms": round((time.perf_counter() - start) * 1000, 3)}


def main() -> None:
    """Serves until stdin closes."""
    out = sys.stdout
    out.write("ready\n")
    out.flush()
    for line in sys.stdin:
        try:
            reply: dict[str, Any] = answer(json.loads(line))
        except Exception as error:  # a fault of ours must reach the parent as such, not kill the stream
            reply = {"fault": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(reply) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
