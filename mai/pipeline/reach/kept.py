"""Keeps the facts of each file by the id of its blob, one small file a repository."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from mai.pipeline.reach.facts import Facts, read_facts
from mai.repo.objects import Snapshot
from mai.suite import Suite

#: Another number makes what an older Mai kept unknown.
_VERSION = 2


def _is_python(path: str) -> bool:
    return path.endswith(".py")


class _Stored(msgspec.Struct, array_like=True):
    version: int
    facts: dict[str, Facts]


class KeptFacts:
    """Facts by blob. What cannot be read back is read from its source again."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, Facts] | None = None

    def tests(self, snapshots: Sequence[Snapshot]) -> dict[str, int]:
        """Return how many tests each test file has, without parameters."""
        suite = Suite(snapshots[0])
        return {
            path: facts.tests
            for found in self._read(snapshots, suite.is_collected)
            for path, facts in found.items()
        }

    def of(self, snapshots: Iterable[Snapshot]) -> Sequence[Mapping[str, Facts]]:
        """Return the facts of every Python file of each snapshot, by path."""
        return self._read(list(snapshots), _is_python)

    def _read(
        self, snapshots: Sequence[Snapshot], is_wanted: Callable[[str], bool]
    ) -> Sequence[Mapping[str, Facts]]:
        known = self._load() if self._known is None else self._known
        fresh: dict[str, Facts] = {}
        found = [self._of(snapshot, known, fresh, is_wanted) for snapshot in snapshots]
        if fresh:
            oids = {
                entry.oid
                for snapshot in snapshots
                for entry in snapshot.entries()
                if _is_python(entry.path)
            }
            known = {oid: facts for oid, facts in (known | fresh).items() if oid in oids}
            self._save(known)
        self._known = known
        return found

    def _of(
        self,
        snapshot: Snapshot,
        known: Mapping[str, Facts],
        fresh: dict[str, Facts],
        is_wanted: Callable[[str], bool],
    ) -> dict[str, Facts]:
        oids = {
            entry.path: entry.oid
            for entry in snapshot.entries()
            if entry.is_regular and is_wanted(entry.path)
        }
        unknown = {oid: path for path, oid in oids.items() if oid not in known and oid not in fresh}
        for path, data in snapshot.read_many(unknown.values()):
            fresh[oids[path]] = read_facts(data)
        return {path: known.get(oid) or fresh[oid] for path, oid in oids.items()}

    def _load(self) -> dict[str, Facts]:
        try:
            stored = msgspec.msgpack.decode(self._file.read_bytes(), type=_Stored)
        except (OSError, msgspec.MsgspecError):
            return {}
        return stored.facts if stored.version == _VERSION else {}

    def _save(self, facts: dict[str, Facts]) -> None:
        data = msgspec.msgpack.encode(_Stored(_VERSION, facts))
        with contextlib.suppress(OSError):  # a full disk costs time, not the trial
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._file.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(self._file)
