"""What a session promises to a check: values, named faults, fresh workers, and an end with nothing left over."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from grader.student import Limits, StudentFault, StudentSession, finite, wire
from grader.student.layers import LAYERS, Layers
from grader.student.text import Output, printable

LIMITS = Limits(import_s=1.5, call_s=3.0, memory_bytes=700 << 20)
DRIVER = """
def f(student, *args): return student.f(*args)
def keyed(student, *args): return {"value": student.f(*args)}
def missing(student): return student.nothing
def draws(student): return [torch.rand(2), np.random.rand(2)]
def dtype(student): return str(torch.get_default_dtype())
def back(student, value): return value
def deep(student): return {"rows": [{"losses": [1.0, float("nan")], "x": np.zeros((2, 2))}]}
REPLIES = {"keyed": {"value": "int"}, "deep": {"rows": [{"losses": ["float"], "x": "array/2"}]}}
"""


@pytest.fixture(scope="module")
def session() -> Iterator[StudentSession]:
    data = {path.name: path.read_bytes() for path in Path("reference/data").glob("*.npz")}
    with StudentSession({}, limits=LIMITS, data_files=data) as session:
        yield session


def ask(session: StudentSession, text: str, *args: Any, function: str = "f", **others: str) -> Any:
    with session.worker("hw5", driver=DRIVER, seed=3, sources={"hw5": text, **others}) as worker:
        return worker.call(function, *args)


def test_arrays_go_there_and_come_back_as_they_were(session: StudentSession) -> None:
    values = [np.arange(6).reshape(2, 3).astype(kind) for kind in ("float32", "int64", "uint8", "bool")]
    values += [np.zeros((0, 4), np.float32), np.array(2.5)]
    for sent, got in zip(values, ask(session, "def f(*x): return x", *values), strict=True):
        assert got.dtype == sent.dtype
        assert got.shape == sent.shape
        assert (got == sent).all()


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("def f(): raise NotImplementedError", "not_implemented", "`f` is not implemented yet"),
        ("def f(): return 1 / 0", "exception", "ZeroDivisionError"),
        ("def f(:\n  pass", "syntax", "line 1"),
        ("from math import nothing\ndef f(): pass", "import", "cannot import name"),
        ("def f():\n  while True: pass", "timeout", "hw5.py:2 in f"),
        ("import os\ndef f(): os._exit(3)", "exited", "exit status 3"),
        ("import sys\ndef f(): sys.exit(1)", "exited", "SystemExit"),
        ("import ctypes\ndef f(): ctypes.string_at(0)", "crashed", "segmentation fault"),
        ("import os\ndef f(): os.abort()", "crashed", "abort"),
        ("import torch\ndef f(): return torch.ones(1 << 31)", "memory", "memory"),
        ("def f(): return object()", "bad_reply", "not a plain tensor"),
        ("import torch\ndef f(): return torch.ones(2, device='meta')", "bad_reply", "meta"),
        ("import torch\ndef f(): return torch.eye(2).to_sparse()", "bad_reply", "sparse"),
        ("import torch\ndef f(): return torch.tensor(1j)", "bad_reply", "complex64"),
        ("def f(): return input()", "exception", "input()"),
        ("import pandas\ndef f(): return pandas.DataFrame()", "unavailable_package", "pandas.DataFrame"),
        ("class E(Exception):\n  def __str__(self):\n    while True: pass\ndef f(): raise E", "exception", "E: "),
        ("def f(): raise ValueError('A' * 10**8)", "exception", "AAAA"),
    ],
)
def test_every_end_has_its_name(session: StudentSession, text: str, kind: str, says: str) -> None:
    with pytest.raises(StudentFault) as caught:
        ask(session, text)
    assert caught.value.kind == kind
    assert says in str(caught.value)
    assert len(caught.value.sentence) <= 500


def test_a_missing_file_and_a_missing_name_are_told_apart(session: StudentSession) -> None:
    with pytest.raises(StudentFault, match=r"hw5\.py defines no `nothing`"):
        ask(session, "x = 1", function="missing")
    with pytest.raises(StudentFault) as caught, session.worker("hw6", driver=DRIVER, seed=1, sources={}):
        pass
    assert caught.value.kind == "missing_file"


def test_an_import_that_does_not_end_is_paid_once_and_the_functions_are_graded(session: StudentSession) -> None:
    text = "def f(): return 1\nwhile True: pass\ndef g(): return 2\n"
    assert ask(session, text) == 1
    start = time.monotonic()
    with session.worker("hw5", driver=DRIVER, seed=1, sources={"hw5": text}) as worker:
        assert worker.call("f") == 1
        assert any("line 2" in note and "cut off" in note for note in worker.notes)
        assert list(worker.call("__describe__")["functions"]) == ["f", "g"]
    assert time.monotonic() - start < 1.0


def test_drawing_packages_do_nothing_and_given_helpers_are_there(session: StudentSession) -> None:
    text = """
