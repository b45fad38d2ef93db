"""The student's page: whole in itself, safe, accessible, and silent about what must stay hidden."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from grader.model import Evidence
from grader.report.page import TEMPLATES, student_page
from tests.report.synthetic import HOSTILE, SECRET, full_report, report, result

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Tree(HTMLParser):
    """Collects tags with attributes; complains of tags that are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    return student_page(full_report())


def test_the_page_is_well_formed_and_asks_nothing_of_the_network_or_a_script(page: str) -> None:
    tree = Tree(page)
    names = {tag for tag, _ in tree.tags}
    assert not names & {"script", "iframe", "object", "embed", "link", "form"}
    for _tag, attributes in tree.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            if name in attributes:
                assert attributes[name].startswith(("data:image/png;base64,", "#")), attributes[name][:60]
    assert "url(" not in page
    assert "@import" not in page


def test_what_a_student_wrote_or_printed_is_text_never_markup(page: str) -> None:
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert not [a for tag, a in Tree(page).tags if tag == "img" and not a["src"].startswith("data:")]


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(http://evil.example)}{x}",
        r"\frac{1}{2}\text{</math><script>alert(1)</script>}",
        r"\class{x}{y}\color{url(http://evil.example)}{z}",
        "{" * 3000,
        r"\left(" * 2000,
        r"\def\a{\a\a}\a",
        "x" * 100_000,
        r"\frac",
        "\\",
        "$",
    ],
)
def test_a_hostile_formula_cannot_leave_its_place(latex: str) -> None:
    shown = result("1.1.result", "failed", evidence=Evidence("theory.result", {"answer": latex}))
    tree = Tree(student_page(report(shown)))
    for tag, attributes in tree.tags:
        assert tag != "script"
        assert not {"style", "href", "class"} & attributes.keys() or tag not in {
            "mi",
            "mo",
            "mn",
            "mtext",
            "mrow",
            "math",
        }


def test_formulas_are_mathml_with_the_students_text_as_alternative(page: str) -> None:
    tree = Tree(page)
    formulas = [a for tag, a in tree.tags if tag == "math"]
    assert any(a["alttext"] == r"\frac{p_r(x)}{p_r(x)+p_g(x)}" for a in formulas)
    assert r"\unknowncommand{x}" in "".join(tree.text)  # what can't be typeset is shown as it was written


def test_every_picture_has_words(page: str) -> None:
    images = [a for tag, a in Tree(page).tags if tag == "img"]
    assert len(images) == 5
    assert all(len(a["alt"]) > 20 for a in images)


def test_every_outcome_is_a_word_not_only_a_colour(page: str) -> None:
    text = "".join(Tree(page).text)
    for word in ("right", "wrong", "partly right", "a person decides", "not measured", "our fault"):
        assert word in text
    for mark in ("✓ follows", "✗ does not follow", "? not decided"):
        assert mark in re.sub(r"\s+", " ", text)


def test_hidden_values_and_traces_of_ours_never_reach_the_page(page: str) -> None:
    assert SECRET not in page


def test_the_counterexample_is_in_the_students_own_expression(page: str) -> None:
    assert "At x = 0.5, M = (0, 1) your expression gives 1.25" in page


def test_a_hidden_question_is_not_hinted_at_not_even_in_the_sums() -> None:
    shown = result("1.1", "passed", points="2")
    hidden = result("9.9", "failed", visibility="hidden", message="secret question")
    after = result("8.8", "failed", visibility="after_published", message="later")
    assert student_page(report(shown, hidden, after)) == student_page(report(shown))


def test_the_summary_to_paste_holds_no_answer(page: str) -> None:
    found = re.search(r'<pre class="paste">(.*?)</pre>', page, re.S)
    assert found
    assert "frac" not in found[1]
    assert "mask" not in found[1]
    assert "✗ 2.5.result" in found[1]


def test_the_page_of_nothing_is_a_page() -> None:
    assert "0" in student_page(report())


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_text_colour_has_contrast_aa_on_both_grounds_light_and_dark() -> None:
    css = (TEMPLATES / "page.css").read_text("utf-8")
    schemes = re.findall(r":root \{(.*?)\}", css, re.S)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", scheme))
        for name, colour in colours.items():
            if name not in ("ground", "panel", "line"):
                for ground in ("ground", "panel"):
                    assert _contrast(colour, colours[ground]) >= 4.5, (name, ground)
