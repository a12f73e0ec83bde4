"""Brings a landed commit into the work tree and the index, and changes nothing else there.

The module `obstacles` has said before the branch moved that the touched paths are clean. A path
that changed after that, or since an update was cut off, keeps what the user made of it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from mai import crash
from mai.errors import GitError
from mai.repo.diffs import PathChange
from mai.repo.objects import LINK, Objects, Snapshot, TreeEntry
from mai.repo.place import Place
from mai.repo.private import Private
from mai.repo.work_tree.conversion import Conversion
from mai.repo.work_tree.files import Found, WorkTree
from mai.repo.work_tree.index import Index, changed
from mai.repo.work_tree.journal import TEMPORARY
from mai.text import one_line

# What the system says when something of the user's stands where a folder or a file goes.
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENOTEMPTY})

#: A file in the work tree may be larger than git makes it: UTF-32 takes four bytes a character.
_MOST_GROWTH = 4


class Checkout:
    """The way of `changes` into the work tree at `place`. The caller holds the index's lock."""

    def __init__(
        self,
        place: Place,
        private: Private,
        objects: Objects,
        changes: Sequence[PathChange],
        snapshots: tuple[Snapshot, Snapshot],
    ) -> None:
        self.place = place
        self.private = private
        self.changes = changes
        self.conversions = tuple(Conversion(place, private, each) for each in snapshots)
        self.gone = {change.path for change in changes if change.new is None}
        self.files = WorkTree(place.root, place.git_dir)
        self._index_path = place.git_dir / "index"
        self._has_modes = place.is_on("core.filemode", default=True)
        entries = [entry for c in changes for entry in (c.old, c.new) if entry]
        contents = objects.blobs(entry.oid for entry in entries)
        self._blobs = {e.oid: content for e, content in zip(entries, contents, strict=True)}
        self._files: dict[TreeEntry, bytes] = {}

    # --- looking -------------------------------------------------------------------------

    def look(self, change: PathChange) -> Found | None:
        """Return what is at the path of `change`, None for nothing."""
        sizes = [len(self._file(entry)) for entry in (change.old, change.new) if entry]
        return self.files.look(change.path, max(sizes) * _MOST_GROWTH)

    def is_there(self, found: Found | None, entry: TreeEntry | None) -> bool:
        """Return whether what was found is `entry`, as git sees it; None stands for nothing."""
        if found is None or entry is None:
            return found is None and entry is None
        contents = {self._blobs[entry.oid], self._file(entry)}
        if any(found.is_same(entry, each, has_modes=self._has_modes) for each in contents):
            return True
        # A file with some line endings of each kind has no change to git either.
        is_like = found.is_same(entry, found.data, has_modes=self._has_modes)
        if not is_like or found.data is None or entry.mode == LINK:
            return False
        conversion = self._conversion(entry)
        return conversion.is_needed and conversion.is_clean(entry, found.data)

    def convert(self) -> None:
        """Find out what each touched file looks like in the work tree.

        Raises:
            GitError: a file cannot be converted, such as to an encoding that lacks a character.
        """
        for side, conversion in zip(("old", "new"), self.conversions, strict=True):
            if not conversion.is_needed:
                continue
            found = (getattr(change, side) for change in self.changes)
            entries = {entry.path: entry for entry in found if entry and entry.is_regular}
            for path, content in conversion.work_tree_contents(entries).items():
                self._files[entries[path]] = content

    def _file(self, entry: TreeEntry) -> bytes:
        return self._files.get(entry, self._blobs[entry.oid])

    def _conversion(self, entry: TreeEntry) -> Conversion:
        is_old = any(change.old == entry for change in self.changes)
        return self.conversions[0 if is_old else 1]

    def read_index(self) -> Index:
        """Return the user's index, an empty one where there is none.

        Raises:
            GitError: it is damaged, or a link.
        """
        oid_bytes = 20 if self.place.object_format == "sha1" else 32
        if self._index_path.is_symlink():
            raise GitError("The repository's index is a link, which Mai does not follow.")
        try:
            return Index(self._index_path.read_bytes(), oid_bytes)
        except FileNotFoundError:
            return Index.empty(oid_bytes)

    def clash(self, index: Index, path: str) -> str | None:
        """Return an index entry that cannot be there beside a new one at `path`."""
        parts = path.split("/")
        parents = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        staged = [parent for parent in parents if index.get(parent)] + index.below(path)
        return next((other for other in staged if other not in self.gone), None)

    # --- writing -------------------------------------------------------------------------

    def update(self) -> str:
        """Bring the touched files and index entries to the commit, where they are still the old.

        Safe to call again after a crash at any instant of it. Returns a note naming what the user
        changed meanwhile and keeps, empty where there is nothing such.

        Raises:
            GitError: a file or the index could not be written; the next call tries again.
        """
        self.convert()
        try:
            index = self.read_index()
            due = [change for change in self.changes if self._is_due(index, change)]
            stats: dict[str, os.stat_result] = {}
            # Deletions first: a file may be where a folder goes.
            ordered = sorted(due, key=lambda change: change.new is not None)
            kept = [change.path for change in ordered if not self._bring(change, stats)]
            for change in due:
                if change.new is None:
                    self.files.prune(change.path)
            crash.point("landing:files-written")
            if due:
                self._write_index(changed(self.private, index, due).with_stats(stats))
            crash.point("landing:index-written")
        except OSError as error:
            msg = f"The branch has the commit, but its files do not yet: {one_line(str(error))}."
            raise GitError(msg) from error
        if not kept:
            return ""
        return f"kept as you changed them meanwhile: {one_line(', '.join(kept))}"

    def _is_due(self, index: Index, change: PathChange) -> bool:
        """Whether the index still has the old: it is written last, so nothing is done twice."""
        entry = index.get(change.path)
        if change.old is None:
            return entry is None and self.clash(index, change.path) is None
        return entry is not None and entry.is_same(change.old)

    def _bring(self, change: PathChange, stats: dict[str, os.stat_result]) -> bool:
        """Bring one file to the commit; return whether it is there, rather than the user's."""
        try:
            found = self.look(change)
            if self.is_there(found, change.new):
                if found is not None:
                    stats[change.path] = found.status
                return True
            is_emptied = change.old is None and found is not None and found.is_folder
            if not is_emptied and not self.is_there(found, change.old):
                return False
            if change.new is None:
                self.files.remove(change.path)
            else:
                status = self.files.put(change.path, change.new, self._file(change.new))
                if status is not None:
                    stats[change.path] = status
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise
            return False
        crash.point("landing:file-written")
        return True

    def _write_index(self, data: bytes) -> None:
        """Put a new index in place, with the old one's permissions and time.

        git looks into a file whose time is not before the index's own, because it may have been
        changed unseen in the same tick. With the old time, what was to be looked into still is,
        and so are the files just written.
        """
        temporary = self.place.git_dir / TEMPORARY
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if self._index_path.exists():
            status = self._index_path.stat()
            temporary.chmod(status.st_mode & 0o777)
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        temporary.replace(self._index_path)
