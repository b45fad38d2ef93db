"""A store as pages: one for each submission, one for the class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grader.cohort.late import LatePolicy
from grader.cohort.settings import ClassSettings
from grader.cohort.standings import standings
from grader.cohort.store import Store
from grader.report.class_page import class_page, summarise
from grader.report.page import not_graded_page, student_page
from grader.report.standing import Standing


def write_pages(store: Store, settings: ClassSettings, policy: LatePolicy | None, folder: Path) -> int:
    """Writes `<submission>.html` for each submission and `class.html`; returns how many student pages."""
    folder.mkdir(parents=True, exist_ok=True)
    title, written = settings.rubric.title, 0

    def each() -> Iterator[Standing]:
        nonlocal written
        for standing in standings(store, settings, policy):
            name = standing.key.replace("/", "_").replace("\0", "")
            if standing.report is None:
                page = not_graded_page(title, standing.key, standing.error if standing.theirs else "")
            else:
                page = student_page(standing.report, standing.lateness)
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
            written += 1
            yield standing

    (folder / "class.html").write_text(class_page(summarise(title, each())), encoding="utf-8")
    return written
