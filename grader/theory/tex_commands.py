r"""Commands of LaTeX → tokens: what changes only the look is dropped, a word command's content is a word.

Commands are found by TeX's own rule (a backslash and letters, or a backslash and one character). pylatexenc is not
used: students mix LaTeX with plain text and unicode in one answer, so that its tokens would have to be cut again by
this scanner, its parser recovers silently by default (a stray } disappears), and it takes five times as long.
"""

from __future__ import annotations

from grader.theory import vocabulary as v
from grader.theory.bounds import MAX_DEPTH
from grader.theory.errors import TooDeep, UnbalancedBracket, UnknownCommand


class TexCommands:
    """The part of the scanner that meets a backslash."""

    text: str
    latex: bool
    depth: int
    spaced: bool

    def emit(self, kind: str, value: str, start: int, end: int, *, roman: bool = False) -> None:
        raise NotImplementedError

    def run(self, start: int, stop: int, *, roman: bool = False) -> None:
        raise NotImplementedError

    def step(self, at: int, stop: int, roman: bool) -> int:
        raise NotImplementedError

    def command(self, at: int, stop: int, roman: bool) -> int:
        text, end = self.text, at + 1
        while end < stop and text[end].isascii() and text[end].isalpha():
            end += 1
        if end == at + 1:
            end = min(at + 2, stop)
        name = text[at + 1 : end]
        if name in v.WORD_COMMANDS and end < stop and text[end] == "*":
            end += 1
        if name in ("[", "]", "(", ")", " ", "", "\n", "-", "'", '"', "@", "#", "%", "="):
            self.spaced = True
            return end
        if name in v.SPACE_COMMANDS:
            return self.spacing(name, end, stop)
        if name in v.STYLE_COMMANDS or name in v.WORD_COMMANDS:
            return self.styled(name, at, end, stop)
        if name in v.ACCENT_COMMANDS:
            self.emit("accent", v.ACCENT_COMMANDS[name], at, end)
            return end
        if name in ("frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"):
            self.emit("frac", name, at, end)
            return end
        if name == "sqrt":
            self.emit("sqrt", "\\sqrt", at, end)
            return end
        if name in ("sum", "prod", "int", "nabla", "partial"):
            self.emit({"nabla": "nabla", "partial": "partial"}.get(name, "big"), name, at, end)
            return end
        if name in ("underbrace", "overbrace", "underset", "overset", "stackrel", "binom"):
            self.emit(name, name, at, end)
            return end
        if name in ("begin", "end"):
            return self.environment(name, at, end, stop)
        if name in ("label", "tag", "hspace", "vspace", "phantom", "color", "vphantom", "hphantom", "ref", "eqref",
                    "kern", "mspace", "cite"):  # fmt: skip
            return self.skip_group(end, stop)
        if name == "textcolor":
            return self.skip_group(end, stop)
        if name in v.COMMANDS:
            kind = v.COMMANDS[name]
            if kind == "\u2003":
                self.emit("quad", "quad", at, end)
            elif name in ("{", "}", "lbrace", "rbrace"):
                self.emit(kind, "\\{" if kind == "(" else "\\}", at, end)
            else:
                self.emit(kind, kind if kind not in ("*",) else "\\" + name, at, end)
            return end
        if name in v.GREEK:
            self.emit("name", v.SAME_NAME.get(name, name), at, end)
            return end
        if name in v.WORD_LIKE_COMMANDS:
            self.emit("name", v.WORD_LIKE_COMMANDS[name], at, end, roman=len(name) > 1)
            return end
        raise UnknownCommand(f"The command \\{name} is not in the vocabulary of this grader.", at)

    def spacing(self, name: str, end: int, stop: int) -> int:
        self.spaced = True
        if name in ("left", "right", "middle") or name.lower().startswith("big"):
            while end < stop and self.text[end] == " ":
                end += 1
            if end < stop and self.text[end] == ".":
                return end + 1
        return end

    def styled(self, name: str, at: int, end: int, stop: int) -> int:
        """The content of a style command: a word for \\mathrm and its kin, mathematics in another type otherwise."""
        while end < stop and self.text[end] in " \n":
            end += 1
        if end >= stop:
            return end
        as_word = name in v.WORD_COMMANDS
        if self.text[end] != "{":
            if self.text[end] == "\\" or as_word or name in ("bf", "it", "cal"):
                return end
            return self.step(end, stop, False)
        close = self.matching_brace(end, stop)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep(f"Groups are nested more than {MAX_DEPTH} deep.", at)
        inner = self.text[end + 1 : close]
        if as_word:
            self.spaced = self.spaced or inner[:1] == " "
            latex, self.latex = self.latex, self.latex and "$" in inner

            self.run(end + 1, close, roman=True)
            self.latex = latex
            if len(inner.strip()) and inner[-1:] == " ":
                self.spaced = True

        else:
            whole = name in ("boxed", "fbox") and "=" in inner  # a relation is no operand: the box holds the answer
            simple = whole or not any(c in inner for c in "+-/=,*(")
            if not simple:
                self.emit("{", "{", end, end + 1)
            self.run(end + 1, close)
            if not simple:
                self.emit("}", "}", close, close + 1)
        self.depth -= 1
        return close + 1

    def matching_brace(self, at: int, stop: int) -> int:
        level, position = 0, at
        while position < stop:
            char = self.text[position]
            if char == "\\":
                position += 2
                continue
            if char == "{":
                level += 1
            elif char == "}":
                level -= 1
                if level == 0:
                    return position
            position += 1
        raise UnbalancedBracket("An opening brace { has no partner.", at)

    def skip_group(self, end: int, stop: int) -> int:
        while end < stop and self.text[end] in " *":
            end += 1
        if end < stop and self.text[end] == "{":
            return self.matching_brace(end, stop) + 1
        return end

    def environment(self, name: str, at: int, end: int, stop: int) -> int:
        while end < stop and self.text[end] == " ":
            end += 1
        if end >= stop or self.text[end] != "{":
            raise UnbalancedBracket(f"\\{name} has no environment name in braces.", at)
        close = self.matching_brace(end, stop)
        environment = self.text[end + 1 : close].strip()
        if environment in v.ENVIRONMENTS_DROPPED:
            self.spaced = True
            return close + 1
        if environment in ("cases", "dcases", "rcases"):
            self.emit(name, "cases", at, close + 1)
            return close + 1
        if environment in ("pmatrix", "bmatrix", "matrix", "array"):
            raise UnknownCommand(f"The environment {environment} is not read.", at)
        raise UnknownCommand(f"The environment {environment[:40]} is not in the vocabulary of this grader.", at)
