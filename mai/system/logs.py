"""Mai's log: one JSON object a line in `mai.jsonl`, and Mai's own warnings on stderr as well.

Nothing here writes to stdout, which belongs to `--json`. Until `configure` is called nothing is
written anywhere, so that a room may log without asking whether it runs in a test. structlog is
loaded with the first event: most commands log nothing, and it takes longer to load than they run.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from mai.settings import Settings, load
from mai.system.logfile import LogFile
from mai.text import one_line

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

FILE_NAME = "mai.jsonl"


class _Log:
    """Where this process logs to, and whether structlog knows it yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: Settings | None = None
        self._tells_stderr = True
        self._is_ready = False
        self.file: LogFile | None = None

    def set(self, file: LogFile | None, settings: Settings | None, *, tells_stderr: bool) -> None:
        with self._lock:
            if self.file is not None:
                self.file.close()
            self.file, self._settings, self._tells_stderr = file, settings, tells_stderr
            self._is_ready = False

    def logger(self, room: str) -> FilteringBoundLogger:
        import structlog

        from mai.system import log_lines

        with self._lock:
            if not self._is_ready and self.file is not None and self._settings is not None:
                log_lines.write_to(self.file, self._settings, tells_stderr=self._tells_stderr)
            elif not self._is_ready:
                log_lines.write_nowhere()
            self._is_ready = True
        logger: FilteringBoundLogger = structlog.get_logger(room=room)
        return logger


_log = _Log()


def configure(settings: Settings, *, tells_stderr: bool = True) -> LogFile:
    """Send the log to `settings.logs`, and return the file it goes to.

    What libraries say through `logging` goes there too, from WARNING on. `tells_stderr` false is
    for a console that owns the whole screen.
    """
    reset()
    file = LogFile(settings.logs / FILE_NAME)
    _log.set(file, settings, tells_stderr=tells_stderr)
    logging.getLogger().addHandler(_Bridge(level=logging.WARNING))
    return file


def reset() -> None:
    """Log nowhere, as before `configure`."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Bridge)]:
        root.removeHandler(handler)
    _log.set(None, None, tells_stderr=True)


def get(room: str) -> FilteringBoundLogger:
    """Return the logger of a room, such as `sandbox`. It stands under `room` in each line."""
    return _log.logger(room)


def record_fault(error: BaseException) -> Path:
    """Log `error` with its traceback and return the file it is in; configures the log if need be.

    Whoever calls this has told the person already, so nothing is said on stderr.
    """
    file = _log.file or configure(load(), tells_stderr=False)
    get("fault").error("internal fault", exc_info=error, is_told=True)
    return file.path


def fault(error: BaseException, where: str) -> str:
    """Log `error` and return the sentence about it. Two different faults make two sentences."""
    file = record_fault(error)
    what = one_line(f"{type(error).__name__}: {error}", 120).rstrip(".")
    return f"A fault of mine {where} ({what}); the details are in {file}."


class _Bridge(logging.Handler):
    """Carries what libraries log over to the file, where secrets are removed.

    It is written for programmers: what a person should know of it, the room that uses the library
    says in Mai's own words.
    """

    def emit(self, record: logging.LogRecord) -> None:
        # A library's malformed log call must neither stop the work nor show its person a
        # traceback, which is what `Handler.handleError` would do.
        with contextlib.suppress(Exception):
            get(record.name).log(
                record.levelno,
                record.getMessage(),
                exc_info=record.exc_info or None,
                is_told=True,
            )
