"""Runs in the student process: what a planted network shares with the student's own, in whose place it stands."""

import inspect

import torch
from torch import nn


class Log(list):
    """What was asked of a planted network; a copy of the network writes to the same."""

    def __deepcopy__(self, memo):
        return self


class StandIn(nn.Module):
    """A network of ours that is called as the student's own is: by position or by the names of its `forward`.

    What else the student's code reads of its network (a layer, a number kept in the constructor, its class) it finds
    as well: in an instance of its own, which is built when it is first asked for. Subclasses write `answer`.
    """

    kind = None

    def stand_in_for(self, kind, build=None):
        """The student's class, and how an instance is built (by default without arguments). Returns the stand-in."""
        self.kind, self.build, self.own = kind, build or kind, None
        return self

    def forward(self, *given, **named):
        names = _names_of_forward(self.kind)
        order = sorted(named, key=lambda name: names.index(name) if name in names else len(names))
        return self.answer(*given, *(named[name] for name in order))

    def __getattr__(self, name):
        try:
            return nn.Module.__getattr__(self, name)
        except AttributeError:
            if self.kind is None or name.startswith("__"):
                raise
            if self.own is None:
                with torch.random.fork_rng(devices=[]):
                    object.__setattr__(self, "own", self.build())
            return getattr(self.own, name)

    @property
    def __class__(self):
        """The student's class, for isinstance."""
        return self.kind if isinstance(self.kind, type) else type(self)


def _names_of_forward(kind):
    """The names of forward's arguments, in order, without self; none where there is no such class."""
    forward = getattr(kind, "forward", None)
    return list(inspect.signature(forward).parameters)[1:] if callable(forward) else []
