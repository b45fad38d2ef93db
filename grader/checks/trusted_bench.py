"""A bench without a student process, for modules that we trust: the reference (calibration) and the corpus in tests."""

from __future__ import annotations

import math
import random
import traceback
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grader.checks.registry import Check, Record, StudentFailure
from grader.model import WHOLE, Evidence, Failure, Question

DRIVERS = Path(__file__).resolve().parent / "drivers"


class TrustedBench:
    """Runs driver functions in this process. Never for a student's file: nothing is isolated, nothing is limited."""

    def __init__(self, check: Check, module: types.ModuleType, seed: int, *, quick: bool = True) -> None:
        self.question = Question(check.name, check.promise, Fraction(1), check.name, parts={WHOLE: Fraction(1)})
        self.rng = np.random.default_rng(seed)
        self.quick = quick
        self.pictures = False
        self.device = "cpu"
        self._module, self._seed = module, seed
        self._paths = [DRIVERS / f"{stem}.py" for stem in (check.driver or "").split("+")]
        self._driver: dict[str, Any] = {}

    def call(self, function: str, *args: Any, limit_s: float | None = None, **kwargs: Any) -> Any:
        """Runs a driver function, seeded as the student process is. Raises StudentFailure for any exception in it."""
        if not self._driver:
            self._driver = {"torch": torch, "np": np, "math": math, "__name__": "driver"}
            for path in self._paths:
                exec(compile(path.read_text("utf-8"), str(path), "exec", dont_inherit=True), self._driver)
        torch.set_grad_enabled(True)
        torch.manual_seed(self._seed)
        random.seed(self._seed)
        np.random.seed(self._seed % 2**32)
        try:
            return _plain(self._driver[function](self._module, *map(_tensors, args), **_tensors(kwargs)))
        except Exception as error:
            raise StudentFailure(_failure(error, self._module)) from error

    def time_left_s(self) -> float:
        """There is no hurry."""
        return 3600.0

    def file(self, name: str) -> bytes | None:
        """No data files."""
        return None


def measure_trusted(check: Check, module: types.ModuleType, seed: int, *, quick: bool = True) -> Evidence:
    """What the check sees of a trusted module; failures of the module's code are kept as in a run."""
    record = Record()
    try:
        check.measure(TrustedBench(check, module, seed, quick=quick), record)
    except StudentFailure as fault:
        record.failures[WHOLE] = fault.failure
    return Evidence(check.name, record.facts, record.arrays, record.failures, tuple(record.notes))


def module_from_text(text: str, name: str = "hw5_trusted") -> types.ModuleType:
    """A module from source text of ours."""
    module = types.ModuleType(name)
    exec(compile(text, f"{name}.py", "exec", dont_inherit=True), module.__dict__)
    return module


def _tensors(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value, order="C"))
    if isinstance(value, dict):
        return {k: _tensors(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_tensors(v) for v in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy().copy()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _failure(error: Exception, module: types.ModuleType) -> Failure:
    kind = "exception"
    if isinstance(error, NotImplementedError):
        kind = "not_implemented"
    elif isinstance(error, AttributeError) and error.obj is module:
        kind = "missing_name"
    return Failure(kind, f"{type(error).__name__}: {error}", detail=traceback.format_exc())
