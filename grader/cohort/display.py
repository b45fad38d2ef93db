"""The live display of a class run: done, running, the slowest, time left. Plain lines where there is no terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from grader.cohort.executor import Event
from grader.cohort.messages import Failed, Finished

MOST_RUNNING_SHOWN = 16
PLAIN_EVERY_S = 10.0


class Display:
    """Told of events and answers from any thread; use it as a context manager."""

    def __init__(
        self, total: int, before: int, clock: Callable[[], float] = time.monotonic, console: Console | None = None
    ) -> None:
        self._total, self._before, self._clock = total, before, clock
        self._begun: dict[str, float] = {}
        self._at: dict[str, Event] = {}
        self._done = 0
        self._slowest: tuple[float, str] = (0.0, "")
        self._started = self._said = clock()
        self._lock = threading.Lock()
        self._console = console or Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console)
        self._task = self._bar.add_task("graded", total=total)
        self._live = Live(self, console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        """A submission began, or came to a question."""
        with self._lock:
            self._begun.setdefault(event.key, self._clock())
            self._at[event.key] = event

    def answer(self, answer: Finished | Failed) -> None:
        """A submission is finished and stored."""
        key = answer.measured.key if isinstance(answer, Finished) else answer.key
        with self._lock:
            now = self._clock()
            seconds = now - self._begun.pop(key, now)
            self._at.pop(key, None)
            self._slowest = max(self._slowest, (seconds, key))
            self._done += 1
            self._bar.update(self._task, completed=self._done)
            say = not self._console.is_terminal and (now - self._said > PLAIN_EVERY_S or self._done == self._total)
            if say:
                self._said = now
        if say:
            self._console.print(self.summary(), soft_wrap=True)

    def left_s(self) -> float | None:
        """Seconds left at the pace so far; None before the first answer."""
        if not self._done:
            return None
        return (self._clock() - self._started) / self._done * (self._total - self._done)

    def summary(self) -> str:
        """One line: done, running, the slowest, time left."""
        left = self.left_s()
        parts = [f"{self._done} of {self._total} graded", f"{len(self._begun)} running"]
        if self._before:
            parts.insert(1, f"{self._before} before")
        if self._slowest[1]:
            parts.append(f"slowest {self._slowest[1]} {self._slowest[0]:.1f} s")
        if left is not None:
            parts.append(f"about {_span(left)} left")
        return ", ".join(parts)

    def __rich__(self) -> RenderableType:
        with self._lock:
            now = self._clock()
            running = sorted(self._begun.items(), key=lambda item: item[1])[:MOST_RUNNING_SHOWN]
            table = Table(box=None, show_header=False, padding=(0, 2))
            for key, since in running:
                event = self._at.get(key)
                at = f"question {event.number} ({event.done} of {event.total})" if event and event.number else "begins"
                table.add_row(key, at, f"{now - since:.0f} s")
            return Group(self._bar, self.summary(), table)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
