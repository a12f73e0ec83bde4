"""Keeps a model to the files that it was asked to change."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mai.jobs import NewFile
from mai.protocols import Snapshot
from mai.text import path_line

_SHOWN = 5


def outside(made: Mapping[str, NewFile | None], snapshot: Snapshot, paths: Collection[str]) -> str:
    """Return what is changed beside `paths`, as a sentence for the model; empty where nothing is.

    Args:
        made: the files that the edits leave, None where one is taken away.
        snapshot: the files before.
        paths: the only ones that may change; empty: any.
    """
    if not paths:
        return ""
    for path, file in made.items():
        if path not in paths and (file.data if file else None) != snapshot.read(path):
            asked = ", ".join(path_line(each) for each in sorted(paths)[:_SHOWN])
            return f"It changes {path_line(path)}. Change only {asked}."
    return ""
