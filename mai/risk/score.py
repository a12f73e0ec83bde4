"""The front door: scores a change, files by themselves, or a diff's hunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mai.errors import Cancelled
from mai.events import Cancel
from mai.proposal import FileChange, Finding, Level, RiskReport
from mai.protocols import Snapshot
from mai.risk import metadata, notebooks, paths, text, tree, undo
from mai.risk.content import judge_content, unjudged
from mai.risk.facts import Facts
from mai.risk.hunks import PatchedFile, judge_hunks, unreadable, version_of_lines
from mai.risk.judge import judge_gains
from mai.risk.kinds import is_python
from mai.risk.moves import Version
from mai.risk.parser import Parser
from mai.risk.policy import Policy
from mai.risk.project import Project, packages_of
from mai.risk.reach import judge_reach
from mai.risk.renames import renames_of
from mai.risk.report import FileReport, report_of
from mai.risk.unmove import Sides, put_back
from mai.risk.unread import judge_newer
from mai.suite import Suite

_MAXIMUM_BYTES = 8 * 2**20
_UNREADABLE_BEFORE = (
    "It could not be parsed before either, so only its changed lines were judged, by themselves."
)


@dataclass(frozen=True, slots=True)
class Change:
    """What is judged: the tree before, the tree after, and the paths that differ."""

    base: Snapshot
    head: Snapshot
    files: tuple[FileChange, ...]


def score_change(
    change: Change,
    policy: Policy,
    *,
    is_own_repo: bool,
    cancel: Cancel | None = None,
    newer: Mapping[str, str] | None = None,
) -> RiskReport:
    """Return what `change` gains over its base.

    Args:
        change: both trees and the changed paths.
        policy: levels and paths of the user and the repository.
        is_own_repo: whether it is Mai's own repository, whose core no change may touch.
        cancel: a request to stop.
        newer: the Python that reads it, for each path whose syntax is valid and newer than ours.

    Raises:
        Cancelled: `cancel` was set.
    """
    newer = newer or {}
    findings = list(_judge_paths(change, policy, is_own_repo=is_own_repo))
    described: set[str] = set()
    versions: list[Version] = []
    sources: list[Sides] = []
    renamed = renames_of(change.files)
    suite = Suite(change.base, change.head)
    with Parser(cancel=cancel, suite=suite) as parser:
        for file in change.files:
            if cancel is not None and cancel.is_set:
                raise Cancelled(stage="assess")
            before = _read(change.base, file.old_path or file.path, exists=file.status != "added")
            after = _read(change.head, file.path, exists=file.status != "deleted")
            if before == after and not file.old_path:
                continue
            if after is not None:
                findings.extend(judge_content(file.path, after, before))
                if before is not None and metadata.only_describes(file.path, before, after):
                    described.add(file.path)
            version = _version(parser, file, before, after, renamed)
            if after is not None and file.path in newer and _is_unreadable(version):
                is_test = suite.holds(file.path)
                python = newer[file.path]
                findings.extend(judge_newer(file.path, python, before, after, is_test=is_test))
                lines = version_of_lines(parser, file.path, before or b"", after)
                versions.append(lines or Version(file.path, None, Facts()))
                sources.append(Sides(file.path, file.path, None, None))
                continue
            lines = _unreadable_as_before(parser, version, before, after)
            if lines is not None:
                findings.append(unreadable(file.path, _UNREADABLE_BEFORE))
                versions.append(lines)
                sources.append(Sides(file.path, file.path, None, None))
            elif version is not None:
                findings.extend(_problems(version))
                versions.append(version)
                sources.append(Sides(file.path, file.old_path or file.path, before, after))
        versions.extend(_newly_loaded(parser, change, versions))
        sources.extend(Sides(each.path, each.path, None, None) for each in versions[len(sources) :])
        project = Project(change.base)
        judged = list(_judge_versions(parser, change, project, versions, renamed))
        findings.extend(
            undo.without_renames(
                judged,
                lambda: _judge_versions(
                    parser,
                    change,
                    project,
                    _alike(parser, change.base, sources, versions, renamed),
                    renamed,
                ),
            )
        )
    return report_of(metadata.softened(findings, described), policy)


def _newly_loaded(parser: Parser, change: Change, versions: Sequence[Version]) -> Iterator[Version]:
    """Yield the test files that the change makes part of the application, as wholly new to it."""
    changed = {each.path for each in versions}
    for path in sorted(parser.suite.newly_loaded(changed) - changed):
        facts = _facts(parser, path, change.head.read(path) or b"", in_full=True)
        if facts is not None:
            yield Version(path, None, facts)


def _judge_versions(
    parser: Parser,
    change: Change,
    project: Project,
    versions: Sequence[Version],
    renamed: Mapping[str, str],
) -> Iterator[Finding]:
    yield from judge_reach(
        versions,
        change.head,
        lambda path, data: _facts(parser, path, data, in_full=True),
        renamed,
    )
    yield from judge_gains(versions, project.has, parser.suite, packages_of(change.base.paths()))


def _alike(
    parser: Parser,
    base: Snapshot,
    sources: Sequence[Sides],
    versions: Sequence[Version],
    renamed: Mapping[str, str],
) -> list[Version]:
    """Return `versions` with the old names as the change has them, and moved code where it was."""
    if sum(len(each.before or b"") + len(each.after or b"") for each in sources) > _MAXIMUM_BYTES:
        return list(versions)  # nothing is taken back of a change that large
    words = undo.renamed_words([(each.before or b"", each.after or b"") for each in sources], base)
    in_words = [
        replace(each, before=undo.in_new_words(each.before, words) if each.before else each.before)
        for each in sources
    ]
    back = put_back(in_words)
    bases = {
        source.stood: _base_alike(parser, source, told, version.base, renamed)
        for source, told, version in zip(sources, in_words, versions, strict=True)
    }
    carried_on = {each.stood for path, each in back.items() if each.stood != path}
    found = []
    for source, version in zip(sources, versions, strict=True):
        restored = back.get(source.path)
        if restored is not None:
            whole = _facts(parser, restored.stood, restored.content, renamed, in_full=True)
            if whole is not None and whole.problem is None:
                found.append(Version(version.path, bases.get(restored.stood), whole))
                continue
        if source.after is not None or source.stood not in carried_on:
            found.append(Version(version.path, bases[source.stood], version.head))
    return found


def _base_alike(
    parser: Parser, source: Sides, told: Sides, base: Facts | None, renamed: Mapping[str, str]
) -> Facts | None:
    """Return the facts of `told`, the old version of a file in the names that things have now."""
    if told.before is None or base is None:
        return base
    flows = undo.in_new_modules(told.before, renamed, only_text=True)
    demands = undo.in_new_modules(told.before, renamed, only_text=False)
    if flows != source.before:
        base = _facts(parser, source.stood, flows, in_full=True) or base
    if demands != flows and base.tests:
        tests = _facts(parser, source.stood, demands, in_full=True)
        base = replace(base, tests=tests.tests) if tests else base
    return base


def _judge_paths(change: Change, policy: Policy, *, is_own_repo: bool) -> Iterator[Finding]:
    base_paths = frozenset(change.base.paths())
    base_folded = {paths.folded(path): path for path in base_paths}
    for file in change.files:
        yield from tree.judge_change(file, base_paths, base_folded, policy)
    yield from tree.judge_collisions(change.files)
    yield from tree.judge_packages(change.files, base_paths)
    if is_own_repo:
        yield from tree.judge_own(change.files)


def _read(snapshot: Snapshot, path: str, *, exists: bool) -> bytes | None:
    return snapshot.read(path) if exists else None


def _version(
    parser: Parser,
    file: FileChange,
    before: bytes | None,
    after: bytes | None,
    renamed: Mapping[str, str],
) -> Version | None:
    base = (
        None if before is None else _facts(parser, file.old_path or file.path, before, in_full=True)
    )
    head = None if after is None else _facts(parser, file.path, after, renamed, in_full=True)
    return Version(file.path, base, head) if base or head else None


def _facts(
    parser: Parser,
    path: str,
    data: bytes,
    renamed: Mapping[str, str] | None = None,
    *,
    in_full: bool,
) -> Facts | None:
    """Return the facts of a file's Python, None where it holds none."""
    source = notebooks.code_of(data) if notebooks.is_notebook(path) else data
    if source is None or (source is data and not is_python(path, data)):
        return None
    if len(source) > text.MAXIMUM_BYTES or b"\0" in source:
        return Facts()  # `text.judge_bytes` has blocked it
    return parser.facts(path, source, in_full=in_full, renamed=renamed)


