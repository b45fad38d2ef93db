"""Untrusted side: stand-ins for packages that a student's file imports and the grading machine lacks.

Packages that only draw, print or decorate (matplotlib, tqdm, cv2.imwrite, ...) become no-ops, so that a training
loop with a progress bar and a picture every ten epochs runs. Any other absent package imports cleanly, in every
form of import, and fails only when it is used, with a sentence. Only imports written in the submission are served:
what torch or scipy try to import for themselves still fails as they expect.
"""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from grader.student import vision

NO_OPS = frozenset(
    {
        *("matplotlib", "mpl_toolkits", "pylab", "seaborn", "plotly", "bokeh", "livelossplot", "PIL", "imageio"),
        *("IPython", "ipywidgets", "google", "tkinter", "turtle", "torchsummary", "torchinfo", "torchviz"),
        *("wandb", "tensorboard", "tensorboardX", "torch.utils.tensorboard"),
    }
)
"""Always replaced, installed or not, so that a grade does not depend on what the machine can draw."""
DRAWN_BY = {
    "cv2": frozenset({"imshow", "imwrite", "waitKey", "destroyAllWindows", "namedWindow", "moveWindow"}),
}
REPLACED = frozenset({"tqdm", "torchvision", "cv2", *NO_OPS})
_READERS = frozenset({"PIL.Image.open", "imageio.imread", "matplotlib.pyplot.imread", "matplotlib.image.imread"})


class UnavailablePackage(Exception):
    """A package that is not here was used, not only imported."""


class Missing:
    """An attribute of an absent package: may be named, annotated with, subclassed; not called or computed with."""

    def __init__(self, chain: str) -> None:
        self.__dict__["_chain"] = chain

    def _fail(self) -> UnavailablePackage:
        chain = self.__dict__["_chain"]
        top = chain.partition(".")[0]
        return UnavailablePackage(
            f"`{chain}` was used, but {top} is neither installed where the homework is graded nor a file of the "
            f"submission: write this part with torch and numpy, or hand in {top}.py if it is yours"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__dict__['_chain']}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType | type):
            return args[0]
        raise self._fail()

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        chain = self.__dict__["_chain"]

        def refuse(instance: object, *args: Any, **kwargs: Any) -> None:
            raise Missing(chain)._fail()

        return (type(chain.rpartition(".")[2], (), {"__init__": refuse}),)

    def __getitem__(self, key: Any) -> Missing:
        return self

    def __or__(self, other: Any) -> Missing:
        return self

    __ror__ = __or__

    def __instancecheck__(self, instance: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        raise self._fail()

    def __bool__(self) -> bool:
        return True


class NoOp(Missing):
    """An attribute of a package that only draws or prints: calling it does nothing and returns another."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        chain = f"{self.__dict__['_chain']}.{name}"
        if chain in _READERS:
            return Missing(chain)
        return _subplots if name == "subplots" else NoOp(chain)

    def __setattr__(self, name: str, value: Any) -> None:
        return None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType | type):
            return args[0]
        return NoOp(self.__dict__["_chain"])

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __setitem__(self, key: Any, value: Any) -> None:
        return None

    def __enter__(self) -> NoOp:
        return self

    def __exit__(self, *args: object) -> None:
        return None


def _subplots(nrows: int = 1, ncols: int = 1, *args: Any, squeeze: bool = True, **kwargs: Any) -> tuple[Any, Any]:
    axes = np.empty((nrows, ncols), dtype=object)
    for index in np.ndindex(nrows, ncols):
        axes[index] = NoOp("matplotlib.axes.Axes")
    if squeeze:
        axes = axes.squeeze()
    return NoOp("matplotlib.figure.Figure"), axes if axes.ndim else axes.item()


class Placeholder(types.ModuleType):
    """A module of an absent package; its submodules and names appear as they are asked for."""

    def __init__(self, name: str, contents: dict[str, Any], make: Callable[[str], Any]) -> None:
        super().__init__(name)
        self.__dict__.update(contents)
        self.__dict__["_make"] = make
        self.__path__: list[str] = []
        self.__all__ = sorted(contents)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self.__dict__["_make"](f"{self.__name__}.{name}")


def _make_attribute(chain: str) -> Any:
    top, _, rest = chain.partition(".")
    if chain in _READERS:
        return Missing(chain)
    if rest == "subplots" or chain.endswith("pyplot.subplots"):
        return _subplots
    if top in NO_OPS or any(chain.startswith(name + ".") for name in NO_OPS) or rest in DRAWN_BY.get(top, ()):
        return NoOp(chain)
    return Missing(chain)


class PlaceholderFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers the submission's own imports of absent packages; ``used`` collects their names."""

    def __init__(self, filenames: frozenset[str]) -> None:
        self._filenames = filenames
        self._searching = False
        self.guarded: set[tuple[str, int]] = set()
        """(file, line) of imports under ``except ImportError``: they get the real answer for unknown packages."""
        self.used: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = fullname.partition(".")[0]
        replaced = top in REPLACED or any(fullname == name or fullname.startswith(name + ".") for name in NO_OPS)
        if isinstance(sys.modules.get(top), Placeholder):
            return importlib.util.spec_from_loader(fullname, self, is_package=True)
        place = self._importer()
        if place is None or self._searching or (not replaced and (place in self.guarded or self._exists(fullname))):
            return None
        self.used.add(top if not fullname.startswith("torch.") else fullname)
        return importlib.util.spec_from_loader(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return Placeholder(spec.name, vision.CONTENTS.get(spec.name, {}), _make_attribute)

    def exec_module(self, module: types.ModuleType) -> None:
        return None

    def _importer(self) -> tuple[str, int] | None:
        """File and line of the import statement, when it is written in the submission."""
        frame = sys._getframe(2)
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back  # type: ignore[assignment]
        if frame is None or frame.f_code.co_filename not in self._filenames:
            return None
        return frame.f_code.co_filename, frame.f_lineno

    def _exists(self, fullname: str) -> bool:
        top, _, rest = fullname.partition(".")
        if rest:
            return True  # its package is real, so the import system's own answer stands
        if top in sys.modules or top in sys.stdlib_module_names:
            return True
        self._searching = True
        try:
            return importlib.machinery.PathFinder.find_spec(top) is not None
        finally:
            self._searching = False


def install(filenames: frozenset[str]) -> PlaceholderFinder:
    """Serve the submission's imports from here on, and make questions to the user fail at once."""
    finder = PlaceholderFinder(filenames)
    sys.meta_path.insert(0, finder)
    builtins.input = _no_input
    sys.breakpointhook = lambda *args, **kwargs: None
    return finder


def _no_input(prompt: object = "", /) -> str:
    raise RuntimeError("input() was called, but nobody can answer while the homework is graded; use a constant")
