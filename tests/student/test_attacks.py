"""Every attack of the corpus, in a worker: it ends as that worker's fault or as a plain value, and touches nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest

from grader.student import Limits, StudentFault, StudentSession
from grader.student.layers import LAYERS, Layers
from tests.student import attacks

DRIVER = """
def disc(student, x): return student.DNet()(x)
def gen(student, z): return student.GNet(4)(z)
def loss_d(student, x, z): return student.GAN(4)._get_loss_d(len(x), x, z)
def loss_g(student, z): return student.GAN(4)._get_loss_g(len(z), z)
def bars(student, betas): return student.beta_bar(betas)
def noisy(student, x, t, betas): return student.q_sample(x, t, betas, x)
def loss(student, x, sigmas): return student.compute_denoising_loss(lambda x, s: -x, x, sigmas)
def chain(student, sigmas): return student.langevin_dynamics_sample(lambda x, s: -x, 4, sigmas, iterations=2)
"""
IMAGES = np.zeros((2, 1, 28, 28), np.float32)
LATENTS = np.full((2, 4), 0.5, np.float32)
BETAS = np.array([0.1, 0.2], np.float32)
POINTS = np.ones((2, 2), np.float32)
SIGMAS = np.array([0.3, 0.1], np.float32)
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "hw5_gan": [("disc", IMAGES), ("gen", LATENTS), ("loss_d", IMAGES, LATENTS), ("loss_g", LATENTS)],
    "hw5_ddpm": [("bars", BETAS), ("noisy", POINTS, np.array([1, 2]), BETAS)],
    "hw5_diffusion": [("loss", POINTS, SIGMAS), ("chain", SIGMAS)],
}
HONEST = {"hw5_gan": ("hw5_ddpm", ("bars", BETAS)), "hw5_ddpm": ("hw5_gan", ("loss_g", LATENTS))}
LIMITS = Limits(import_s=1.5, call_s=1.5, memory_bytes=1 << 30, scratch_bytes=16 << 20, file_bytes=16 << 20)
TOO_LONG_S = 15.0
HARMLESS = [
    *("01_write_results_json", "07_fd_forgery", "09_frame_inspection", "13_tensor_subclass", "17_pickle_payload"),
    *("21_odd_tensors", "25_random_patch", "45_evil_exception", "04_os_exit_at_import", "08_replies_by_hand"),
    *("14_state_dict_lies", "16_builtins_poison", "44_deep_recursion", "46_segfault", "70_close_descriptors"),
]
"""Attacks that do no damage outside their process, so that they can run with a layer switched off."""
CORPUS = attacks.load()


@pytest.fixture(scope="module")
def canary() -> Iterator[attacks.Canary]:
    with attacks.Canary() as canary:
        yield canary


@pytest.fixture(scope="module")
def session() -> Iterator[StudentSession]:
    with StudentSession({}, limits=LIMITS) as session:
        if not session.isolation.contained:
            pytest.skip(session.isolation.sentence)
        yield session


def run(session: StudentSession, attack: attacks.Attack) -> tuple[list[str], str]:
    """Kinds of faults (``value`` for none) of every call, each in a fresh worker, and all that was printed."""
    kinds, printed = [], ""
    for call in CALLS[attack.module]:
        worker = None
        try:
            with session.worker(attack.module, driver=DRIVER, seed=1, sources=attack.sources) as worker:
                value = worker.call(*call)
                assert isinstance(value, np.ndarray | float | int | bool | str | list | dict | None)
                kinds.append("value")
        except StudentFault as fault:
            kinds.append(fault.kind)
            printed += fault.sentence + fault.detail
        printed += worker.output if worker is not None else ""
    return kinds, printed


@pytest.mark.parametrize("attack", CORPUS, ids=lambda attack: attack.id)
def test_an_attack_costs_its_own_calls_and_touches_nothing(
    attack: attacks.Attack, session: StudentSession, canary: attacks.Canary
) -> None:
    start = time.monotonic()
    kinds, printed = run(session, attack)
    assert time.monotonic() - start < TOO_LONG_S * session.speed
    assert len(kinds) == len(CALLS[attack.module])
    assert canary.look() == []
    assert canary.token not in printed
    assert "neighbour's work" not in printed
    assert all(c.isprintable() or c == "\n" for c in printed)
    assert left_over(session) == []
    other, call = HONEST.get(attack.module, ("hw5_gan", ("loss_g", LATENTS)))
    with session.worker(other, driver=DRIVER, seed=1, sources=attack.sources) as worker:
        assert np.isfinite(worker.call(*call)).all()


def left_over(session: StudentSession) -> list[str]:
    """Processes under the student process that are not the zygote itself."""
    root = session.process_id
    assert root is not None
    zygote = psutil.Process(root)
    tree = zygote.children(recursive=True)
    own = 1 if len(zygote.children()) == 1 else 0
    return [str(process) for process in tree[own:] if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("file", ["hw5_gan.py", "hw5_ddpm.py", "hw5_diffusion.py"])
def test_the_bases_run_without_a_fault(file: str, session: StudentSession) -> None:
    kinds, _ = run(session, attacks.Attack("base", file, "control", attacks.base(file)))
    assert set(kinds) == {"value"}


@pytest.mark.slow
@pytest.mark.parametrize("layer", [name for name in LAYERS if name not in ("process", "environment")])
def test_without_a_layer_results_still_hold(layer: str, canary: attacks.Canary) -> None:
    wanted = [attack for attack in CORPUS if attack.id in HARMLESS]
    assert len(wanted) == len(HARMLESS)
    with StudentSession({}, limits=LIMITS, isolation=Layers(frozenset({layer}))) as session:
        assert layer not in session.isolation.active
        for attack in wanted:
            kinds, _ = run(session, attack)
            assert len(kinds) == len(CALLS[attack.module]), attack.id
            other, call = HONEST.get(attack.module, ("hw5_gan", ("loss_g", LATENTS)))
            with session.worker(other, driver=DRIVER, seed=1, sources=attack.sources) as worker:
                assert np.isfinite(worker.call(*call)).all()
            assert left_over(session) == [], attack.id
