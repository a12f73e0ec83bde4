"""The user's branches: where they are, who has them checked out, and moving one in one step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mai.errors import GitError, UnsuitableRepo
from mai.repo.git import OID
from mai.repo.place import Place, read_small
from mai.repo.private import Private, replace_file
from mai.text import one_line

_OWN_REF = re.compile(r"refs/mai(?:/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)+", re.ASCII)
# git-check-ref-format(1). Anything it forbids never reaches a command or a path of ours.
_FORBIDDEN_IN_BRANCH = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|\.\Z|/\Z"
)
_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}

Person = tuple[str, str]
"""A name and an e-mail address."""


def check_branch(branch: str) -> str:
    """Return `branch` where it is a name git allows.

    Raises:
        UnsuitableRepo: it is not.
    """
    if (
        not branch
        or branch.startswith(("-", ".", "/"))
        or branch in {"HEAD", "@"}
        or _FORBIDDEN_IN_BRANCH.search(branch)
    ):
        raise UnsuitableRepo(f"{one_line(branch) or 'An empty name'} is not a branch name.")
    return branch


@dataclass(frozen=True, slots=True)
class Refs:
    """The refs of the repository at `place`, seen through Mai's window on them."""

    place: Place
    private: Private

    def checked_out(self) -> str | None:
        """Return the branch this work tree is on, None where its HEAD is detached."""
        return _branch_of(self.place.git_dir)

    def head(self) -> str | None:
        """Return the commit that is checked out, on a branch or on none; None before the first.

        Raises:
            UnsuitableRepo: HEAD is damaged.
        """
        text = _head_of(self.place.git_dir)
        if OID.fullmatch(text):
            return text
        ref = _target_of(self.place.git_dir, text)
        # A name of a ref that points to another one gives the commit that both stand for.
        listing = self.private.window.run(
            "for-each-ref", "--format=%(refname)%00%(objectname)", ref
        )
        for line in listing.output.decode("utf-8", "surrogateescape").splitlines():
            name, oid = line.split("\0")
            if name == ref:
                return oid
        return None

    def value(self, ref: str) -> str | None:
        """Return the commit a full ref name stands for, None where there is no such ref.

        Raises:
            UnsuitableRepo: the ref only points to another one; moving it would move that.
        """
        listing = self.private.window.run(
            "for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)", ref
        )
        for line in listing.output.decode("utf-8", "surrogateescape").splitlines():
            name, oid, target = line.split("\0")
            if name == ref:
                if target:
                    msg = f"{one_line(ref)} only points to {one_line(target)}; name that branch."
                    raise UnsuitableRepo(msg)
                return oid
        return None

    def move(self, ref: str, new: str, old: str | None, message: str, who: Person) -> None:
        """Let `ref` stand for `new`, if it still stands for `old` (None: if it does not exist).

        No hook runs. The reflogs of the branch, and of HEAD where it is on it, get `message`.

        Raises:
            Conflict: it stands for something else.
            RepoBusy: another process is moving it.
        """
        branch = ref.removeprefix("refs/heads/")
        if branch != ref:
            check_branch(branch)
        elif not _OWN_REF.fullmatch(ref):
            raise GitError(f"{one_line(ref)} is not a ref that Mai may move.")
        if not OID.fullmatch(new) or (old is not None and not OID.fullmatch(old)):
            raise GitError("A ref can only be moved to and from a full commit id.")
        head = f"ref: refs/heads/{self.checked_out() or 'none'}\n"
        try:
            # git would not write through a link to a folder that is not there.
            (self.place.common_dir / "logs" / "refs").mkdir(parents=True, exist_ok=True)
            (self.place.git_dir / "logs").mkdir(exist_ok=True)
            replace_file(
                self.private.path / "window" / "HEAD", head.encode("utf-8", "surrogateescape")
            )
        except OSError as error:
            raise GitError(f"A ref cannot be moved: {one_line(str(error))}.") from error
        order = f"update {ref}\0{new}\0{old or '0' * len(new)}\0"
        self.private.window.run(
            "update-ref",
            "--no-deref",
            "-m",
            message,
            "--stdin",
            "-z",
            data=order.encode("utf-8", "surrogateescape"),
            environment={"GIT_COMMITTER_NAME": who[0], "GIT_COMMITTER_EMAIL": who[1]},
        )

    def keep(self, ref: str, commit: str, who: Person) -> None:
        """Let one of Mai's own refs stand for `commit`, whatever it stood for."""
        if not _OWN_REF.fullmatch(ref):
            raise GitError(f"{one_line(ref)} is not a ref of Mai's own.")
        current = self.value(ref)
        if current != commit:
            self.move(ref, commit, current, "mai: keep", who)

    def kept(self) -> dict[str, str]:
        """Return the commit of each proposal that this repository keeps, by the proposal's id."""
        listing = self.private.window.run(
            "for-each-ref", "--format=%(refname)%00%(objectname)", "refs/mai/proposals/"
        )
        lines = listing.output.decode("utf-8", "surrogateescape").splitlines()
        pairs = (line.removeprefix("refs/mai/proposals/").split("\0") for line in lines)
        return {name: oid for name, oid in pairs}  # noqa: C416 - the pairs are lists

    def log_knows(self, branch: str, commit: str, said: str = "") -> bool:
        """Whether the branch's reflog says that it ever stood for `commit`.

        With `said`, only where the message with which it came to that begins so.
        """
        path = self.place.common_dir / "logs" / "refs" / "heads" / check_branch(branch)
        log = read_small(path, limit_bytes=256 * 1024 * 1024) or ""
        return any(
            line.split(" ", 2)[1:2] == [commit] and line.partition("\t")[2].startswith(said)
            for line in log.splitlines()
        )

    def in_the_way(self, branch: str) -> str | None:
        """Say why git itself would rather not have `branch` moved, None where nothing is.

        It is checked out in another work tree, or something unfinished stands on it.
        """
        for git_dir in self._git_dirs():
            is_own = git_dir == self.place.git_dir
            if not is_own and _branch_of(git_dir) == branch:
                return f"{branch} is checked out in another work tree"
            for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
                text = (read_small(git_dir / name) or "").strip()
                if text.removeprefix("refs/heads/") == branch:
                    return f"a rebase or a bisection of {branch} is under way"
            if is_own and _branch_of(git_dir) == branch:
                for name, what in _UNDER_WAY.items():
                    if (git_dir / name).exists():
                        return f"{what} is under way"
        return None

    def _git_dirs(self) -> list[Path]:
        linked = self.place.common_dir / "worktrees"
        try:
            found = sorted(linked.iterdir()) if linked.is_dir() else []
        except OSError as error:
            raise GitError(f"{linked} cannot be read: {one_line(str(error))}.") from error
        bare = self.place.common_dir != self.place.git_dir and self.place.is_on(
            "core.bare", default=False
        )
        return [*found] if bare else [self.place.common_dir, *found]


def _branch_of(git_dir: Path) -> str | None:
    """Return the branch that the HEAD of a git folder is on, None where it is detached.

    Raises:
        UnsuitableRepo: the HEAD is damaged.
    """
    text = _head_of(git_dir)
    if OID.fullmatch(text):
        return None
    return _target_of(git_dir, text).removeprefix("refs/heads/")


def _head_of(git_dir: Path) -> str:
    """Return what the HEAD of a git folder says: a commit's id, or `ref: ` and a name."""
    head = git_dir / "HEAD"
    # Before 1.5 git made HEAD a link; `core.preferSymlinkRefs` still does.
    text = f"ref: {head.readlink()}" if head.is_symlink() else read_small(head) or ""
    return text.strip()


def _target_of(git_dir: Path, text: str) -> str:
    """Return the full name of the branch that `text`, from HEAD, names."""
    target = text.removeprefix("ref:").strip()
    branch = target.removeprefix("refs/heads/")
    if not text.startswith("ref:") or branch == target:
        head = one_line(str(git_dir / "HEAD"))
        raise UnsuitableRepo(f"{head} does not name a branch or a commit.")
    return f"refs/heads/{check_branch(branch)}"
