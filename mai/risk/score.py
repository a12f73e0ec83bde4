"""The front door: scores a change, files by themselves, or a diff's hunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mai.errors import Cancelled
from mai.events import Cancel
from mai.proposal import FileChange, Finding, Level, RiskReport
from mai.protocols import Snapshot
from mai.risk import paths, text
from mai.risk.combine import combinations
from mai.risk.facts import Facts
from mai.risk.gain import Version, finding_of, gains
from mai.risk.kinds import is_python
from mai.risk.parser import Parser
from mai.risk.policy import Policy
from mai.risk.project import Project
from mai.risk.report import FileReport, report_of
from mai.risk.tampering import judge_guards, judge_tests


@dataclass(frozen=True, slots=True)
class Change:
    """What is judged: the tree before, the tree after, and the paths that differ."""

    base: Snapshot
    head: Snapshot
    files: tuple[FileChange, ...]


def score_change(
    change: Change, policy: Policy, *, is_own_repo: bool, cancel: Cancel | None = None
) -> RiskReport:
    """Return what `change` gains over its base.

    Args:
        change: both trees and the changed paths.
        policy: levels and paths of the user and the repository.
        is_own_repo: whether it is Mai's own repository, whose core no change may touch.
        cancel: a request to stop.

    Raises:
        Cancelled: `cancel` was set.
    """
    findings = list(_judge_paths(change, policy, is_own_repo=is_own_repo))
    versions: list[Version] = []
    with Parser() as parser:
        for file in change.files:
            if cancel is not None and cancel.is_set:
                raise Cancelled(stage="assess")
            before = _read(change.base, file.old_path or file.path, exists=file.status != "added")
            after = _read(change.head, file.path, exists=file.status != "deleted")
            if before == after:
                continue
            if after is not None:
                findings.extend(text.judge_bytes(file.path, after, before))
            version = _version(parser, file, before, after)
            if version is not None:
                findings.extend(_problems(version))
                versions.append(version)
    gained = gains(versions, Project(change.base).has)
    findings.extend(found for gain in gained if (found := finding_of(gain)) is not None)
    findings.extend(combinations(gained, versions))
    findings.extend(judge_tests(versions, gained))
    for version in versions:
        findings.extend(judge_guards(version))
    return report_of(findings, policy)


def _judge_paths(change: Change, policy: Policy, *, is_own_repo: bool) -> Iterator[Finding]:
    base_paths = frozenset(change.base.paths())
    base_folded = {paths.folded(path): path for path in base_paths}
    for file in change.files:
        yield from paths.judge_change(file, base_paths, base_folded, policy)
    yield from paths.judge_collisions(change.files)
    if is_own_repo:
        yield from paths.judge_own(change.files)


def _read(snapshot: Snapshot, path: str, *, exists: bool) -> bytes | None:
    return snapshot.read(path) if exists else None


def _version(
    parser: Parser, file: FileChange, before: bytes | None, after: bytes | None
) -> Version | None:
    old_path = file.old_path or file.path
    base = head = None
    if before is not None and is_python(old_path, before):
        base = _facts(parser, old_path, before, in_full=True)
    if after is not None and is_python(file.path, after):
        head = _facts(parser, file.path, after, in_full=True)
    return Version(file.path, base, head) if base or head else None


def _facts(parser: Parser, path: str, data: bytes, *, in_full: bool) -> Facts:
    if len(data) > text.MAXIMUM_BYTES or b"\0" in data:
        return Facts()  # `text.judge_bytes` has blocked it
    return parser.facts(path, data, in_full=in_full)


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

    Rules that compare with a tree (shadowing, case, modes) are off. A file that cannot be read is
    BLOCKED with the reason.

    Args:
        files: paths of files on disk; what is a folder is skipped.
        policy: levels of the user.
        progress: called with each path before it is judged.
    """
    with Parser() as parser:
        for path in files:
            if progress is not None:
                progress(path)
            findings = list(_judge_whole(parser, path))
            report = report_of(findings, policy)
            yield FileReport(path, report.level, report.score, report.findings)


def _judge_whole(parser: Parser, path: Path) -> Iterator[Finding]:
    name = path.as_posix().lstrip("/").removeprefix("./")
    yield from paths.judge_name(name.rpartition("/")[2])
    try:
        data = path.read_bytes()
    except OSError as error:
        yield paths.finding("text.unreadable", str(path), f"It cannot be read: {error.strerror}.")
        return
    shown = str(path)
    yield from text.judge_bytes(shown, data, None)
    if not is_python(shown, data):
        return
    version = Version(shown, None, _facts(parser, shown, data, in_full=False))
    yield from _problems(version)
    gained = gains([version], None)
    yield from (found for gain in gained if (found := finding_of(gain)) is not None)
    yield from combinations(gained, [version])


def score_hunks(patch: str, policy: Policy) -> RiskReport:
    """Score a unified diff whose blobs are not there: its added and removed lines alone.

    The report says `"context": "hunks"`. What the hunks cannot show is not judged, so the level is
    never below MEDIUM where a Python file changed and its hunks could not be parsed.
    """
    from mai.risk.hunks import judge_hunks

    return report_of(judge_hunks(patch, policy), policy, context="hunks")


__all__ = ["Change", "FileReport", "Level", "score_change", "score_hunks", "score_paths"]
