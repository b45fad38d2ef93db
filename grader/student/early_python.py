"""Both sides: what torch expects of `sys` and a release candidate of Python 3.11 lacks.

Ubuntu 22.04, the usual image of a grading container, calls 3.11.0rc1 its python3.11.
"""

from __future__ import annotations

import sys


def complete() -> None:
    """Without a limit on the digits of integers, say so: 0 means none. To be called before torch makes an optimizer."""
    if not hasattr(sys, "get_int_max_str_digits"):
        sys.get_int_max_str_digits = lambda: 0
        sys.set_int_max_str_digits = lambda maxdigits: None