def _unreadable_as_before(
    parser: Parser, version: Version | None, before: bytes | None, after: bytes | None
) -> Version | None:
    """Return what the changed lines say of a file that could not be parsed before either."""
    if version is None or version.base is None or version.head is None:
        return None
    problems = (version.base.problem, version.head.problem)
    if any(each is None or each[0] != "text.unreadable" for each in problems):
        return None
    return version_of_lines(parser, version.path, before or b"", after or b"")


def _is_unreadable(version: Version | None) -> bool:
    problem = version.head.problem if version and version.head else None
    return problem is not None and problem[0] == "text.unreadable"


def _problems(version: Version) -> Iterator[Finding]:
    if version.head is not None and version.head.problem is not None:
        rule, message, line = version.head.problem
        yield paths.finding(
            rule, version.path, f"{message} What cannot be read cannot be judged.", line
        )


def score_paths(
    files: Iterable[Path], policy: Policy, progress: Callable[[Path], None] | None = None
) -> Iterator[FileReport]:
    """Yield a report per file, each judged as if wholly new, in the order given.

    Rules that compare with a tree (shadowing, case, modes) are off, and no file is known to be a
    test. A file that cannot be read is BLOCKED with the reason, and one of a kind that cannot be
    judged is MEDIUM at least.

    Args:
        files: paths of files on disk; what is a folder is skipped.
        policy: levels of the user.
        progress: called with each path before it is judged.
    """
    with Parser() as parser:
        for path in files:
            if progress is not None:
                progress(path)
            try:
                data = path.read_bytes()
            except OSError as error:
                why = f"it cannot be read: {error.strerror}"
                found = [paths.finding("text.unreadable", str(path), f"{_begun(why)}.")]
            else:
                why = unjudged(str(path), data)
                found = list(_judge_whole(parser, str(path), data))
                if why and not any(each.level >= Level.MEDIUM for each in found):
                    found.append(unreadable(str(path), f"{_begun(why)}, so it cannot be judged."))
                why = why or _too_large(found)
            report = report_of([*paths.judge_name(_from_here(path)), *found], policy)
            yield FileReport(path, report.level, report.score, report.findings, why)


