"""What instructors take away: tables in two conventions, the class page, pairs that agree."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from grader.cohort.late import read_late_policy
from grader.cohort.pages import write_pages
from grader.cohort.roster import HandIn
from grader.cohort.settings import ClassSettings
from grader.cohort.similarity import normalised, similar_pairs
from grader.cohort.standings import standings
from grader.cohort.store import Store
from grader.report.standing import Student
from grader.report.table import table
from tests.cohort.conftest import MakeClass

LATE = read_late_policy('due = 2024-04-12T00:00:00Z\nper_day = "0.1"')


@pytest.fixture
def a_store(make_class: MakeClass) -> Path:
    path = make_class({f"s{i:02d}": {"1.1.result": "incorrect"} if i % 2 else {} for i in range(14)})
    with Store(path) as store:
        pair = (Student("Ada Lovelace", "ada@example.edu", "1"), Student('=HYPERLINK("x")', "", ""))
        place = store.row("s00").path
        store.enrol([HandIn("s00", place, pair, datetime(2024, 4, 13, 1, tzinfo=UTC))])
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_gradescopes_columns_hold_every_student_once_and_the_late_score(a_store: Path, settings: ClassSettings) -> None:
    with Store(a_store) as store:
        found = rows(
            table("gradescope", standings(store, settings, LATE), settings.rubric.questions, settings.rubric.title)
        )
        (standing,) = (s for s in standings(store, settings, LATE) if s.key == "s00")
    assert len(found) == 15
    ada, other = found[:2]
    assert (ada["First Name"], ada["Last Name"], ada["SID"]) == ("Ada", "Lovelace", "1")
    assert ada["Email"] == "ada@example.edu"
    assert ada["Max Points"] == "40"
    assert ada["Lateness (H:M:S)"] == "25:00:00"
    assert standing.report is not None
    assert float(ada["Total Score"]) == pytest.approx(float(standing.report.score * Fraction(8, 10)))
    assert other["First Name"].startswith("'="), "a spreadsheet must not run a student's name"
    assert ada["1.1.result: Optimal discriminator (1.5 pts)"] == "1.5"


def test_canvas_gets_its_row_of_points_possible(a_store: Path, settings: ClassSettings) -> None:
    with Store(a_store) as store:
        text = table("canvas", standings(store, settings, None), settings.rubric.questions, "Homework 5 (77)")
    head, possible, ada = text.splitlines()[:3]
    assert head == "Student,ID,SIS User ID,SIS Login ID,Section,Homework 5 (77)"
    assert possible == "    Points Possible,,,,,40"
    assert ada.startswith('"Lovelace, Ada",,1,ada@example.edu,,')
    with Store(a_store) as store:
        late = table("canvas", standings(store, settings, LATE), settings.rubric.questions, "Homework 5 (77)")
    whole, counted = (Fraction(line.rpartition(",")[2]) for line in (ada, late.splitlines()[2]))
    assert counted == whole * Fraction(8, 10) > 0


def test_who_could_not_be_graded_is_told_why_and_the_class_page_still_names_nobody(
    make_class: MakeClass, settings: ClassSettings, tmp_path: Path
) -> None:
    with Store(make_class({"ada": {}, "emmy": {}, "lovelace.zip": {}})) as store:
        store.fail("lovelace.zip", "lovelace.zip is no <zip>.", ours=False)
        store.fail("emmy", "Traceback: a trace of ours", ours=True)
        assert write_pages(store, settings, None, tmp_path / "pages") == 3
    told = (tmp_path / "pages" / "lovelace.zip.html").read_text("utf-8")
    assert "lovelace.zip is no &lt;zip&gt;." in told
    assert "hand in again" in told
    page = (tmp_path / "pages" / "class.html").read_text("utf-8")
    assert "1 graded, 2 not graded" in page
    assert "is no &lt;zip&gt;" in page
    assert "a trace of ours" in page
    waiting = (tmp_path / "pages" / "emmy.html").read_text("utf-8")
    assert "a trace of ours" not in waiting
    assert "not your fault" in waiting
    assert "lovelace" not in page


def test_no_submissions_name_takes_the_place_of_another_page(
    make_class: MakeClass, settings: ClassSettings, tmp_path: Path
) -> None:
    names = ("class", "Class-2", "ada", "ADA")
    with Store(make_class({name: {} for name in names})) as store:
        assert write_pages(store, settings, None, tmp_path / "pages") == len(names)
    written = {page.name.casefold() for page in (tmp_path / "pages").iterdir()}
    assert len(written) == len(names) + 1, "also where upper and lower case are the same"
    assert "distribution of decided points" in (tmp_path / "pages" / "class.html").read_text("utf-8")


def test_a_hidden_question_shows_in_no_number_of_a_late_students_page(settings: ClassSettings) -> None:
    from dataclasses import replace

    from grader.late import Lateness
    from grader.model import Evidence, QuestionResult, Report, Verdict
    from grader.report.page import student_page

    late = Lateness(9e4, Fraction(1, 2), "Handed in 25 h 00 min after then: 50% of the points are taken off.")
    shown, other = settings.rubric.for_track("ddpm")[:2]
    results = [
        QuestionResult(q, Verdict("passed", q.points), Evidence(q.check))
        for q in (shown, replace(other, visibility="hidden"))
    ]
    whole, visible = (Report("t", "ddpm", "o", "d", tuple(kept)) for kept in (results, results[:1]))
    assert student_page(whole, late) == student_page(visible, late)


def test_the_class_page_names_what_more_than_a_third_fail_and_no_student(
    a_store: Path, settings: ClassSettings, tmp_path: Path
) -> None:
    with Store(a_store) as store:
        assert write_pages(store, settings, LATE, tmp_path / "pages") == 14
    page = (tmp_path / "pages" / "class.html").read_text("utf-8")
    suspicious = page.partition("Suspicious checks")[2].partition("<h2>")[0]
    assert re.search(r"1\.1\.result</strong>.*50% fail it \(unnamed 7 times\)", suspicious)
    assert "3.3" not in suspicious
    assert "1.3" not in suspicious, "who awaits a person has not failed"
    assert "unnamed" in page.partition("Most frequent mistakes")[2]
    for secret in ("Lovelace", "Name Of", "example.edu"):
        assert secret not in page
    assert not re.search(r"(src|href)=.?https?:", page)
    mine = (tmp_path / "pages" / "s00.html").read_text("utf-8")
    assert "20% of the points are taken off" in mine
    head = mine.partition("</header>")[0]
    counted, before = re.search(r'class="score">([\d.]+) <small>.*after lateness \(([\d.]+) before\)', head).groups()
    assert Fraction(counted) == Fraction(before) * Fraction(8, 10) > 0
    assert f"<title>{settings.rubric.title}: {counted} of" in mine
    assert f"{counted} of" in mine.partition("<pre")[2]
    assert f"({before} before lateness)" in mine.partition("<pre")[2]
    late = page.partition("<h2>Late</h2>")[2].partition("<h2>")[0]
    row = re.search(r"s-\w+</td><td>Handed in (.*?): 20% of the points.*?>([\d.]+)</td>.*?>([\d.]+)</td>", late)
    assert row is not None
    assert row.groups()[1:] == (before, counted)
    in_time = (tmp_path / "pages" / "s02.html").read_text("utf-8").partition("</header>")[0]
    assert "lateness" not in in_time


def test_what_awaits_a_person_has_not_failed(settings: ClassSettings) -> None:
    from grader.model import Evidence, QuestionResult, Report, Verdict
    from grader.report.class_page import summarise
    from grader.report.standing import Standing

    question = next(q for q in settings.rubric.questions if q.number == "1.3")
    missing = Verdict("failed", Fraction(0), mistake="missing_answer", mistakes=("missing_answer",))
    awaiting = Verdict("needs_review", Fraction(0), question.points)

    def suspicions(failed: int, waiting: int) -> list[str]:
        results = [QuestionResult(question, v, Evidence("c")) for v in [missing] * failed + [awaiting] * waiting]
        summary = summarise("t", [Standing("k", "p", (), Report("t", "ddpm", "o", "d", (r,))) for r in results])
        return summary.questions[question.number, question.check].suspicions

    assert suspicions(4, 8) == []
    assert suspicions(5, 7) == ["42% fail it (missing_answer 5 times)"]


def test_a_check_that_goes_against_the_rest_is_suspicious(settings: ClassSettings) -> None:
    from dataclasses import replace

    from grader.model import Evidence, QuestionResult, Report, Verdict
    from grader.report.class_page import summarise
    from grader.report.standing import Standing

    odd, *rest = settings.rubric.for_track("ddpm")[:6]

    def standing(good: bool) -> Standing:
        results = [
            QuestionResult(
                replace(q, points=Fraction(1)),
                Verdict("passed" if (good != (q is odd)) else "failed", Fraction(good != (q is odd))),
                Evidence(q.check),
            )
            for q in (odd, *rest)
        ]
        return Standing("k", "p", (), Report("t", "ddpm", "o", "d", tuple(results)))

    summary = summarise("t", [standing(i % 4 != 0) for i in range(20)])
    assert "worse elsewhere" in str(summary.questions[odd.number, odd.check].suspicions)
    assert all("worse" not in str(summary.questions[q.number, q.check].suspicions) for q in rest)


CODE = (
    '''
import torch
def _get_loss_d(self, batch_size, batch_data, z):
    """My own words."""
    fake = self.gen(z)  # a comment
    total = 0.0
    for k in range(batch_size):
        total = total + torch.log(self.disc(batch_data[k])) * 3 - torch.log(1 - self.disc(fake[k])) / 7
    return total / batch_size
'''
    * 3
)


def test_names_comments_and_layout_do_not_hide_a_copy(make_class: MakeClass, settings: ClassSettings) -> None:
    copy = (
        CODE.replace("fake", "generated").replace("total", "s").replace("# a comment", "#").replace("My own", "Other")
    )
    other = CODE.replace("torch.log", "torch.exp").replace("for k in range(batch_size)", "while True") + CODE
    assert normalised(CODE) == normalised(copy)
    with Store(make_class({"one": {}, "two": {}, "three": {}})) as store:
        for key, text in (("one", CODE), ("two", copy), ("three", other)):
            (store.row(key).path / "hw5_gan.py").write_text(text)
        (pair,) = similar_pairs(store, 95.0)
    assert {pair.one, pair.other} == {"one", "two"}
    assert pair.percent == 100
    assert pair.baseline < 90


def test_the_reference_itself_is_nobodys_copy(make_class: MakeClass) -> None:
    perfect = Path(__file__).resolve().parents[2] / "submissions" / "perfect" / "hw5_gan.py"
    with Store(make_class({"one": {}, "two": {}})) as store:
        for key in ("one", "two"):
            (store.row(key).path / "hw5_gan.py").write_text(perfect.read_text("utf-8"))
        assert similar_pairs(store, 90.0) == []
