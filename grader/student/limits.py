"""What a student's code may use: time, memory, processes, files, words."""

from __future__ import annotations

import msgspec

KIB = 1 << 10
MIB = 1 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of one worker. Times are seconds on the nominal machine: the session multiplies them by its speed."""

    import_s: float = 20.0
    """The whole import of one module, `import torch` already paid by the zygote."""
    call_s: float = 20.0
    """One request, when the check names no limit of its own."""
    workload_s: float = 0.004
    """What the zygote's fixed workload takes on the nominal machine; a slower one gets more time, in proportion."""
    most_scaling: float = 12.0
    """At most this many times more."""
    start_s: float = 60.0
    """From exec of the zygote until it is warm (ours, not the student's; a cold disk is slow)."""
    memory_bytes: int = 3 * 1024 * MIB
    """Resident memory of one worker, and its data segment (RLIMIT_DATA)."""
    processes: int = 64
    """Processes and threads of the student user, counted only after the user drop."""
    cpu_s: int = 3600
    """Processor time of one worker (the wall clock is what normally stops it)."""
    open_files: int = 128
    file_bytes: int = 64 * MIB
    """The largest single file (RLIMIT_FSIZE)."""
    scratch_bytes: int = 64 * MIB
    """Everything in the private temporary folder."""
    output_bytes: int = 4 * KIB
    """Kept of the student's prints: this much from the start and this much from the end."""
    reply_bytes: int = 32 * MIB
    """All arrays of one reply together; the header that says how many is checked before anything is read."""