def passed_by(path: Path, why: str, policy: Policy) -> FileReport:
    """Return what is said of a path below a folder that was not read."""
    found = unreadable(str(path), f"{_begun(why)}, so it was not judged.")
    report = report_of([found], policy)
    return FileReport(path, report.level, report.score, report.findings, why)


def _begun(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _too_large(found: Sequence[Finding]) -> str:
    is_too_large = any(each.rule == "text.too-large" for each in found)
    return "it is too large to be judged" if is_too_large else ""


def _judge_whole(parser: Parser, shown: str, data: bytes) -> Iterator[Finding]:
    yield from judge_content(shown, data, None)
    facts = _facts(parser, shown, data, in_full=False)
    if facts is None:
        return
    version = Version(shown, None, facts)
    yield from _problems(version)
    yield from judge_gains([version], None, parser.suite)


def _from_here(path: Path) -> str:
    """Return `path` as seen from the working directory, without the way up from there."""
    try:
        relative = path.absolute().relative_to(Path.cwd())
    except ValueError:
        relative = path.relative_to(path.anchor) if path.is_absolute() else path
    return "/".join(part for part in relative.parts if part != "..")


def score_hunks(
    files: Sequence[PatchedFile], policy: Policy, *, is_own_repo: bool = False
) -> RiskReport:
    """Score a patch whose blobs are not there: its added and removed lines alone.

    The report says `"context": "hunks"`. What the hunks cannot show is not judged; hunks of Python
    that make no sense alone are MEDIUM at least.
    """
    findings = judge_hunks(files, policy, is_own_repo=is_own_repo)
    return report_of(findings, policy, context="hunks")
