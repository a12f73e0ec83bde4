"""Options that many commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

RepoOption = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads the annotation at run time
    typer.Option(
        "--repo", metavar="DIR", help="The git repo to work on.", show_default="current folder"
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A proposal's id, or its start.")]
