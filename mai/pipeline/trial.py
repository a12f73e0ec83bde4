"""Do the tests agree? The base's tests on the base, on the head's code, then the head's own.

Nothing that a model wrote runs anywhere but in the sandbox this module is handed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePosixPath

from mai.errors import MaiError, SandboxError, TrialFailed, Undecided, UnfitTree
from mai.events import Cancel
from mai.jobs import Job, Limits, Prepared, RunResult, TreeFile
from mai.pipeline import verdict
from mai.pipeline.changed_tests import edited_tests
from mai.pipeline.services import Outcome, Services
from mai.pipeline.trial_cache import TrialCache
from mai.proposal import Finding, Level, Proposal, RiskReport, TrialReport, Verdict
from mai.protocols import Sandbox, Snapshot
from mai.repo_policy import RepoPolicy
from mai.sandbox.limits import tightened
from mai.sandbox.packing import say_left_out
from mai.suite import Suite
from mai.text import one_line

_OWN_CODE = "path.own-code"
#: What shells, `env` and the sandbox itself end with where a command cannot be run or found.
_NOT_RUN = frozenset({126, 127})
#: Tests that are at most one of so many run again by themselves before all do.
_FEW_OF = 4
_ERROR = re.compile(r"^E +(\S*(?:Error|Exception|fixture)\b.*)$", re.MULTILINE)
#: Lines of manifests that were not taken are named up to this many.
_SHOWN = 3


def trial(proposal: Proposal, services: Services, cancel: Cancel) -> Outcome:
    """Run the trial and judge it.

    Raises:
        NoEngine: there is no sandbox; nothing was run, and the proposal stays where it is.
        Undecided: a run was not whole, so that nothing was judged; it stays where it is, too.
    """
    try:
        report = _tried(proposal, services, cancel)
    except UnfitTree as error:
        report = TrialReport(Verdict.ERROR, message=error.sentence)
    except (Undecided, SandboxError) as error:
        raise Undecided(_kept(proposal, error)) from error
    risk = proposal.risk or RiskReport(Level.HIGH)
    if report.changed:
        risk = risk.with_findings(*(_edited(test_id) for test_id in report.changed))
    data = {"trial": asdict(report), "risk": asdict(risk)}
    # Taking a fix back breaks the test it fixed. That is shown, and the person decides.
    if report.verdict.lets_through or proposal.rolls_back is not None:
        return Outcome("tried", data)
    return Outcome.stopped("failed", TrialFailed(_sentence(report)), **data)


def _tried(proposal: Proposal, services: Services, cancel: Cancel) -> TrialReport:
    sandbox = services.sandbox()
    policy = services.policy(proposal.tip)
    limits = tightened(sandbox.limits_for(_gained(proposal)), policy.limits)
    repo = services.repo
    base, head = (_prepared(sandbox, repo.snapshot(at)) for at in (proposal.tip, proposal.tree))
    if set(head.missing) - set(base.missing):
        message = f"What the change wants installed cannot be had: {head.problem}"
        return TrialReport(Verdict.ERROR, image=head.image, message=message)
    return _Runs(proposal, services, sandbox, cancel, policy, limits, base, head).judge()


@dataclass(slots=True)
class _Runs:
    """The runs one trial needs, each made when it is first asked for."""

    proposal: Proposal
    services: Services
    sandbox: Sandbox
    cancel: Cancel
    policy: RepoPolicy
    limits: Limits
    base_image: Prepared
    head_image: Prepared
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    left_out: set[str] = field(default_factory=set)
    _suite: Suite = field(init=False)

    def __post_init__(self) -> None:
        # The base says what is a test: a change does not choose its own witnesses.
        self._suite = Suite(self.services.repo.snapshot(self.proposal.tip))

    def judge(self) -> TrialReport:
        """Run what must be run and compare."""
        base = self._base(0)
        head = self._run(self._mixed, is_followed=self._touches_tests())
        if not self._touches_tests():
            # What ran was the head as it is: if it lands, it is the base of what comes next.
            self._remember(self.proposal.tree, self.head_image, head)
        own = self._run(self._head) if self._touches_tests() else head
        if not (base.has_tests or head.has_tests or own.has_tests):
            return self._report(Verdict.SKIPPED, base, own, message="There are no tests to run.")
        if self._command() and {base.exit_code, head.exit_code} <= _NOT_RUN:
            return self._report(Verdict.ERROR, base, own, message=self._is_not_there())
        stop = next((run for run in (head, own) if run.limit is not Verdict.PASS), None)
        if base.limit is not Verdict.PASS:
            # Only ERROR: there are no outcomes to compare with, so that nothing can pass.
            message = f"The base's own tests cannot be run: {base.message}"
            found = Verdict.ERROR if stop else Verdict.SKIPPED
            return self._report(found, base, own, message=message)
        pair = verdict.Pair(base.outcomes, head.outcomes)
        compared = pair.compare()
        flaky = self._flaky(compared, base, head)
        compared = compared.without(flaky)
        compared, changed, flaky = self._with_own(compared, base, own, flaky)
        found, message = verdict.conclude(compared, base, (head, own), stop)
        if found is Verdict.PASS and not (verdict.passes(head) or verdict.passes(own)):
            found, message = (
                Verdict.SKIPPED,
                f"No test passes: they show nothing.{_first_error(own)}",
            )
        report = self._report(found, base, own, message=message)
        return replace(
            report,
            fixed=tuple(sorted(compared.fixed)),
            broken=tuple(sorted(compared.broken | compared.failing_new)),
            missing=tuple(sorted(compared.missing)),
            changed=tuple(sorted(changed)),
            flaky=tuple(sorted(flaky)),
            output=own.output if own.output or own is head else head.output,
        )

    def _with_own(
        self,
        compared: verdict.Comparison,
        base: RunResult,
        own: RunResult,
        flaky: frozenset[str],
    ) -> tuple[verdict.Comparison, frozenset[str], frozenset[str]]:
        """Add what the head's own tests say, and set aside the tests that the change edited."""
        if not self._touches_tests():
            return compared, frozenset(), flaky
        theirs = verdict.Pair(base.outcomes, own.outcomes).compare().without(flaky)
        doubtful = theirs.broken | theirs.missing | theirs.failing_new
        flaky |= self._unsure(own, doubtful, self._head)
        theirs = theirs.without(flaky)
        against = compared.broken | compared.missing | theirs.broken | theirs.missing
        repo = self.services.repo
        old, new = repo.snapshot(self.proposal.tip), repo.snapshot(self.proposal.tree)
        edited = edited_tests(old, new, against)
        merged = verdict.Comparison(
            compared.fixed,
            (compared.broken | theirs.broken) - edited,
            (compared.missing | theirs.missing) - edited - compared.broken - theirs.broken,
            theirs.failing_new,
        )
        return merged, edited, flaky

    def _flaky(
        self, compared: verdict.Comparison, base: RunResult, head: RunResult
    ) -> frozenset[str]:
        """Run again what decided something, on the trees it decided on."""
        ids = compared.decisive
        return self._unsure(head, ids, self._mixed) | self._unsure(base, ids)

    def _unsure(
        self,
        first: RunResult,
        ids: frozenset[str],
        files: Callable[[], Iterator[TreeFile]] | None = None,
    ) -> frozenset[str]:
        """Return which of `ids` end otherwise when they run again.

        They do so over `files`, the base's where there are none. First they run by themselves,
        which is quick; only if that changes something, all tests run again, as some depend on what
        ran before them.
        """
        if not ids or verdict.is_settled(ids, first):
            return frozenset()
        if not self._command() and len(ids) <= len(first.outcomes) // _FEW_OF:
            image = self.head_image if files else self.base_image
            alone = self._run(files or self._base_files, image=image, only=tuple(sorted(ids)))
            if alone.limit is Verdict.PASS and ids.isdisjoint(verdict.disagreeing(first, alone)):
                return frozenset()
        again = self._run(files) if files else self._base(1)
        if again.limit is not Verdict.PASS:
            raise Undecided(
                f"The run that was to confirm the first one ended early: {again.message}"
            )
        return verdict.disagreeing(first, again) & ids

    # --- one run each ---------------------------------------------------------------------------

    def _base(self, repeat: int) -> RunResult:
        tree = self.services.repo.tree(self.proposal.tip)
        known = self._cache().get(self._key(tree, self.base_image, repeat))
        if known is None:
            is_first = repeat == 0
            known = self._run(self._base_files, is_followed=is_first, image=self.base_image)
            if known.limit not in {Verdict.PASS, Verdict.ERROR}:
                message = f"The base's own tests do not fit the limits: {known.message}"
                profile = self.limits.profile
                raise Undecided(f"{message} MAI_LIMITS can raise the profile {profile}.")
            self._remember(tree, self.base_image, known, repeat)
        return known

    def _remember(self, tree: str, image: Prepared, run: RunResult, repeat: int = 0) -> None:
        self._cache().put(self._key(tree, image, repeat), run)

    def _cache(self) -> TrialCache:
        return TrialCache(self.services.cache_dir)

    def _key(self, tree: str, image: Prepared, repeat: int) -> str:
        return self._cache().key(tree, image.image, self._command(), self.limits, repeat)

    def _base_files(self) -> Iterator[TreeFile]:
        return self.services.repo.tree_files(self.proposal.tip)

    def _head(self) -> Iterator[TreeFile]:
        return self.services.repo.tree_files(self.proposal.tree)

    def _mixed(self) -> Iterator[TreeFile]:
        """Yield the head's code with the base's tests; without edited tests, the head as it is.

        Where the head has a file in place of a folder of tests, or the reverse, the tests win.
        """
        repo = self.services.repo
        is_witness = self._suite.is_witness
        tests = {path for path in repo.snapshot(self.proposal.tip).paths() if is_witness(path)}
        folders = {folder for path in tests for folder in _folders_of(path)}
        for file in repo.tree_files(self.proposal.tree):
            in_the_way = file.path in folders or not tests.isdisjoint(_folders_of(file.path))
            if not is_witness(file.path) and not in_the_way:
                yield file
        for file in repo.tree_files(self.proposal.tip):
            if file.path in tests:
                yield file

    def _run(
        self,
        files: Callable[[], Iterator[TreeFile]],
        *,
        is_followed: bool = False,
        image: Prepared | None = None,
        only: tuple[str, ...] = (),
    ) -> RunResult:
        """Run the tests over `files`; what one run alone does not prove is run once more."""
        result = self._run_once(files, is_followed, image, only)
        return self._run_once(files, is_followed, image, only) if result.doubt else result

    def _run_once(
        self,
        files: Callable[[], Iterator[TreeFile]],
        is_followed: bool,
        image: Prepared | None,
        only: tuple[str, ...],
    ) -> RunResult:
        job = Job(
            files(),
            self.limits,
            self._command(),
            only,
            junit=self.policy.test_report,
            is_followed=is_followed,
            image=(image or self.head_image).image,
        )
        result = self.sandbox.run(job, self.cancel)
        self.left_out |= set(result.left_out)
        self.seconds += result.seconds
        self.cpu_s += result.cpu_s
        self.peak_memory_bytes = max(self.peak_memory_bytes, result.peak_memory_bytes)
        return result

    # --- what the runs are made with ------------------------------------------------------------

    def _command(self) -> tuple[str, ...] | None:
        command = self.policy.test_command
        if not command:
            return None
        return tuple(shlex.split(command) if isinstance(command, str) else command)

    def _is_not_there(self) -> str:
        command = self._command() or ("",)
        return f"The test command, or one that it calls, is not in the sandbox: {command[0]}."

    def _touches_tests(self) -> bool:
        return any(
            self._suite.holds(path)
            for change in self.proposal.files
            for path in (change.path, change.old_path or change.path)
        )

    def _report(
        self, found: Verdict, base: RunResult, head: RunResult, message: str = ""
    ) -> TrialReport:
        return TrialReport(
            found,
            base=verdict.counts(base.outcomes),
            head=verdict.counts(head.outcomes),
            seconds=round(self.seconds, 3),
            image=self.head_image.image,
            profile=self.limits.profile,
            message=" ".join(
                filter(
                    None,
                    (message, self._what_is_missing(), say_left_out(sorted(self.left_out))),
                )
            ),
            output=head.output,
            peak_memory_bytes=self.peak_memory_bytes,
            cpu_s=round(self.cpu_s, 3),
        )

    def _what_is_missing(self) -> str:
        parts = []
        if self.head_image.problem:
            parts.append(f"What the repo needs is not in the sandbox: {self.head_image.problem}")
        if left_out := self.head_image.left_out:
            more = f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
            parts.append(f"Left out: {', '.join(left_out[:_SHOWN])}{more}.")
        return " ".join(parts)


