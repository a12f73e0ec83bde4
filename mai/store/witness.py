"""A file outside the database that has seen how far a ledger's chain went.

A hash chain shows every change but one: its end cut off. The witness holds `number hash` of the
last committed entry, and only ever moves forward along the chain it already knows. A witness that
does not fit is left alone: it is the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from mai.errors import StoreError
from mai.store import files

GENESIS = "0" * 64

_LINE = re.compile(r"(\d{1,18}) ([0-9a-f]{64})\n")
_LOCK_TIMEOUT_S = 10.0


class Witness:
    """The witness file of one ledger, shared by processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether there is a witness at all."""
        return self.path.exists()

    def read(self) -> tuple[int, str] | None:
        """Return the number and hash that were seen last; None if the file says nothing of it."""
        with files.os_errors(self.path):
            try:
                line = self.path.read_text("utf-8")
            except (FileNotFoundError, UnicodeDecodeError):
                return None
        match = _LINE.fullmatch(line)
        return (int(match[1]), match[2]) if match else None

    def begin(self) -> None:
        """Make the witness of a chain that is still empty. One that exists stays.

        It is made *before* the first entry is committed: with entries there, a witness that is
        missing was therefore taken away.

        Raises:
            StoreError: it cannot be written, so nothing may be appended either.
        """
        files.make_folder(self.path.parent)
        with self._lock(), files.os_errors(self.path):
            if not self.path.exists():
                files.replace(self.path, f"0 {GENESIS}\n".encode())

    def advance(
        self, last: Callable[[], tuple[int, str]], is_entry: Callable[[int, str], bool]
    ) -> None:
        """Note how far the chain reaches, unless that would hide something.

        `last` gives the number and hash of the last entry; `is_entry` says whether an entry of
        that number and hash is in the chain. The entry is committed when this is called, so a
        witness that cannot be written stays behind, which `verify` allows, instead of telling the
        caller that the entry failed.
        """
        with suppress(OSError, StoreError), self._lock():
            seen = self.read()
            number, head = last()
            if seen and seen[0] < number and (seen[0] == 0 or is_entry(*seen)):
                files.replace(self.path, f"{number} {head}\n".encode())

    def start_over(self, number: int, head: str) -> None:
        """Believe the chain as it stands. For a person who knows why the witness does not fit."""
        files.make_folder(self.path.parent)
        with self._lock(), files.os_errors(self.path):
            files.replace(self.path, f"{number} {head}\n".encode())

    def _lock(self) -> AbstractContextManager[None]:
        return files.locked(self.path.with_name(self.path.name + ".lock"), _LOCK_TIMEOUT_S)
