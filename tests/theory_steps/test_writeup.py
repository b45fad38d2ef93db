"""A write-up in any of the usual layouts is taken apart as its writer meant it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.theory.answer_text import MAX_FILE_CHARS, QUESTIONS, AnswersError
from grader.theory.writeup import read_writeup

HERE = Path(__file__).parent / "writeups"
ROOT = Path(__file__).parents[2]
EXPECTED = json.loads((HERE / "expected.json").read_text())


def read(path: Path):
    return read_writeup(path.read_text(), path.name)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_layout_gives_every_answer(name):
    answers = read(HERE / name).answers
    assert list(answers) == list(EXPECTED[name]) == list(QUESTIONS)
    for question, expected in EXPECTED[name].items():
        answer = answers[question]
        if question.startswith("3"):
            assert (answer.verdict, answer.reason) == (expected["verdict"], expected["reason"])
        else:
            assert answer.result == expected["result"]
            assert len(answer.steps) == expected["steps"]


def test_the_layouts_agree_on_the_verdicts():
    for name in EXPECTED:
        answers = read(HERE / name).answers
        assert [answers[f"3.{i}"].verdict for i in range(1, 5)] == [True, False, True, False]


def test_notation_declared_at_the_start_reaches_later_answers():
    answers = read(HERE / "headings.md").answers
    assert answers["2.4"].definitions == (r"\alpha_t = 1-\beta_t", r"\bar\alpha_t = \prod_{s=1}^t \alpha_s")


def test_the_founding_document_is_read_whole():
    answers = read(ROOT / "submissions" / "seed" / "homework.tex").answers
    assert list(answers) == list(QUESTIONS)
    assert answers["1.2"].result == r"2D_{\text{JS}}(p_r(x); p_g(x))"
    assert answers["2.3"].result.startswith(r"q(\mathbf{x}_t|\mathbf{x}_0) = \mathcal{N}(")
    assert answers["2.3"].parts["beta_bar"] == r"\bar{\beta}_t := 1 - \prod_{i=1}^t (1 - \beta_i)"
    assert [len(answers[q].steps) for q in ("1.1", "1.2", "2.1", "2.3", "2.4", "2.5")] == [3, 4, 1, 9, 5, 6]
    assert [answers[f"3.{i}"].verdict for i in range(1, 5)] == [True, False, True, False]
    assert answers["3.2"].reason.startswith("MAE is an approach")


def test_a_students_own_commands_are_replaced():
    text = r"""
\newcommand{\norm}[1]{\left\|#1\right\|}
\newcommand{\E}{\mathbb{E}}
\newcommand\xk{x_{\text{known}}}
\begin{document}
\section{Diffusion}
\subsection*{2.5}
\[ s_\theta(x,\delta) - \nabla_x \norm{(x - \xk) \odot M}^2 \]
\end{document}
"""
    result = read_writeup(text, "hw.tex").answers["2.5"].result
    assert result == r"s_\theta(x,\delta) - \nabla_x \left\|(x - x_{\text{known}}) \odot M\right\|^2"


def test_commented_and_verbatim_text_is_no_answer():
    text = "\\section{GAN}\n\\begin{enumerate}\n\\item % \\[ D = 1 \\]\n"
    text += "\\begin{verbatim}\n\\[D = 2\\]\n\\end{verbatim}\n\\end{enumerate}"
    assert "1.1" not in read_writeup(text, "hw.tex").answers


def test_a_write_up_without_numbers_is_said_to_have_no_answers():
    answers = read_writeup("Here is my homework. $x = 1$", "hw.md")
    assert not answers.answers
    assert "number the answers as the handout does" in answers.notes[0]


def test_a_huge_write_up_is_refused_in_a_sentence():
    with pytest.raises(AnswersError, match="characters"):
        read_writeup("a" * (MAX_FILE_CHARS + 1), "hw.tex")


@pytest.mark.parametrize(
    "piece",
    [
        "$$",
        "\\begin{align}",
        "\\item",
        "{",
        "\\\\",
        "(a)\n",
        "# ",
        "\\newcommand{\\a}{\\a\\a}\\a",
        "```",
        "$x$ ",
        "**1",
    ],
)
def test_repeated_markup_neither_hangs_nor_crashes(piece):
    for name in ("hw.tex", "hw.md"):
        read_writeup("\\section{GAN}\n" + piece * 3000, name)