def _first_error(run: RunResult) -> str:
    """Return the first error that pytest shows, such as a module that cannot be imported."""
    match = _ERROR.search(run.output)
    return f" The first error: {one_line(match[1], 200)}." if match else ""


def _prepared(sandbox: Sandbox, snapshot: Snapshot) -> Prepared:
    return sandbox.prepare(snapshot.read, snapshot.paths())


def _gained(proposal: Proposal) -> Level:
    """Return the level that the limits follow.

    That a change is to Mai's own code asks for a person's look, not for a smaller box: its tests
    would not fit into one for code that nothing is known of.
    """
    findings = proposal.risk.findings if proposal.risk else ()
    others = [found for found in findings if found.rule != _OWN_CODE]
    if len(others) == len(findings):
        return proposal.level
    return Level.highest(found.level for found in others)


def _kept(proposal: Proposal, error: MaiError) -> str:
    return (
        f"The trial is undecided, and {proposal.short_id} is kept: {error.sentence} It is tried "
        "again by the next command, the console or `mai serve`."
    )


def _folders_of(path: str) -> set[str]:
    return {str(folder) for folder in PurePosixPath(path).parents} - {"."}


def _edited(test_id: str) -> Finding:
    path = test_id.partition("::")[0]
    return Finding(
        "tests.changed",
        "test-tampering",
        Level.HIGH,
        path,
        0,
        0,
        f"The change edits {test_id}, and the base's version of it does not pass any more.",
    )


def _sentence(report: TrialReport) -> str:
    parts = [f"{len(ids)} {name}" for name, ids in _lists(report) if ids]
    shown = next((ids[0] for _, ids in _lists(report) if ids), "")
    detail = f": {', '.join(parts)} ({shown})" if parts else ""
    message = f" {report.message}" if report.message else ""
    return f"The trial says {report.verdict}{detail}.{message}"


def _lists(report: TrialReport) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("broken", report.broken), ("missing", report.missing))
