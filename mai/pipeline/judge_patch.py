"""Score a patch without making a proposal of it: what `mai risk --diff` and `--staged` ask."""

from __future__ import annotations

from pathlib import Path

from mai.edits.apply import apply
from mai.edits.nouns import BaseFile
from mai.edits.parse import parse
from mai.errors import EditError, UnsuitableRepo
from mai.pipeline.own import is_mai
from mai.pipeline.propose import base_file
from mai.proposal import RiskReport
from mai.repo.repository import Repo
from mai.repo_policy import RepoPolicy
from mai.risk.policy import Policy
from mai.risk.score import Change, score_change, score_hunks
from mai.settings import Settings


def judge_patch(patch: bytes, directory: Path | None, settings: Settings) -> RiskReport:
    """Score what `patch` gains over HEAD, or its hunks alone where HEAD lacks the files.

    Raises:
        EditError: it is no patch, or HEAD has its files and it does not apply to them.
    """
    edits = parse(patch)
    try:
        repo = Repo.open(directory or Path.cwd(), settings.data_dir / "repos")
        base = repo.tip(repo.branch())
    except UnsuitableRepo:
        if directory is not None:
            raise
        return score_hunks(_text(patch), Policy.of(settings, RepoPolicy()))
    missing: list[str] = []
    old = repo.snapshot(base)
    policy = Policy.of(settings, RepoPolicy.read(old.read("mai.toml")))

    def read(path: str) -> BaseFile | None:
        found = base_file(old, path)
        if found is None:
            missing.append(path)
        return found

    try:
        changes = apply(edits, read)
    except EditError:
        if missing:
            return score_hunks(_text(patch), policy)
        raise
    tree = repo.write_tree(base, changes)
    new = repo.snapshot(tree)
    change = Change(old, new, repo.changes(base, tree))
    return score_change(change, policy, is_own_repo=is_mai(repo, base))


def judge_staged(directory: Path | None, settings: Settings) -> RiskReport:
    """Score what the index gains over HEAD, as a pre-commit hook sees it."""
    repo = Repo.open(directory or Path.cwd(), settings.data_dir / "repos")
    base = repo.tip(repo.branch())
    tree = repo.index_tree()
    old, new = repo.snapshot(base), repo.snapshot(tree)
    policy = Policy.of(settings, RepoPolicy.read(old.read("mai.toml")))
    change = Change(old, new, repo.changes(base, tree))
    return score_change(change, policy, is_own_repo=is_mai(repo, base))


def _text(patch: bytes) -> str:
    return patch.decode("utf-8", "surrogateescape")
