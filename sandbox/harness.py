"""The supervisor: process 1 of the container, between the host and the code under test.

It reads a job and a tree from standard input, has a child run the tests, and writes records to
standard output: 16 secret bytes, a kind, a length, a seal, a payload. Being process 1 it cannot be
stopped or killed from inside; being undumpable neither its memory nor its pipes can be opened by
others of its user; the secret arrives after the first child was started and reaches no child ever.

End of input means that the owner is gone: then everything here ends too.
"""

from __future__ import annotations

import ctypes
import errno
import faulthandler
import fcntl
import hashlib
import io
import os
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sandbox.children import Child
from sandbox.installed import announce
from sandbox.meter import Meter
from sandbox.pytest_run import TestRun
from sandbox.runs import CommandRun, Run
from sandbox.search.run import SearchRun
from sandbox.tree import BadInputError, read_job, unpack
from sandbox.version_files import write_version_files
from sandbox.witnesses import Witnesses

READY = b"ready\n"
ROOT = "/repo"
_RECORD = struct.Struct(">cI")
_SEAL_BYTES = 16
_PR_SET_DUMPABLE = 4
_INLET_BYTES = 1 << 20


class Outlet:
    """Writes records to the host."""

    def __init__(self, token: bytes) -> None:
        self._token = token
        self._seal = b""

    def write(self, kind: bytes, payload: bytes) -> None:
        """Write one record.

        Kinds: O output, E errors, H a sign of life, J a JUnit report, R the result. Each is sealed
        together with all before it, so that one that is damaged or lost on the way is noticed.
        """
        seal = hashlib.blake2b(self._seal, key=self._token, digest_size=_SEAL_BYTES)
        seal.update(kind)
        seal.update(payload)
        self._seal = seal.digest()
        head = self._token + _RECORD.pack(kind, len(payload)) + self._seal
        view = memoryview(head + payload)
        while view:
            view = view[os.write(1, view) :]


def _hide() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        sys.exit("prctl failed")


def _inlet() -> BinaryIO:
    """Return standard input in large pieces: in small ones a large tree takes thrice the time."""
    with suppress(OSError):
        fcntl.fcntl(0, fcntl.F_SETPIPE_SZ, _INLET_BYTES)
    return io.BufferedReader(io.FileIO(0, closefd=False), _INLET_BYTES)


def _serve(stream: BinaryIO) -> None:
    meter = Meter()
    child = Child()
    child.wait_ready()
    os.write(1, READY)
    try:
        job = read_job(stream)
    except EOFError:
        return  # the owner let go of a container it never used
    except BadInputError as error:
        sys.exit(str(error))  # without a job there is no secret to write a record with
    outlet = Outlet(bytes.fromhex(job["token"]))
    with Path(os.devnull).open("w", encoding="ascii") as nowhere:
        # Should this process itself ever hang, a thread outside Python's control ends it.
        faulthandler.dump_traceback_later(job["backstop_s"], exit=True, file=nowhere)
        try:
            paths = unpack(stream, ROOT, job)
            announce(ROOT)
            job["notes"] = write_version_files(ROOT)
            witnesses = Witnesses(ROOT, paths)
        except (BadInputError, OSError) as error:
            is_full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
            is_damaged = isinstance(error, BadInputError)
            result = Run.failure(str(error), is_full=is_full, is_damaged=is_damaged)
            outlet.write(b"R", result)
            return
        run = CommandRun if job["argv"] else SearchRun if job.get("search") else TestRun
        outlet.write(b"R", run(job, witnesses, meter, outlet.write, child).carry_out())


def main() -> None:
    """Serve one job."""
    if os.getpid() != 1:
        # Cleaning up means killing every process there is: right here, a disaster anywhere else.
        sys.exit("The harness only runs as the first process of a container.")
    _hide()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError):
        _serve(_inlet())
    os._exit(0)


if __name__ == "__main__":
    main()
