"""The terminal's table: the same words with and without colour, in a pipe, in 60 columns, in ASCII."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from grader.report.plainly import SIGNS, plain
from grader.report.terminal import MARKS, print_report
from tests.report.synthetic import full_report

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "grader", "check", "submissions/seed", "--only", "1.1,2.4,2.5"]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def printed(width: int, **options: object) -> str:
    stream = io.StringIO()
    print_report(full_report(), Console(file=stream, width=width, highlight=False, **options))  # type: ignore[arg-type]
    return stream.getvalue()


def words(text: str) -> list[str]:
    return re.findall(r"[^\s│╭╮╰╯─|+-]+", ESCAPE.sub("", text))


def run(env: dict[str, str], *, tty: bool) -> tuple[str, str]:
    """What `grader check` writes to its output, which is a terminal of 100 columns or a pipe, and to its error pipe."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LC_ALL")}
    environment = {**kept, "TERM": "xterm-256color", "COLUMNS": "100", "PYTHONPATH": str(ROOT), **env}
    if not tty:
        done = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode(), done.stderr.decode()
    outer, inner = pty.openpty()
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=inner, stderr=subprocess.PIPE) as process:
        os.close(inner)
        content = b""
        try:
            while piece := os.read(outer, 1 << 16):
                content += piece
        except OSError:  # Linux's end of a terminal
            pass
        error = process.stderr.read().decode() if process.stderr else ""
    os.close(outer)
    assert process.returncode == 0, error
    return content.decode().replace("\r\n", "\n"), error


def without_times(text: str) -> list[str]:
    return [w for w in words(text) if not re.fullmatch(r"[\d.]+", w)]


@pytest.mark.slow
def test_colour_is_for_terminals_and_no_color_and_a_pipe_have_the_same_words_without_an_escape() -> None:
    piped, error = run({}, tty=False)
    assert "\x1b" not in piped + error
    on_terminal, _ = run({}, tty=True)
    assert "\x1b[32m" in on_terminal  # green
    bare, error = run({"NO_COLOR": "1"}, tty=True)
    assert "\x1b" not in bare + error
    forced, _ = run({"FORCE_COLOR": "1"}, tty=False)
    assert "\x1b[32m" in forced
    for other in (on_terminal, bare, forced):
        assert without_times(other) == without_times(piped)


@pytest.mark.slow
@pytest.mark.parametrize(
    "env", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_terminal_of_ascii_gets_the_table_in_plain_signs(env: dict[str, str]) -> None:
    piped, error = run(env, tty=False)
    assert "Traceback" not in error
    assert piped.isascii()
    assert re.search(r"\+[ |]+1\.1\.result", piped, re.M)
    assert re.search(r"x[ |]+2\.5\.result", piped, re.M)


@pytest.mark.parametrize("width", [60, 80, 112, 200])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(width: int) -> None:
    text = printed(width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "".join(words(text)) == "".join(words(printed(1000)))


def test_every_row_stays_a_row_in_ascii() -> None:
    text = printed(60)
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="plainly")
    from grader.report.plainly import speak_plainly

    speak_plainly()
    stream.write(text)
    stream.flush()
    plain_lines = stream.buffer.getvalue().decode("ascii").splitlines()  # type: ignore[attr-defined]
    for line, plain_line in zip(text.splitlines(), plain_lines, strict=True):
        assert len(plain_line) == cell_len(line)


def test_every_mark_has_a_plain_sign_of_its_own() -> None:
    signs = [plain(mark) if not mark.isascii() else mark for mark, _ in MARKS.values()]
    assert len(set(signs)) == len(signs)
    assert all(sign.isascii() and len(sign) == 1 for sign in SIGNS.values())
    assert plain("β") == "b"
    assert plain("Σ") == "S"
    assert plain("é") == "e"
    assert plain("\u0304") == ""
    assert unicodedata.combining("\u0304")
    assert plain("語") == "?"
