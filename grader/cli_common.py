"""What the commands share: how they end with a sentence, their terminal, the rubric and the bounds that they use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.cli_stored import COULD_NOT, USAGE, stop

if TYPE_CHECKING:
    from rich.console import Console

    from grader.rubric import Rubric
    from grader.scoring.tolerances import Tolerance

__all__ = ["COULD_NOT", "USAGE", "RubricOption", "console", "settings", "stop"]


def console(*, stderr: bool = False) -> Console:
    """A terminal without colours where NO_COLOR is set."""
    from rich.console import Console

    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"  # None: no bold, no dim either
    return Console(stderr=stderr, highlight=False, color_system=colours)


def settings(rubric: Path | None) -> tuple[Rubric, dict[str, Tolerance]]:
    """The rubric (the shipped one where none is named) and the bounds. Raises GraderError for a broken file."""
    from grader.checks.catalogue import CHECK_NAMES
    from grader.rubric import read_rubric
    from grader.run import default_paths
    from grader.scoring.tolerances import read_tolerances

    rubric_path, tolerances_path = default_paths()
    return read_rubric(rubric or rubric_path, checks=CHECK_NAMES), dict(read_tolerances(tolerances_path))


RubricOption = Annotated[Path | None, typer.Option("--rubric", help="Another rubric than reference/rubric.toml.")]
