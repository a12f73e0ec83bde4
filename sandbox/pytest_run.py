"""Pytest, in as many child processes as it takes to give every test an outcome."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sandbox.children import ENVIRONMENT, Child
from sandbox.options import honoured_options, own_plugins
from sandbox.places import configuration
from sandbox.runs import Run, Stop

_GRACE_S = 0.5  # between asking a test to stop and killing its process
_IDLE_FACTOR = 4  # asleep, a test may take this much longer than its processor time
_RESTARTS_WITHOUT_PROGRESS = 1
_FULL_TIMEOUTS = 2
_SHORTEST_TEST_S = 0.5
_MOST_TESTS = 100_000
_CANARIES = 5  # one of each kind
# Those that bear the names of the repo's own tests: each runs the fixtures of all tests again.
_TWINS = 20
_WORDS = (
    *("bounds", "bytes", "cached", "closed", "copy", "decode", "default", "empty", "encode"),
    *("first", "footer", "format", "handles", "header", "index", "insert", "invalid", "keeps"),
    *("key", "keys", "large", "last", "length", "limit", "line", "list", "mapping", "merge"),
    *("missing", "name", "negative", "nested", "none", "open", "order", "parse", "path", "range"),
    *("remove", "repeat", "retry", "returns", "round", "small", "split", "stale", "sum", "text"),
    *("twice", "unicode", "update", "value", "values", "zero"),
)
_NOTHING = 5
_SOUND_EXITS = (0, 1, _NOTHING)  # pytest: all passed, some failed, nothing collected

#: What pytest is always told.
# The repo's own options may name plugins that are not here; what they would have to say about
# strictness must not fail a run for what the image lacks.
ARGUMENTS = (
    "--override-ini=addopts=",
    "--override-ini=minversion=",
    "--override-ini=required_plugins=",
    "--override-ini=strict=false",
    "--override-ini=strict_config=false",
    "--override-ini=strict_markers=false",
    "--continue-on-collection-errors",
    "--rootdir=.",
    # Captured output would be kept in files, and a flood of it would fill the disk.
    "--capture=no",
    "--color=no",
    "--tb=short",
    "--no-header",
    "-q",
    # Beside the tree, where it would be one more file of it.
    f"--override-ini=cache_dir={ENVIRONMENT['HOME']}/.cache/pytest",
    "-pno:randomly",
    "-pno:random_order",
    "-pno:xdist",
)


#: What pytest calls the kinds of its last line. Where a plugin has added others, it also decides
#: what counts as which, so that nothing follows from their numbers.
_GOOD, _BAD = ("passed", "xpassed"), ("failed", "error", "subtests failed")
_NEITHER = ("skipped", "xfailed")
_NO_TESTS = ("deselected", "warnings", "", "rerun")
_SUBTESTS = "subtests "


_VOID = (
    "A test that cannot pass did: something in the tree makes tests pass, so that no outcome of "
    "this run is believed."
)


def _made_up() -> str:
    """Return the name of a test, as somebody might have named one."""
    return "test_" + "_".join(secrets.choice(_WORDS) for _ in range(4))


class TestRun(Run):
    """Runs pytest, and runs it again for the rest when a test has taken its process down."""

    __test__ = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # Read before any test could have changed what it reads.
        config = configuration(self.root)
        folder = config.parent if config else Path(self.root)
        self._options = honoured_options(folder)
        if config:
            self._options += ["-c", str(config)]
            place = config.relative_to(self.root)
            self.job["notes"].append(f"Settings and fixtures are those beside {place}.")
        self._plugins = own_plugins(folder, self.import_paths)
        for name in self._plugins:
            self.job["notes"].append(f"The repo's plugin {name} gave its hooks and fixtures.")
        self._collected: list[str] | None = None
        self._current: tuple[str, int, str] | None = None  # kind, sequence, name
        self._cpu_s = self._idle_s = 0.0
        self._is_new = False
        self._asked_at: float | None = None
        self._killed_for_time = False
        self._timeouts = 0
        self._exit: int | None = None
        self._round: Counter[str] = Counter()  # outcomes of this process
        self._counted: dict[str, int] = {}  # what pytest says of them
        self._canaries: list[str] = []  # the names of those of this round
        self._planted: dict[str, str] = {}  # their ids, and how each ended

    def perform(self) -> None:
        """Run until every collected test has an outcome."""
        idle_rounds = 0
        while True:
            done_before = len(self.outcomes)
            self._collected, self._current, self._exit = None, None, None
            self._round, self._counted = Counter(), {}
            oom_before = self.meter.oom_kills()
            try:
                self.pump(self._arguments())
            except Stop as stop:
                if self._current and self._current[2] not in self._planted:
                    self.outcomes[self._current[2]] = (
                        "timeout" if stop.limit == "timeout" else "crash"
                    )
                raise
            if self._is_complete():
                return
            self._blame(was_oom=self.meter.oom_kills() > oom_before)
            if len(self.outcomes) == done_before:
                idle_rounds += 1
                if idle_rounds > _RESTARTS_WITHOUT_PROGRESS:
                    raise self._ended("before it had run every test")
            self.child.close()
            self.child = Child(is_first=False)
            self.child.wait_ready()

    def is_killing(self) -> bool:
        """Whether a test that would not stop is being killed."""
        return self._killed_for_time

    def exit_code(self) -> int | None:
        """Return pytest's own, None where a limit stopped it."""
        return self._exit

    def _arguments(self) -> dict[str, Any]:
        only: list[str] = self.job["only"]
        self._canaries = [_made_up() for _ in range(_CANARIES + _TWINS)]
        self._planted = {}
        files = dict.fromkeys(name.split("::")[0] for name in only)
        paths = [path for path in files if Path(self.root, path).exists()]
        return {
            "arguments": [*ARGUMENTS, *self._options],
            "paths": paths,
            "only": only,
            "part": self.job["part"],
            "done": list(self.outcomes),
            "canaries": self._canaries,
            "plugins": self._plugins,
        }

    def _is_complete(self) -> bool:
        if self._exit not in _SOUND_EXITS or self._collected is None:
            return False
        is_complete = all(name in self.outcomes for name in self._collected)
        # One that was never run is as telling, unless the rest was not run either.
        telling = {"passed", ""} if is_complete else {"passed"}
        if telling & set(self._planted.values()):
            self.outcomes.clear()
            raise Stop("error", _VOID)
        if is_complete and (found := self._contradiction()):
            self.doubt, self.is_contradictory = found, True
        return is_complete

    def _contradiction(self) -> str:
        """Return in a sentence how pytest's exit code and last line deny the outcomes, or ""."""
        found = self._round
        if found["crash"]:
            return ""  # such a test has ended pytest as it wished, and counts as failed
        good, neither = found["passed"], found["skipped"]
        bad = found.total() - good - neither
        if (self._exit == 1) is not bool(bad) or (self._exit == _NOTHING and good):
            return f"pytest ended with exit code {self._exit}, but {bad} tests are known to fail."
        counted = self._counted
        told = {*_GOOD, *_BAD, *_NEITHER, *_NO_TESTS}
        if not counted or not all(kind in told or kind.startswith(_SUBTESTS) for kind in counted):
            return ""
        sums = [sum(counted.get(kind, 0) for kind in kinds) for kinds in (_GOOD, _BAD, _NEITHER)]
        is_other = (
            good > sums[0]
            or bool(bad) is not bool(sums[1])
            or not sums[0] + sums[2] <= found.total() <= sum(sums)
        )
        if not is_other:
            return ""
        return (
            f"pytest's last line counts {sums[0]} tests that passed and {sums[1]} that failed, but "
            f"{good} and {bad} were reported."
        )

    def _blame(self, *, was_oom: bool) -> None:
        """Find what ended the process early.

        Raises:
            Stop: it was nothing that could be left out next time.
        """
        if self._current is None:
            if self._collected is None:
                raise self._ended("before it had collected the tests")
            if all(name in self.outcomes for name in self._collected):
                raise self._ended("without finishing its report")
            return
        _, _, name = self._current
        if name in self._planted:
            return  # something the tests left running ended it, and no test is to blame
        if self._asked_at is not None:
            self._note_timeout(name)
            return
        if was_oom:
            self.limited[name] = "oom"
            self.hits.add("oom")
        self.outcomes[name] = "crash"

    def _ended(self, when: str) -> Stop:
        words = self.last_words()
        return Stop("error", f"The test runner ended {when}" + (f": {words}" if words else "."))

    def _note(self, name: str, outcome: str, cause: str) -> None:
        if outcome == "timeout":
            self._note_timeout(name)
        self.outcomes[name] = outcome
        if cause:
            self.limited[name] = cause
            self.hits.update({cause} - {"error"})

    def _note_timeout(self, name: str) -> None:
        self.outcomes[name] = "timeout"
        self.hits.add("timeout")
        self._timeouts += 1

    def receive(self, record: list[Any]) -> None:
        """Take what the reporter says."""
        kind, *rest = record
        if kind in {"collecting", "test"}:
            self._current = (kind, rest[0], rest[1])
            self._cpu_s = self._idle_s = 0.0
            self._is_new = True
            self._asked_at, self._killed_for_time = None, False
        elif kind == "collected-file":
            self._current = None
        elif kind == "collected":
            total, self._collected, planted = rest
            names = frozenset(self._canaries)
            self._planted = {name: "" for name in planted if not names.isdisjoint(name.split("::"))}
            if total > _MOST_TESTS:
                raise Stop("error", f"There are more than {_MOST_TESTS} tests.")
            self.has_tests, self._current = total > 0 or bool(self.outcomes), None
        elif kind == "exit":
            self._exit, self._counted = rest[0], {str(kind): int(n) for kind, n in rest[1]}
        elif kind == "elsewhere":
            raise Stop(
                "error",
                f"The repo's own {rest[0]} was not tested: the test runner has imported an "
                "installed copy of it.",
            )
        elif kind == "outcome":
            name, outcome, cause = rest
            if name in self._planted:
                self._planted[name] = outcome
            else:
                self._round[outcome] += 1
                self._note(name, outcome, cause)
            if self._current and self._current[2] == name:
                self._current = None

    def watch(self, cpu_s: float, idle_s: float) -> None:
        """Stop a test that has used its time: from within first, then with its process."""
        if self._current is None:
            return
        file = self._current[2].partition("::")[0]
        self.spent[file] = self.spent.get(file, 0.0) + cpu_s
        if self._is_new:
            # What passed since the last look belongs to others too, and on a busy machine it may
            # be much: no test runs out of time by what ran before it.
            self._is_new = False
            return
        self._cpu_s += cpu_s
        self._idle_s += idle_s
        if self._asked_at is not None:
            if time.monotonic() - self._asked_at > _GRACE_S and not self._killed_for_time:
                self._killed_for_time = True
                os.kill(self.child.pid, signal.SIGKILL)
            return
        shrink = 0.5 ** max(0, self._timeouts - _FULL_TIMEOUTS + 1)
        allowed_s = max(min(_SHORTEST_TEST_S, self.job["test_s"]), self.job["test_s"] * shrink)
        if self._cpu_s > allowed_s or self._idle_s > _IDLE_FACTOR * allowed_s:
            self._asked_at = time.monotonic()
            self.child.interrupt(self._current[1])
