"""`grader build`: the Gradescope archive, or the students' kit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from grader.model import GraderError


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command(epilog="Example: grader build --out autograder.zip")(build)


def build(
    out: Annotated[Path | None, typer.Option(help="The zip to write; autograder.zip or student-kit.zip.")] = None,
    student_kit: Annotated[
        bool, typer.Option("--student-kit", help="The students' self-check, without answers, instead of the archive.")
    ] = False,
    verify: Annotated[
        bool, typer.Option(help="First grade the perfect submissions from the archive; --no-verify leaves it out.")
    ] = True,
) -> None:
    """Makes the archive for Gradescope, after the perfect submissions got full marks from it."""
    from grader.build.archive import archive_files, write_bytes, zip_bytes

    try:
        if student_kit:
            from grader.build.student_kit import kit_files

            target, files = out or Path("student-kit.zip"), kit_files()
        else:
            target, files = out or Path("autograder.zip"), archive_files()
            if verify:
                _verify(files)
        content = zip_bytes(files)
        write_bytes(target, content)
    except GraderError as error:
        print(f"grader: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{target}: {len(files)} files, {len(content) / 1e6:.1f} MB")


def _verify(files: dict[str, bytes]) -> None:
    from grader.build.verify import verify

    for done in verify(files, lambda line: print(line, file=sys.stderr)):
        print(
            f"submissions/{done.name}: {done.score:g} of {done.max_score - done.awaiting:g} points "
            f"that the machine decides, {done.awaiting:g} await a person, {done.seconds:.0f} s"
        )
