"""Returns what git makes of a blob in a work tree: line endings, encodings and `$Id$`.

Git itself does it, in a folder of Mai's own: a git directory with the user's settings for line
endings, their attributes and an index of the touched paths alone. No filter is configured there,
so none runs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mai.repo.git import Git
from mai.repo.objects import Snapshot, TreeEntry
from mai.repo.place import Place, read_small, user_settings
from mai.repo.private import Private

_CONVERTING = frozenset({"true", "yes", "on", "1", "input"})
_NOT_SET = frozenset({"unspecified", "unset"})
_ATTRIBUTES_BYTES = 1024 * 1024


class Conversion:
    """The conversion of `snapshot`'s files between blobs and the work tree at `place`."""

    def __init__(self, place: Place, private: Private, snapshot: Snapshot) -> None:
        self._place = place
        self._private = private
        self._snapshot = snapshot
        self._settings = _read_settings(place)

    @property
    def is_needed(self) -> bool:
        """Whether any setting or attribute can make a file differ from its blob."""
        is_on = self._settings.get("core.autocrlf", "").lower() in _CONVERTING
        return is_on or self.has_attributes

    @property
    def has_attributes(self) -> bool:
        """Whether there is a file of attributes anywhere: in the tree, the repository or user's."""
        if self._user_attributes or (self._place.common_dir / "info" / "attributes").is_file():
            return True
        return any(path.rpartition("/")[2] == ".gitattributes" for path in self._snapshot.paths())

    def work_tree_contents(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the content that a checkout gives each of `paths`, all regular files.

        Raises:
            GitError: git cannot convert one, such as to an encoding that lacks a character.
        """
        with self._scratch(paths) as (git, work_tree, names):
            listing = "".join(f"{name}\0" for name in names)
            git.run("checkout-index", "-f", "-z", "--stdin", data=_encoded(listing))
            return {name: (work_tree / name).read_bytes() for name in names}

    def is_clean(self, entry: TreeEntry, data: bytes) -> bool:
        """Return whether a file with the content `data` is `entry` to git, unchanged."""
        with self._scratch([entry.path]) as (git, _, _):
            answer = git.run("hash-object", "--stdin", f"--path={entry.path}", data=data)
            return answer.text == entry.oid

    def attributes(self, paths: Iterable[str], names: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return path and attribute for each of `paths` that has one of the attributes `names`."""
        with self._scratch(paths) as (git, _, kept):
            answer = git.run(
                *("check-attr", "--cached", "--stdin", "-z", *names),
                data=_encoded("".join(f"{path}\0" for path in kept)),
            )
        fields = answer.output.decode("utf-8", "surrogateescape").split("\0")[:-1]
        triples = zip(*[iter(fields)] * 3, strict=True)
        return [(path, name) for path, name, value in triples if value not in _NOT_SET]

    @property
    def _user_attributes(self) -> Path | None:
        """The user's own file of attributes, at git's default place where no setting names one.

        A repository's configuration may name anything; only a regular file is ever opened.
        """
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config")
        named = self._settings.get("core.attributesfile") or folder / "git" / "attributes"
        try:
            path = Path(named).expanduser()
            return path if path.is_file() else None
        except (RuntimeError, OSError, ValueError):  # no home, no right, a NUL
            return None

    @contextlib.contextmanager
    def _scratch(self, paths: Iterable[str]) -> Iterator[tuple[Git, Path, list[str]]]:
        """Give a git with a work tree of its own whose index holds `paths` and their attributes."""
        wanted = [path for path in paths if self._snapshot.blob_id(path)]
        with self._private.scratch() as folder:
            git_dir, work_tree = folder / "git", folder / "files"
            work_tree.mkdir()
            self._private.make_borrower(git_dir)
            attributes = read_small(
                self._place.common_dir / "info" / "attributes", _ATTRIBUTES_BYTES
            )
            (git_dir / "info" / "attributes").write_bytes(os.fsencode(attributes or ""))
            git = Git(
                git_dir,
                {"GIT_WORK_TREE": str(work_tree)},
                (
                    "core.bare=false",
                    "core.safecrlf=false",
                    f"core.attributesFile={self._user_attributes or os.devnull}",
                    *(
                        f"{name}={self._settings[name]}"
                        for name in ("core.autocrlf", "core.eol")
                        if name in self._settings
                    ),
                ),
            )
            entries = (self._snapshot.entry(path) for path in _with_attributes(wanted))
            lines = "".join(f"{e.mode:o} {e.oid}\t{e.path}\0" for e in entries if e is not None)
            git.run("update-index", "-z", "--index-info", data=_encoded(lines))
            yield git, work_tree, wanted


def _read_settings(place: Place) -> dict[str, str]:
    said = user_settings(place.git_dir, r"^core\.(autocrlf|eol|attributesfile)$")
    pairs = (item.partition("\n") for item in said.split("\0")[:-1])
    # The last one wins, as in git; a name without a value is true.
    return {name: value if has_value else "true" for name, has_value, value in pairs}


def _with_attributes(paths: Iterable[str]) -> list[str]:
    """Return `paths` and every file of attributes that may say something about one of them."""
    wanted = set(paths)
    for path in list(wanted):
        folders = path.split("/")[:-1]
        tops = ("/".join(folders[:depth]) for depth in range(len(folders) + 1))
        wanted |= {f"{top}/.gitattributes" if top else ".gitattributes" for top in tops}
    return sorted(wanted)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