import cv2, matplotlib.pyplot as plt, torchvision.transforms as T
from PIL import Image
from tqdm.auto import tqdm, trange
from torchvision.utils import save_image, make_grid
from hw5_utils import GANDataset, BASE_URL, create_samples, download, generate_sigmas, plot_score
try:
    import cupy
except ImportError:
    cupy = None
def f():
    fig, axes = plt.subplots(2, 2)
    axes[0, 1].plot([1]); plt.show(); cv2.imwrite("a.png", None)
    data = GANDataset("./data/x.gz", "cpu", transform=T.Compose([T.ToTensor()]))
    download(BASE_URL + "x.gz", "x.gz"); plot_score(None, None); save_image(make_grid(data.images[:4]), "b.png")
    steps = sum(1 for _ in tqdm(range(5))) + len(trange(3))
    return [steps, list(data[0].shape), list(create_samples().shape), generate_sigmas(0.3, 0.01, 10), cupy is None]
"""
    steps, image, points, sigmas, absent = ask(session, text)
    assert (steps, image, points[1], absent) == (8, [1, 28, 28], 2, True)
    assert sigmas[0] == pytest.approx(0.3)
    assert sigmas[-1] == pytest.approx(0.01)


def test_own_helper_modules_are_imported_and_shadowing_ones_are_not(session: StudentSession) -> None:
    text = "import json\nfrom helper import g\ndef f(): return [g(), json.dumps(1)]"
    assert ask(session, text, helper="def g(): return 7", json="raise SystemExit") == [7, "1"]


def test_every_call_starts_from_the_same_state(session: StudentSession) -> None:
    text = "import torch\ntorch.set_default_dtype(torch.float64)\ndef f(): torch.set_default_dtype(torch.float16)"
    with session.worker("hw5", driver=DRIVER, seed=5, sources={"hw5": text}) as worker:
        first = worker.call("draws")
        worker.call("f")
        assert worker.call("dtype") == "torch.float32"
        assert all((a == b).all() for a, b in zip(first, worker.call("draws"), strict=True))


def test_prints_are_kept_at_both_ends(session: StudentSession) -> None:
    with session.worker(
        "hw5", driver=DRIVER, seed=1, sources={"hw5": "def f(): print('a' * 50000 + '\\x1b[31mend')"}
    ) as worker:
        worker.call("f")
        worker.close()
        assert worker.output.startswith("aaa")
        assert worker.output.endswith("\\x1b[31mend\n")
        assert len(worker.output) < 9000


def test_a_reply_without_the_drivers_parts_is_refused(session: StudentSession) -> None:
    forge = "import sys\ndef f():\n  sys._getframe(1).f_globals['keyed'] = lambda *a: True\n  return 1"
    with session.worker("hw5", driver=DRIVER, seed=1, sources={"hw5": forge}) as worker:
        assert worker.call("keyed") == {"value": 1}
        with pytest.raises(StudentFault, match="cannot be used"):
            worker.call("keyed")


@pytest.mark.parametrize(
    "forged",
    [
        "[{'losses': [1.0, 'nan'], 'x': np.zeros((2, 2))}]",
        "[{'losses': [1.0], 'x': [[0.0, 0.0]]}]",
        "[{'losses': [1.0], 'x': np.zeros(2)}]",
        "[{'losses': [[[1.0]]], 'x': np.zeros((2, 2))}]",
        "[{'losses': [True], 'x': np.zeros((2, 2))}]",
        "[{'losses': [b'1.0'], 'x': np.zeros((2, 2))}]",
        "[{'losses': [2**70], 'x': np.zeros((2, 2))}]",
        "[{'losses': {0: 1.0}, 'x': np.zeros((2, 2))}]",
        "[{'losses': [1.0] * 10**6, 'x': np.zeros((2, 2))}]",
        "[{'losses': [1.0], 'x': np.array([None])}]",
        "[{'losses': [1.0]}]",
        "[{'losses': [1.0], 'x': np.zeros((2, 2)), 'more': 0}]",
        "{'losses': [1.0]}",
        "None",
    ],
)
def test_a_forgery_deep_inside_a_reply_is_the_students_fault(session: StudentSession, forged: str) -> None:
    forge = f"import sys, numpy as np\ndef f():\n  sys._getframe(1).f_globals['deep'] = lambda *a: {{'rows': {forged}}}"
    with session.worker("hw5", driver=DRIVER, seed=1, sources={"hw5": forge}) as worker:
        assert math.isnan(worker.call("deep")["rows"][0]["losses"][1])
        worker.call("f")
        with pytest.raises(StudentFault) as caught:
            worker.call("deep")
        assert caught.value.kind == "bad_reply"


def test_a_dead_zygote_costs_one_call(session: StudentSession) -> None:
    with session.worker("hw5", driver=DRIVER, seed=1, sources={"hw5": "def f(): return 1"}) as worker:
        assert session.process_id is not None
        first = psutil.Process(session.process_id)
        zygotes = first.children() or [first]
        for process in zygotes:
            os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(zygotes, timeout=5.0)
        with pytest.raises(StudentFault) as caught:
            worker.call("f")
    assert caught.value.kind == "crashed"
    assert ask(session, "def f(): return 2") == 2


def test_workers_run_side_by_side_from_one_zygote(session: StudentSession) -> None:
    answers: dict[int, Any] = {}

    def grade(n: int) -> None:
        answers[n] = ask(session, f"import time\ndef f():\n  time.sleep(0.2)\n  return {n}")

    threads = [threading.Thread(target=grade, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: n for n in range(4)}


def test_a_closed_session_leaves_no_process() -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with StudentSession({"hw5": "def f(): return 1"}, isolation=Layers(frozenset(LAYERS))) as session:
        with session.worker("hw5", driver=DRIVER, seed=1) as worker:
            assert worker.call("f") == 1
        assert not session.isolation.contained
        assert "NOT isolated" in session.isolation.sentence
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"\x93", b"\x93\xa0\xa5value\x91" * 3, b"\x91" * 100_000, b"\x93\xa0\xa5value\xc7\x01\x02\x00"],
)
def test_bytes_that_are_no_reply_are_refused(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode_reply(body, b"")


def test_an_array_that_claims_more_than_its_bytes_is_refused() -> None:
    packer = wire.Packer()
    frame = wire.frame(wire.Reply("x", "value", packer.pack(np.ones(8))), bytes(packer.blob))
    body_length, _ = wire.HEADER.unpack(frame[: wire.HEADER.size])
    body = frame[wire.HEADER.size : wire.HEADER.size + body_length]
    assert (wire.decode_reply(body, bytes(packer.blob)).body == 1).all()
    with pytest.raises(wire.WireError, match="do not fit"):
        wire.decode_reply(body, bytes(packer.blob)[:-1])


def test_text_from_there_is_made_harmless() -> None:
    assert printable("a\x1b\u202e\n", 10) == "a\\x1b\\u202e\n"
    output = Output(4)
    for part in (b"abcdef", b"g" * 100, b"xyz!"):
        output.feed(part)
    assert output.text().startswith("abcd")
    assert output.text().endswith("xyz!")


def test_nan_and_infinity_are_named() -> None:
    with pytest.raises(StudentFault, match="1 NaN and 2 infinite of 4"):
        finite(np.array([np.nan, np.inf, -np.inf, 1.0]), "the loss")
