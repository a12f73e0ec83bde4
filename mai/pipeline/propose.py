"""Turn text into a proposal: a commit on no branch, made without touching the work tree."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from mai import crash
from mai.edits.apply import apply
from mai.edits.forms import plain
from mai.edits.nouns import BaseFile
from mai.edits.parse import parse
from mai.errors import EditError, UsageError
from mai.events import ProposalChanged
from mai.globs import matches
from mai.proposal import FileChange, Proposal, Submission
from mai.repo.objects import Snapshot
from mai.text import one_line, path_line, prose
from mai.words import title_line

if TYPE_CHECKING:
    from mai.pipeline.services import Services

_HEAD_CHARACTERS = 4000
_SUBJECT = re.compile(r"Subject: (?:\[PATCH[^\]]*\] *)?(.+)")


def check_scope(submission: Submission, files: Iterable[FileChange]) -> None:
    """Raise EditError where a file is changed that was not to be."""
    for path in (path for file in files for path in (file.path, file.old_path or file.path)):
        if (submission.paths and path not in submission.paths) or (
            submission.pattern and not matches(path, submission.pattern)
        ):
            asked = submission.pattern or ", ".join(submission.paths[:3])
            raise EditError(
                f"It changes {path_line(path)}, and was to change {one_line(asked, 120)} only."
            )


def new_id() -> str:
    """Return a fresh proposal id: 12 hexadecimal digits."""
    return secrets.token_hex(6)


def propose(submission: Submission, services: Services, proposal_id: str) -> Proposal:
    """Apply `submission` to the tip of the checked-out branch, in memory, all or nothing.

    Raises:
        EditError: it does not apply; nothing was kept.
        UsageError: it is empty or larger than the `max_patch_mb` setting.
        UnsuitableRepo: the repo has no branch to work on.
    """
    text = submission.text
    size = len(text)
    limit = int(services.settings.max_patch_mb * 1_000_000)
    if size > limit:
        raise UsageError(
            f"The patch has {size / 1e6:.1f} MB; {limit / 1e6:.1f} MB at most, by MAI_MAX_PATCH_MB."
        )
    repo = services.repo
    branch = repo.branch()
    base = repo.tip(branch)
    snapshot = repo.snapshot(base)
    changes = apply(parse(text), lambda path: base_file(snapshot, path))
    tree = repo.write_tree(base, changes)
    files = repo.changes(base, tree)
    if not files:
        raise EditError("The change leaves every file as it was.")
    check_scope(submission, files)
    return record(
        services,
        proposal_id,
        title=submission.title or _subject(text) or _title_for(files),
        why=submission.why,
        author=submission.author,
        branch=branch,
        base=base,
        tree=tree,
        files=files,
    )


def base_file(snapshot: Snapshot, path: str) -> BaseFile | None:
    """Return what edits of `path` are made against, None where the snapshot has no such file."""
    data, mode = snapshot.read(path), snapshot.mode(path)
    return None if data is None or mode is None else BaseFile(data, mode)


def record(
    services: Services,
    proposal_id: str,
    *,
    title: str,
    why: str,
    author: str,
    branch: str,
    base: str,
    tree: str,
    files: tuple[FileChange, ...],
    rolls_back: str | None = None,
) -> Proposal:
    """Make the proposal's commit, write `proposed`, and keep the commit under its ref.

    The ledger comes before the ref: after a crash in between, resuming keeps it again.

    Raises:
        SettingsError: the base's `mai.toml` cannot be used, so it could never be judged.
    """
    services.policy(base)
    title = title_line(title) or _title_for(files)
    why = prose(why)
    commit = services.repo.commit(
        tree,
        [base],
        f"{title}\n\nA proposal of Mai's, on no branch. See `mai show {proposal_id}`.\n",
        author=(f"Mai ({title_line(author)})", "mai@localhost"),
    )
    proposal = services.inbox.record(
        proposal_id,
        "proposed",
        {
            "id": proposal_id,
            "title": title,
            "why": why,
            "branch": branch,
            "base": base,
            "commit": commit,
            "tree": tree,
            "author": author,
            "files": [asdict(change) for change in files],
            "rolls_back": rolls_back,
        },
    )
    # Before anything else can fail: whoever asked must learn under which id it is kept.
    services.events.publish(ProposalChanged(proposal))
    crash.point("propose:recorded")
    services.repo.keep(proposal.ref, commit)
    return proposal


def _subject(text: str | bytes) -> str:
    """Return the subject that a mailed patch carries before its first diff, if it does."""
    head = text[:_HEAD_CHARACTERS] if isinstance(text, str) else plain(text)[:_HEAD_CHARACTERS]
    lines = (head.decode("utf-8", "replace") if isinstance(head, bytes) else head).splitlines()
    for line in itertools.takewhile(
        lambda line: not line.startswith(("diff --git", "--- ")), lines
    ):
        if found := _SUBJECT.match(line):
            return found[1]
    return ""


def _title_for(files: tuple[FileChange, ...]) -> str:
    verb = {"added": "Add", "deleted": "Delete", "renamed": "Rename"}.get(files[0].status, "Change")
    if len(files) == 1:
        return f"{verb} {files[0].path}"
    return f"Change {len(files)} files, {files[0].path} first"
