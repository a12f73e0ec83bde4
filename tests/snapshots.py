"""Snapshots for tests that need no repository code: one in memory, one over plain git."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.gitrepo import GitRepo


@dataclass(slots=True)
class MemorySnapshot:
    """The files of a commit that is only in memory."""

    files: Mapping[str, bytes]
    commit: str = "0" * 40

    def paths(self) -> Sequence[str]:
        """List the paths, sorted."""
        return sorted(self.files)

    def read(self, path: str) -> bytes | None:
        """Return a file's content, None where there is no such file."""
        return self.files.get(path)


@dataclass(slots=True)
class GitSnapshot:
    """The files of a real commit, read with `git ls-tree` and `git cat-file`."""

    repo: GitRepo
    commit: str

    def paths(self) -> Sequence[str]:
        """List the paths of regular files, sorted."""
        listed = self.repo.git_bytes("ls-tree", "-r", "-z", self.commit).decode().split("\0")
        entries = (line.partition("\t") for line in listed if line)
        return sorted(path for kind, _, path in entries if kind.startswith("100"))

    def read(self, path: str) -> bytes | None:
        """Return a file's content, None where the commit has no such regular file."""
        return self.repo.show(self.commit, path) if path in self.paths() else None


def snapshot_of(**files: str) -> MemorySnapshot:
    """Return a snapshot of Python modules by name, `core="x = 1"` being `core.py`."""
    return MemorySnapshot({f"{name}.py": text.encode() for name, text in files.items()})
