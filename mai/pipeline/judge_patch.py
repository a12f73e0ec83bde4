"""Score a patch without making a proposal of it: what `mai risk --diff` and `--staged` ask."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mai.edits.apply import apply
from mai.edits.nouns import Edit
from mai.edits.parse import parse
from mai.errors import CannotJudge, GitError, UnsuitableRepo
from mai.pipeline.newer_syntax import asked_minor, needed_minor
from mai.pipeline.own import is_mai
from mai.pipeline.propose import base_file
from mai.pipeline.unplaced import needed_paths, patched_files
from mai.proposal import RiskReport
from mai.repo.objects import Snapshot
from mai.repo.place import is_in_repo
from mai.repo.repository import Repo
from mai.repo_policy import RepoPolicy
from mai.risk.policy import Policy
from mai.risk.score import Change, score_change, score_hunks
from mai.settings import Settings


@dataclass(frozen=True, slots=True)
class Judged:
    """A report and what the change was compared with.

    `context` is `HEAD`, `empty tree` (before the first commit) or `hunks`, where no more is there
    than the patch itself shows; `commit` is the commit that HEAD stood for, if any.
    """

    report: RiskReport
    context: str
    commit: str | None = None


def judge_patch(patch: bytes, directory: Path | None, settings: Settings) -> Judged:
    """Score what `patch` gains over HEAD, or its hunks alone where HEAD lacks the files.

    Raises:
        EditError: it is no patch, or HEAD has its files and it does not apply to them.
        CannotJudge: the repository cannot be read, or there is none and the patch shows too
            little by itself.
        UnsuitableRepo: `directory` was given, and lies in no repository.
    """
    edits = parse(patch)
    if directory is None and not is_in_repo(Path.cwd()):
        return _judge_hunks(edits, Policy.of(settings, RepoPolicy()), is_own_repo=False)
    with _open(directory, settings) as repo:
        try:
            return _judge_edits(edits, repo, settings)
        except GitError as error:
            raise CannotJudge(str(error)) from error


def judge_staged(directory: Path | None, settings: Settings) -> Judged:
    """Score what the index gains over HEAD, as a pre-commit hook sees it.

    Raises:
        CannotJudge: the repository or its index cannot be read.
        UnsuitableRepo: there is no repository.
    """
    with _open(directory, settings) as repo:
        try:
            return _judge_tree(repo, repo.index_tree(os.environ), settings)
        except (GitError, UnsuitableRepo) as error:
            raise CannotJudge(str(error)) from error


def _open(directory: Path | None, settings: Settings) -> Repo:
    try:
        return Repo.open_for_reading(directory or Path.cwd(), settings.data_dir / "repos")
    except (UnsuitableRepo, GitError) as error:
        if not is_in_repo(directory or Path.cwd()):
            raise
        raise CannotJudge(str(error)) from error


def _judge_edits(edits: Sequence[Edit], repo: Repo, settings: Settings) -> Judged:
    base = repo.head() or repo.empty_tree()
    old = repo.snapshot(base)
    if any(_lacks(repo, old, path) for path in needed_paths(edits)):
        policy = Policy.of(settings, RepoPolicy.read(old.read("mai.toml")))
        return _judge_hunks(edits, policy, is_own_repo=is_mai(repo, base))
    changes = apply(edits, lambda path: base_file(old, path))
    return _judge_tree(repo, repo.write_tree(base, changes), settings)


def _lacks(repo: Repo, old: Snapshot, path: str) -> bool:
    blob = old.blob_id(path)
    # A partial clone has a file's name and not its content.
    return blob is None or not repo.has(blob)


def _judge_tree(repo: Repo, tree: str, settings: Settings) -> Judged:
    commit = repo.head()
    base = commit or repo.empty_tree()
    old = repo.snapshot(base)
    head = repo.snapshot(tree)
    change = Change(old, head, repo.changes(base, tree))
    policy = Policy.of(settings, RepoPolicy.read(old.read("mai.toml")))
    is_own_repo = is_mai(repo, base)
    report = score_change(change, policy, is_own_repo=is_own_repo)
    unread = {each.path for each in report.findings if each.rule == "text.unreadable"}
    if newer := _newer(unread, old, head):
        report = score_change(change, policy, is_own_repo=is_own_repo, newer=newer)
    return Judged(report, "HEAD" if commit else "empty tree", commit)


def _newer(unread: Iterable[str], old: Snapshot, head: Snapshot) -> dict[str, str]:
    """Return the Python that reads a file, for each of `unread` whose project asks for it."""
    found = {path: needed_minor(head.read(path) or b"") for path in unread}
    asked = asked_minor(old)
    return {path: f"Python 3.{minor}" for path, minor in found.items() if minor and minor <= asked}


def _judge_hunks(edits: Sequence[Edit], policy: Policy, *, is_own_repo: bool) -> Judged:
    report = score_hunks(patched_files(edits), policy, is_own_repo=is_own_repo)
    return Judged(report, report.context)
