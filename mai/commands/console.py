"""`mai` itself and `mai ask`: talking to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mai.commands.options import JsonOption, RepoOption


def open_console(repo: Path | None, *, plain: bool) -> None:
    """Open the console, or the line-by-line conversation where there is no screen."""
    from mai.commands.output import answering, is_terminal

    with answering(as_json=False):
        if plain or not is_terminal():
            from mai.commands.plain import converse

            converse(repo)
        else:
            from mai.console.app import open_app

            open_app(repo)


def ask(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What you want to say.")],
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have one turn of conversation, on stdout."""
    from mai.commands.output import answering, line, print_json
    from mai.commands.plain import one_turn
    from mai.commands.session import opened

    with answering(as_json, lambda: {"text": None}), opened(repo) as core:
        if as_json:
            print_json({"text": "".join(one_turn(core, text)), "error": None})
            return
        for piece in one_turn(core, text):
            typer.echo(piece, nl=False)
        line()
