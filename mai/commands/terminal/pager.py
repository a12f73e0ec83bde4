"""A pager for long answers at a terminal, as git has one.

`MAI_PAGER`, then `PAGER`, then `less`. An empty one or `cat` is none, and so is one that is named
by a relative path: what lies in the repo is never run.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO, cast

from mai.commands.options import is_turned_off
from mai.commands.terminal.wrap import columns, size_of

_NONE = ("", "cat")
_USUAL = "less"
# less: leave at once where all fits, pass colours on, leave the screen as it is. lv: colours.
_DEFAULTS = {"LESS": "FRX", "LV": "-c"}


@contextlib.contextmanager
def paged() -> Iterator[None]:
    """Send what is printed within through the pager, as soon as it is longer than the screen.

    A pager that a person leaves early has shown what was wanted: the rest is not printed.
    """
    command = pager_command() if _is_wanted() else []
    if not command:
        yield
        return
    sys.stdout.flush()
    screen = _Screen(sys.stdout, command)
    try:
        with contextlib.redirect_stdout(cast("TextIO", screen)):
            yield
        screen.finish()
    except BrokenPipeError:
        if not screen.is_paging:
            raise
    finally:
        screen.leave()


def pager_command() -> list[str]:
    """Return the pager's program, by its absolute path, and its arguments; nothing for none."""
    wanted = next(
        (os.environ[name] for name in ("MAI_PAGER", "PAGER") if name in os.environ), _USUAL
    )
    try:
        name, *arguments = shlex.split(wanted) or [""]
    except ValueError:
        return []
    if name in _NONE:
        return []
    program = name if Path(name).is_absolute() else _found(name)
    return [program, *arguments] if program else []


def _is_wanted() -> bool:
    is_dumb = os.environ.get("TERM", "") in {"", "dumb"}
    if not sys.stdout.isatty() or is_dumb or is_turned_off("pager"):
        return False
    return all(size_of(sys.stdout))  # without a size there is no saying what is long


def _found(name: str) -> str | None:
    if "/" in name:
        return None
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    # An empty or relative entry means the current folder, which may be anybody's repo.
    absolute = [folder for folder in folders if Path(folder).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(absolute)) if absolute else None


class _Screen:
    """Stands in for stdout: keeps what fits the screen, and starts the pager for more."""

    def __init__(self, terminal: TextIO, command: list[str]) -> None:
        self._terminal = terminal
        self._command = command
        self._kept: list[str] = []
        self._rows = 0
        self._pager: subprocess.Popen[bytes] | None = None
        self._is_direct = False
        self._width, self._height = size_of(terminal)
        self.encoding = terminal.encoding

    @property
    def is_paging(self) -> bool:
        return self._pager is not None

    def write(self, text: str) -> int:
        if self._pager is not None or self._is_direct:
            self._pass_on(text)
            return len(text)
        self._kept.append(text)
        for line in text.split("\n")[:-1]:
            self._rows += max(1, -(-columns(line) // self._width))
        if self._rows >= self._height:
            self._start()
            self.finish()
        return len(text)

    def finish(self) -> None:
        """Print what was kept."""
        kept, self._kept = "".join(self._kept), []
        self._pass_on(kept)

    def leave(self) -> None:
        """Wait until the person leaves the pager; Ctrl-C is the pager's to answer."""
        if self._pager is None:
            self._terminal.write("".join(self._kept))  # an error cut the answer off
            return
        with contextlib.suppress(OSError):
            self._input.close()
        while True:
            try:
                self._pager.wait()
            except KeyboardInterrupt:
                continue
            return

    def flush(self) -> None:
        if self._pager is None and not self._kept:
            self._terminal.flush()

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()

    @property
    def _input(self) -> IO[bytes]:
        assert self._pager is not None  # noqa: S101 - asked only while it runs
        assert self._pager.stdin is not None  # noqa: S101 - it has a pipe
        return self._pager.stdin

    def _start(self) -> None:
        environment = {**_DEFAULTS, **os.environ}
        try:
            self._pager = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=self._terminal, env=environment
            )
        except OSError:  # it cannot be run, so the answer is shown without it
            self._is_direct = True

    def _pass_on(self, text: str) -> None:
        if self._pager is None:
            self._terminal.write(text)
            return
        try:
            self._input.write(text.encode(self._terminal.encoding, "backslashreplace"))
        except ValueError as error:  # closed after the person had left
            raise BrokenPipeError from error
