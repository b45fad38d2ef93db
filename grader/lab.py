"""The bench of a coding check: seeded draws on our side, driver calls in the student process."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grader.checks.registry import Check, OutOfTime, StudentFailure
from grader.model import Failure, GraderError, Question
from grader.rubric import Rubric
from grader.seeding import generator, small_seed
from grader.student import Limits, StudentFault, StudentProcessError, StudentSession, Worker, early_python
from grader.student.layers import IsolationReport
from grader.student.lobby import Lobby
from grader.submission import Submission
from grader.tracks import MODULES

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from grader.run import Options

ENDS_THE_WORKER = frozenset({"timeout", "memory", "crashed", "exited", "bad_reply"})
"""After one of these the next call gets a fresh worker."""
DRIVERS = Path(__file__).resolve().parent / "checks" / "drivers"
HELPER_DATA = Path(__file__).resolve().parent.parent / "reference" / "data"


def sources_of(submission: Submission) -> dict[str, str]:
    """The graded modules that are there, by module name."""
    return {m: text for m in MODULES if (text := submission.text(f"{m}.py")) is not None}


def new_session(rubric: Rubric, options: Options, lobby: Lobby | None = None) -> StudentSession:
    """A student process with the rubric's limits; it holds no submission until a worker is opened.

    ``lobby`` leads to a zygote that is shared with other grading processes.
    """
    limits = Limits(
        import_s=rubric.limits.import_s,
        call_s=rubric.limits.call_s,
        workload_s=rubric.limits.workload_ms / 1000,
        most_scaling=rubric.limits.most_scaling,
        memory_bytes=rubric.limits.memory_mb * 1024 * 1024,
    )
    data = {p.name: p.read_bytes() for p in HELPER_DATA.glob("*.npz")}
    return StudentSession({}, limits=limits, data_files=data, lobby=lobby)


def _one_thread() -> None:
    """The reference runs on one thread here: more gain nothing on small tensors and lose much on a busy machine."""
    import torch

    early_python.complete()
    torch.set_num_threads(1)


class CodingBench:
    """One question's way into the student process; a worker lives as long as the question, or until it dies."""

    def __init__(self, lab: Lab, question: Question, check: Check) -> None:
        assert check.module is not None
        self.question = question
        self.quick = lab.options.quick
        self.pictures = lab.options.pictures
        self.device = lab.device()
        self._lab = lab
        self._module = check.module
        stems = (check.driver or "").split("+")
        self._driver = "\n\n".join((DRIVERS / f"{stem}.py").read_text("utf-8") for stem in stems)
        key, digest = lab.rubric.seed_key, lab.submission.digest_of(f"{check.module}.py")
        self.rng: np.random.Generator = generator(key, digest, check.name)
        self._seed = small_seed(key, digest, check.name)
        self._worker: Worker | None = None
        self._open_worker = ExitStack()
        self.output = ""
        self.notes: list[str] = []
        self.unusable: Failure | None = None
        """Why the student's module cannot be used at all; then every question on it fails for this reason."""

    def call(self, function: str, *args: Any, limit_s: float | None = None, **kwargs: Any) -> Any:
        """Runs a driver function in the student process. Raises StudentFailure, or GraderError when it is our fault.

        A call that the end of the whole run cut short is our fault too (OutOfTime), whatever it was doing.
        """
        try:
            worker = self._worker or self._opened()
        except StudentFault as fault:
            self.unusable = Failure(fault.kind, fault.sentence, fault.where, fault.detail)
            raise StudentFailure(self.unusable) from fault
        except StudentProcessError as error:
            raise GraderError(f"The student process failed: {error}") from error
        wanted_s = limit_s if limit_s is not None else self._lab.rubric.limits.call_s
        given_s = max(0.5, min(wanted_s, self.time_left_s() / self._lab.session().speed))
        try:
            return worker.call(function, *args, limit_s=given_s, **kwargs)
        except StudentFault as fault:
            if fault.kind in ENDS_THE_WORKER:
                self.close()
            if fault.kind == "timeout" and given_s < wanted_s:
                raise OutOfTime(f"The run's time was up after {given_s:.3g} of this call's {wanted_s:g} s.") from fault
            raise StudentFailure(Failure(fault.kind, fault.sentence, fault.where, fault.detail)) from fault
        except StudentProcessError as error:
            raise GraderError(f"The student process failed: {error}") from error

    def time_left_s(self) -> float:
        """Wall seconds before the run must end."""
        return self._lab.deadline_s - time.monotonic()

    def file(self, name: str) -> bytes | None:
        """A checkpoint of the submission, if it is there."""
        return self._lab.submission.data(name)

    def close(self) -> None:
        """Ends the worker; what the student's code printed is kept."""
        if self._worker is not None:
            worker, self._worker = self._worker, None
            self._open_worker.close()
            self.output += worker.output
            self.notes.extend(worker.notes)
            if worker.end is not None:
                self._lab.peak_bytes = max(self._lab.peak_bytes, worker.end.peak_bytes)

    def _opened(self) -> Worker:
        if self._lab.submission.text(f"{self._module}.py") is None:
            self.unusable = self._missing()
            raise StudentFailure(self.unusable)
        opening = self._lab.session().worker(
            self._module, driver=self._driver, seed=self._seed, sources=self._lab.sources
        )
        self._worker = self._open_worker.enter_context(opening)
        return self._worker

    def _missing(self) -> Failure:
        name = f"{self._module}.py"
        refused = [i for i in self._lab.submission.ignored if Path(i.name).name.lower() == name]
        if refused:
            return Failure("missing_file", f"{refused[0].name} could not be used: {refused[0].reason}.")
        found = ", ".join(sorted(self._lab.submission.files)[:8]) or "no file that is graded"
        return Failure(
            "missing_file", f"{name} is not in the submission (found: {found}). Hand in a file of this name."
        )


