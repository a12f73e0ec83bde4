"""The child process that parses what a model wrote. It never runs any of it.

libcst 1.9 dies with SIGSEGV on sources that nest deeply, and its memory use can grow without bound,
so it lives here: one request after another over standard input, limits on memory and CPU, no core
file. Started by `mai.edits.child` with `python -I` in an empty folder, so that nothing of the
repository worked on can be imported.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from contextlib import suppress
from typing import Any, BinaryIO

from mai.edits.frames import BrokenFrameError, read_frame, write_frame
from mai.edits.rewriting import rewritten
from mai.edits.syntax import problem_of

# The parser recurses once or more per level of nesting, in C and Rust; `syntax.MAX_DEPTH` levels
# fit into this with room to spare. Address space only, touched as far as it is needed.
_STACK_BYTES = 256 * 2**20
_RECURSION_LIMIT = 6_000
_CPU_SLACK_S = 2


def main(memory_bytes: int) -> None:
    """Answer requests until standard input ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, memory_bytes)
    sys.setrecursionlimit(_RECURSION_LIMIT)
    threading.stack_size(_STACK_BYTES)
    thread = threading.Thread(target=_serve, args=(requests, answers))
    thread.start()
    thread.join()


def _limit(kind: int, value: int) -> None:
    # Not every system has every limit (macOS refuses RLIMIT_AS); the clock on the other side of
    # the pipe stops a worker in any case.
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(kind)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (ceiling, hard))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while True:
        try:
            header, body = read_frame(requests)
        except BrokenFrameError:
            return
        used_s = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _limit(resource.RLIMIT_CPU, int(used_s + float(header["cpu_s"])) + _CPU_SLACK_S)
        answer, made = _answer(header, body)
        write_frame(answers, answer, made)


def _answer(header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    if header["op"] == "check":
        problem = problem_of(body, is_whole=bool(header["is_whole"]))
        return {"problem": problem}, b""
    made, error = rewritten(body, header["edits"])
    return {"error": error}, made
