"""The student process: runs untrusted code beside the grader, and lets only plain values back.

Trusted side: `StudentSession`, `StudentFault` (theirs), `StudentProcessError` (ours), `Limits`, `finite`.
"""

from grader.student.faults import FAULT_KINDS, FaultKind, StudentFault, StudentProcessError
from grader.student.limits import Limits
from grader.student.remote import Worker
from grader.student.session import StudentSession
from grader.student.values import finite

__all__ = [
    "FAULT_KINDS",
    "FaultKind",
    "Limits",
    "StudentFault",
    "StudentProcessError",
    "StudentSession",
    "Worker",
    "finite",
]
