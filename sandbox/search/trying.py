"""Tries edits one after the other: each in a fork that runs the failing tests, then the rest."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Sequence
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.reporter import identify
from sandbox.search.answers import decode, describe, encode
from sandbox.search.chunks import CHUNK, Pairs, chunk_work, keeps_nothing, outcome_of
from sandbox.search.forks import Answer, run_forked
from sandbox.search.quick import quick_call
from sandbox.search.swap import Edit, NeedsImport, Swapper

if TYPE_CHECKING:
    from sandbox.search.plugin import Searcher

_CHECK_EVERY = 400
_BATCH = 64
_COLD_EXTRA_S = 1.0
#: For so long those are tried where others have let the tests pass already.
_LATE_S = 3.0

_Pairs = list[tuple[FunctionType, CodeType]]


def try_all(search: Searcher, items: Sequence[pytest.Item]) -> None:
    """Report for each edit whether it lets the tests pass, until the time or the edits run out.

    Edits that need a fresh import take many times as long, and come after all others.
    """
    trial = _Trial(search, items)
    tally = _Tally(search)
    late: list[int] = []
    edits = search.spec["edits"]
    for number, (path, made) in enumerate(edits):
        if number >= trial.known_to:
            trial.look_ahead(edits, number)
        result = trial.known.pop(number, None) or trial.carry_out(path, _as_edits(made))
        if result is None:
            late.append(number)
        elif tally.is_over_with(number, result):
            break
        if number % _CHECK_EVERY == _CHECK_EVERY - 1 and not trial.is_as_before():
            tally.flush()
            search.send("damaged", number)
            break
    else:
        ends_at = time.monotonic() + _LATE_S
        for number in late:
            path, made = edits[number]
            result = trial.carry_out(path, _as_edits(made), may_import=True)
            if tally.is_over_with(number, result or []) or (
                tally.found and time.monotonic() > ends_at
            ):
                break
    tally.flush()
    trial.restore()


class _Tally:
    """Counts and reports results, and knows when there are enough."""

    def __init__(self, search: Searcher) -> None:
        self._search = search
        self._ends_at = time.monotonic() + search.spec["seconds"]
        self._reports: list[Any] = []
        self.found = 0

    def is_over_with(self, number: int, result: Sequence[Any]) -> bool:
        """Note a result; return whether it was the last."""
        self._reports.append([number, *result])
        self.found += result[0] == "passes"
        if len(self._reports) >= _BATCH:
            self.flush()
        most: int = self._search.spec["most_found"]
        return time.monotonic() > self._ends_at or self.found >= most

    def flush(self) -> None:
        """Report what was not reported yet."""
        if self._reports:
            self._search.send("tried", self._reports)
            self._reports = []


def _as_edits(edits: Sequence[Sequence[Any]]) -> list[Edit]:
    return [(start, end, text) for start, end, text in edits]


class _Trial:
    def __init__(self, search: Searcher, items: Sequence[pytest.Item]) -> None:
        self._search, self._spec = search, search.spec
        known = {identify(item.nodeid): item for item in items}
        names = [*self._spec["tests"], *self._spec["others"]]
        if self._spec["is_in_order"]:  # then it takes the others to fail
            names = [name for name in known if name in names]
        self._names = names
        self._items = [known[name] for name in names if name in known]
        self._is_cold = any(name not in known for name in names)
        self._first = len(names) if self._spec["is_in_order"] else len(self._spec["tests"])
        is_plain = self._items and not self._spec["is_in_order"]
        self._quick = quick_call(self._items[0]) if is_plain else None
        self._swapper = Swapper(search.root)
        # Afterwards, as it hides functions; a fork that counted garbage would copy much.
        gc.freeze()
        self._written = ""
        #: What chunks have shown already, by number, and up to which number they have gone.
        self.known: dict[int, list[Any]] = {}
        self.known_to = 0
        self._usual: str | None = None
        self._is_chunked = (
            self._quick is not None and not self._is_cold and self._is_steady(self._quick)
        )

    def _is_steady(self, call: Callable[[], Any]) -> bool:
        """Whether many edits may run in one fork; note how the test fails without any."""
        if keeps_nothing(self._search.root) and self._items[0].cls is None:  # type: ignore[attr-defined]
            return True
        limit_s = self._spec["limits_s"][0]

        def work(answer: Answer) -> None:
            answer(encode(outcome_of(call, limit_s), outcome_of(call, limit_s)))

        first, second = decode(run_forked(work, 2 * limit_s).data) or ("", "")
        self._usual = first
        return bool(first) and first == second

    def look_ahead(self, all_edits: Sequence[Any], first: int) -> None:
        """Try the next edits in one fork; those that pass there are tried by themselves."""
        last = min(len(all_edits), first + CHUNK)
        self.known_to = last
        if not self._is_chunked or self._quick is None:
            return
        chunk: list[tuple[int, Pairs]] = []
        for number in range(first, last):
            path, edits = all_edits[number]
            try:
                if not self._swapper.is_new(path, _as_edits(edits)):
                    self.known[number] = ["same", 0, "", 0]
                elif self._swapper.is_imported(path):
                    chunk.append((number, self._swapper.exchange(path, _as_edits(edits))))
            except NeedsImport:
                continue
            except (SyntaxError, ValueError, OverflowError, RecursionError):
                self.known[number] = ["syntax", 0, "", 0]
        self._try_chunk(chunk)

    def _try_chunk(self, chunk: list[tuple[int, Pairs]]) -> None:
        """Note the edits that fail; one that ends its fork is left out of the next."""
        assert self._quick is not None  # noqa: S101 - asked before
        while chunk:
            started = time.monotonic()
            limit_s = self._spec["limits_s"][0]
            work = chunk_work(self._quick, [pairs for _, pairs in chunk], limit_s, self._usual)
            ended = run_forked(work, limit_s, lines=len(chunk))
            answers = [decode(line + b"\n") for line in ended.data.split(b"\n")[:-1]]
            each = int(1e6 * (time.monotonic() - started) / max(1, len(answers)))
            is_clean = True
            for (number, _), found in zip(chunk, answers, strict=False):
                error, is_clean = found or ("", True)
                if error:
                    self.known[number] = ["fails", 0, error, each]
            chunk = chunk[len(answers) :]
            if chunk and is_clean:
                status = "timeout" if ended.is_late else "crash"
                self.known[chunk.pop(0)[0]] = [status, 0, "", each]

    def carry_out(
        self, path: str, edits: Sequence[Edit], *, may_import: bool = False
    ) -> list[Any] | None:
        """Return how one edit did: status, how many failing tests pass, the error, microseconds.

        None where that takes a fresh import, and it may not be made.
        """
        started = time.monotonic()
        try:
            is_new = self._is_chunked or may_import or self._swapper.is_new(path, edits)
            if not is_new:
                return ["same", 0, "", 0]
            pairs = self._swapper.exchange(path, edits)
            is_cold = self._is_cold
        except NeedsImport:
            if not may_import:
                return None
            pairs, is_cold = [], True
        except (SyntaxError, ValueError, OverflowError, RecursionError):
            return ["syntax", 0, "", 0]
        if path != self._written:
            self.restore()
        self._write(path, self._swapper.edited(path, edits))
        self._written = path
        result = self._ended(pairs, is_cold=is_cold)
        return [*result, int(1e6 * (time.monotonic() - started))]

    def is_as_before(self) -> bool:
        """Whether the tree as it was still fails as it did: what edits did to files shows here."""
        self.restore()
        if self._is_cold:
            return True
        status, passed, _ = self._ended([], is_cold=False)
        return status in {"fails", "timeout"} and (passed == 0 or self._spec["is_in_order"])

    def restore(self) -> None:
        """Write back the file that was edited last."""
        if self._written:
            self._write(self._written, self._swapper.original(self._written))
            self._written = ""

    def _write(self, path: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_TRUNC | os.O_CREAT
        descriptor = os.open(os.path.join(self._search.root, path), flags, 0o644)  # noqa: PTH118
        os.write(descriptor, data)
        os.close(descriptor)

    def _ended(self, pairs: _Pairs, *, is_cold: bool) -> list[Any]:
        work = self._cold() if is_cold else self._warm(pairs)
        extra_s = self._spec.get("import_s", _COLD_EXTRA_S) if is_cold else 0.0
        ended = run_forked(work, self._spec["limits_s"][0] + extra_s, sum(self._spec["limits_s"]))
        answer = decode(ended.data)
        if answer is not None:
            return answer
        return ["timeout" if ended.is_late else "crash", 0, ""]

    def _warm(self, pairs: _Pairs) -> Callable[[Answer], None]:
        def work(answer: Answer) -> None:
            gc.disable()
            for function, code in pairs:
                function.__code__ = code
            if self._quick is not None:
                signal.setitimer(signal.ITIMER_PROF, self._spec["limits_s"][0])
                try:
                    self._quick()
                except BaseException as error:  # noqa: BLE001 - whatever the tree raises
                    answer(encode("fails", 0, describe(error)))
                    return
            answer(self._judged(self._items, self._search.run))

        return work

    def _judged(self, items: Sequence[pytest.Item], run: Callable[..., Any]) -> bytes:
        """Run until a test fails; the failing ones come first."""
        following, limits = [*items[1:], None], self._spec["limits_s"]
        for number, item in enumerate(items):
            signal.setitimer(signal.ITIMER_PROF, limits[number])
            phases = run(item, following[number])
            if phases.outcome != "passed":
                is_first = number < self._first
                return encode("fails" if is_first else "fixes", number, phases.error)
        return encode("passes", self._first, "")

    def _cold(self) -> Callable[[Answer], None]:
        """Return work that imports the tree again, with the edit in its file."""

        def work(answer: Answer) -> None:
            root = f"{self._search.root}/"
            for name, module in list(sys.modules.items()):
                if str(getattr(module, "__file__", "") or "").startswith(root):
                    del sys.modules[name]
            importlib.invalidate_caches()
            job = self._search.job
            plugin = _Fresh(self._search, self, answer)
            pytest.main([*job["arguments"], *job["paths"]], plugins=[plugin])
            answer(encode("fails", 0, "not collected"))

        return work


class _Fresh:
    """Runs the wanted tests of a fresh collection and answers."""

    def __init__(self, search: Searcher, trial: _Trial, answer: Answer) -> None:
        self._search, self._trial, self._answer = search, trial, answer

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None], item: pytest.Item
    ) -> Generator[None, Any, None]:
        """Note how a phase ended, as the plugin of the first collection does."""
        del item
        yield from self._search.pytest_runtest_makereport(call)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run what the search runs."""
        known = {identify(item.nodeid): item for item in session.items}
        names = self._trial._names  # noqa: SLF001 - two halves of one thing
        items = [known[name] for name in names if name in known]
        if len(items) < len(names):
            self._answer(encode("fails", 0, "not collected"))
        else:
            self._answer(self._trial._judged(items, self._search.run))  # noqa: SLF001 - likewise
        os._exit(0)
