"""What is staged, as a tree: the index that git itself would commit, read and never written."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from mai.errors import GitError, UnsuitableRepo
from mai.repo.git import reason_of
from mai.repo.place import Place, open_regular
from mai.repo.private import Private
from mai.text import one_line

_SHARED = re.compile(r"sharedindex\.[0-9a-f]+")
_LINK = b"link"  # the extension by which a split index names its shared part


def staged_tree(place: Place, private: Private, environment: Mapping[str, str]) -> str | None:
    """Return the tree that the index of `place` makes, None where nothing was ever staged.

    Args:
        place: the repository.
        private: Mai's own beside it, where the tree is made from a copy of the index.
        environment: `GIT_INDEX_FILE` in it names another index, as git does while
            `git commit -a` and `git commit FILE` run their hooks.

    Raises:
        UnsuitableRepo: the index named is not there.
        GitError: there are unmerged entries, or the index cannot be read.
    """
    named = environment.get("GIT_INDEX_FILE")
    # A hook runs at the top of the work tree, so a relative name is seen from there.
    file = place.root / named if named else place.git_dir / "index"
    with private.scratch() as folder:
        if not _copy(file, folder / "index"):
            if named:
                raise UnsuitableRepo(f"GIT_INDEX_FILE names {one_line(named)}, which is not there.")
            return None
        if _LINK in (folder / "index").read_bytes():
            for shared in place.git_dir.iterdir():
                if _SHARED.fullmatch(shared.name):
                    _copy(shared, folder / shared.name)
        # git looks for the shared part of a split index in the git folder, so this is one.
        (folder / "refs").mkdir()
        shutil.copy(private.path / "HEAD", folder)
        shutil.copy(private.path / "config", folder)
        return (
            private.git.at(folder)
            .run("write-tree", environment={"GIT_OBJECT_DIRECTORY": str(private.path / "objects")})
            .text
        )


def _copy(source: Path, target: Path) -> bool:
    """Copy a regular file; return whether there was one."""
    descriptor = open_regular(source)
    if descriptor is None:
        return False
    try:
        with os.fdopen(descriptor, "rb") as file, target.open("xb") as copy:
            shutil.copyfileobj(file, copy)
    except OSError as error:
        raise GitError(f"The index cannot be read: {reason_of(error)}.") from error
    return True
