"""One job in one container: sent, watched, read, judged, and the container removed."""

from __future__ import annotations

import json
import secrets
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mai.errors import Cancelled, SandboxError, Undecided
from mai.events import Cancel
from mai.jobs import Job, Limits, RunResult, TestOutcome
from mai.proposal import Verdict
from mai.sandbox.container import Ending, Waiting
from mai.sandbox.junit import read_junit
from mai.sandbox.packing import Packed
from mai.sandbox.records import TOKEN_BYTES, Listener, Received, receive
from mai.sandbox.stillness import Stillness
from mai.text import one_line, plain

#: A run that waits for a processor may take this often its wall ceiling (`sandbox/runs.py`).
_LONGEST = 4
#: What the harness gets on top of that before the host ends the container for it, and itself.
_HOST_GRACE_S, _OWN_GRACE_S = 15, 20
_SEND_BYTES = 1 << 18
_TURNED = 0xFFFFFFFF
_MIB = 1 << 20
#: The share of a run's memory that one of its processes may claim: a test that wants too much gets
#: a MemoryError, while the supervisor still has room to say so.
_DATA_SHARE = 0.85
_MOST_ID_CHARACTERS = 1100
_COMMAND = "command"


def carry_out(
    waiting: Waiting,
    job: Job,
    packed: Packed,
    cancel: Cancel,
    *,
    image: str,
    stillness: Stillness,
    listener: Listener | None = None,
) -> RunResult:
    """Run `job` in `waiting`, which is of no use to anybody afterwards.

    Raises:
        Cancelled: `cancel` was set.
        Undecided: it was not reported to its end, and no limit of the run is known to be why.
    """
    started = time.monotonic()
    token = secrets.token_bytes(TOKEN_BYTES)
    with _watchdog(waiting, job.limits, cancel) as overdue, stillness.watched():
        sender = threading.Thread(
            target=_send, args=(waiting, _header(job, packed, token), packed), daemon=True
        )
        sender.start()
        try:
            received = receive(
                waiting.stream,
                token,
                listener,
                is_ready=waiting.is_ready,
                pulse=stillness.pulse,
            )
            is_silent = received.result is None and not received.problem
            ending = waiting.ending() if is_silent and not cancel.is_set else Ending("")
        finally:
            waiting.disconnect()  # ends a sender that still has something to send
            sender.join()
    if cancel.is_set:
        raise Cancelled("The run was stopped; its container is gone.", stage="trial")
    result = _judge(received, job, ending, overdue)
    return RunResult(
        image=image,
        left_out=packed.left_out,
        seconds=time.monotonic() - started,
        output=plain(received.output.text()),
        **result,
    )


def _header(job: Job, packed: Packed, token: bytes) -> bytes:
    limits = job.limits
    header = {
        "token": token.hex(),
        "files": packed.files,
        "size": packed.size,
        "checksum": packed.checksum,
        "argv": list(job.command or ()),
        "only": list(job.only),
        "part": {"files": list(job.part.files), "is_rest": job.part.is_rest},
        "junit": job.junit,
        "search": job.search,
        "cpu_s": limits.cpu_s,
        "wall_s": limits.wall_s,
        "backstop_s": limits.wall_s * _LONGEST + _OWN_GRACE_S,
        "test_s": limits.test_s,
        "output_bytes": limits.output_bytes,
        "rlimits": {
            "RLIMIT_DATA": int(limits.memory_bytes * _DATA_SHARE),
            "RLIMIT_FSIZE": limits.disk_bytes,
            "RLIMIT_CPU": int(limits.cpu_s) + 5,
            "RLIMIT_CORE": 0,
        },
    }
    text = json.dumps(header).encode()
    length = len(text)
    return struct.pack(">III", length, length ^ _TURNED, zlib.crc32(text)) + text


def _send(waiting: Waiting, header: bytes, packed: Packed) -> None:
    # A container that ends early closes the stream; that shows in what it did not say.
    with suppress(OSError):
        waiting.stream.sendall(header)
        while data := packed.file.read(_SEND_BYTES):
            waiting.stream.sendall(data)


@dataclass(slots=True)
class _Overdue:
    """Whether the host had to end a run, and the CPU seconds used by the engine's account."""

    is_set: bool = False
    cpu_s: float = 0.0


