"""The right answers and the known mistakes, read from reference/answers.toml by the same reader that reads students."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from grader.theory import tree as t
from grader.theory.reading import parse


@cache
def table() -> dict[str, Any]:
    """The whole file. It belongs to the trusted side: a students' kit has none."""
    return tomllib.loads(resources.files("reference").joinpath("answers.toml").read_text(encoding="utf-8"))


@cache
def right_answer(question: str) -> t.Node:
    """The right answer of a question as a tree."""
    return parse(question, "text", table()["answers"][question])


@cache
def elbo_forms() -> dict[str, t.Node]:
    """The further forms of question 2.1."""
    return {name: parse("2.1", "text", text) for name, text in table()["elbo"].items()}
