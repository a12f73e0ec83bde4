"""Options that many commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

# Of the process and not of click's context: what works in other threads speaks too.
_turned_off: set[str] = set()


def turn_off(what: str) -> None:
    """Do without `what` (`colour` or `pager`) from here on."""
    _turned_off.add(what)


def is_turned_off(what: str) -> bool:
    """Return whether `what` was turned off."""
    return what in _turned_off


def _without_pager(wanted: bool) -> bool:
    if wanted:
        turn_off("pager")
    return wanted


RepoOption = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads the annotation at run time
    typer.Option(
        "--repo", metavar="DIR", help="The git repo to work on.", show_default="current folder"
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")
]
NoPagerOption = Annotated[
    bool,
    typer.Option("--no-pager", callback=_without_pager, help="Never use a pager, however long."),
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A proposal's id, or its start.")]