@contextmanager
def _watchdog(waiting: Waiting, limits: Limits, cancel: Cancel) -> Iterator[_Overdue]:
    """Kill the container when the work is cancelled or the harness misses its own ceiling."""
    is_over, overdue = threading.Event(), _Overdue()

    def stop() -> None:
        if not is_over.is_set():
            waiting.kill()

    def expire() -> None:
        overdue.cpu_s = waiting.cpu_s()
        overdue.is_set = True
        stop()

    timer = threading.Timer(limits.wall_s * _LONGEST + _HOST_GRACE_S, expire)
    timer.daemon = True
    timer.start()
    cancel.on_set(stop)
    try:
        yield overdue
    finally:
        is_over.set()
        timer.cancel()


def _judge(received: Received, job: Job, ending: Ending, overdue: _Overdue) -> dict[str, Any]:
    if received.problem:
        raise Undecided(f"The run cannot be believed: {received.problem}.")
    if received.result is None:
        return _unfinished(received, job.limits, ending, overdue)
    try:
        return _read_result(received, job)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Undecided(f"The run's result cannot be read: {one_line(str(error))}.") from error


def _unfinished(
    received: Received, limits: Limits, ending: Ending, overdue: _Overdue
) -> dict[str, Any]:
    """Return which limit ended a run that did not say so itself.

    Only the engine can tell that, never the silence alone. That some process ran out of memory is
    no proof that this is what ended the first one, so that it has to happen twice.

    Raises:
        Undecided: the engine knows of no limit.
    """
    if overdue.is_set and overdue.cpu_s > limits.cpu_s:
        return {"limit": Verdict.TIMEOUT, "message": "It did not end in time."}
    if overdue.is_set:
        raise Undecided("The container did not report within its time, and did not use it either.")
    if ending.was_out_of_memory:
        message = "It ran out of memory."
        return {"limit": Verdict.OOM, "message": message, "doubt": message}
    trouble = one_line(received.trouble.text()[-300:])
    said = f": {trouble}" if trouble else "."
    raise Undecided(f"The container {ending.what} before it had reported{said}")


def _read_result(received: Received, job: Job) -> dict[str, Any]:
    result: Mapping[str, Any] = json.loads(received.result or b"")
    limit = Verdict(result["limit"])
    message = plain(one_line(str(result["message"]), 500))
    if result.get("is_damaged"):
        raise Undecided(f"The tree did not reach the container whole: {message}")
    outcomes = {
        str(name)[:_MOST_ID_CHARACTERS]: TestOutcome(outcome)
        for name, outcome in result.get("outcomes", {}).items()
    }
    exit_code = result.get("exit_code")
    if job.command is not None and limit is Verdict.PASS:
        outcomes, limit, message = _of_command(job, exit_code, received.junit)
    return {
        "limit": limit,
        "message": message,
        "outcomes": outcomes,
        "exit_code": None if exit_code is None else int(exit_code),
        "hits": frozenset(Verdict(hit) for hit in result.get("hits", ())),
        "limited": {
            str(name)[:_MOST_ID_CHARACTERS]: Verdict(hit)
            for name, hit in result.get("limited", {}).items()
        },
        "has_tests": bool(result.get("has_tests", True)),
        "doubt": plain(one_line(str(result.get("doubt", "")), 500)),
        "is_contradictory": bool(result.get("is_contradictory")),
        "cpu_s": float(result.get("cpu_s", 0.0)),
        "reports": tuple(one for one in result.get("reports", ()) if isinstance(one, list)),
        "spent": {str(name): float(cpu_s) for name, cpu_s in result.get("spent", {}).items()},
        "peak_memory_bytes": int(result.get("peak_memory_bytes", 0)),
    }


def _of_command(
    job: Job, exit_code: int | None, junit: bytes | None
) -> tuple[dict[str, TestOutcome], Verdict, str]:
    is_good = exit_code == 0
    whole = {_COMMAND: TestOutcome.PASSED if is_good else TestOutcome.FAILED}
    if job.junit is None:
        return whole, Verdict.PASS, ""
    if not junit:
        return whole, Verdict.ERROR, f"The test command left no report at {one_line(job.junit)}."
    try:
        outcomes = read_junit(junit)
    except SandboxError as error:
        return whole, Verdict.ERROR, str(error)
    if not is_good and not any(outcome.is_failure for outcome in outcomes.values()):
        # It says that all is well and ends as if it were not: the worse of the two counts.
        return {**outcomes, **whole}, Verdict.PASS, ""
    return outcomes, Verdict.PASS, ""
