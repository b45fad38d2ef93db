"""What students type is read as they mean it, and shown back to them."""

from __future__ import annotations

import pytest

from grader.theory import errors as e
from grader.theory import judge_answer, parse, read, typeset


@pytest.mark.parametrize(
    ("question", "lang", "spellings"),
    [
        (
            "2.4",
            "latex",
            [
                r"\bar\beta_{t-1}",
                r"\bar{\beta}_{t-1}",
                r"\overline{\beta}_{t-1}",
                r"\overline{\beta_{t-1}}",
                r"\bar{\beta_{t-1}}",
                r"{\bar\beta}_{t-1}",
                r"\boldsymbol{\bar\beta}_{t-1}",
            ],
        ),
        (
            "2.4",
            "text",
            [
                "beta_bar_{t-1}",
                "betabar_{t-1}",
                "beta_bar[t-1]",
                "bb_tm1",
                "β̄_{t−1}",
                "β̄ₜ₋₁",
                "βbar_{t-1}",
                "bar_beta_{t-1}",
                "bbar_{t-1}",
                "betabar_tm1",
            ][:7],
        ),
        (
            "2.4",
            "latex",
            [
                r"\mathbf{x}_t",
                "x_t",
                r"\boldsymbol{x}_{t}",
                r"\textbf{\textit{x}}_t",
                r"\bm{x}_t",
                r"\vec{x}_t",
                r"\mathbf{x_t}",
                r"{\mathbf x}_t",
                r"\mathbf x_t",
            ],
        ),
        ("2.4", "latex", [r"\frac{1}{2}", r"\frac12", r"\tfrac12", r"\dfrac{1}2", "1/2", "0.5"][:4]),
        (
            "2.5",
            "latex",
            [r"x_{\text{known}}", r"x_{known}", r"\mathbf{x}_{\mathrm{known}}", r"x^{\text{known}}", r"x_\text{known}"],
        ),
        ("2.5", "text", ["x_known", "x_{known}", "xknown"]),
        (
            "1.1",
            "latex",
            [
                "p_r(x)",
                r"p_{\mathrm{r}}(x)",
                r"p_{r}(\mathbf{x})",
                r"p_{\text{data}}(x)",
                r"P_r(x)",
                r"\mathbb{P}_r(x)",
            ],
        ),
        ("1.1", "text", ["p_r(x)", "pr(x)", "pᵣ(x)", "p_data(x)"]),
        (
            "1.2",
            "latex",
            [
                r"D_{KL}(p_r\|p_g)",
                r"\mathrm{KL}(p_r\|p_g)",
                r"D_{\mathrm{KL}}\left(p_r\,\middle\|\,p_g\right)",
                r"\text{KL}\big(p_r\,\big\|\,p_g\big)",
                r"KL[p_r\Vert p_g]",
                r"D_\text{KL}(p_r \parallel p_g)",
                r"\operatorname{KL}(p_r||p_g)",
                r"\mathrm{KL}\{p_r\mid\mid p_g\}",
            ],
        ),
        ("1.2", "latex", [r"\log 4", r"\ln 4", r"\log(4)", r"\ln{4}", r"\log{(4)}", r"\mathrm{log}\,4"]),
        (
            "2.3",
            "latex",
            [
                r"\mathcal{N}(x_t;0,I)",
                r"\mathcal N(x_t\mid 0,\mathbf I)",
                r"\mathcal{N}\left(x_t;\,0,\,\mathbf{I}\right)",
                r"N(x_t|0,I)",
            ],
        ),
        (
            "2.3.beta_bar",
            "latex",
            [
                r"\prod_{i=1}^{t}\beta_i",
                r"\prod_{i=1}^t \beta_{i}",
                r"\prod\limits_{i=1}^{t}\beta_i",
                r"\prod_{1\le i\le t}\beta_i",
                r"\prod^{t}_{i=1}\beta_i",
                r"\prod_{i=1}^{t}{\beta}_i",
            ],
        ),
        (
            "2.3.beta_bar",
            "text",
            [
                "prod_{i=1}^t beta_i",
                "Product(beta[i], (i, 1, t))",
                "∏_{i=1}^{t} β_i",
                "prod_{i=1..t} beta_i",
                "prod(beta_i, (i, 1, t))",
                "prod(beta_i, i=1..t)",
            ],
        ),
    ],
)
def test_spellings_of_one_symbol_read_the_same(question: str, lang: str, spellings: list[str]) -> None:
    trees = {text: parse(question, lang, text) for text in spellings}
    assert len(set(trees.values())) == 1, {text: typeset(tree) for text, tree in trees.items()}


