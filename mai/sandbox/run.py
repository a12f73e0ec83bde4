"""One job in one container: sent, watched, read, judged, and the container removed."""

from __future__ import annotations

import json
import secrets
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from mai.errors import Cancelled, SandboxError
from mai.events import Cancel
from mai.jobs import Job, Limits, RunResult, TestOutcome
from mai.proposal import Verdict
from mai.sandbox.container import Waiting
from mai.sandbox.junit import read_junit
from mai.sandbox.packing import Packed
from mai.sandbox.records import TOKEN_BYTES, Listener, Received, receive
from mai.text import one_line, plain

#: A run that waits for a processor may take this often its wall ceiling (`sandbox/runs.py`).
_LONGEST = 4
#: What the harness gets on top of that before the host ends the container for it, and itself.
_HOST_GRACE_S, _OWN_GRACE_S = 15, 20
_SEND_BYTES = 1 << 18
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
    listener: Listener | None = None,
) -> RunResult:
    """Run `job` in `waiting`, which is of no use to anybody afterwards.

    Raises:
        Cancelled: `cancel` was set.
    """
    started = time.monotonic()
    token = secrets.token_bytes(TOKEN_BYTES)
    with _watchdog(waiting, job.limits, cancel) as overdue:
        sender = threading.Thread(
            target=_send, args=(waiting, _header(job, packed, token), packed), daemon=True
        )
        sender.start()
        try:
            received = receive(waiting.stream, token, listener, is_ready=waiting.is_ready)
            is_silent = received.result is None and not received.problem
            was_oom = is_silent and waiting.was_out_of_memory()
        finally:
            waiting.disconnect()  # ends a sender that still has something to send
            sender.join()
    if cancel.is_set:
        raise Cancelled("The run was stopped; its container is gone.", stage="trial")
    result = _judge(received, job, is_overdue=overdue.is_set(), was_oom=was_oom)
    return RunResult(
        image=image,
        seconds=time.monotonic() - started,
        output=plain(received.output.text()),
        **result,
    )


def _header(job: Job, packed: Packed, token: bytes) -> bytes:
    limits = job.limits
    header = {
        "token": token.hex(),
        "files": packed.files,
        "argv": list(job.command or ()),
        "only": list(job.only),
        "junit": job.junit,
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
    return struct.pack(">I", len(text)) + text


def _send(waiting: Waiting, header: bytes, packed: Packed) -> None:
    # A container that ends early closes the stream; that shows in what it did not say.
    with suppress(OSError):
        waiting.stream.sendall(header)
        while data := packed.file.read(_SEND_BYTES):
            waiting.stream.sendall(data)


@contextmanager
def _watchdog(waiting: Waiting, limits: Limits, cancel: Cancel) -> Iterator[threading.Event]:
    """Kill the container when the work is cancelled or the harness misses its own ceiling."""
    is_over, overdue = threading.Event(), threading.Event()

    def stop() -> None:
        if not is_over.is_set():
            waiting.kill()

    def expire() -> None:
        overdue.set()
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


def _judge(received: Received, job: Job, *, is_overdue: bool, was_oom: bool) -> dict[str, Any]:
    if received.problem:
        return {"limit": Verdict.ERROR, "message": received.problem}
    if received.result is None:
        return _unfinished(received, is_overdue=is_overdue, was_oom=was_oom)
    try:
        return _read_result(received, job)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"The harness's result cannot be read: {one_line(str(error))}."
        return {"limit": Verdict.ERROR, "message": message}


def _unfinished(received: Received, *, is_overdue: bool, was_oom: bool) -> dict[str, Any]:
    if was_oom:
        return {"limit": Verdict.OOM, "message": "It ran out of memory."}
    if is_overdue:
        return {"limit": Verdict.TIMEOUT, "message": "It did not end in time."}
    trouble = one_line(received.trouble.text()[-300:])
    message = "The container ended before it had reported" + (f": {trouble}" if trouble else ".")
    return {"limit": Verdict.ERROR, "message": message}


def _read_result(received: Received, job: Job) -> dict[str, Any]:
    result: Mapping[str, Any] = json.loads(received.result or b"")
    limit = Verdict(result["limit"])
    message = plain(one_line(str(result["message"]), 500))
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
        "has_tests": bool(result.get("has_tests", True)),
        "cpu_s": float(result.get("cpu_s", 0.0)),
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
