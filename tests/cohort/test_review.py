"""What needs a person is decided once for everyone who wrote the same, and can be taken back."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from grader.cohort.decisions import last_decision
from grader.cohort.regrade import regrade, write
from grader.cohort.review import decide, queue, undo
from grader.cohort.review_app import create_app
from grader.cohort.settings import ClassSettings
from grader.cohort.store import Store
from grader.model import Evidence, Question
from tests.cohort.conftest import MakeClass, measured

ALIKE = (
    "The gradient vanishes, since D is perfect.",
    "the gradient  vanishes since D is perfect",
    "The gradient vanishes; since D is perfect!",
)
OTHER = "Mode collapse."


def points(store: Store, key: str, number: str = "1.3") -> tuple[str, Fraction, Fraction]:
    verdict = store.grades()[store.row(key).id][number].verdict
    return verdict.outcome, verdict.points, verdict.awaiting


@pytest.fixture
def reviewed(make_class: MakeClass) -> Path:
    texts = {f"s{i}": {"1.3": ALIKE[i % 3]} for i in range(12)}
    return make_class({**texts, "other": {"1.3": OTHER}})


def group_of(store: Store, settings: ClassSettings, words: str):
    return next(g for g in queue(store, settings) if words in g.text and g.question.number == "1.3")


def test_equal_answers_need_one_decision_and_it_can_be_taken_back(reviewed: Path, settings: ClassSettings) -> None:
    with Store(reviewed) as store:
        group = group_of(store, settings, "gradient")
        assert len(group.members) == 12
        assert not any(name in str(group) for name in ("Name Of", "example.edu"))
        before = store.fingerprint()
        decide(store, settings, group, Fraction(1, 2), ["saturation"], "Half of it.", "ada")
        assert {points(store, f"s{i}") for i in range(12)} == {("partial", Fraction(1, 2), Fraction(0))}
        assert points(store, "other") == ("needs_review", Fraction(0), Fraction(1))
        last = store.history(store.row("s3").id, "1.3")[-1]
        assert (last.cause, last.stamp.by_whom) == ("reviewed", "ada")
        assert "Half of it." in last.verdict.message
        decision = last_decision(store)
        assert decision is not None
        assert decision.ticks == ("saturation",)
        undo(store, settings, decision, "ada")
        assert store.fingerprint() == before
        assert store.history(store.row("s3").id, "1.3")[-1].cause == "undone"


def test_a_second_decision_replaces_the_first_and_undo_brings_it_back(reviewed: Path, settings: ClassSettings) -> None:
    with Store(reviewed) as store:
        group = group_of(store, settings, "gradient")
        for share in (Fraction(0), Fraction(1)):
            decide(store, settings, group, share, [], "", "ada")
        assert points(store, "s1")[1] == 1
        undo(store, settings, last_decision(store), "ada")
        assert points(store, "s1")[:2] == ("failed", Fraction(0))


def test_one_of_a_group_is_decided_apart_and_no_decision_on_the_group_reaches_it(
    reviewed: Path, settings: ClassSettings
) -> None:
    with Store(reviewed) as store:
        group = group_of(store, settings, "gradient")
        one = next(m for m in group.members if m.key == "s3")
        assert "gradient" in one.text
        before = store.fingerprint()
        decide(store, settings, group, Fraction(1, 2), [], "For all.", "ada")
        decide(store, settings, group, Fraction(1), [], "For you.", "emmy", one)
        everyone_else = [f"s{i}" for i in range(12) if i != 3]
        assert points(store, "s3")[1] == 1
        assert {points(store, key)[1] for key in everyone_else} == {Fraction(1, 2)}
        last = store.history(store.row("s3").id, "1.3")[-1]
        assert (last.cause, last.stamp.by_whom, "For you." in last.verdict.message) == ("reviewed", "emmy", True)
        grades = len(store.history(store.row("s3").id, "1.3"))
        decide(store, settings, group, Fraction(0), [], "", "ada")
        assert points(store, "s3")[1] == 1
        assert len(store.history(store.row("s3").id, "1.3")) == grades, "the group's decision says nothing of it"
        assert {points(store, key)[1] for key in everyone_else} == {Fraction(0)}
        regrading = regrade(store, settings)
        assert regrading.changes == ()
        for expected in ((Fraction(1), Fraction(1, 2)), (Fraction(1, 2), Fraction(1, 2)), (Fraction(0), Fraction(0))):
            undo(store, settings, last_decision(store), "ada")
            assert (points(store, "s3")[1], points(store, "s4")[1]) == expected
        assert store.fingerprint() == before


def test_a_decision_on_one_submission_holds_for_the_answer_that_it_was_made_on(
    reviewed: Path, settings: ClassSettings
) -> None:
    with Store(reviewed) as store:
        group = group_of(store, settings, OTHER)
        decide(store, settings, group, Fraction(1), [], "", "ada", group.members[0])
        store.keep(measured(settings, "other", {"1.3": "Another text."}, digest="e"), settings.stamp)
        assert points(store, "other")[0] == "needs_review"


def test_decisions_outlive_a_regrade_and_hold_for_later_submissions(reviewed: Path, settings: ClassSettings) -> None:
    from grader.cohort.review import settle_submission
    from grader.cohort.roster import HandIn

    with Store(reviewed) as store:
        decide(store, settings, group_of(store, settings, "gradient"), Fraction(1), [], "", "ada")
        regrading = regrade(store, settings)
        assert regrading.changes == ()
        write(store, settings, regrading)
        assert points(store, "s1") == ("passed", Fraction(1), Fraction(0))
        place = reviewed.parent / "class" / "late"
        place.mkdir()
        store.enrol([HandIn("late", place, ())])
        store.keep(measured(settings, "late", {"1.3": ALIKE[1]}), settings.stamp)
        settle_submission(store, settings, "late")
        assert points(store, "late") == ("passed", Fraction(1), Fraction(0))


def test_answers_that_read_alike_stand_side_by_side(make_class: MakeClass, settings: ClassSettings) -> None:
    texts = [
        "D is perfect so the gradient of the generator is zero",
        OTHER,
        "D is perfect, so the gradient of G is zero",
    ]
    with Store(make_class({f"s{i}": {"1.3": t} for i, t in enumerate(texts)})) as store:
        groups = [g for g in queue(store, settings) if g.question.number == "1.3"]
        first = next(i for i, g in enumerate(groups) if "perfect" in g.text)
        assert "perfect" in groups[first + 1].text
        assert groups[first].similar == (groups[first + 1].answer,)
        assert groups[first + 1].similar == (groups[first].answer,)


def test_equal_formulas_are_one_answer_however_they_are_spaced() -> None:
    from grader.cohort.judgement import answer_key

    question = Question("2.1", "t", Fraction(1), "theory.result")
    keys = {
        answer_key(question, Evidence("theory.result", {"answer": text}), key)
        for key, text in (("a", r"\frac{a}{b}\,+c"), ("b", r"\frac{a}{b} + c"), ("c", r"\left. \frac{a}{b}+c"))
    }
    assert len(keys) == 2
    code = Question("4.1", "t", Fraction(1), "gan.dnet")
    assert answer_key(code, Evidence("gan.dnet"), "a") != answer_key(code, Evidence("gan.dnet"), "b")


def test_the_page_needs_the_token_and_this_machines_name(reviewed: Path) -> None:
    with Store(reviewed) as store:
        client = create_app(store, "ada", "secret").test_client()
        base = {"base_url": "http://127.0.0.1:5000"}
        assert client.get("/secret/", **base).status_code == 200
        assert client.get("/other/", **base).status_code == 404
        assert client.get("/", **base).status_code == 404
        assert client.post("/other/undo", **base).status_code == 404
        assert client.get("/secret/", base_url="http://evil.example:5000").status_code == 403
        assert client.get("/secret/static/..%2Freview_app.py", **base).status_code == 404


def test_the_page_decides_alike_answers_together_and_hides_names(reviewed: Path, settings: ClassSettings) -> None:
    with Store(reviewed) as store:
        client = create_app(store, "ada", "secret").test_client()
        group = group_of(store, settings, "gradient")
        address = f"http://127.0.0.1/secret/answer/1.3/{group.answer}"
        page = client.get(address)
        assert "12 submissions with this answer" in page.text
        assert "Name Of" not in page.text
        assert "example.edu" not in page.text
        assert "s-" in page.text
        wrong = client.post(address.replace("answer/", "decide/"), data={"share": "7"})
        assert wrong.status_code == 400
        other = group_of(store, settings, OTHER)
        data = {"share": "3/4", "comment": "<b>ok</b>", "tick": "saturation", "also": other.answer}
        done = client.post(address.replace("answer/", "decide/"), data=data)
        assert done.status_code == 302
        assert points(store, "s1")[1] == Fraction(3, 4)
        assert points(store, "other")[1] == Fraction(3, 4)
        assert "&lt;b&gt;ok&lt;/b&gt;" in client.get(address).text
        client.post("http://127.0.0.1/secret/undo")
        client.post("http://127.0.0.1/secret/undo")
        assert points(store, "s1")[2] == 1


def test_the_page_of_one_member_hides_its_name_and_its_decision_can_be_taken_back(
    reviewed: Path, settings: ClassSettings
) -> None:
    with Store(reviewed) as store:
        client = create_app(store, "ada", "secret").test_client()
        group = group_of(store, settings, "gradient")
        address = f"http://127.0.0.1/secret/answer/1.3/{group.answer}"
        index = next(i for i, m in enumerate(group.members) if m.key == "s3")

        def awaiting() -> str:
            return re.search(r'id="open">(\d+) open', client.get(address).text)[1]

        at_first = awaiting()
        page = client.get(f"{address}?one={index}").text
        assert f"Only {group.members[index].pseudonym}, {index + 1} of the 12" in page
        assert ALIKE[0] in page, "the answer as this one wrote it"
        for name in ("Name Of", "example.edu", ">s3<", '"s3"'):
            assert name not in page
        for wrong in ("12", "-1", "x", "", "9" * 30):
            assert client.get(f"{address}?one={wrong}").status_code == 404
            data = {"share": "1", "one": wrong}
            assert client.post(address.replace("answer/", "decide/"), data=data).status_code == 404
        client.post(address.replace("answer/", "decide/"), data={"share": "1/4", "one": index})
        assert [points(store, f"s{i}")[1] for i in range(12)] == [Fraction(i == 3, 4) for i in range(12)]
        assert "Decided by ada: 1/4" in client.get(f"{address}?one={index}").text
        assert 'id="decided"' not in client.get(f"{address}?one={(index + 1) % 12}").text
        assert awaiting() == at_first, "the eleven others still wait"
        client.post(address.replace("answer/", "decide/"), data={"share": "1"})
        assert points(store, "s3")[1] == Fraction(1, 4)
        assert points(store, "s4")[1] == 1
        assert int(awaiting()) == int(at_first) - 1
        assert "Decided for everyone by ada: 1 " in client.get(f"{address}?one={(index + 1) % 12}").text
        client.post("http://127.0.0.1/secret/undo")
        back = client.post("http://127.0.0.1/secret/undo")
        assert back.location.endswith(f"?one={index}")
        assert {points(store, f"s{i}")[2] for i in range(12)} == {Fraction(1)}
