"""answers.toml → Answers: one string a question, a list of steps, or a table; quoted or dotted keys.

    "1.1" = 'D^*(x) = \\frac{p_r(x)}{p_r(x)+p_g(x)}'
    "2.4" = ['step', 'step', 'result']
    "3.2" = { verdict = false, reason = "MAE masks …, BERT …" }

Source: the project's template; the numbers are the handout's.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from grader.theory.answer_text import (
    FREE_TEXT,
    MAX_ANSWER_CHARS,
    MAX_FILE_CHARS,
    MAX_STEPS,
    QUESTIONS,
    TRUE_FALSE,
    Answers,
    AnswersError,
    AnswerText,
    Lang,
    StepText,
    guess_lang,
    split_leading,
)
from grader.theory.freetext import read_verdict
from grader.theory.toml_repair import repair_backslashes

FILE_NAME: Final = "answers.toml"

_RESULT_KEYS: Final = ("result", "answer", "final")
_STEPS_KEYS: Final = ("steps", "derivation", "proof")
_TEXT_KEYS: Final = ("text", "explanation")
_REASON_KEYS: Final = ("reason", "why", "because")
_VERDICT_KEYS: Final = ("verdict", "true", "value")
_PART_KEYS: Final = {"2.1": ("weight",), "2.3": ("beta_bar",)}
_DEFINITION_KEYS: Final = ("definitions", "where", "notation")
_LANG_KEYS: Final = ("lang", "language", "format")
_GENERAL_KEYS: Final = ("name", "netid", "student", "lang", "notation", "definitions", "notes", "comment")
_KEY_NAME: Final = re.compile(r"^(?:question|problem|q|p)?[\s_.]*(\d)[\s._-]+(\d)((?:\.\w+)?)$", re.IGNORECASE)


def read_answers_toml(text: str, source: str = FILE_NAME) -> Answers:
    """The answers of a file; raises `AnswersError` with a sentence and a line when it cannot be read as TOML."""
    if len(text) > MAX_FILE_CHARS:
        raise AnswersError(f"{source} has {len(text):,} characters; at most {MAX_FILE_CHARS:,} are read.")
    notes: list[str] = []
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    repaired, count = repair_backslashes(text)
    if count:
        notes.append(
            f"{source}: {count} answer{'s' * (count > 1)} in double quotes held LaTeX backslashes and "
            f"{'were' if count > 1 else 'was'} read as written; single quotes ('…') need no care."
        )
    try:
        table = tomllib.loads(repaired)
    except tomllib.TOMLDecodeError as error:
        raise AnswersError(_toml_sentence(str(error), text, source)) from error
    except RecursionError as error:
        raise AnswersError(f"{source} nests its tables too deeply to be read.") from error
    raw = _by_question(table, notes, source)
    shared = _strings(table.get("notation", table.get("definitions")))
    lang = _lang(table)
    answers: dict[str, AnswerText] = {}
    for question in QUESTIONS:
        if question in raw:
            answer = _answer(question, raw[question], lang, notes, source)
            line = _line_of(question, text)
            steps = tuple(replace(step, line=line) for step in answer.steps)
            answers[question] = replace(
                answer, definitions=(*shared, *answer.definitions), source=source, line=line, steps=steps
            )
    return Answers(answers, source, tuple(notes))


def _by_question(table: Mapping[str, Any], notes: list[str], source: str) -> dict[str, dict[str, Any]]:
    """Question number → {field: value}; the whole answer of an unsplit question has the field ''."""
    found: dict[str, dict[str, Any]] = {}

    def put(question: str, part: str, value: Any) -> None:
        fields = found.setdefault(question, {})
        if part == "" and isinstance(value, Mapping):
            fields.update({str(key).strip().lower(): inner for key, inner in value.items()})
        else:
            fields[part] = value

    def walk(prefix: str, value: Mapping[str, Any]) -> None:
        for key, inner in value.items():
            name = f"{prefix}.{key}" if prefix else str(key)
            match = _KEY_NAME.match(name.strip())
            if match:
                question, part = f"{match[1]}.{match[2]}", match[3].lstrip(".").lower()
                if question in QUESTIONS:
                    put(question, part, inner)
                else:
                    notes.append(f"{source}: there is no theory question {question}; its answer was not used.")
            elif not prefix and name.lower() in _GENERAL_KEYS:
                continue
            elif isinstance(inner, Mapping) and name.count(".") < 3:
                walk("" if name.lower() in ("answers", "theory") else name, inner)
            else:
                notes.append(f'{source}: the key "{name[:40]}" names no theory question and was not used.')

    walk("", table)
    return found


def _answer(question: str, fields: Mapping[str, Any], lang: Lang | None, notes: list[str], source: str) -> AnswerText:
    known = {"", *_RESULT_KEYS, *_STEPS_KEYS, *_TEXT_KEYS, *_REASON_KEYS, *_VERDICT_KEYS, *_DEFINITION_KEYS}
    known.update(_LANG_KEYS, _PART_KEYS.get(question, ()))
    for unknown in sorted(set(fields) - known):
        notes.append(f'{source}: "{unknown[:40]}" of question {question} is not a field of an answer and was not used.')
    whole = fields.get("")
    size = sum(len(part) for value in fields.values() for part in _strings(value))
    if size > MAX_ANSWER_CHARS:
        notes.append(
            f"{source}: the answer to {question} has {size:,} characters; at most {MAX_ANSWER_CHARS:,} are read."
        )
        return AnswerText(question)
    lang = _lang(fields) or lang
    if question in TRUE_FALSE:
        return _true_false(question, whole, fields)
    text = " ".join(_strings(_first(fields, _TEXT_KEYS)))
    if question in FREE_TEXT:
        prose = " ".join(
            [*_strings(whole), *_strings(_first(fields, _RESULT_KEYS)), text, *_strings(_first(fields, _REASON_KEYS))]
        )
        written = _strings(_first(fields, _STEPS_KEYS))
        return AnswerText(question, text=" ".join([prose.strip(), *written]).strip(), lang=lang or guess_lang(prose))
    steps_written = [s for s in _strings(_first(fields, _STEPS_KEYS)) if s.strip()]
    result = " ".join(_strings(_first(fields, _RESULT_KEYS))).strip() or None
    if isinstance(whole, list):
        steps_written = [s for s in _strings(whole) if s.strip()]
    elif whole is not None and result is None:
        result = " ".join(_strings(whole)).strip() or None
    if len(steps_written) > MAX_STEPS:
        notes.append(f"{source}: question {question} has {len(steps_written)} steps; the first {MAX_STEPS} are read.")
        steps_written = steps_written[:MAX_STEPS]
    if result is None and steps_written:
        result = steps_written[-1].strip()
    steps = tuple(_step(step, lang) for step in steps_written)
    parts = {key: " ".join(_strings(fields[key])).strip() for key in _PART_KEYS.get(question, ()) if key in fields}
    parts = {key: value for key, value in parts.items() if value}
    chosen: Lang = lang or guess_lang(" ".join([result or "", *steps_written]))
    return AnswerText(
        question,
        result=split_leading(result)[1] if result else None,
        steps=steps,
        text=text,
        definitions=_strings(_first(fields, _DEFINITION_KEYS)),
        parts=parts,
        lang=chosen,
    )


def _true_false(question: str, whole: Any, fields: Mapping[str, Any]) -> AnswerText:
    reason = " ".join(_strings(_first(fields, _REASON_KEYS)) + _strings(_first(fields, _TEXT_KEYS))).strip()
    given = _first(fields, _VERDICT_KEYS)
    if given is None:
        given = whole if whole is not None else _first(fields, _RESULT_KEYS)
    if isinstance(given, list):
        following = given[1:]
        given = given[0] if given else None
        reason = " ".join([*_strings(following), reason]).strip()
    if isinstance(given, bool):
        return AnswerText(question, verdict=given, verdict_text=str(given), reason=reason or None, text=reason)
    words = " ".join(_strings(given)).strip()
    verdict, rest = read_verdict(words)
    reason = " ".join(part for part in (rest, reason) if part).strip()
    return AnswerText(
        question, verdict=verdict, verdict_text=words or None, reason=reason or None, text=words, lang="text"
    )


def _step(text: str, lang: Lang | None) -> StepText:
    leading, rest = split_leading(text)
    return StepText(rest, lang or guess_lang(text), leading=leading)


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if name in fields), None)


def _strings(value: Any) -> tuple[str, ...]:
    """The strings in a value; numbers and truth values as TOML writes them."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, list | tuple):
        return tuple(part for item in value for part in _strings(item))
    if isinstance(value, Mapping):
        return tuple(part for item in value.values() for part in _strings(item))
    return (str(value),)


