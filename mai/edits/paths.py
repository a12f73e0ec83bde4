"""Which names an edit may use for a file."""

from __future__ import annotations

import re
import unicodedata

from mai.errors import EditError
from mai.text import one_line

# Linux: NAME_MAX and PATH_MAX of limits.h.
_LONGEST_NAME_BYTES = 255
_LONGEST_PATH_BYTES = 4095
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# Code points that HFS+ ignores, so that `.g\u200cit` is `.git` there (git's `utf8.c` has the list).
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\ufeff]")
# NTFS knows `.git` by its short name too, and drops trailing dots and spaces.
_GIT_FOLDERS = frozenset({".git", "git~1"})


def checked_path(path: str) -> str:
    """Return `path` if it names a file inside the tree and outside git's own folder.

    Raises:
        EditError: it is absolute, climbs out, has an empty component, or names `.git` in one of
            the spellings that a file system takes for it.
    """
    if not path:
        raise EditError("A path is empty.")
    shown = one_line(path) or "of invisible characters"
    if "\0" in path or path.startswith("/") or _DRIVE.match(path):
        raise EditError(f"The path {shown} is not one inside the repository.")
    try:
        size_bytes = len(path.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise EditError(f"The path {shown} is not UTF-8.") from error
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise EditError(f"The path {shown} is not one inside the repository.")
    if size_bytes > _LONGEST_PATH_BYTES or any(
        len(part.encode("utf-8")) > _LONGEST_NAME_BYTES for part in parts
    ):
        raise EditError(f"The path {shown} is too long.")
    if any(_is_git_folder(part) for part in parts):
        raise EditError(f"The path {shown} lies in git's own folder.")
    return path


def _is_git_folder(part: str) -> bool:
    folded = unicodedata.normalize("NFKC", _IGNORED_BY_HFS.sub("", part)).casefold()
    # A colon starts an NTFS stream name, a backslash a folder there.
    return any(piece.split(":")[0].rstrip(". ") in _GIT_FOLDERS for piece in folded.split("\\"))
