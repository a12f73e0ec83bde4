"""Do the tests agree? The base's tests on the base, on the head's code, then the head's own.

Nothing that a model wrote runs anywhere but in the sandbox this module is handed.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace

from mai.errors import MaiError, SandboxError, TrialFailed, Undecided, UnfitTree
from mai.events import Cancel, Said
from mai.jobs import Job, Limits, Part, Prepared, RunResult, TreeFile
from mai.pipeline import verdict
from mai.pipeline.changed_tests import edited_tests
from mai.pipeline.needs import Needs, fair, met, roomy
from mai.pipeline.reach.kept import KeptFacts
from mai.pipeline.reach.plan import Plan, containers_at_once, is_small, plan_rest, plan_trial
from mai.pipeline.reach.reached import reach
from mai.pipeline.reach.together import combine, judge_parts
from mai.pipeline.services import Outcome, Services
from mai.pipeline.trial_cache import Known, TrialCache
from mai.proposal import Finding, Level, Proposal, RiskReport, TrialReport, Verdict
from mai.protocols import Sandbox, Snapshot
from mai.repo_policy import RepoPolicy
from mai.sandbox.limits import limits_at_most, tightened
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
    report = judge_tests(proposal, services, cancel)
    risk = proposal.risk or RiskReport(Level.HIGH)
    if report.changed:
        risk = risk.with_findings(*(_edited(test_id) for test_id in report.changed))
    data = {"trial": asdict(report), "risk": asdict(risk)}
    # Taking a fix back breaks the test it fixed. That is shown, and the person decides.
    if report.verdict.lets_through or proposal.rolls_back is not None:
        return Outcome("tried", data)
    return Outcome.stopped("failed", TrialFailed(sentence_of(report)), **data)


def judge_tests(
    proposal: Proposal, services: Services, cancel: Cancel, *, is_rest: bool = False
) -> TrialReport:
    """Run the tests that can see the change, or the rest of them, and compare base and head.

    Of a small suite all run at once, and so do all where nothing says what they can see.

    Raises:
        NoEngine, Undecided: as `trial` does.
    """
    try:
        return _tried(proposal, services, cancel, is_rest=is_rest)
    except UnfitTree as error:
        return TrialReport(Verdict.ERROR, message=error.sentence)
    except (Undecided, SandboxError) as error:
        raise Undecided(_kept(proposal, error)) from error


def _tried(proposal: Proposal, services: Services, cancel: Cancel, *, is_rest: bool) -> TrialReport:
    sandbox = services.sandbox()
    policy = services.policy(proposal.tip)
    level = _gained(proposal)
    most = tightened(limits_at_most(level, services.settings), policy.limits)
    limits = tightened(_needs(services).widened(sandbox.limits_for(level), most), policy.limits)
    repo = services.repo
    base, head = (_prepared(sandbox, repo.snapshot(at)) for at in (proposal.tip, proposal.tree))
    if set(head.missing) - set(base.missing):
        message = f"What the change wants installed cannot be had: {head.problem}"
        return TrialReport(Verdict.ERROR, image=head.image, message=message)
    # The base says what is a test: a change does not choose its own witnesses.
    suite = Suite(repo.snapshot(proposal.tip))
    runs = _Runs(proposal, services, sandbox, cancel, policy, limits, most, base, head, suite)
    cores = services.settings.cpu_cores_available or os.cpu_count() or 1
    at_once = containers_at_once(cores, limits)
    plan = _plan(proposal, services, runs, at_once, is_rest=is_rest)

    def judge(part: Part, stop: Cancel) -> TrialReport:
        return replace(runs, part=part, cancel=stop).judge()

    started = time.monotonic()
    try:
        report = combine(judge_parts(plan.parts, judge, at_once, cancel))
    except _NotInParts:
        plan = Plan()
        report = judge(Part(), cancel)
    report = replace(report, seconds=round(time.monotonic() - started, 3))
    if is_rest or not plan.left:
        return report
    note = f"Ran the {plan.files} of {plan.all_files} test files that can see the change"
    note += "; the others run before it lands." if report.verdict.lets_through else "."
    message = " ".join(filter(None, (report.message, note)))
    return replace(report, message=message, files_left=plan.left, scope=plan.scope)


def _plan(
    proposal: Proposal, services: Services, runs: _Runs, at_once: int, *, is_rest: bool
) -> Plan:
    """Return in which parts the tests run: one, where they are few or judge by a command."""
    # Taking a change back shows all that this breaks, and the person decides.
    if runs.command() or proposal.rolls_back is not None:
        return Plan()
    repo = services.repo
    base, head = repo.snapshot(proposal.tip), repo.snapshot(proposal.tree)
    facts = KeptFacts(services.cache_dir / f"facts-{repo.key}.msgpack")
    spent = runs.known().spent
    if not is_rest and is_small(facts.tests((base, head)), spent):
        return Plan()
    changed = {path for one in proposal.files for path in (one.path, one.old_path or one.path)}
    reached = reach(base, head, changed, facts)
    if not is_rest:
        return plan_trial(reached, spent, at_once)
    scope = proposal.trial.scope if proposal.trial else ""
    return plan_rest(reached, spent, at_once, scope)


def _needs(services: Services) -> Needs:
    return Needs(services.cache_dir / f"needs-{services.repo.key}")


class _NotInParts(Exception):
    """The base's tests cannot be run in parts, as all together perhaps they can."""