def _lang(fields: Mapping[str, Any]) -> Lang | None:
    named = _first(fields, _LANG_KEYS)
    if not isinstance(named, str):
        return None
    if named.strip().lower() in ("latex", "tex"):
        return "latex"
    return "text" if named.strip().lower() in ("text", "plain", "unicode", "sympy", "python") else None


def _line_of(question: str, text: str) -> int:
    """The line on which a question's number first stands as a key; 0 when it is spread over nested tables."""
    key = re.compile(rf"^\s*\[*\s*[\"']?(?:q|question)?[\s_]*{re.escape(question)}(?!\d)", re.IGNORECASE)
    return next((n for n, line in enumerate(text.split("\n"), start=1) if key.match(line)), 0)


def _toml_sentence(reason: str, text: str, source: str) -> str:
    match = re.search(r"\(at line (\d+), column (\d+)\)", reason)
    lines = text.split("\n")
    place = f"line {match[1]}" if match else f"line {len(lines)} (its end)"
    cause = re.sub(r"\s*\(at [^)]*\)", "", reason)
    shown = lines[int(match[1]) - 1].strip()[:80] if match and int(match[1]) <= len(lines) else ""
    found = f' There it reads: "{shown}".' if shown else ""
    return (
        f"{source} is not valid TOML at {place}: {cause}.{found} "
        "An answer is written as \"2.4\" = '…' with LaTeX in single quotes, each question once."
    )
