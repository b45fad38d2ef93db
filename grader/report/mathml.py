"""A student's LaTeX as MathML that is safe to show: rebuilt from an allowed list, else the text itself."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from xml.etree.ElementTree import Element

from markupsafe import Markup, escape

LONGEST = 4000
"""Characters; a longer formula is shown as its text."""
DEEPEST = 40
"""Nested braces; the converter is recursive."""

ARITY = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "mroot": 2, "msubsup": 3, "munderover": 3}
LEAVES = frozenset({"mi", "mn", "mo", "mtext", "mspace"})
TAGS = LEAVES | ARITY.keys() | {"mrow", "msqrt", "mtable", "mtr", "mtd", "mpadded", "mphantom"}
ATTRIBUTES = frozenset(
    {"mathvariant", "stretchy", "fence", "form", "accent", "linethickness", "columnalign", "movablelimits"}
)
ALIGNED = r"\\(begin|end)\{(aligned|align\*?|split|gathered|equation\*?|multline\*?)\}"
ROW_END = re.compile(r"\\\\(?:\[[^\]]*\])?")
BARE_AMPERSAND = re.compile(r"(?<!\\)&")
MACROS = re.compile(r"\\(newcommand|renewcommand|def|let|gdef|edef|DeclareMathOperator)\b")


@lru_cache(maxsize=512)
def mathml(latex: str, *, block: bool = False) -> Markup | None:
    """The formula as a <math> element whose alttext is the student's text; None when it can't be typeset faithfully.

    Nothing that the converter emits is passed on: the tree is rebuilt from known elements and attributes, so that no
    link, script or style of a formula reaches the page.
    """
    from latex2mathml.converter import convert_to_element

    source = re.sub(ALIGNED, "", latex.strip()).strip()
    if not source or len(source) > LONGEST or _depth(source) > DEEPEST or MACROS.search(source):
        return None
    rows = [source] if r"\begin" in source else [BARE_AMPERSAND.sub(" ", row).strip() for row in ROW_END.split(source)]
    try:
        inner = [_rebuilt(convert_to_element(row)) for row in rows if row]
    except (_Unfit, RecursionError):
        return None
    except Exception:  # the converter has an exception class for every way of failing, and IndexError for the rest
        return None
    if not inner:
        return None
    body = inner[0] if len(inner) == 1 else _table(inner)
    display = ' display="block"' if block else ""
    return Markup(f'<math xmlns="http://www.w3.org/1998/Math/MathML"{display} alttext="{escape(latex)}">{body}</math>')


def formula(text: str, *, block: bool = False) -> Markup:
    """A formula typeset where that is possible, else its characters in <code>. `$` and `\\[` are taken off."""
    bare = re.sub(r"^\s*(\$\$?|\\\[|\\\()|(\$\$?|\\\]|\\\))\s*$", "", text.strip())
    typeset = mathml(bare, block=block) if "\\" in bare else None
    return typeset if typeset is not None else Markup('<code class="formula">{}</code>').format(text)


def prose(text: str) -> Markup:
    """Text with `$…$`, `\\(…\\)`, `\\[…\\]` typeset in it; everything else is escaped."""
    pieces = re.split(r"(\$\$.+?\$\$|\$[^$\n]+\$|\\\(.+?\\\)|\\\[.+?\\\])", text, flags=re.S)
    out = Markup()
    for i, piece in enumerate(pieces):
        out += formula(piece) if i % 2 else escape(piece)
    return out


class _Unfit(Exception):
    """The converter's tree is not what a browser would draw as the student meant it."""


def _depth(source: str) -> int:
    deepest = depth = 0
    for character in source:
        depth += (character == "{") - (character == "}")
        deepest = max(deepest, depth)
    return deepest + source.count(r"\left")


def _rebuilt(element: Element) -> str:
    tag = element.tag
    if tag in ("math", "mstyle"):
        tag = "mrow"
    if tag not in TAGS:
        raise _Unfit(tag)
    children = list(element)
    if tag in ARITY and len(children) != ARITY[tag]:
        raise _Unfit(tag)
    text = html.unescape(element.text or "")
    if tag in LEAVES:
        if children or text.startswith("\\"):  # an unknown command comes through as an identifier
            raise _Unfit(text)
    elif text.strip():
        raise _Unfit(text)
    attributes = "".join(f' {k}="{escape(str(v))}"' for k, v in element.attrib.items() if k in ATTRIBUTES)
    inner = str(escape(text)) if tag in LEAVES else "".join(_rebuilt(child) for child in children)
    return f"<{tag}{attributes}>{inner}</{tag}>"


def _table(rows: list[str]) -> str:
    return "<mtable>" + "".join(f'<mtr><mtd columnalign="left">{row}</mtd></mtr>' for row in rows) + "</mtable>"
