"""A class against its bars: throughput, memory, one zygote, regrade, kills. Ratios in one run; on a quiet machine.

python benchmarks/cohort.py                       # every bar
python benchmarks/cohort.py throughput --size 60 --fresh 60 --jobs 2
python benchmarks/cohort.py memory zygote regrade kills
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
GRADER = (sys.executable, "-m", "grader")
LEAST_RATIO = 4.0
MOST_REGRADE_S = 10.0
MOST_SHARED = 0.5
MOST_GROWTH = 0.10
"""Of the parent's resident memory from 60 to 600 submissions: what an allocator's noise may be."""


def make_class(folder: Path, size: int) -> list[Path]:
    """Right and wrong code on both tracks, theory alone, half-empty and broken submissions, no two the same."""
    from grader.corpus import load_corpus

    cases = load_corpus(ROOT / "submissions")
    draw = random.Random(446)
    right = draw.sample([c for c in cases if c.kind == "right"], size // 5)
    wrong = draw.sample([c for c in cases if c.kind == "wrong"], size * 2 // 5)
    answers = (ROOT / "submissions" / "perfect" / "answers.toml").read_text("utf-8")
    write_up = (ROOT / "submissions" / "seed" / "homework.tex").read_text("utf-8")
    gan = (ROOT / "submissions" / "perfect" / "hw5_gan.py").read_text("utf-8")
    places = []
    for index in range(size):
        place = folder / f"s{index:03d}"
        place.mkdir(parents=True)
        case = (right + wrong)[index] if index < len(right) + len(wrong) else None
        if case is not None:
            files = dict(case.files)
        else:
            kind = index % 6
            files = (
                {"answers.toml": answers},
                {"homework.tex": write_up},
                {"answers.toml": answers, "hw5_gan.py": gan},
                {"hw5_gan.py": gan.replace("return", "retrun", 1)},
                {"README.md": "I will hand in tomorrow."},
                {"homework.tex": write_up, "hw5_gan.py": gan.replace("0.2", "0.1")},
            )[kind]
        for name, text in files.items():
            mark = f"\n# {index}\n" if name.endswith((".py", ".toml")) else f"\n% {index}\n"
            (place / name).write_text(text + mark, encoding="utf-8")
        places.append(place)
    return places


def cpu_s() -> float:
    """CPU seconds of the finished children of this process."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cohort(folder: Path, store: Path, jobs: int) -> subprocess.Popen[bytes]:
    command = [*GRADER, "cohort", str(folder), "--store", str(store), "--quick", "--jobs", str(jobs)]
    return subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def throughput(work: Path, size: int, fresh: int, jobs: int) -> bool:
    """Submissions a second of one class run against one fresh process for each submission."""
    places = make_class(work / "class", size)
    begun, spent = time.monotonic(), cpu_s()
    if cohort(work / "class", work / "class.sqlite", jobs).wait() != 0:
        raise SystemExit("the class run failed")
    warm, warm_cpu = (time.monotonic() - begun) / size, (cpu_s() - spent) / size

    def one(place: Path) -> None:
        subprocess.run([*GRADER, "check", str(place), "--quick"], env=ENVIRONMENT, cwd=ROOT, capture_output=True)

    sample = random.Random(1).sample(places, min(fresh, size))
    begun, spent = time.monotonic(), cpu_s()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, sample))
    cold, cold_cpu = (time.monotonic() - begun) / len(sample), (cpu_s() - spent) / len(sample)
    print(f"throughput: {size} in a class: {warm:.2f} s each ({warm_cpu:.2f} s CPU), {jobs} jobs")
    print(f"  {len(sample)} fresh: {cold:.2f} s each ({cold_cpu:.2f} s CPU), {jobs} jobs")
    print(f"  ratio {cold / warm:.1f} by the clock, {cold_cpu / warm_cpu:.1f} by CPU (at least {LEAST_RATIO})")
    return cold / warm >= LEAST_RATIO


