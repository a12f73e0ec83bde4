"""How an event of the log becomes a line, by structlog; `mai.system.logs` loads it when needed."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from mai.settings import Settings
from mai.system.logfile import LogFile
from mai.system.redaction import Redactor

_Event = MutableMapping[str, Any]


def write_to(file: LogFile, settings: Settings, *, tells_stderr: bool) -> None:
    """Have structlog write its lines to `file`, without secrets, and warnings to stderr as well."""
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
        logger_factory=lambda *_: _Lines(file),
    )


def write_nowhere() -> None:
    """Have structlog drop its lines."""
    structlog.configure(
        processors=[structlog.processors.JSONRenderer(default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=lambda *_: _Lines(None),
    )


class _Lines:
    """What structlog takes for a logger: a method per level, each writing one line."""

    def __init__(self, file: LogFile | None) -> None:
        self._file = file

    def msg(self, line: str) -> None:
        if self._file is not None:
            self._file.write(line)

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


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
