"""Prose is never decided by keywords; verdicts are read or left open; numbers and formulas in it are checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.theory.freetext import read_verdict, read_yes_no, review_free_text
from grader.theory.freetext_facts import check_statements

CASES = json.loads((Path(__file__).parent / "prose.json").read_text())
POINTS = [
    {"id": "saturation", "text": "the gradient vanishes", "words": ["saturat", "vanish", "0"]},
    {"id": "divergence", "text": "the JSD is constant", "words": ["disjoint", "log 2"]},
]


@pytest.mark.parametrize(("text", "verdict", "rest"), CASES["verdicts"])
def test_a_verdict_is_read_where_it_is_clear(text, verdict, rest):
    assert read_verdict(text) == (verdict, rest)


@pytest.mark.parametrize(("text", "answer"), CASES["yes_no"])
def test_yes_or_no_is_read_where_it_is_clear(text, answer):
    assert read_yes_no(text) is answer


@pytest.mark.parametrize(("text", "statuses"), CASES["rates"])
def test_a_mask_rate_is_checked_against_its_model(text, statuses):
    assert [f.status for f in check_statements("3.2", text)] == statuses


@pytest.mark.parametrize(("text", "statuses"), CASES["saturation"])
def test_a_limit_or_slope_is_checked(text, statuses):
    assert [f.status for f in check_statements("1.3", text)] == statuses


def test_free_text_is_for_review_whatever_it_says():
    for text in ("saturates vanish 0 disjoint log 2", "banana", "$D(G(z)) \\to 1$"):
        assert review_free_text("1.3", text, POINTS).status == "needs_review"
    assert review_free_text("1.3", "  ", POINTS).status == "empty"


def test_the_reviewer_sees_which_points_seem_touched():
    points = review_free_text("1.3", "The sigmoid saturates: 10 is no zero.", POINTS).points
    assert [(p.id, p.words) for p in points] == [("saturation", ("saturat",)), ("divergence", ())]


def test_a_contradicting_formula_is_pointed_out_and_decides_nothing():
    review = review_free_text("1.3", "D(G(z)) → 1, so gradients vanish.", POINTS)
    assert review.contradicted
    assert review.status == "needs_review"
    assert "not 1" in review.findings[0].message


def test_facts_are_plain_json():
    facts = review_free_text("3.2.reason", "MAE masks 75 %, BERT 40 %", ()).facts()
    assert json.loads(json.dumps(facts))["contradicted"] is True