@dataclass(slots=True)
class _Runs:
    """The runs that the judgement of one part needs, each made when it is first asked for."""

    proposal: Proposal
    services: Services
    sandbox: Sandbox
    cancel: Cancel
    policy: RepoPolicy
    limits: Limits
    most: Limits
    base_image: Prepared
    head_image: Prepared
    suite: Suite
    part: Part = field(default_factory=Part)
    #: What a run may use now, where that is not what names it in the cache.
    allowed: Limits | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    left_out: set[str] = field(default_factory=set)
    #: Every run that the judgement of this part rests on.
    made: list[RunResult] = field(default_factory=list)

    def judge(self) -> TrialReport:
        """Run what must be run and compare."""
        self.made = []
        base = self._base()
        if base.limit is not Verdict.PASS and not self.part.is_all:
            raise _NotInParts
        # Only runaway code is to meet a limit: what the base took is the measure.
        self.allowed = fair(self.limits, base, self.most)
        head = self._run(self._mixed, is_followed=self._touches_tests())
        if not self._touches_tests():
            # What ran was the head as it is: if it lands, it is the base of what comes next.
            key = self._key(self.proposal.tree, self.head_image)
            self._cache().add(key, self.part, head)
        own = self._run(self._head) if self._touches_tests() else head
        if not (base.has_tests or head.has_tests or own.has_tests):
            return self._report(Verdict.SKIPPED, base, own, message="There are no tests to run.")
        if self.command() and {base.exit_code, head.exit_code} <= _NOT_RUN:
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
        if doubt := verdict.why_undecided(flaky, (base, *self.made)):
            raise Undecided(doubt)
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
        if not self.command() and len(ids) <= len(first.outcomes) // _FEW_OF:
            image = self.head_image if files else self.base_image
            alone = self._run(files or self._base_files, image=image, only=tuple(sorted(ids)))
            if alone.limit is Verdict.PASS and ids.isdisjoint(verdict.disagreeing(first, alone)):
                return frozenset()
        again = self._run(files) if files else self._again()
        if again.limit is not Verdict.PASS:
            raise Undecided(
                f"The run that was to confirm the first one ended early: {again.message}"
            )
        return verdict.disagreeing(first, again) & ids

    # --- one run each ---------------------------------------------------------------------------

    def known(self) -> Known:
        """Return what is known of the base's tests."""
        return self._cache().get(self._base_key())

    def _base(self) -> RunResult:
        known = self.known()
        missing = known.missing(self.part)
        if missing is not None:
            run = self._measured(missing)
            known = self._cache().add(self._base_key(), missing, run)
            if run.limit is not Verdict.PASS:
                return run
        return known.result(self.part)

    def _measured(self, part: Part) -> RunResult:
        """Run the base's tests; where they meet a limit, once more with room, and remember that.

        Raises:
            Undecided: they do not fit into what the person allows either.
        """
        run = first = self._run(
            self._base_files, is_followed=True, image=self.base_image, part=part
        )
        needs, tried = _needs(self.services), frozenset[str]()
        while wide := roomy(self.allowed or self.limits, needs.worth_trying(run), self.most):
            self.services.events.publish(Said(_needs_more(run)))
            tried, self.allowed = tried | needs.worth_trying(run), wide
            run = self._run(self._base_files, image=self.base_image, part=part)
            if run.limit is Verdict.PASS:
                needs.learn(tried - met(run), wide, run)
                needs.give_up(tried & met(run))
        if first.limit is Verdict.PASS and run.limit is not Verdict.PASS:
            needs.give_up(tried)  # room for some tests took it from the others
            run = first
        if self.allowed is not None:
            self.limits = _needs(self.services).widened(self.limits, self.most)
            self.allowed = None
        if run.limit not in {Verdict.PASS, Verdict.ERROR}:
            message = f"The base's own tests do not fit the limits: {run.message}"
            raise Undecided(f"{message} MAI_LIMITS_AT_MOST says how far I may raise them.")
        return run

    def _again(self) -> RunResult:
        """Run the base's tests of this part a second time, or return how that went before."""
        key = self._base_key(1, self.part.files, self.part.is_rest)
        known = self._cache().get(key)
        if not known.is_whole:
            run = self._run(self._base_files, image=self.base_image)
            known = self._cache().add(key, Part(), run)
        return known.result(Part())

    def _cache(self) -> TrialCache:
        return TrialCache(self.services.cache_dir)

    def _base_key(self, *repeat: object) -> str:
        tree = self.services.repo.tree(self.proposal.tip)
        return self._key(tree, self.base_image, *repeat)

    def _key(self, tree: str, image: Prepared, *repeat: object) -> str:
        return self._cache().key(tree, image.image, self.command(), self.limits, repeat)

    def _base_files(self) -> Iterator[TreeFile]:
        return self.services.repo.tree_files(self.proposal.tip)

    def _head(self) -> Iterator[TreeFile]:
        return self.services.repo.tree_files(self.proposal.tree)

    def _mixed(self) -> Iterator[TreeFile]:
        """Yield the head's code with the base's tests; without edited tests, the head as it is.

        Where the head has a file in place of a folder of tests, or the reverse, the tests win.
        """
        if not self._touches_tests():
            yield from self._head()
            return
        repo = self.services.repo
        is_witness = self.suite.is_witness
        base = repo.snapshot(self.proposal.tip)
        tests = {path for path in base.paths() if is_witness(path)}
        folders = {folder for path in tests for folder in _folders_of(path)}

        def is_taken(path: str) -> bool:
            in_the_way = path in folders or not tests.isdisjoint(_folders_of(path))
            return not is_witness(path) and not in_the_way

        yield from repo.snapshot(self.proposal.tree).files(is_taken)
        yield from base.files(tests.__contains__)

    def _run(
        self,
        files: Callable[[], Iterator[TreeFile]],
        *,
        is_followed: bool = False,
        image: Prepared | None = None,
        only: tuple[str, ...] = (),
        part: Part | None = None,
    ) -> RunResult:
        """Run the tests over `files`; what one run alone does not prove is run once more.

        Raises:
            Undecided: the second contradicts itself as well.
        """
        result = self._run_once(files, is_followed, image, only, part)
        if result.doubt:
            result = self._run_once(files, is_followed, image, only, part)
            if result.is_contradictory:
                raise Undecided(f"Two runs contradict themselves. {result.doubt}")
        return result

    def _run_once(
        self,
        files: Callable[[], Iterator[TreeFile]],
        is_followed: bool,
        image: Prepared | None,
        only: tuple[str, ...],
        part: Part | None,
    ) -> RunResult:
        job = Job(
            files(),
            self.allowed or self.limits,
            self.command(),
            only,
            junit=self.policy.test_report,
            is_followed=is_followed,
            image=(image or self.head_image).image,
            part=part or self.part,
        )
        result = self.sandbox.run(job, self.cancel)
        self.made.append(result)
        self.left_out |= set(result.left_out)
        self.seconds += result.seconds
        self.cpu_s += result.cpu_s
        self.peak_memory_bytes = max(self.peak_memory_bytes, result.peak_memory_bytes)
        return result

    # --- what the runs are made with ------------------------------------------------------------

    def command(self) -> tuple[str, ...] | None:
        """Return the repo's own test command, None where pytest is it."""
        command = self.policy.test_command
        if not command:
            return None
        return tuple(shlex.split(command) if isinstance(command, str) else command)

    def _is_not_there(self) -> str:
        command = self.command() or ("",)
        return f"The test command, or one that it calls, is not in the sandbox: {command[0]}."

    def _touches_tests(self) -> bool:
        return any(
            self.suite.holds(path)
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
                    (
                        message,
                        _notes(head),
                        self._what_is_missing(),
                        say_left_out(sorted(self.left_out)),
                    ),
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


def _needs_more(run: RunResult) -> str:
    hits = f"Some met a limit: {', '.join(sorted(run.hits))}."
    return (
        "The tests of this repo need more than a change usually gets. "
        f"{hits if run.limit is Verdict.PASS else run.message} "
        "I run them once with more room, to see how much, and go on with that."
    )


def _notes(run: RunResult) -> str:
    """Return what a run that came to its end says of how it was made."""
    return run.message if run.limit is Verdict.PASS else ""


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
    found = set()
    while folder := path.rpartition("/")[0]:
        found.add(folder)
        path = folder
    return found


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


def sentence_of(report: TrialReport) -> str:
    """Say in a sentence what a trial showed against the change."""
    parts = [f"{len(ids)} {name}" for name, ids in _lists(report) if ids]
    shown = next((ids[0] for _, ids in _lists(report) if ids), "")
    detail = f": {', '.join(parts)} ({shown})" if parts else ""
    message = f" {report.message}" if report.message else ""
    return f"The trial says {report.verdict}{detail}.{message}"


def _lists(report: TrialReport) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("broken", report.broken), ("missing", report.missing))
