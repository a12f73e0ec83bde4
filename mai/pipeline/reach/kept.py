"""Keeps the facts of each file by the id of its blob, one small file a repository."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from mai.pipeline.reach.facts import Facts, read_facts
from mai.repo.objects import Snapshot

#: Another number makes what an older Mai kept unknown.
_VERSION = 1


class _Stored(msgspec.Struct, array_like=True):
    version: int
    facts: dict[str, Facts]


class KeptFacts:
    """Facts by blob. What cannot be read back is read from its source again."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, snapshots: Iterable[Snapshot]) -> Sequence[Mapping[str, Facts]]:
        """Return the facts of every Python file of each snapshot, by path."""
        snapshots = list(snapshots)
        known = self._load()
        fresh: dict[str, Facts] = {}
        found = [self._of(snapshot, known, fresh) for snapshot in snapshots]
        if fresh:
            used = {
                oid: known.get(oid) or fresh[oid]
                for snapshot, facts in zip(snapshots, found, strict=True)
                for path in facts
                if (oid := snapshot.blob_id(path))
            }
            self._save(used)
        return found

    def _of(
        self, snapshot: Snapshot, known: Mapping[str, Facts], fresh: dict[str, Facts]
    ) -> dict[str, Facts]:
        paths = [path for path in snapshot.paths() if path.endswith(".py")]
        oids = {path: snapshot.blob_id(path) or "" for path in paths}
        unknown = [path for path in paths if oids[path] not in known and oids[path] not in fresh]
        for path, data in snapshot.read_many(unknown):
            fresh[oids[path]] = read_facts(data)
        return {path: known.get(oids[path]) or fresh[oids[path]] for path in paths}

    def _load(self) -> Mapping[str, Facts]:
        try:
            stored = msgspec.json.decode(self._file.read_bytes(), type=_Stored)
        except (OSError, msgspec.MsgspecError):
            return {}
        return stored.facts if stored.version == _VERSION else {}

    def _save(self, facts: dict[str, Facts]) -> None:
        data = msgspec.json.encode(_Stored(_VERSION, facts))
        with contextlib.suppress(OSError):  # a full disk costs time, not the trial
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._file.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(self._file)
