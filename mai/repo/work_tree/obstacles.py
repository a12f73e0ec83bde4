"""Says what keeps a commit out of a work tree: whatever of the user's it could run over.

Every touched path must be clean, index and file being exactly what the branch's tip has, and where
something new goes there must be nothing, tracked, ignored or otherwise. In doubt it is an obstacle,
and the commit lands beside.
"""

from __future__ import annotations

from mai.errors import GitError
from mai.repo.diffs import PathChange
from mai.repo.objects import LINK
from mai.repo.work_tree.checkout import Checkout
from mai.repo.work_tree.index import Index
from mai.text import one_line


def obstacle(checkout: Checkout) -> str | None:
    """Return what is in the way of `checkout`; None where nothing is.

    The caller holds the index's lock, so that no other git changes what was looked at.
    """
    try:
        index = checkout.read_index()
        problem = _cannot_convert(checkout)
        return (
            problem
            or _in_index(checkout, index)
            or _conversion(checkout)
            or next(filter(None, (_in_files(checkout, c) for c in checkout.changes)), None)
        )
    except OSError as error:
        return f"its files cannot be looked at: {one_line(str(error))}"


def _cannot_convert(checkout: Checkout) -> str | None:
    try:
        checkout.convert()
    except GitError as error:
        return f"its files cannot be converted: {str(error).removesuffix('.')}"
    return None


def _in_index(checkout: Checkout, index: Index) -> str | None:
    if index.is_partial:
        return "its index is split or sparse"
    if checkout.place.is_on("core.sparsecheckout", default=False):
        return "its work tree is sparse"
    for change in checkout.changes:
        name = one_line(change.path)
        entry = index.get(change.path)
        if entry is None and change.old is not None:
            return f"{name} is not in the index"
        if entry is not None and not entry.is_same(change.old):
            return f"{name} has staged changes, or a flag that hides it"
        clash = checkout.clash(index, change.path) if change.old is None else None
        if clash:
            return f"{one_line(clash)} is staged where {name} goes"
    return None


def _conversion(checkout: Checkout) -> str | None:
    """Name a touched path that git would run a filter for, or that cannot be converted."""
    new = [change.new for change in checkout.changes if change.new]
    link = next((entry.path for entry in new if entry.mode == LINK), None)
    if link and not checkout.place.is_on("core.symlinks", default=True):
        return f"{one_line(link)} is a link, and core.symlinks is off"
    conversion = checkout.conversions[1]
    if not new or not conversion.is_needed:
        return None
    paths = [entry.path for entry in new if entry.is_regular]
    for path, attribute in conversion.attributes(paths, ("filter",)):
        return f"{one_line(path)} has the attribute {attribute}, which Mai does not apply"
    return None


def _in_files(checkout: Checkout, change: PathChange) -> str | None:
    name = one_line(change.path)
    if checkout.files.is_in_nested_repository(change.path):
        return f"{name} is in another repository"
    parts = change.path.split("/")
    if any("/".join(parts[:depth]) in checkout.gone for depth in range(1, len(parts))):
        return None  # below what is a file now, and is judged as that
    try:
        found = checkout.look(change)
    except NotADirectoryError:
        return f"a link or a file is in the way of {name}"
    if change.old is not None:
        is_clean = checkout.is_there(found, change.old)
        return None if is_clean else f"{name} has changes in the work tree"
    if found is None:
        return None
    return _in_folder(checkout, change) if found.is_folder else f"{name} is there, untracked"


def _in_folder(checkout: Checkout, change: PathChange) -> str | None:
    """Name what stays in a folder that is to become a file."""
    below = checkout.files.listing(change.path)
    stray = next((path for path in below if path not in checkout.gone), None)
    return f"{one_line(stray)} is in the way of {one_line(change.path)}" if stray else None
