"""A warm grading process: reads jobs on standard input, grades them in one student process, answers on standard output.

Trusted code; what is untrusted runs below it, in the student process. It ends when its input ends, so that nothing
outlives a killed run.
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.cohort import messages
from grader.cohort.messages import Begun, Failed, Finished, Job, Setup, Warm
from grader.cohort.pack import PackedEvidence, PackedVerdict, pack, pack_verdict, unpack
from grader.cohort.records import Measured, Run
from grader.model import Evidence, Failure, GraderError, Question, SubmissionError, Verdict

if TYPE_CHECKING:
    from grader.model import Report
    from grader.rubric import Rubric
    from grader.run import Progress
    from grader.scoring.tolerances import Tolerance
    from grader.student import StudentSession
    from grader.student.lobby import Lobby
    from grader.submission import Submission


class Bench:
    """Rubric, tolerances and the running student process that every job of this process shares."""

    def __init__(self, setup: Setup, lobby: Lobby | None) -> None:
        from grader.checks.catalogue import CHECK_NAMES, find_check
        from grader.lab import new_session
        from grader.rubric import read_rubric
        from grader.run import Options
        from grader.scoring.tolerances import read_tolerances

        self._open = ExitStack()
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="grader-cohort-")))
        (folder / "rubric.toml").write_bytes(setup.rubric)
        (folder / "tolerances.toml").write_bytes(setup.tolerances)
        self.folder = folder
        self.device = setup.device
        self.rubric: Rubric = read_rubric(folder / "rubric.toml", checks=CHECK_NAMES)
        self.tolerances: dict[str, Tolerance] = dict(read_tolerances(folder / "tolerances.toml"))
        self.session: StudentSession = self._open.enter_context(
            new_session(self.rubric, Options(device=setup.device), lobby)
        )
        for name in sorted({q.check for q in self.rubric.questions}):
            find_check(name)

    def close(self) -> None:
        """Ends the student process and removes the private folder."""
        self._open.close()

    def grade(self, job: Job, begun: Callable[[Begun], None]) -> Finished | Failed:
        """Grades one submission; a fault of its own is an answer, not an exception."""
        from grader.tracks import open_homework

        try:
            submission = job.submission or open_homework(Path(job.path))
        except SubmissionError as error:
            return Failed(job.key, "", str(error), ours=False)
        report = self._report(job, submission, begun)
        return Finished(self._measured(job, report), _resident_bytes())

    def _report(self, job: Job, submission: Submission, begun: Callable[[Begun], None]) -> Report:
        from grader.run import Options, grade, select

        wanted = [q.number for q in select(self.rubric.questions, job.only) if q.number not in job.given_up]
        options = Options(
            track=job.track,  # type: ignore[arg-type]
            only=tuple(dict.fromkeys(wanted)),
            quick=job.quick,
            pictures=job.pictures,
            device=self.device,
            deadline_s=job.deadline_s,
        )

        def tell(progress: Progress) -> None:
            begun(Begun(progress.current.partition(" ")[0], progress.done, progress.total))

        return grade(submission, self.rubric, self.tolerances, options, tell, session=self.session)

    def _measured(self, job: Job, report: Report) -> Measured:
        evidence: dict[str, PackedEvidence] = {}
        verdicts: dict[str, PackedVerdict] = {}
        for result in report.results:
            number = result.question.number
            verdict = result.verdict
            if verdict.outcome != "skipped":
                packed, verdict = self._from_store(result.question, result.evidence)
                evidence[number] = packed
            verdicts[number] = pack_verdict(verdict)
        for question in self.rubric.for_track(report.track):
            if question.number in job.given_up:
                sentence = "the grading process ended, or had to be ended, while it measured this question"
                lost = Evidence(question.check, failures={"all": Failure("grader", sentence)})
                evidence[question.number], verdict = self._from_store(question, lost)
                verdicts[question.number] = pack_verdict(verdict)
        return Measured(
            key=job.key,
            run=Run.of(report),
            evidence=evidence,
            verdicts=verdicts,
            partial=bool(job.only),
        )

    def _from_store(self, question: Question, evidence: Evidence) -> tuple[PackedEvidence, Verdict]:
        """The evidence as it will be stored, judged as it will be read: regrading finds the same."""
        from grader.checks.catalogue import find_check
        from grader.judge import JudgeSettings, judge

        try:
            packed = pack(evidence)
        except GraderError as error:
            ours = {**evidence.failures, "all": Failure("grader", str(error))}
            packed = pack(replace(evidence, facts={}, arrays={}, failures=ours))
        settings = JudgeSettings(question, self.rubric.policy, self.tolerances)
        return packed, judge(find_check(question.check), unpack(packed), settings)


def _resident_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def serve(lobby: Lobby | None) -> None:
    """Reads Setup and jobs until standard input ends. ``lobby`` leads to a zygote shared with others."""
    answers = os.dup(1)
    os.dup2(2, 1)  # nothing that is printed may get between the frames
    inbox: queue.SimpleQueue[messages.Message] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inbox,), daemon=True).start()

    def send(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(answers, view) :]

    begun = time.monotonic()
    setup = inbox.get()
    if not isinstance(setup, Setup):
        raise SystemExit("a grading process is told its rubric first")
    bench = Bench(setup, lobby)
    messages.write(send, Warm(time.monotonic() - begun))
    while True:
        job = inbox.get()
        if isinstance(job, Job):
            try:
                answer: Finished | Failed = bench.grade(job, lambda b: messages.write(send, b))
            except Exception:
                answer = Failed(job.key, "", traceback.format_exc()[-4000:], ours=True)
            messages.write(send, answer)


def _listen(inbox: queue.SimpleQueue[messages.Message]) -> None:
    """Takes frames until the input ends; then this process is gone at once, whatever it was doing."""
    try:
        while (message := messages.read(_from_input)) is not None:
            inbox.put(message)
    except (msgspec.MsgspecError, ValueError, OSError):
        pass
    os._exit(0)


def _from_input(count: int) -> bytes:
    """`count` bytes of standard input, fewer at its end; unbuffered, so that no lock is held when this process ends."""
    found = bytearray()
    while len(found) < count:
        part = os.read(0, min(count - len(found), 1 << 20))
        if not part:
            break
        found += part
    return bytes(found)


if __name__ == "__main__":
    from grader.student.layers import Layers
    from grader.student.lobby import Lobby

    inherited = [socket.socket(fileno=int(fd)) for fd in sys.argv[1:2]]
    serve(Lobby(inherited[0], Layers.from_environment()) if inherited else None)
