"""Remembers what a tree's tests did, so that they need not run again where it is the base."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mai.digest import canonical_json
from mai.jobs import Limits, RunResult, TestOutcome
from mai.proposal import Verdict

_KEPT = 200
#: A part of every name: runs that an older Mai remembered may not have been whole.
_FORM = "whole runs only"


class TrialCache:
    """One small file a run, in a folder of Mai's own that no repo can reach.

    A file that cannot be read back is a miss: the cache saves time and decides nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def key(
        self,
        tree: str,
        image: str,
        command: Sequence[str] | None,
        limits: Limits,
        repeat: int,
    ) -> str:
        """Name a run by all that its outcome depends on; `repeat` tells a second from a first."""
        parts = [_FORM, tree, image, list(command or ()), asdict(limits), repeat]
        return hashlib.sha256(canonical_json(parts)).hexdigest()

    def get(self, key: str) -> RunResult | None:
        """Return the remembered run, or None."""
        try:
            stored = json.loads((self._folder / f"{key}.json").read_bytes())
            outcomes = {name: TestOutcome(value) for name, value in stored.pop("outcomes").items()}
            limit = Verdict(stored.pop("limit"))
            hits = frozenset(map(Verdict, stored.pop("hits")))
            left_out = tuple(stored.pop("left_out"))
            run = RunResult(limit, outcomes, hits=hits, left_out=left_out, **stored)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return run if run.is_whole else None

    def put(self, key: str, result: RunResult) -> None:
        """Remember `result` if it is whole: part of a run is no measure for anything."""
        if not result.is_whole:
            return
        with contextlib.suppress(OSError):  # a full disk costs speed, not the trial
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(canonical_json({**asdict(result), "hits": sorted(result.hits)}))
            Path(temporary).replace(self._folder / f"{key}.json")
            self._prune()

    def _prune(self) -> None:
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in files[:-_KEPT]:
            path.unlink(missing_ok=True)
