"""Every print reaches its stream: what a terminal or a pipe cannot encode becomes a plain sign of the same width."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

ERRORS = "plainly"
SIGNS = {
    "✓": "+", "✗": "x", "◐": "~", "–": "-", "—": "-", "−": "-", "×": "x", "·": "*", "⊙": "*", "∝": "~", "≠": "#",
    "≤": "<", "≥": ">", "→": ">", "…": ".", "“": '"', "”": '"', "‘": "'", "’": "'", "√": "v", "∏": "P", "∑": "S",
    "‖": "|", "│": "|", "┃": "|", "─": "-", "━": "-", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "∞": "8",
}  # fmt: skip
"""One sign for one, so that the columns of a table stay where they are."""


def plain(sign: str) -> str:
    """A sign in ASCII: by the table, a Greek letter by its name, a letter without its accent; else a question mark."""
    if sign in SIGNS:
        return SIGNS[sign]
    if unicodedata.combining(sign):
        return ""
    words = unicodedata.name(sign, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        letter = words[words.index("LETTER") + 1][0]
        return letter if "CAPITAL" in words else letter.lower()
    bare = unicodedata.normalize("NFKD", sign)[:1]
    return bare if bare.isascii() and bare else "?"


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(plain(sign) for sign in error.object[error.start : error.end]), error.end


def speak_plainly() -> None:
    """Lets standard output and error take any text, whatever their encoding."""
    codecs.register_error(ERRORS, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)
