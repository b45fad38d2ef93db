"""The step checker's tool: relations between expressions in the question's models."""

from __future__ import annotations

import pytest

from grader.theory import Context, compare, parse

FULL = r"\mathcal{N}(x_t | \sqrt{1-\beta_t} x_{t-1}, \beta_t I) \frac{\mathcal{N}(x_{t-1} | \sqrt{1-\bar{\beta}_{t-1}} x_0, \bar{\beta}_{t-1} I)}{\mathcal{N}(x_t | \sqrt{1-\bar{\beta}_t} x_0, \bar{\beta}_t I)}"  # noqa: E501
EXPONENT = r"\frac{(x_t-\sqrt{1-\beta_t} x_{t-1})^2}{2\beta_t} + \frac{(x_{t-1}-\sqrt{1-\bar{\beta}_{t-1}} x_0)^2}{2\bar{\beta}_{t-1}} - \frac{(x_t-\sqrt{1-\bar{\beta}_t} x_0)^2}{2\bar{\beta}_t}"  # noqa: E501


@pytest.mark.parametrize(
    ("question", "left", "relation", "right", "outcome"),
    [
        ("2.3", "x_t", "=", r"\sqrt{1-\beta_t}x_{t-1}+\sqrt{\beta_t}\epsilon_{t-1}", "equal"),
        (
            "2.3",
            r"\sqrt{1-\beta_t}x_{t-1}+\sqrt{\beta_t}\epsilon_{t-1}",
            "=",
            r"\sqrt{1-\beta_t}\sqrt{1-\beta_{t-1}}x_{t-2}+\sqrt{\beta_t}\epsilon_{t-1}+\sqrt{1-\beta_t}\sqrt{\beta_{t-1}}\epsilon_{t-2}",
            "equal",
        ),
        ("2.3", "x_t", "=", r"\sqrt{1-\beta_t}x_{t-1}+\beta_t\epsilon_{t-1}", "different"),
        ("2.3", r"q(x_t|x_0)", "=", r"\prod_{i=1}^t q(x_i|x_{i-1})", "different"),
        ("2.4", r"q(x_t|x_{t-1},x_0)\frac{q(x_{t-1}|x_0)}{q(x_t|x_0)}", "=", FULL, "equal"),
        ("2.4", r"q(x_{t-1}|x_t,x_0)", "=", FULL, "equal"),
        ("2.4", FULL, "∝", rf"\exp\left(-({EXPONENT})\right)", "equal"),
        ("2.4", FULL, "∝", rf"\exp\left({EXPONENT}\right)", "different"),
        ("2.5", r"\nabla_x\|(x-x_{known})\odot M\|^2", "=", r"2(x-x_{known})\odot M", "equal"),
        ("2.5", r"\nabla_x\|x-x_{known}\odot M\|^2", "=", r"2(x-x_{known})\odot M", "different"),
        ("1.2", r"\mathrm{JSD}(p_r\|p_g)", "≤", r"\log 2", "equal"),
        ("1.2", r"\mathrm{JSD}(p_r\|p_g)", "≥", r"\log 2", "different"),
        ("1.2", r"\int p_r(x)\log\frac{p_r(x)}{p_r(x)+p_g(x)}dx", "=", r"D_{KL}(p_r\|p_r+p_g)", "different"),
        ("1.1", r"p_r(x)", "=", r"\zeta(x)", "unknown"),
    ],
)
def test_a_step_is_decided(question: str, left: str, relation: str, right: str, outcome: str) -> None:
    wrt = parse("2.4", "latex", "x_{t-1}") if relation == "∝" else None
    found = compare(parse(question, "latex", left), parse(question, "latex", right), Context(question), relation, wrt)
    assert found.outcome == outcome, found
