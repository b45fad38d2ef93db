r"""LaTeX inside TOML's double quotes: `"\frac{1}{2}"` is no valid TOML, and `"\bar"` is, with a backspace in it.

Students write it all the same. Here a basic string that holds a LaTeX command with a single backslash is read as
it was meant: its backslashes are doubled before TOML sees it. A string whose backslashes are doubled already, or
whose escapes are TOML's own (`\n` between two lines of prose), is left alone.
"""

from __future__ import annotations

import re
from typing import Final

_COMMANDS: Final = (
    "nabla neq ne nu newline nonumber not notag nolimits "
    "theta tilde text textbf textit textrm textsf texttt times tfrac top to tau tag therefore triangleq "
    "beta bar bm boldsymbol big bigl bigr Big Bigl Bigr bigg biggl biggr begin binom bot bullet because backslash "
    "frac forall flat footnote right rVert rangle rightarrow rho rm rbrace rbrack ref rvert "
    "underline underbrace underset upsilon uparrow uplus"
)
_TOML_LOOKALIKE: Final = re.compile(r"\\(?:" + "|".join(_COMMANDS.split()) + r")(?![A-Za-z])")
"""Commands whose first letter is also one of TOML's escapes (b, t, n, f, r, u)."""
_NO_ESCAPE: Final = re.compile(r"\\[^btnfru\"\\\nU \t\r]")
_SINGLE: Final = re.compile(r"\\(\\|\"|.|\n)", re.DOTALL)
_STRING: Final = re.compile(
    r"#[^\n]*"
    r"|'''(?:[^']|'{1,2}(?!'))*'''"
    r"|'[^'\n]*'"
    r'|"""(?P<multi>(?:\\.|[^"\\]|"{1,2}(?!"))*)"""'
    r'|"(?P<basic>(?:\\.|[^"\\\n])*)"',
    re.DOTALL,
)


def repair_backslashes(text: str) -> tuple[str, int]:
    """The text with LaTeX in double quotes escaped, and the number of strings that needed it."""
    repaired = 0

    def fix(match: re.Match[str]) -> str:
        nonlocal repaired
        name = "multi" if match.group("multi") is not None else "basic"
        inner = match.group(name)
        if inner is None or not _needs_repair(inner):
            return match.group(0)
        repaired += 1
        quote = '"""' if name == "multi" else '"'
        return quote + _SINGLE.sub(_double, inner) + quote

    return _STRING.sub(fix, text), repaired


def _needs_repair(inner: str) -> bool:
    """A LaTeX command stands behind a single backslash."""
    without_pairs = inner.replace("\\\\", "\0\0")
    return bool(_TOML_LOOKALIKE.search(without_pairs) or _NO_ESCAPE.search(without_pairs))


def _double(match: re.Match[str]) -> str:
    following = match.group(1)
    if following == '"':
        return '\\"'
    if following == "\\":
        return "\\\\\\\\"  # LaTeX's own line break, which stays two backslashes
    return "\\\\" + following
