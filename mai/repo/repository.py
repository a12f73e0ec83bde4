"""One of the user's repositories: everything Mai asks of git, through one door."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from mai.errors import GitError, UnsuitableRepo
from mai.jobs import NewFile, TreeFile
from mai.proposal import FileChange
from mai.protocols import SystemClock
from mai.repo import diffs, history, place, trees
from mai.repo.git import check_version
from mai.repo.history import LandedCommit
from mai.repo.identity import identity_of
from mai.repo.locks import WaitingLock, claim
from mai.repo.objects import Objects, Snapshot, check_oid
from mai.repo.place import Place
from mai.repo.private import Private, prepare_private
from mai.repo.refs import Person, Refs, check_branch
from mai.repo.signing import Signing, signing_of
from mai.repo.staged import staged_tree
from mai.text import one_line

_SNAPSHOTS_KEPT = 4  # base, tip, head and one more: what one proposal is judged by


class Repo:
    """A repository Mai works on. Made by `Repo.open`; usable from any thread.

    Object ids are full, in hexadecimal. What takes a "treeish" takes a commit's or a tree's id.
    Everything that is computed lies in Mai's own repository until `keep` or a landing takes it
    over. Closing it ends the one child process it may have.
    """

    def __init__(self, place: Place, private: Private) -> None:
        self.place = place
        self.refs = Refs(place, private)
        self.store = private
        self.objects = Objects(private.git)
        self._landing = WaitingLock(private.path / "landing.lock", "landing a change")
        self._identity: Person | None = None
        self._snapshots: dict[str, Snapshot] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, directory: Path, private_root: Path) -> Self:
        """Open the repository that `directory` is in; Mai's own goes under `private_root`.

        Raises:
            UnsuitableRepo: there is none, or it is bare, without commits, on no branch, somebody
                else's, of a kind Mai does not know, or git is too old.
            GitError: it is damaged, or Mai's own cannot be made.
        """
        check_version()
        where = place.find(Path(directory))
        repo = cls(where, prepare_private(where, private_root.absolute()))
        try:
            repo.tree(repo.tip(repo.branch()))
        except BaseException:
            repo.close()
            raise
        return repo

    @classmethod
    def open_for_reading(cls, directory: Path, private_root: Path) -> Self:
        """Open a repository only to judge by it: on a branch or none, with commits or without.

        It may belong to another user too: nothing is written into it and none of its settings are
        in force.

        Raises:
            UnsuitableRepo: there is none, it is bare or of a kind Mai does not know, or git is too
                old.
            GitError: it is damaged, or Mai's own cannot be made.
        """
        check_version()
        where = place.find(Path(directory), is_only_read=True)
        repo = cls(where, prepare_private(where, private_root.absolute()))
        try:
            head = repo.head()
            if head is not None:
                repo.tree(head)
        except BaseException:
            repo.close()
            raise
        return repo

    def close(self) -> None:
        """End the child process, if there is one."""
        self.objects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- where it is ---------------------------------------------------------------------

    @property
    def root(self) -> Path:
        """The top of the work tree."""
        return self.place.root

    @property
    def git_dir(self) -> Path:
        """The folder of this work tree's HEAD and index."""
        return self.place.git_dir

    @property
    def key(self) -> str:
        """16 hexadecimal digits that stand for this work tree's path."""
        return self.place.key

    def current_place(self) -> Place:
        """Return the repository as it is now, examined anew before it is written to.

        Its settings and files may have changed since it was opened, hours ago perhaps.

        Raises:
            UnsuitableRepo: it has become another repository, or one that Mai does not write to.
        """
        now = place.find(self.root)
        if (now.git_dir, now.common_dir) != (self.place.git_dir, self.place.common_dir):
            msg = f"{one_line(str(self.root))} has become another repository; start Mai again."
            raise UnsuitableRepo(msg)
        return now

    @property
    def private(self) -> Path:
        """Mai's own bare repository for this one."""
        return self.store.path

    def branch(self) -> str:
        """Return the branch that is checked out.

        Raises:
            UnsuitableRepo: none is.
        """
        branch = self.refs.checked_out()
        if branch is None:
            msg = f"{one_line(str(self.root))} is on no branch; `git switch BRANCH` goes to one."
            raise UnsuitableRepo(msg)
        return branch

    def head(self) -> str | None:
        """Return the commit that is checked out, on a branch or on none; None before the first."""
        return self.refs.head()

    def tip(self, branch: str) -> str:
        """Return the commit that `branch` stands for.

        Raises:
            UnsuitableRepo: it has none.
        """
        commit = self.refs.value(f"refs/heads/{check_branch(branch)}")
        if commit is None:
            msg = f"The branch {one_line(branch)} of {one_line(str(self.root))} has no commits."
            raise UnsuitableRepo(msg)
        return commit

    def identity(self) -> Person:
        """Return the user's name and e-mail address as git knows them, or login and host."""
        if self._identity is None:
            self._identity = identity_of(self.place)
        return self._identity

    def signing(self) -> Signing | None:
        """Return how the user signs commits here, None where they do not."""
        return signing_of(self.place)

    # --- reading -------------------------------------------------------------------------

    def snapshot(self, treeish: str) -> Snapshot:
        """Return the tracked files of a commit or a tree; the last few stay at hand."""
        with self._lock:
            found = self._snapshots.pop(check_oid(treeish), None)
            self._snapshots[treeish] = found or Snapshot(treeish, self.store.git, self.objects)
            while len(self._snapshots) > _SNAPSHOTS_KEPT:
                del self._snapshots[next(iter(self._snapshots))]
            return self._snapshots[treeish]

    def tree_files(self, treeish: str) -> Iterator[TreeFile]:
        """Yield every file and link of a commit or a tree, with its content."""
        return self.snapshot(treeish).files()

    def tree(self, treeish: str) -> str:
        """Return the tree of a commit, or the tree itself.

        Raises:
            GitError: there is no such object, or it is damaged.
        """
        found = self.objects.identify(f"{check_oid(treeish)}^{{tree}}")
        if found is None:
            raise GitError(f"{treeish} is no commit or tree that this repository has whole.")
        return found[0]

    def parent(self, commit: str) -> str | None:
        """Return a commit's first parent, None where it has none."""
        return trees.parent_of(self.objects.read(check_oid(commit), "commit"))

    def empty_tree(self) -> str:
        """Return the tree without any file: what there is before the first commit."""
        return trees.store(self.store, "tree", [b""])[0]

    def index_tree(self, environment: Mapping[str, str]) -> str:
        """Return what is staged in the user's work tree, as a tree; see `mai.repo.staged`."""
        return staged_tree(self.place, self.store, environment) or self.empty_tree()

    def has(self, oid: str) -> bool:
        """Whether the object is there."""
        return self.objects.identify(check_oid(oid)) is not None

    def diff(self, before: str, after: str, context: int = 3) -> str:
        """Return the patch between two treeishes; see `mai.repo.diffs.diff`."""
        return diffs.diff(self.store.git, self.tree(before), self.tree(after), context)

    def changes(self, before: str, after: str) -> tuple[FileChange, ...]:
        """Return what each file went through between two treeishes."""
        return diffs.changes(self.store.git, self.tree(before), self.tree(after))

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Whether `ancestor` is `commit` or came before it; one that is gone was neither."""
        if not self.has(ancestor):
            return False
        return history.is_ancestor(self.store, check_oid(ancestor), check_oid(commit))

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits, None where there is none."""
        return history.merge_base(self.store, check_oid(one), check_oid(other))

    def landed_trailers(self, branch: str, limit: int = 100) -> list[LandedCommit]:
        """Return the newest commits of `branch` that carry Mai's trailers, newest first."""
        return history.landed(self.store, self.tip(branch), limit)

    def lately_landed(self, branch: str, depth: int = 50) -> list[LandedCommit]:
        """Return those of the newest `depth` commits of `branch` that carry Mai's trailers."""
        return history.lately_landed(self.store, self.tip(branch), depth)

    def story(self, commit: str) -> history.CommitStory:
        """Return what a commit says of itself: title, author and time."""
        return history.story(self.store, check_oid(commit))

    # --- making --------------------------------------------------------------------------

    def write_tree(self, base: str, changes: Mapping[str, NewFile | None]) -> str:
        """Return the tree that `changes` (None deletes) make of the treeish `base`.

        Raises:
            EditError: a path may not be named, or collides with what is there.
        """
        return trees.write_tree(self.store, self.snapshot(base), changes)

    def commit(
        self,
        tree: str,
        parents: tuple[str, ...] | list[str],
        message: str,
        author: Person,
        *,
        committer: Person | None = None,
        at: datetime | None = None,
    ) -> str:
        """Make a commit, on no branch, and return its id. Both dates are `at`, or now."""
        text = trees.CommitText(
            tree,
            tuple(parents),
            message,
            author,
            committer or self.identity(),
            at or SystemClock().now(),
        )
        return trees.store(self.store, "commit", [text.raw()])[0]

    def merge(self, base: str, ours: str, theirs: str) -> str | None:
        """Return the tree with both sides' changes since `base`, None where they conflict.

        Ancestry is the caller's to check: a base that was reset away would come back.
        """
        return history.merge_trees(self.store, self.tree(base), self.tree(ours), self.tree(theirs))

    def revert_tree(self, landed_commit: str, tip: str) -> str | None:
        """Return `tip`'s tree without what `landed_commit` changed, None where that conflicts."""
        parent = trees.parent_of(self.objects.read(check_oid(landed_commit), "commit"))
        before = parent or self.empty_tree()
        return self.merge(landed_commit, tip, before)

    def keep(self, ref: str, commit: str) -> None:
        """Let the ref of Mai's own `ref` (`refs/mai/…`) keep `commit` in the user's repository.

        Raises:
            UnsuitableRepo: the repository is no longer one that Mai writes to.
            GitError: it is no such ref.
            RepoBusy: another process is moving it.
        """
        self.current_place()
        self.enter(commit)
        self.refs.keep(ref, commit, self.identity())

    def enter(self, commit: str) -> None:
        """Copy `commit` and what only Mai's repository has of it into the user's, as data."""
        known: list[str] = []
        unknown = [check_oid(commit)]
        while unknown:
            raw = self.objects.read(unknown.pop(), "commit")
            for parent in re.findall(rb"^parent ([0-9a-f]+)$", raw.split(b"\n\n")[0], re.MULTILINE):
                name = parent.decode()
                found = self.store.window.run("cat-file", "-e", name, accepted=(0, 1, 128))
                (unknown if found.status else known).append(name)
        revisions = "".join([f"{commit}\n", *(f"^{name}\n" for name in known)])
        pack = self.store.git.run(
            "pack-objects", "--revs", "--local", "--stdout", "-q", data=revisions.encode()
        )
        self.store.into.run("unpack-objects", "-q", data=pack.output)

    # --- one at a time -------------------------------------------------------------------

    def landing_lock(self) -> contextlib.AbstractContextManager[None]:
        """Hold the right to land, waiting for it; the thread that has it may take it again.

        Raises:
            RepoBusy: another process kept it for a minute.
        """
        return self._landing.held()

    def claim(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Hold `name`, such as a proposal's id, alone among all processes.

        Raises:
            RepoBusy: somebody else has it.
        """
        return claim(self.store.path / "claims", name)
