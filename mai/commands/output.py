"""How commands speak: one JSON object or a few plain lines on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal, TextIO

from mai.errors import MaiError
from mai.visible import is_visible

_WORTH_A_BAR = 40
_LONG_LIST = 200
_PAUSE_S, _MOST_DROPS = 0.05, 40
#: How a terminal gets a line: `prose` is wrapped and its marks are coloured, a `diff` is coloured
#: by its signs, and `verbatim` stays as it is: a command to copy, a line of JSON.
Form = Literal["prose", "diff", "verbatim"]
_NOT_ASCII = re.compile(r"[^\x20-\x7e\n]")


class Exit(Exception):
    """End the command with `code`, having said what there was to say."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def settle_streams() -> None:
    """Make the standard streams usable, whatever the caller did to them.

    A closed one (`<&-`) becomes the null device: Python leaves None there, and the next file that
    is opened, the database perhaps, would take its number. A sign that the locale cannot write
    becomes an escape.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # It lives as long as the process does.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
        elif mode == "w" and isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object, in ASCII where stdout or a file's name knows no better.

    What a terminal would obey or not show (an escape, a mark of direction, a tag) is escaped: the
    object is the same, and a person who looks at it sees what is in it.
    """
    # Indenting makes Python's encoder ten times slower, which counts for a list of thousands.
    is_long = any(isinstance(part, list) and len(part) > _LONG_LIST for part in value.values())
    indent = None if is_long else 2
    text = _shown(json.dumps(value, indent=indent, ensure_ascii=False, default=str))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent, default=str)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _shown(text: str) -> str:
    return _NOT_ASCII.sub(
        lambda match: match[0] if is_visible(match[0]) else json.dumps(match[0])[1:-1], text
    )


def note(text: str, form: Form = "prose") -> None:
    """Say something about the work, on stderr."""
    sys.stderr.write(_formed(text, form, sys.stderr) + "\n")
    sys.stderr.flush()


def line(text: str = "", form: Form = "prose") -> None:
    """Print one line of the answer, or several."""
    sys.stdout.write(_formed(text, form, sys.stdout) + "\n")


def _formed(text: str, form: Form, stream: TextIO) -> str:
    """Return `text` as a terminal shows it best, and unchanged where `stream` is none."""
    if form == "verbatim" or not stream.isatty():
        return text
    from mai.commands.options import is_turned_off
    from mai.commands.terminal.paint import paint_diff_line, paint_line, wants_colour
    from mai.commands.terminal.wrap import size_of, wrap_line

    lines = text.split("\n")
    if wants_colour(stream) and not is_turned_off("colour"):
        lines = [paint_diff_line(each) if form == "diff" else paint_line(each) for each in lines]
    width, _ = size_of(stream)
    if form == "prose" and width:
        lines = [wrap_line(each, width) for each in lines]
    return "\n".join(lines)


@contextlib.contextmanager
def answering(as_json: bool, empty: Callable[[], dict[str, Any]] | None = None) -> Iterator[None]:
    """Turn an error into its sentence and exit code, or into the JSON object with `error` set.

    `empty` makes the object that the command would have printed, without its findings.
    """
    try:
        yield
    except MaiError as error:
        if as_json:
            print_json({**(empty() if empty else {}), "error": error.as_json()})
        else:
            note(str(error))
        raise Exit(error.exit_code) from error
    except (Exit, BrokenPipeError):
        raise
    except (Exception, KeyboardInterrupt) as error:
        # `run` says it in a sentence; who reads JSON learns what is on record all the same.
        if as_json:
            is_stop = isinstance(error, KeyboardInterrupt)
            code, message = ("cancelled", "Stopped.") if is_stop else ("internal", _fault_of(error))
            fault = {"code": code, "message": message}
            print_json({**(empty() if empty else {}), "error": fault})
        raise


def _fault_of(error: BaseException) -> str:
    from mai.text import one_line

    return f"This is a fault of mine: {type(error).__name__}: {one_line(str(error))}."


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[object], None]]:
    """Show how far a long run is, on a terminal's stderr; call what is yielded with each item."""
    if total < _WORTH_A_BAR or not sys.stderr.isatty():
        yield lambda _item: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("judging", total=total)
        yield lambda _item: bar.advance(task)


def is_terminal() -> bool:
    """Whether a person sits at both ends: a terminal to read from and one to write to."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(prompt: str) -> str:
    """Ask at the terminal; the end of input is an empty answer.

    What was typed or pasted before the question is dropped: it answers something else.
    """
    _drop_what_was_typed()
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _drop_what_was_typed() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError, TypeError):
        import select
        import termios

        with contextlib.suppress(termios.error):
            # A terminal holds a few kilobytes: of a longer paste the rest comes in afterwards.
            for _ in range(_MOST_DROPS):
                termios.tcflush(sys.stdin, termios.TCIFLUSH)
                if not select.select([sys.stdin], [], [], _PAUSE_S)[0]:
                    break


def internal_fault(error: Exception) -> int:
    """Say that Mai itself is at fault; the traceback goes to the log. Returns the exit code."""
    from mai.errors import MaiError

    if isinstance(error, MaiError):
        note(str(error))
        return error.exit_code
    where = ""
    with contextlib.suppress(Exception):  # the fault may lie in what the log needs
        from mai.system.logs import record_fault

        where = f" The details are in {record_fault(error)}."
    note(f"{_fault_of(error)}{where}")
    return 1
