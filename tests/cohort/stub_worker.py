"""A grading process that does what its job's key says: dies, hangs, babbles, or answers."""

from __future__ import annotations

import os
import sys
import time

from grader.cohort import messages
from grader.cohort.messages import Begun, Failed, Job, Warm


def main() -> None:
    def send(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    messages.read(sys.stdin.buffer.read)
    messages.write(send, Warm(0.0))
    while isinstance(job := messages.read(sys.stdin.buffer.read), Job):
        for number in ("1.1", "4.1"):
            if number in job.given_up:
                continue
            messages.write(send, Begun(number, 0, 2))
            if job.key == f"dies-{number}" or job.key == "dies-everywhere":
                print("last words", file=sys.stderr, flush=True)
                os._exit(7)
            if job.key == f"hangs-{number}":
                time.sleep(600)
            if job.key == f"babbles-{number}":
                send(b"\x00" * 7 + b"\x05" + b"babbl")
        messages.write(send, Failed(job.key, "", f"given up: {job.given_up}", ours=False))


main()
