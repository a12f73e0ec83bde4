"""Remembers what a tree's tests did, so that they need not run again where it is the base.

An entry grows: what was run of a tree's test files is added to what is known of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mai.digest import canonical_json
from mai.jobs import Limits, Part, RunResult, TestOutcome
from mai.proposal import Verdict

_KEPT = 200
#: A part of every name: what an older Mai remembered has another form.
_FORM = "by file"
#: Parts of one trial run at the same time, and each adds to the same entry.
_WRITING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a tree's tests: outcomes by file, and whether those are all its files.

    `run` is what the latest run showed besides its outcomes.
    """

    files: Mapping[str, Mapping[str, TestOutcome]] = field(default_factory=dict)
    spent: Mapping[str, float] = field(default_factory=dict)
    is_whole: bool = False
    run: RunResult = field(default_factory=RunResult)

    def missing(self, part: Part) -> Part | None:
        """Return what of `part` has to run for all of it to be known, None where all of it is."""
        if self.is_whole:
            return None
        if part.is_rest:
            return Part(tuple(sorted({*part.files, *self.files})))
        unknown = tuple(path for path in part.files if path not in self.files)
        return Part(unknown, is_rest=False) if unknown else None

    def result(self, part: Part) -> RunResult:
        """Return a run of `part` as it is known."""
        outcomes = {
            test_id: outcome
            for path, tests in self.files.items()
            if part.has(path)
            for test_id, outcome in tests.items()
        }
        spent = {path: cpu_s for path, cpu_s in self.spent.items() if part.has(path)}
        cpu_s = max(self.run.cpu_s, sum(spent.values())) if part.is_all else sum(spent.values())
        return replace(
            self.run, outcomes=outcomes, spent=spent, cpu_s=cpu_s, has_tests=bool(outcomes)
        )

    def with_run(self, part: Part, result: RunResult) -> Known:
        """Return what is known when `result` was a run of `part`."""
        found: dict[str, dict[str, TestOutcome]] = defaultdict(dict)
        for path in () if part.is_rest else part.files:
            found[path] = {}
        for test_id, outcome in result.outcomes.items():
            found[test_id.partition("::")[0]][test_id] = outcome
        is_whole = part.is_rest and all(path in self.files for path in part.files)
        return Known(
            {**self.files, **found},
            {**self.spent, **result.spent},
            self.is_whole or is_whole,
            replace(
                result,
                hits=self.run.hits | result.hits,
                limited={**self.run.limited, **result.limited},
                outcomes={},
            ),
        )


class TrialCache:
    """One small file a tree, in a folder of Mai's own that no repo can reach.

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
        repeat: Iterable[object] = (),
    ) -> str:
        """Name runs by all that their outcome depends on; `repeat` tells a second from a first."""
        parts = [_FORM, tree, image, list(command or ()), asdict(limits), list(repeat)]
        return hashlib.sha256(canonical_json(parts)).hexdigest()

    def get(self, key: str) -> Known:
        """Return what is known under `key`, which may be nothing."""
        try:
            stored = json.loads((self._folder / f"{key}.json").read_bytes())
            files = {
                path: {test_id: TestOutcome(value) for test_id, value in tests.items()}
                for path, tests in stored["files"].items()
            }
            run = _run_from(stored["run"])
            return Known(files, dict(stored["run"]["spent"]), bool(stored["is_whole"]), run)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return Known()

    def add(self, key: str, part: Part, result: RunResult) -> Known:
        """Return what is known with `result` added, and remember it if that run was whole.

        One that was cut short is no measure for anything.
        """
        with _WRITING:
            known = self.get(key).with_run(part, result)
            if result.is_whole:
                self._put(key, known)
            return known

    def _put(self, key: str, known: Known) -> None:
        run = {**asdict(known.run), "hits": sorted(known.run.hits), "spent": dict(known.spent)}
        del run["outcomes"]  # they are in the files
        stored = {"files": known.files, "is_whole": known.is_whole, "run": run}
        with contextlib.suppress(OSError):  # a full disk costs speed, not the trial
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(canonical_json(stored))
            Path(temporary).replace(self._folder / f"{key}.json")
            self._prune()

    def _prune(self) -> None:
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in files[:-_KEPT]:
            path.unlink(missing_ok=True)


def _run_from(stored: Mapping[str, Any]) -> RunResult:
    read = {
        "limit": Verdict(stored["limit"]),
        "hits": frozenset(map(Verdict, stored["hits"])),
        "limited": {name: Verdict(hit) for name, hit in stored["limited"].items()},
        "left_out": tuple(stored["left_out"]),
    }
    return RunResult(**{**stored, **read})
