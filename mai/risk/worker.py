"""The parser's own process: reads sources on stdin, writes facts on stdout, until stdin ends.

Started as `python -I -S` in a neutral folder, with caps on memory, CPU time and files, so that a
file which crashes, hangs or bloats the parser takes only this process with it.

A request is two big-endian 32-bit lengths, a JSON header and the source; an answer is one length
and JSON.
"""

from __future__ import annotations

import gc
import json
import math
import resource
import struct
import sys
import time
from typing import BinaryIO

from mai.risk.analyse import analyse

HEADER = struct.Struct(">II")
LENGTH = struct.Struct(">I")
MEMORY_BYTES = 2 * 2**30
# A crash or a hang must be told within seconds; a large file may take longer than a small one.
# Measured: the slowest files of the packages at hand, 350 and 460 kB, take 1.8 and 1.2 s.
CPU_S = 4
BYTES_PER_CPU_S = 1_000_000
# Deep enough for any code a person wrote (stdlib needs about 300), shallow enough for the C stack.
_RECURSION = 4000


def _limit(kind: int, value: int) -> None:
    try:
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(
            kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard)
        )
    except (ValueError, OSError):
        # Some systems (macOS for RLIMIT_AS) refuse; the parent's deadline still holds.
        return


def cpu_s(source_bytes: int) -> int:
    """Return the CPU seconds that a file of this size may take."""
    return CPU_S + source_bytes // BYTES_PER_CPU_S


def main() -> None:
    """Answer requests until stdin ends."""
    sys.setrecursionlimit(_RECURSION)
    gc.disable()  # a tree has no cycles worth looking for; each file's is freed by reference count
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 16)
    reader, writer = sys.stdin.buffer, sys.stdout.buffer
    while header := _exactly(reader, HEADER.size):
        header_bytes, source_bytes = HEADER.unpack(header)
        request = json.loads(_exactly(reader, header_bytes))
        source = _exactly(reader, source_bytes)
        _limit(resource.RLIMIT_CPU, math.ceil(time.process_time()) + cpu_s(source_bytes))
        facts = analyse(source=source, **request)
        answer = json.dumps(facts.as_json(), separators=(",", ":")).encode()
        writer.write(LENGTH.pack(len(answer)) + answer)
        writer.flush()
        gc.collect(0)


def _exactly(reader: BinaryIO, size: int) -> bytes:
    return reader.read(size) if size else b""
