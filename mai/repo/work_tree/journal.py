"""What a landing must remember about itself, in case it never gets to its end.

The journal says which commit is on its way into the work tree and how to know our own lock on the
index again. It is written before the lock exists, so a lock without a journal is somebody else's.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mai.errors import GitError, RepoBusy
from mai.repo.place import read_small
from mai.repo.private import replace_file
from mai.text import one_line

TEMPORARY = "mai-landing.tmp"
"""The one temporary file that a landing has at a time; a later one writes over it."""

_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_ANY_INODE = -1


@dataclass(frozen=True, slots=True)
class _Record:
    commit: str
    marker: str
    inode: int
    is_finished: bool = False


class Journal:
    """The journal of landings into the work tree whose git folder is `git_dir`."""

    def __init__(self, path: Path, git_dir: Path) -> None:
        self._path = path
        self._git_dir = git_dir
        self._lock = git_dir / "index.lock"

    def is_finished(self, commit: str) -> bool:
        """Whether the work tree got all of `commit`."""
        record = self._read()
        return record is not None and record.commit == commit and record.is_finished

    def finish(self, commit: str) -> None:
        """Say that the work tree got all of `commit`."""
        record = self._read()
        marker, inode = (record.marker, record.inode) if record else ("", 0)
        self._write(_Record(commit, marker, inode, is_finished=True))

    def clean_up(self) -> None:
        """Remove a lock and a temporary file that a landing left when it was killed.

        Only for the holder of the landing lock: no other landing is alive then.
        """
        with _sentence("What a landing left behind cannot be removed"):
            (self._git_dir / TEMPORARY).unlink(missing_ok=True)
            record = self._read()
            if record is None or not record.marker or self._lock.is_symlink():
                return
            try:
                inode = self._lock.stat().st_ino
            except FileNotFoundError:
                return
            is_ours = record.inode in {inode, _ANY_INODE}
            if is_ours and read_small(self._lock) == record.marker:
                self._lock.unlink()

    @contextlib.contextmanager
    def index_locked(self, commit: str) -> Iterator[None]:
        """Hold the index against every other git, in git's own way: `index.lock`.

        Raises:
            RepoBusy: another git holds it.
        """
        marker = f"mai is landing {commit} {secrets.token_hex(16)}\n"
        draft = self._git_dir / TEMPORARY
        with _sentence("The repository's index cannot be locked"):
            draft.unlink(missing_ok=True)
            with draft.open("x") as file:
                file.write(marker)
            try:
                self._take(draft, _Record(commit, marker, draft.stat().st_ino))
            except FileExistsError as error:
                msg = "Another git process has the repository's index locked; try again after it."
                raise RepoBusy(msg) from error
            finally:
                draft.unlink()
        try:
            yield
        finally:
            with _sentence("The lock on the repository's index cannot be removed"):
                self._lock.unlink(missing_ok=True)

    def _take(self, draft: Path, record: _Record) -> None:
        self._write(record)
        try:
            # Unlike an exclusive open, a link appears with its content, so that a crash at any
            # instant leaves either nothing or a lock that says whose it is.
            os.link(draft, self._lock)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            self._write(replace(record, inode=_ANY_INODE))
            with self._lock.open("x") as file:
                file.write(record.marker)

    def _read(self) -> _Record | None:
        text = read_small(self._path)
        if text is None:
            return None
        try:
            return _Record(**json.loads(text))
        except (ValueError, TypeError):  # not ours, or of another version: it says nothing
            return None

    def _write(self, record: _Record) -> None:
        with _sentence("Mai's own repository cannot be written"):
            replace_file(self._path, json.dumps(asdict(record)).encode())


@contextlib.contextmanager
def _sentence(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GitError(f"{what}: {one_line(str(error))}.") from error
