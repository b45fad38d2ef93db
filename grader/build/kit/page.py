"""The self-check as one page: no network, no script, no points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from grader.report.figures import figures
from grader.report.mathml import formula as typeset_formula

from .formulas import Formula

if TYPE_CHECKING:
    from .main import FileSeen

HERE = Path(__file__).resolve().parent


def page(
    files: Sequence[FileSeen], formulas: Sequence[Formula], notes: Sequence[str], settings: Mapping[str, Any]
) -> str:
    """The whole page; pictures are drawn from the tiny trainings' arrays."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    import grader.report.figures as drawing

    css = Path(drawing.__file__).parent / "templates" / "page.css"
    return environment.get_template("kit.html").render(
        css=Markup(css.read_text("utf-8")),
        title=settings["title"],
        limits=settings["limits"],
        files=[(file, figures(file.arrays)) for file in files],
        formulas=[(f, typeset_formula(f.text, block=True)) for f in formulas],
        notes=notes,
    )