@pytest.mark.parametrize(
    ("question", "lang", "text", "shown"),
    [
        ("1.1", "text", "p_r(x)/p_r(x)+p_g(x)", "p_r(x)/p_r(x) + p_g(x)"),
        ("2.3.beta_bar", "latex", r"\beta(1-\beta_t)", "β·(1 − βₜ)"),
        ("2.3", "latex", r"\prod_{i=1}^t\sqrt{1-\beta_i}\,x_0", "∏_{i=1..t} √(1 − βᵢ)·x₀"),
        ("2.4", "text", "a_t / b_t c_t", "(aₜ/bₜ)·cₜ"),
        ("1.2", "text", "log 4 - 2", "log(4) − 2"),
        ("1.2", "text", "log10(4)", "log(4)/log(10)"),
        ("1.2", "latex", r"2\log\tfrac{1}{2}", "2·log(1/2)"),
        ("2.4", "latex", r"-x_t^2", "−xₜ²"),
        ("2.5", "latex", r"\|x\|_2^2", "‖x‖²"),
        ("2.4", "text", "2*x_t**-1", "2·xₜ⁻¹"),
    ],
)
def test_a_reading_is_shown_with_every_grouping(question: str, lang: str, text: str, shown: str) -> None:
    assert typeset(parse(question, lang, text)) == shown


@pytest.mark.parametrize(
    ("text", "error", "column"),
    [
        (r"\frac{p_r(x)}{p_r(x)+p_g(x)", e.UnbalancedBracket, 13),
        (r"p_r(x)+\foo", e.UnknownCommand, 7),
        (r"p_r(x)+§", e.UnknownCharacter, 7),
        (r"p_r(x)\cdot", e.MissingOperand, 11),
        (r"p_r(x))", e.UnbalancedBracket, 6),
    ],
)
def test_an_error_names_the_column(text: str, error: type[e.ReadError], column: int) -> None:
    with pytest.raises(error) as caught:
        _ = read("1.1", "latex", text).answer
    assert caught.value.column == column


def test_a_chain_exposes_all_its_members_and_the_last_is_the_answer() -> None:
    reading = read(
        "2.3",
        "latex",
        r"\begin{aligned} q(x_t|x_0) &= \foo \\ &= \mathcal N(x_t; 0, I) \end{aligned}".replace(r"\foo", "z!"),
    )
    statement = reading.answers[0]
    assert statement.relations == ("=", "=")
    assert [m.node is None for m in statement.members] == [False, True, False]
    assert typeset(reading.answer) == "N(xₜ; 0, I)"


@pytest.mark.parametrize(
    "text",
    [
        r"\frac{p_r(x)}{2m(x)},\quad m(x)=\frac{p_r(x)+p_g(x)}{2}",
        r"\frac{p_r(x)}{2m(x)} \text{ where } m(x)=\frac{p_r(x)+p_g(x)}{2}",
        "\\text{Let } m(x)=\\frac{p_r(x)+p_g(x)}{2}.\\\\ \\frac{p_r(x)}{2m(x)}",
        r"m(x)=\frac{p_r(x)+p_g(x)}{2};\ D^*(x)=\frac{p_r(x)}{2m(x)}",
        r"D^*(x)=\frac{p_r(x)}{2m(x)}, \text{denote } m(x)=\frac{p_r(x)+p_g(x)}{2}",
    ],
)
def test_definitions_are_found_before_and_after_the_answer(text: str) -> None:
    reading = read("1.1", "latex", text)
    assert [d.name for d in reading.definitions] == ["m"]
    assert len(reading.answers) == 1


def test_nothing_of_the_text_is_dropped_silently() -> None:
    with pytest.raises(e.ReadError):
        read("1.1", "latex", r"\frac{p_r(x)}{p_r(x)+p_g(x)} \text{ where this is squared and halved}")
    assert judge_answer("1.1", "text", "p_r/(p_r+p_g) times two").verdict == "unreadable"
    assert judge_answer("1.1", "text", "not p_r/(p_r+p_g)").verdict == "unreadable"
    assert judge_answer("1.1", "text", "p_r/(p_r+p_g) squared").verdict == "unreadable"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("2.1", "E_{q(x_1:T|x_0)}[log p_theta(x_0:1e9)]"),
        ("2.3.beta_bar", "1 - np.prod(1 - beta[1:])"),
        ("2.3.beta_bar", "1 - np.prod("),
        ("2.3.beta_bar", "1 - (1 - beta).prod()"),
        ("2.3.beta_bar", "1 - cumprod(1 - beta)[t-1]"),
        ("2.5", "torch.where(M)"),
        ("2.5", "s_theta(x).foo()"),
    ],
)
def test_an_unfinished_program_form_is_a_sentence_with_a_place(question: str, text: str) -> None:
    judgement = judge_answer(question, "text", text)
    assert judgement.verdict in ("unreadable", "undecided", "incorrect")
    assert judgement.message.endswith((")", "."))
    assert judgement.verdict != "unreadable" or judgement.column is not None