def memory(store: Path) -> bool:
    """Resident memory of the parent from 60 to 600 submissions: real evidence from a process that only repeats it."""
    sizes = []
    for size in (60, 600):
        command = [sys.executable, __file__, "--parent", str(size), "--template", str(store)]
        shown = subprocess.run(command, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        sizes.append(int(shown.split()[-1]))
    growth = sizes[1] / sizes[0] - 1
    print(f"memory: the parent holds {sizes[0] >> 20} MB with 60, {sizes[1] >> 20} MB with 600 submissions")
    print(f"  growth {growth:+.1%} (at most {MOST_GROWTH:.0%})")
    return growth <= MOST_GROWTH


def parent(size: int, template: Path) -> None:
    """Runs a class whose grading process repeats stored evidence, and prints this process's peak resident memory."""
    from grader.cohort.class_run import ClassOptions, grade_class, plan
    from grader.cohort.executor import LocalExecutor
    from grader.cohort.process import GradingProcess
    from grader.cohort.roster import HandIn
    from grader.cohort.settings import read_settings
    from grader.cohort.store import Store

    settings = read_settings()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "s.sqlite") as store:
        (Path(folder) / "a").mkdir()
        store.enrol([HandIn(f"s{i}", Path(folder) / "a", ()) for i in range(size)])
        command = (sys.executable, __file__, "--echo", "--template", str(template))
        executor = LocalExecutor(settings.setup, 2, lambda setup, _: GradingProcess(setup, command=command))
        jobs = plan(store, settings, ClassOptions(quick=True))
        tally = grade_class(store, settings, executor, jobs)
        assert tally.finished == size, tally
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def echo(template: Path) -> None:
    """A grading process that answers every job with a stored submission's own evidence."""
    from grader.cohort import messages
    from grader.cohort.messages import Finished, Job, Warm

    known = list(stored(template))
    read = sys.stdin.buffer.read

    def send(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    messages.read(read)
    messages.write(send, Warm(0.0))
    index = 0
    while isinstance(job := messages.read(read), Job):
        index += 1
        again = msgspec.structs.replace(known[index % len(known)], key=job.key)
        messages.write(send, Finished(again, 0))


def stored(template: Path) -> Iterator[object]:
    """The measured submissions of a store."""
    from grader.cohort.pack import pack, pack_verdict
    from grader.cohort.records import Measured
    from grader.cohort.store import Store

    with Store(template) as store:
        grades = store.grades()
        for row in store.rows():
            if row.state != "done":
                continue
            evidence = {n: pack(e) for n, e in store.evidence(row.id).items()}
            verdicts = {n: pack_verdict(g.verdict) for n, g in grades[row.id].items()}
            yield Measured(row.key, msgspec.structs.replace(row.run, peak_bytes=0), evidence, verdicts)


def zygote(slots: int = 4) -> bool:
    """Memory (proportional) and seconds of the student processes of some job slots: one shared zygote, or one each."""
    import psutil

    from grader.student import StudentSession
    from grader.student.layers import Layers
    from grader.student.lobby import Lobby
    from grader.student.nursery import Nursery

    def held(sessions: list[StudentSession]) -> tuple[int, float]:
        begun = time.monotonic()
        with ExitStack() as opened:
            for session in sessions:
                opened.enter_context(session)
            for session in sessions:
                opened.enter_context(session.worker("hw5_gan", driver="", seed=1))
            seconds = time.monotonic() - begun
            tree = psutil.Process().children(recursive=True)
            return sum(process.memory_full_info().pss for process in tree), seconds

    sources = {"hw5_gan": "import torch\n"}
    own, own_s = held([StudentSession(sources) for _ in range(slots)])
    with Nursery() as nursery:
        lobbies = [Lobby(connection, Layers()) for _ in range(slots) if (connection := nursery.admit()) is not None]
        shared, shared_s = held([StudentSession(sources, lobby=lobby) for lobby in lobbies])
    print(f"zygote: {slots} slots hold {own >> 20} MB with one each ({own_s:.1f} s until all have a worker)")
    print(f"  {shared >> 20} MB with one for all ({shared_s:.1f} s): {shared / own:.2f} of it (at most {MOST_SHARED})")
    return len(lobbies) == slots and shared / own <= MOST_SHARED


def regrade(work: Path, template: Path, size: int = 300) -> bool:
    """Seconds of `grader regrade` with a changed rubric over stored submissions, the start of Python included."""
    from grader.cohort.roster import HandIn
    from grader.cohort.settings import keep_settings, read_settings
    from grader.cohort.store import Store
    from grader.run import default_paths

    settings = read_settings()
    path = work / "many.sqlite"
    known = list(stored(template))
    with Store(path) as store:
        store.enrol([HandIn(f"s{i}", work, ()) for i in range(size)])
        keep_settings(store, settings)
        for i in range(size):
            store.keep(msgspec.structs.replace(known[i % len(known)], key=f"s{i}"), settings.stamp)  # type: ignore[type-var]
    text = default_paths()[0].read_text("utf-8")
    changed = text.replace('topic = "3.3"\nexpected = true', 'topic = "3.3"\nexpected = false')
    assert changed != text
    (work / "rubric.toml").write_text(changed, encoding="utf-8")
    begun, spent = time.monotonic(), cpu_s()
    command = [*GRADER, "regrade", str(path), "--rubric", str(work / "rubric.toml"), "--yes"]
    shown = subprocess.run(command, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    seconds = time.monotonic() - begun
    print(
        f"regrade: {size} submissions in {seconds:.1f} s ({cpu_s() - spent:.1f} s CPU; at most {MOST_REGRADE_S:.0f} s)"
    )
    print(f"  {shown.splitlines()[0]}")
    return seconds <= MOST_REGRADE_S


def kills(work: Path, size: int, jobs: int) -> bool:
    """Five kills at random moments, then one run to the end, against an undisturbed store."""
    from grader.cohort.store import Store

    make_class(work / "killed", size)
    begun = time.monotonic()
    cohort(work / "killed", work / "undisturbed.sqlite", jobs).wait()
    whole = time.monotonic() - begun
    draw = random.Random(5)
    for _ in range(5):
        process = cohort(work / "killed", work / "killed.sqlite", jobs)
        time.sleep(draw.uniform(0.1, 0.6) * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Store(work / "killed.sqlite") as store:
            done = sum(row.state != "waiting" for row in store.rows())
        print(f"  killed with {done} of {size} finished")
    cohort(work / "killed", work / "killed.sqlite", jobs).wait()
    prints = []
    for name in ("undisturbed", "killed"):
        with Store(work / f"{name}.sqlite") as store:
            prints.append(store.fingerprint())
    same = prints[0] == prints[1]
    print(f"kills: the resumed store is {'equal' if same else 'NOT equal'} to an undisturbed one")
    return same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars", nargs="*", help="throughput, memory, zygote, regrade, kills; all by default")
    parser.add_argument("--size", type=int, default=60)
    parser.add_argument("--fresh", type=int, default=60, help="how many fresh processes; fewer is quicker and coarser")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--kill-size", type=int, default=20)
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--echo", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--template", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.parent:
        return parent(asked.parent, asked.template)
    if asked.echo:
        return echo(asked.template)
    bars = asked.bars or ["throughput", "memory", "zygote", "regrade", "kills"]
    work = Path(tempfile.mkdtemp(prefix="grader-benchmark-"))
    try:
        held = []
        template = work / "class.sqlite"
        if "throughput" in bars:
            held.append(throughput(work, asked.size, asked.fresh, asked.jobs))
        elif {"memory", "regrade"} & set(bars):
            make_class(work / "class", 6)
            cohort(work / "class", template, asked.jobs).wait()
        if "memory" in bars:
            held.append(memory(template))
        if "zygote" in bars:
            held.append(zygote())
        if "regrade" in bars:
            held.append(regrade(work, template))
        if "kills" in bars:
            held.append(kills(work, asked.kill_size, asked.jobs))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    raise SystemExit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
