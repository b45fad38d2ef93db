"""Throughput of the theory room: per answer (warm, one process) and the cold start of a theory-only judgement.

Run `python benchmarks/theory.py [--json FILE]`. Aims: median ≤ 5 ms, 99th percentile ≤ 100 ms, nothing above 2 s, cold
start ≤ 1.2 s. Both the wall clock and this process's CPU time are shown: on a shared machine they differ.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "theory" / "data"
COLD = (
    "from grader.theory import judge_answer; import sys;"
    "j = judge_answer('2.4', 'latex', r'\\frac{\\beta_t x_t}{\\bar\\beta_t}');"
    "assert j.verdict == 'incorrect' and 'torch' not in sys.modules"
)


def warm(rounds: int) -> dict[str, float]:
    """Milliseconds per answer over both case files, after one round that fills the caches."""
    from grader.theory import judge_answer

    cases = [
        json.loads(line) for name in ("course_answers.jsonl", "more_answers.jsonl") for line in (CASES / name).open()
    ]
    wall: list[float] = []
    cpu: list[float] = []
    for turn in range(rounds + 1):
        for case in cases:
            start, start_cpu = time.perf_counter(), time.process_time()
            judge_answer(case["question"], case["lang"], case["student"])
            if turn:
                wall.append((time.perf_counter() - start) * 1e3)
                cpu.append((time.process_time() - start_cpu) * 1e3)
    return {
        "answers": len(cases),
        "median_ms": statistics.median(wall),
        "p99_ms": statistics.quantiles(wall, n=100)[98],
        "max_ms": max(wall),
        "median_cpu_ms": statistics.median(cpu),
        "p99_cpu_ms": statistics.quantiles(cpu, n=100)[98],
        "max_cpu_ms": max(cpu),
    }


def cold(runs: int) -> float:
    """Seconds of a fresh interpreter that judges one answer: the smallest of some runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", COLD], check=True, cwd=ROOT)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Prints the figures, and writes them as JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = warm(arguments.rounds) | {"cold_start_s": cold(3)}
    for name, value in figures.items():
        print(f"{name:>16}  {value:10.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
