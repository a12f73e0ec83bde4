"""Mai's log: one JSON object a line in `mai.jsonl`, and Mai's own warnings on stderr as well.

Nothing here writes to stdout, which belongs to `--json`. Until `configure` is called nothing is
written anywhere, so that a room may log without asking whether it runs in a test.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

from mai.settings import Settings, load
from mai.system.logfile import LogFile
from mai.system.redaction import Redactor
from mai.text import one_line

FILE_NAME = "mai.jsonl"
_Event = MutableMapping[str, Any]


def configure(settings: Settings, *, tells_stderr: bool = True) -> LogFile:
    """Send the log to `settings.logs`, and return the file it goes to.

    What libraries say through `logging` goes there too, from WARNING on. `tells_stderr` false is
    for a console that owns the whole screen.
    """
    reset()
    file = LogFile(settings.logs / FILE_NAME)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _add_process,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            Redactor.for_settings(settings),
            _tell_stderr if tells_stderr else _tell_nobody,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=_Factory(file),
    )
    logging.getLogger().addHandler(_Bridge(level=logging.WARNING))
    return file


def reset() -> None:
    """Log nowhere, as before `configure`."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Bridge)]:
        root.removeHandler(handler)
    if isinstance(factory := structlog.get_config()["logger_factory"], _Factory):
        factory.close()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer(default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=_Factory(None),
    )


def get(room: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a room, such as `sandbox`. It stands under `room` in each line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return logger


def record_fault(error: BaseException) -> Path:
    """Log `error` with its traceback and return the file it is in; configures the log if need be.

    Whoever calls this has told the person already, so nothing is said on stderr.
    """
    factory = structlog.get_config()["logger_factory"]
    file = factory.file if isinstance(factory, _Factory) else None
    file = file or configure(load(), tells_stderr=False)
    get("fault").error("internal fault", exc_info=error, is_told=True)
    return file.path


def fault(error: BaseException, where: str) -> str:
    """Log `error` and return the sentence about it. Two different faults make two sentences."""
    file = record_fault(error)
    what = one_line(f"{type(error).__name__}: {error}", 120).rstrip(".")
    return f"A fault of mine {where} ({what}); the details are in {file}."


class _Factory:
    """Hands structlog the one file, or nothing to write to, whatever logger it asks for."""

    def __init__(self, file: LogFile | None) -> None:
        self.file = file

    def __call__(self, *_: object) -> _Lines:
        return _Lines(self.file)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


class _Lines:
    """What structlog takes for a logger: a method per level, each writing one line."""

    def __init__(self, file: LogFile | None) -> None:
        self._file = file

    def msg(self, line: str) -> None:
        if self._file is not None:
            self._file.write(line)

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


class _Bridge(logging.Handler):
    """Carries what libraries log over to the file, where secrets are removed.

    It is written for programmers: what a person should know of it, the room that uses the library
    says in Mai's own words.
    """

    def emit(self, record: logging.LogRecord) -> None:
        # A library's malformed log call must neither stop the work nor show its person a
        # traceback, which is what `Handler.handleError` would do.
        with contextlib.suppress(Exception):
            structlog.get_logger(room=record.name).log(
                record.levelno,
                record.getMessage(),
                exc_info=record.exc_info or None,
                is_told=True,
            )


def _add_process(_logger: object, _method: str, event: _Event) -> _Event:
    event["pid"] = os.getpid()
    return event


def _tell_stderr(_logger: object, _method: str, event: _Event) -> _Event:
    """Say a warning to the person: one line, without the machine's fields."""
    is_told = event.pop("is_told", False)
    if event.get("level") in {"warning", "error", "critical"} and not is_told:
        sys.stderr.write(f"mai: {' '.join(str(event.get('event', '')).split())}\n")
    return event


def _tell_nobody(_logger: object, _method: str, event: _Event) -> _Event:
    event.pop("is_told", None)
    return event


reset()
