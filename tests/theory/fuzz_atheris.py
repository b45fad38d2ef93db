"""Coverage-guided fuzzing of the reader with atheris: `python tests/theory/fuzz_atheris.py --seconds 300 CORPUS`.

Not collected by pytest, and atheris is no dependency of the project: `pip install atheris` where it is to be run.
The first byte of an input chooses the question and the language, the rest is the text. Whatever is neither a reading
nor a `ReadError`, or takes longer than the limit for one answer, is a finding; findings become cases in test_bounds.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["grader.theory"]):
    from grader.theory.bounds import TIME_LIMIT_S
    from grader.theory.errors import ReadError
    from grader.theory.questions import FAMILY
    from grader.theory.reading import read

DATA = Path(__file__).parent / "data"
QUESTIONS = sorted(FAMILY)
LANGUAGES = ("latex", "text", "auto")


def encode(question: str, lang: str, text: str) -> bytes:
    """A case as an input of the fuzzer."""
    return bytes([QUESTIONS.index(question) * len(LANGUAGES) + LANGUAGES.index(lang)]) + text.encode()


def one_input(data: bytes) -> None:
    """Reads one input and typesets what was read."""
    if not data:
        return
    question, lang = divmod(data[0] % (len(QUESTIONS) * len(LANGUAGES)), len(LANGUAGES))
    text = data[1:].decode("utf-8", errors="replace")
    start = time.process_time()
    try:
        assert isinstance(read(QUESTIONS[question], LANGUAGES[lang], text).typeset, str)
    except ReadError as error:
        if not 0 <= error.column <= len(text):
            raise RuntimeError(f"column {error.column} of {text!r}") from error
    spent = time.process_time() - start
    assert spent < TIME_LIMIT_S, f"{spent:.1f} s: {text!r}"


def main() -> None:
    """Writes the case files into the corpus folder and fuzzes for the given time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--seconds", type=int, default=120)
    arguments = parser.parse_args()
    arguments.corpus.mkdir(parents=True, exist_ok=True)
    cases = (json.loads(line) for file in DATA.glob("*.jsonl") for line in file.open(encoding="utf-8"))
    for number, case in enumerate(cases):
        data = encode(case["question"], case["lang"], case["student"])
        (arguments.corpus / f"case_{number}").write_bytes(data)
    limits = [f"-max_total_time={arguments.seconds}", "-max_len=600", "-rss_limit_mb=2048", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, str(arguments.corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