class Lab:
    """The student process of one run, and what every bench shares."""

    def __init__(
        self,
        submission: Submission,
        rubric: Rubric,
        options: Options,
        deadline_s: float,
        session: StudentSession | None,
    ) -> None:
        self.submission, self.rubric, self.options, self.deadline_s = submission, rubric, options, deadline_s
        self.sources = {**submission.helpers(), **sources_of(submission)}
        self.notes: list[str] = []
        """What was seen of a module as a whole: packages replaced by placeholders, statements cut off at import."""
        self._session = session
        self.peak_bytes = 0
        """Most resident memory of a process of the student's so far."""

    @classmethod
    @contextmanager
    def opened(
        cls,
        submission: Submission,
        rubric: Rubric,
        options: Options,
        deadline_s: float,
        *,
        needed: bool,
        session: StudentSession | None = None,
    ) -> Iterator[Lab]:
        """A lab whose student process starts at once, beside the theory; none where no coding is asked or handed in.

        A caller who grades many submissions gives a running session, which stays open.
        """
        if not needed or not sources_of(submission):
            yield cls(submission, rubric, options, deadline_s, None)
        elif session is not None:
            yield cls(submission, rubric, options, deadline_s, session)
        else:
            with new_session(rubric, options) as own:
                yield cls(submission, rubric, options, deadline_s, own)

    def session(self) -> StudentSession:
        """The running student process."""
        if self._session is None:
            raise GraderError("There is no student process in this run.")
        return self._session

    @contextmanager
    def bench(self, question: Question, check: Check) -> Iterator[CodingBench]:
        """A bench for one question; its worker is gone when the block ends."""
        _one_thread()
        bench = CodingBench(self, question, check)
        try:
            yield bench
        finally:
            bench.close()

    def device(self) -> str:
        """cpu or cuda; `auto` takes a GPU where torch finds one."""
        if self.options.device != "auto":
            return self.options.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def isolation(self) -> tuple[str, ...]:
        """The layers that their own probes found active; none when the student process did not start."""
        report = self._isolation_report()
        return report.active if report is not None else ()

    def warnings(self) -> list[str]:
        """One line when the student's code could not be contained on this machine."""
        report = self._isolation_report()
        return [] if report is None or report.contained else [report.sentence]

    def _isolation_report(self) -> IsolationReport | None:
        if self._session is None:
            return None
        try:
            return self._session.isolation
        except StudentProcessError:
            log.exception("the student process does not start")
            return None
