"""Many answers, line by line: what `grader answers FILE.jsonl` writes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from grader.theory.bounds import MAX_LENGTH, TIME_LIMIT_S
from grader.theory.guard import TIMED_OUT, JudgeFault, JudgeWorker
from grader.theory.questions import FAMILY
from grader.theory.worker import answer

LANGUAGES = ("latex", "text", "auto")


def answer_lines(
    lines: Iterable[str], *, processes: int = 2, limit_s: float = TIME_LIMIT_S
) -> Iterator[dict[str, Any]]:
    """Judges lines `{id, question, lang, student}` and yields `{id, verdict, mistake, message, ms}` in their order.

    Streaming: at most `processes` answers are under way. A malformed line is “unreadable” with a sentence; an answer
    that takes longer than `limit_s` seconds, or on which the grader itself fails, is “undecided”. With processes = 0
    everything runs here, without the time limit.
    """
    if processes <= 0:
        for line in lines:
            if line.strip():
                identity, request, complaint = _request(line)
                yield _row(identity, answer(request)) if request is not None else _complaint(identity, complaint)
        return
    with ExitStack() as stack:
        workers = [stack.enter_context(JudgeWorker()) for _ in range(processes)]
        pending: deque[tuple[Any, JudgeWorker | None, str]] = deque()
        turn = 0
        for line in lines:
            if not line.strip():
                continue
            identity, request, complaint = _request(line)
            if request is None:
                pending.append((identity, None, complaint))
            else:
                worker = workers[turn % processes]
                turn += 1
                while any(w is worker for _, w, _ in pending):  # its earlier answer comes first
                    yield _finish(pending.popleft(), limit_s)
                pending.append((identity, worker, _hand_over(worker, request)))
            while pending and pending[0][1] is None:
                yield _finish(pending.popleft(), limit_s)
        while pending:
            yield _finish(pending.popleft(), limit_s)


def _hand_over(worker: JudgeWorker, request: dict[str, Any]) -> str:
    try:
        worker.send(request)
    except (OSError, JudgeFault) as error:
        return f"fault: {error}"
    return ""


def _finish(item: tuple[Any, JudgeWorker | None, str], limit_s: float) -> dict[str, Any]:
    identity, worker, complaint = item
    if worker is None:
        return _complaint(identity, complaint)
    try:
        if complaint:
            raise JudgeFault(complaint)
        reply = worker.receive(limit_s)
    except (OSError, JudgeFault, ValueError) as error:
        worker.stop()
        sentence = f"The grader failed on this answer, which is no fault of yours; a person looks at it ({error})."
        return {"id": identity, "verdict": "undecided", "mistake": "grader_error", "message": sentence, "ms": None}
    if reply is None:
        sentence = TIMED_OUT.format(limit_s)
        return {
            "id": identity,
            "verdict": "undecided",
            "mistake": "time_limit",
            "message": sentence,
            "ms": limit_s * 1000,
        }
    return _row(identity, reply)


def _row(identity: Any, reply: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": identity,
        "verdict": reply["verdict"],
        "mistake": reply["mistake"],
        "message": reply["message"],
        "ms": reply["ms"],
    }


def _complaint(identity: Any, sentence: str) -> dict[str, Any]:
    return {"id": identity, "verdict": "unreadable", "mistake": "malformed_line", "message": sentence, "ms": 0.0}


def _request(line: str) -> tuple[Any, dict[str, Any] | None, str]:
    """(id, request or None, what is wrong with the line)"""
    if len(line) > 8 * MAX_LENGTH:
        return None, None, f"The line has {len(line):,} characters; an answer has at most {MAX_LENGTH:,}."
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None, None, "The line is not JSON; expected is an object with id, question, lang and student."
    if not isinstance(data, dict):
        return None, None, "The line is no JSON object; expected is one with id, question, lang and student."
    identity = data.get("id")
    if not isinstance(identity, (str, int, float, type(None))):
        identity = None
    question, lang, student = data.get("question"), data.get("lang", "auto"), data.get("student")
    if not isinstance(student, str):
        return identity, None, "The field “student” is missing or no text."
    if question not in FAMILY:
        return identity, None, f"The field “question” is {str(question)[:40]!r}; known are {', '.join(FAMILY)}."
    if lang not in LANGUAGES:
        return identity, None, f"The field “lang” is {str(lang)[:40]!r}; known are {', '.join(LANGUAGES)}."
    return identity, {"question": question, "lang": lang, "text": student}, ""
