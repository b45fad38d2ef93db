"""One warm zygote serves many sessions, and what one of them loses costs the others nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import psutil
import pytest

from grader.student import StudentFault, StudentSession
from grader.student.layers import LAYERS, Layers
from grader.student.lobby import Lobby
from grader.student.nursery import Nursery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="zygotes are shared on Linux only")

SOURCES = {"hw5_gan": "import os, torch\ndef ones(): return torch.ones(3)\ndef leave(): os._exit(3)\n"}
DRIVER = """
import os

def ones(student):
    return student.ones()

def leave(student):
    student.leave()

def descriptors(student):
    found = 0
    for fd in range(4096):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found += 1
    return found
"""


def asked(session: StudentSession, function: str = "ones") -> object:
    with session.worker("hw5_gan", driver=DRIVER, seed=1) as worker:
        return worker.call(function)


def parent_of(session: StudentSession) -> int:
    """Who started the process at the head of a session."""
    asked(session)
    assert session.process_id is not None
    return psutil.Process(session.process_id).ppid()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened:
        yield opened


@pytest.fixture
def sessions(nursery: Nursery) -> Iterator[list[StudentSession]]:
    with ExitStack() as stack:
        yield [stack.enter_context(session_of(nursery)) for _ in range(2)]


def session_of(nursery: Nursery, isolation: Layers | None = None) -> StudentSession:
    connection = nursery.admit()
    assert connection is not None
    return StudentSession(SOURCES, lobby=Lobby(connection, Layers.from_environment()), isolation=isolation)


def test_sessions_are_copies_of_one_zygote_behind_the_same_layers(
    nursery: Nursery, sessions: list[StudentSession]
) -> None:
    first, second = sessions
    parents = {parent_of(first), parent_of(second)}
    shared = nursery.process_id
    assert shared is not None
    family = {shared, *(p.pid for p in psutil.Process(shared).children(recursive=True))}
    assert len(parents) == 1
    assert parents <= family
    assert first.process_id != second.process_id
    with StudentSession(SOURCES) as own:
        assert first.isolation == own.isolation
        assert asked(first, "descriptors") == asked(own, "descriptors"), "a worker inherits nothing of the lobby"


def test_a_lost_copy_is_replaced_and_the_others_do_not_notice(nursery: Nursery, sessions: list[StudentSession]) -> None:
    first, second = sessions
    parent = parent_of(first)
    with second.worker("hw5_gan", driver=DRIVER, seed=1) as running:
        with pytest.raises(StudentFault):
            asked(first, "leave")
        assert first.process_id is not None
        lost = psutil.Process(first.process_id)
        lost.kill()
        psutil.wait_procs([lost], timeout=5)
        np.testing.assert_array_equal(asked(first), np.ones(3))
        assert first.process_id != lost.pid
        assert parent_of(first) == parent, "again a copy of the shared one"
        np.testing.assert_array_equal(running.call("ones"), np.ones(3))


def test_without_the_shared_zygote_a_session_executes_its_own(nursery: Nursery, sessions: list[StudentSession]) -> None:
    first, second = sessions
    asked(first)
    assert nursery.process_id is not None
    shared = psutil.Process(nursery.process_id)
    tree = shared.children(recursive=True)
    for process in (shared, *tree):
        process.kill()
    psutil.wait_procs([shared, *tree], timeout=5)
    for session in (first, second):
        np.testing.assert_array_equal(asked(session), np.ones(3))
        assert session.process_id is not None
        assert psutil.Process(session.process_id).ppid() == os.getpid()


def test_a_session_of_other_layers_executes_its_own(nursery: Nursery) -> None:
    with session_of(nursery, Layers(frozenset({"landlock"}))) as session:
        asked(session)
        assert {row.name: row.state for row in session.isolation.layers}["landlock"] == "off"
        assert session.process_id is not None
        assert psutil.Process(session.process_id).ppid() == os.getpid()


@pytest.mark.parametrize("off", [(), ("pids", "mount", "death_signal")], ids=["all layers", "few layers"])
def test_nothing_outlives_the_nursery(monkeypatch: pytest.MonkeyPatch, off: tuple[str, ...]) -> None:
    assert set(off) <= LAYERS.keys()
    monkeypatch.setenv("GRADER_LAYERS_OFF", ",".join(off))
    with Nursery() as nursery:
        session = session_of(nursery)
        with session.worker("hw5_gan", driver=DRIVER, seed=1) as worker:
            worker.call("ones")
            assert nursery.process_id is not None
            tree = psutil.Process(nursery.process_id).children(recursive=True)
            assert len(tree) >= 2, "a copy and its worker"
            nursery.close()
            _, alive = psutil.wait_procs(tree, timeout=10)
            assert alive == []
    session.close()
    assert nursery.admit() is None, "a closed nursery starts nothing"


def test_what_is_no_question_for_a_copy_closes_that_lobby_only(
    nursery: Nursery, sessions: list[StudentSession]
) -> None:
    asked(sessions[0])
    babbling = nursery.admit()
    assert babbling is not None
    with babbling:
        babbling.sendall(b"\x03\x00\x00\x00\x00\x00\x00\x00abc")
        babbling.settimeout(10)
        begun = time.monotonic()
        assert babbling.recv(1) == b""
        assert time.monotonic() - begun < 10
    shared = nursery.process_id
    assert parent_of(sessions[1]) == parent_of(sessions[0]) != os.getpid()
    assert nursery.process_id == shared, "it goes on"
    np.testing.assert_array_equal(asked(sessions[1]), np.ones(3))
