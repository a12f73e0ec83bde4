"""Runs the checks of `mai doctor` side by side, and lets none of them hold up or break the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from pathlib import Path
from time import monotonic

from mai.settings import Settings
from mai.system.check import Check, Status
from mai.system.redaction import Redactor
from mai.text import one_line

__all__ = ["Check", "Status", "diagnose", "worst"]

#: Longer than any one check allows itself; a hung name server or disk must not hang the doctor.
_PATIENCE_S = 15.0

Checker = Callable[[Settings, Path], Check]


def diagnose(
    settings: Settings, repo_dir: Path, checkers: Iterable[tuple[str, Checker]]
) -> list[Check]:
    """Return every check's outcome, in the order of `checkers`. Never raises.

    Args:
        settings: the settings as loaded.
        repo_dir: the folder whose repository is meant; it need not be one.
        checkers: name and function of each check; `mai.doctor` has all.
    """
    named = list(checkers)
    redactor = Redactor.for_settings(settings)
    started = monotonic()
    pool = ThreadPoolExecutor(max_workers=max(1, len(named)), thread_name_prefix="mai-doctor")
    try:
        running = [(name, pool.submit(check, settings, repo_dir)) for name, check in named]
        return [
            _outcome(name, future, max(0.0, started + _PATIENCE_S - monotonic()), redactor)
            for name, future in running
        ]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def worst(checks: Sequence[Check]) -> Status:
    """Return the worst status among `checks`."""
    order = [Status.OK, Status.WARN, Status.FAIL]
    return max((check.status for check in checks), key=order.index, default=Status.OK)


def _outcome(name: str, future: Future[Check], patience_s: float, redactor: Redactor) -> Check:
    try:
        return future.result(patience_s)
    except NotInTime:
        text = (
            f"No answer within {_PATIENCE_S:.0f} s, as where a disk or a name server hangs: "
            "not found out."
        )
        return Check(name, Status.FAIL, text, "")
    except Exception as error:  # noqa: BLE001 - the doctor must outlive whatever it finds
        why = one_line(redactor.text(f"{type(error).__name__}: {error}"))
        return Check(name, Status.FAIL, f"It could not be checked: {why}.", "")
