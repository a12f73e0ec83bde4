"""Which paths a change may name. The last wall before a tree object is made.

git checks paths too when it reads an index; Mai refuses earlier, more, and in a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence

from mai.errors import EditError
from mai.jobs import NewFile
from mai.repo.objects import DEEPEST_PATH, LINK, REGULAR, SUBMODULE, TreeEntry
from mai.text import one_line

_LONGEST_PATH_BYTES = 4095  # PATH_MAX less its NUL
_LONGEST_NAME_BYTES = 255  # NAME_MAX on every common file system
# NTFS ignores dots and spaces at a name's end and what follows a colon, and has short names;
# HFS+ ignores these code points: all can make another `.git` (CVE-2014-9390, CVE-2019-1353).
_SHORT_GIT = re.compile(r"git~\d+", re.ASCII)
_IGNORED_BY_HFS = {
    *range(0x200C, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x206A, 0x2070),
    0xFEFF,
}


def check_path(path: str) -> None:
    """Raise EditError where `path` is none a change may name.

    Good paths are relative, `/`-separated, and go nowhere but down: no empty part, `.` or `..`,
    no `.git` in any spelling that some file system takes for it, no control characters.
    """
    reason = _fault_of(path)
    if reason:
        raise EditError(f"The path {one_line(repr(path))} {reason}.")


def _fault_of(path: str) -> str | None:
    try:
        encoded = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "is not text that a file name can hold"
    parts = path.split("/")
    # A backslash separates on some systems, so what is between two of them is a name there.
    names = re.split(r"[/\\]", path)
    faults = {
        "is empty": not path,
        f"lies in more than {DEEPEST_PATH} folders": path.count("/") > DEEPEST_PATH,
        "is too long": len(encoded) > _LONGEST_PATH_BYTES,
        "has a control character in it": any(map(_is_control, path)),
        "is absolute": re.match(r"[/\\]|[A-Za-z]:[/\\]", path) is not None,
        "has a name in it that is too long": any(
            len(part.encode("utf-8", "surrogateescape")) > _LONGEST_NAME_BYTES for part in parts
        ),
        "has an empty part, `.` or `..` in it": not {"", ".", ".."}.isdisjoint(names),
        "leads into git's own folder": any(map(_is_git, names)),
    }
    return next((fault for fault, is_there in faults.items() if is_there), None)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"}


def _is_git(name: str) -> bool:
    kept = "".join(character for character in name if ord(character) not in _IGNORED_BY_HFS)
    plain = unicodedata.normalize("NFKC", kept).casefold().split(":", 1)[0].rstrip(". ")
    return plain == ".git" or _SHORT_GIT.fullmatch(plain) is not None


def check_changes(base: Mapping[str, TreeEntry], changes: Mapping[str, NewFile | None]) -> None:
    """Raise EditError where `changes` cannot be made to a tree with the entries `base`.

    Refused: bad paths and modes, deleting what is not there, touching submodules, a file where a
    folder is or the other way round, and anything below a link.
    """
    paths = sorted(base)
    for path, new in changes.items():
        check_path(path)
        old = base.get(path)
        if old is not None and old.mode == SUBMODULE:
            raise EditError(f"{one_line(path)} is a submodule, which Mai leaves alone.")
        if new is None:
            if old is None:
                raise EditError(f"{one_line(path)} cannot be deleted: there is no such file.")
            continue
        _check_file(path, new)
        _check_parents(path, base, changes)
        _check_is_no_folder(path, paths, changes)


def _check_file(path: str, new: NewFile) -> None:
    if new.mode not in REGULAR | {LINK}:
        raise EditError(f"{one_line(path)} has mode {new.mode:o}; it must be a file or a link.")
    if new.mode == LINK and (not 0 < len(new.data) <= _LONGEST_PATH_BYTES or b"\0" in new.data):
        raise EditError(f"{one_line(path)} is a link to nothing a link can name.")


def _check_parents(
    path: str, base: Mapping[str, TreeEntry], changes: Mapping[str, NewFile | None]
) -> None:
    parts = path.split("/")
    for depth in range(1, len(parts)):
        parent = "/".join(parts[:depth])
        there: TreeEntry | NewFile | None = base.get(parent)
        if parent in changes:
            there = changes[parent]
        if there is not None:
            kinds = {LINK: "a link", SUBMODULE: "a submodule"}
            kind = kinds.get(there.mode, "a file")
            raise EditError(f"{one_line(path)} cannot be written: {one_line(parent)} is {kind}.")


def _check_is_no_folder(
    path: str, paths: Sequence[str], gone: Mapping[str, NewFile | None] | Collection[str]
) -> None:
    prefix = path + "/"
    for position in range(bisect_left(paths, prefix), len(paths)):
        if not paths[position].startswith(prefix):
            return
        if paths[position] not in gone:
            raise EditError(f"{one_line(path)} cannot be written: it is a folder.")
