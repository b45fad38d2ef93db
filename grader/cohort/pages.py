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
    title, taken = settings.rubric.title, {"class"}

    def each() -> Iterator[Standing]:
        for standing in standings(store, settings, policy):
            name = _free_name(standing.key, taken)
            if standing.report is None:
                page = not_graded_page(title, standing.key, standing.error if standing.theirs else "")
            else:
                page = student_page(standing.report, standing.lateness)
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
            yield standing

    (folder / "class.html").write_text(class_page(summarise(title, each())), encoding="utf-8")
    return len(taken) - 1


def _free_name(key: str, taken: set[str]) -> str:
    """A file name for a submission's page that no other page has, on file systems without upper and lower case too."""
    plain = key.replace("/", "_").replace("\0", "")
    name, count = plain, 1
    while name.casefold() in taken:
        count += 1
        name = f"{plain}-{count}"
    taken.add(name.casefold())
    return name
