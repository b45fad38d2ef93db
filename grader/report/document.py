"""A report as plain data: what `--json` writes. It computes no point."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from grader.model import Evidence, Json, QuestionResult, Report

LARGEST_INLINE_ARRAY = 64
"""Arrays with more values are summed up by their shape in JSON; the store keeps them whole."""


def points(value: Fraction) -> int | float:
    """Points as a JSON number: exact for the halves and quarters of a rubric."""
    return int(value) if value.denominator == 1 else float(value)


def report_document(report: Report) -> dict[str, Json]:
    """The report as the contract of `grader check --json` has it."""
    return {
        "title": report.title,
        "origin": report.origin,
        "digest": report.digest,
        "track": report.track,
        "score": points(report.score),
        "max_score": points(report.max_score),
        "decided_max_score": points(report.decided_max),
        "awaiting_review": points(report.awaiting),
        "complete": report.complete,
        "isolation": list(report.isolation),
        "notes": list(report.notes),
        "warnings": list(report.warnings),
        "seconds": round(report.seconds, 3),
        "questions": [_question(r) for r in report.results],
    }


def _question(result: QuestionResult) -> dict[str, Json]:
    question, verdict = result.question, result.verdict
    return {
        "id": question.check,
        "number": question.number,
        "title": question.title,
        "points": points(verdict.points),
        "max_points": points(question.points),
        "awaiting_review": points(verdict.awaiting),
        "outcome": verdict.outcome,
        "mistake": verdict.mistake,
        "mistakes": list(verdict.mistakes),
        "message": verdict.message,
        "notes": list(verdict.notes),
        "seconds": round(result.evidence.seconds, 3),
        "evidence": evidence_document(result.evidence),
    }


def evidence_document(evidence: Evidence) -> dict[str, Json]:
    """Evidence as JSON: facts whole, large arrays by shape, failures with their cause."""
    document: dict[str, Json] = {"facts": plain(evidence.facts)}
    if evidence.failures:
        document["failures"] = {
            part: {"kind": f.kind, "sentence": f.sentence, "where": f.where, "detail": f.detail}
            for part, f in evidence.failures.items()
        }
    if evidence.arrays:
        document["arrays"] = {
            name: {"shape": list(a.shape), "dtype": str(a.dtype)} for name, a in evidence.arrays.items()
        }
    if evidence.output:
        document["output"] = evidence.output
    return document


def plain(value: Any) -> Json:
    """Any fact as JSON: NaN and infinities as words, numpy scalars as numbers."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist()) if value.size <= LARGEST_INLINE_ARRAY else {"shape": list(value.shape)}
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Fraction):
        return points(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def write_json(path: Path, document: Json) -> None:
    """Writes a JSON file aside and renames it, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
