"""answers.toml is read in every spelling that a student may reasonably use."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.theory.answer_text import MAX_FILE_CHARS, AnswersError
from grader.theory.answers_file import read_answers_toml

ROOT = Path(__file__).parents[2]

SAME = {
    "a string": "\"2.4\" = 'B'",
    "a dotted key": "2.4 = 'B'",
    "a list of steps": "\"2.4\" = ['A = C', 'B']",
    "a table": "[\"2.4\"]\nresult = 'B'\nsteps = ['A']",
    "a dotted table": "[2.4]\nresult = 'B'",
    "a nested table": "[2]\n4 = 'B'",
    "parts as keys": "\"2.4.result\" = 'B'\n\"2.4.steps\" = ['A']",
    "a table of answers": "[answers]\n\"2.4\" = 'B'",
    "the word question": "\"question 2.4\" = 'B'",
    "an underscore": "q2_4 = 'B'",
}


@pytest.mark.parametrize("name", SAME)
def test_every_spelling_gives_the_same_result(name):
    answers = read_answers_toml(SAME[name])
    assert answers.answers["2.4"].result == "B"
    assert not answers.notes


VERDICTS = {
    "true": True,
    "false": False,
    '"True"': True,
    '"F"': False,
    '"false."': False,
    '{ verdict = false, reason = "because" }': False,
    '["False", "because"]': False,
    '[false, "because"]': False,
    '{ verdict = "T" }': True,
    '"maybe"': None,
    '"True / False"': None,
}


@pytest.mark.parametrize("value", VERDICTS)
def test_a_verdict_is_read_or_left_undecided(value):
    answer = read_answers_toml(f'"3.2" = {value}').answers["3.2"]
    assert answer.verdict is VERDICTS[value]
    assert not answer.empty
    if "because" in value:
        assert answer.reason == "because"


BACKSLASHES = [
    r'''"2.4" = "\frac{\bar\beta_{t-1}}{\theta}"''',
    r'''"2.4" = "\\frac{\\bar\\beta_{t-1}}{\\theta}"''',
    r"""'2.4' = '\frac{\bar\beta_{t-1}}{\theta}'""",
    '\'2.4\' = """\\frac{\\bar\\beta_{t-1}}{\\theta}"""',
]


@pytest.mark.parametrize("text", BACKSLASHES)
def test_latex_in_double_quotes_means_what_it_says(text):
    assert read_answers_toml(text).answers["2.4"].result == r"\frac{\bar\beta_{t-1}}{\theta}"


def test_a_repaired_backslash_is_said():
    assert "backslashes" in read_answers_toml(BACKSLASHES[0]).notes[0]


def test_tomls_own_escapes_in_prose_stay():
    assert read_answers_toml(r'"1.3" = "one\ntwo \"quoted\""').answers["1.3"].text == 'one\ntwo "quoted"'


def test_a_step_that_goes_on_keeps_its_relation():
    steps = read_answers_toml(r"""'2.4' = ['A = B', '\Rightarrow C = D', '= E', '\propto F']""").answers["2.4"].steps
    assert [(s.leading, s.text) for s in steps] == [(None, "A = B"), ("⇒", "C = D"), ("=", "E"), ("∝", "F")]


def test_an_unreadable_file_is_refused_with_line_and_advice():
    with pytest.raises(AnswersError) as caught:
        read_answers_toml("'1.1' = 'a'\n'1.2' = p_r/(p_r+p_g)\n")
    sentence = str(caught.value)
    assert "line 2" in sentence
    assert "p_r/(p_r+p_g)" in sentence
    assert "single quotes" in sentence


@pytest.mark.parametrize("text", ["'1.1' = 'a'\n'1.1' = 'b'", "[[[", "'1.1' = '", "x", "\x00", "'1.1' = " + "[" * 5000])
def test_bad_toml_never_raises_anything_else(text):
    with pytest.raises(AnswersError, match=r"answers\.toml"):
        read_answers_toml(text)


def test_unknown_keys_are_named_and_cost_nothing():
    answers = read_answers_toml("'1.1' = 'a'\nfoo = 'b'\n'9.9' = 'c'\n['2.4']\nresult = 'd'\ncolour = 'red'")
    assert set(answers.answers) == {"1.1", "2.4"}
    assert any("foo" in note for note in answers.notes)
    assert any("9.9" in note for note in answers.notes)
    assert any("colour" in note for note in answers.notes)


def test_a_huge_file_is_refused_in_a_sentence():
    with pytest.raises(AnswersError, match="characters"):
        read_answers_toml("#" * (MAX_FILE_CHARS + 1))


@pytest.mark.parametrize("value", ["3", "1.5", "[]", "{}", "1979-05-27", "[[1, [2]], {a = 'b'}]", "''"])
def test_a_value_of_any_type_is_read(value):
    for question in ("1.1", "1.3", "2.3", "3.2"):
        read_answers_toml(f"'{question}' = {value}")


def test_the_template_is_empty_and_the_perfect_answers_are_whole():
    template = read_answers_toml((ROOT / "submissions/template/answers.toml").read_text())
    assert all(answer.empty for answer in template.answers.values())
    assert not template.notes
    perfect = read_answers_toml((ROOT / "submissions/perfect/answers.toml").read_text())
    assert len(perfect.answers) == 12
    assert not any(answer.empty for answer in perfect.answers.values())
    assert not perfect.notes
    assert perfect.answers["2.3"].parts["beta_bar"].startswith(r"\bar\beta_t")
    assert perfect.answers["2.4"].line > perfect.answers["2.3"].line > 0
