"""How much the tests of a repo need, where that is more than a profile allows.

Limits are there for runaway code. A base that runs into one under its own tests is not that: it is
run once with as much room as the person allows, what it took is remembered, and the head gets a
fair multiple.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path

from mai.jobs import Limits, RunResult
from mai.proposal import Verdict

#: How many times what the base took a head may take, before it counts as runaway.
_FAIR = 3
_FAIR_MEMORY = 1.5
#: The limits that each verdict is about where it ended a run. One that only tests ran into is about
#: the same, but for the time of a test.
_FIELDS: Mapping[Verdict, tuple[str, ...]] = {
    Verdict.TIMEOUT: ("cpu_s", "wall_s"),
    Verdict.OOM: ("memory_bytes",),
    Verdict.PIDS: ("pids",),
    Verdict.DISK: ("disk_bytes", "memory_bytes"),
    Verdict.OUTPUT: ("output_bytes",),
}
_OF_TESTS = {**_FIELDS, Verdict.TIMEOUT: ("test_s",)}
#: Goes before the name of a limit where more of it was of no use: the test never ends.
_VAIN = "vain "


class Needs:
    """What the base of one repo was seen to need, by the name of the limit."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def widened(self, limits: Limits, most: Limits) -> Limits:
        """Return `limits` with what the base is known to need, within `most`."""
        return _raised(limits, self._load(), most)

    def worth_trying(self, run: RunResult) -> frozenset[str]:
        """Return the limits that `run` met, but for those of which more has been of no use."""
        known = self._load()
        return frozenset(name for name in met(run) if _VAIN + name not in known)

    def learn(self, names: Iterable[str], roomy: Limits, run: RunResult) -> None:
        """Remember what a run under `roomy` took, which had met the limits `names` with less."""
        taken = {
            "cpu_s": run.cpu_s * _FAIR,
            "wall_s": run.seconds * _FAIR,
            "memory_bytes": run.peak_memory_bytes * _FAIR_MEMORY,
        }
        known = self._load()
        for name in names:
            known[name] = max(known.get(name, 0.0), taken.get(name, getattr(roomy, name)))
        self._save(known)

    def give_up(self, names: Iterable[str]) -> None:
        """Remember that tests meet these limits however much room they get."""
        self._save({**self._load(), **{_VAIN + name: 1.0 for name in names}})

    def _save(self, known: Mapping[str, float]) -> None:
        with contextlib.suppress(OSError):  # a full disk costs another measurement
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._file.parent)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                json.dump(known, file)
            Path(temporary).replace(self._file)

    def _load(self) -> dict[str, float]:
        try:
            stored = json.loads(self._file.read_bytes())
            return {str(name): float(value) for name, value in stored.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def met(run: RunResult) -> frozenset[str]:
    """Return the names of the limits that ended `run`, or else that its tests ran into."""
    if run.limit is not Verdict.PASS:
        return frozenset(_FIELDS.get(run.limit, ()))
    return frozenset(name for hit in run.hits for name in _OF_TESTS.get(hit, ()))


def roomy(limits: Limits, names: Iterable[str], most: Limits) -> Limits | None:
    """Return limits with room where `names` were met, None where there is no more of it."""
    wanted = {name: float(getattr(most, name)) for name in names}
    found = _raised(limits, wanted, most)
    return None if found == limits else found


def fair(limits: Limits, base: RunResult, most: Limits) -> Limits:
    """Return what a head may use whose base took what `base` did; never less than `limits`."""
    taken = {"cpu_s": base.cpu_s * _FAIR, "wall_s": base.cpu_s * _FAIR * 4}
    return _raised(limits, taken, most)


def _raised(limits: Limits, wanted: Mapping[str, float], most: Limits) -> Limits:
    """Return `limits` raised to `wanted` where that is higher, none over `most`."""
    values = asdict(limits)
    for each in fields(limits):
        name = each.name
        if name in wanted and wanted[name] > values[name]:
            kind = type(values[name])
            values[name] = kind(max(values[name], min(wanted[name], getattr(most, name))))
    return replace(limits, **values)
