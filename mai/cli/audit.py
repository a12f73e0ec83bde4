"""`mai audit verify` and `mai audit export`: the ledger's chain."""

from __future__ import annotations

import typer

from mai.cli.options import JsonOption, RepoOption

app = typer.Typer(help="Check and export the ledger.", no_args_is_help=True)


@app.command()
def verify(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Look for any altered, removed, reordered or cut row."""
    from mai.cli.output import Exit, answering, line, print_json
    from mai.cli.session import opened

    empty = {"ok": False, "entries": 0, "head": "", "problems": []}
    with answering(as_json, lambda: empty), opened(repo) as core:
        found = core.verify()
        if as_json:
            print_json(
                {
                    "ok": found.ok,
                    "entries": found.entries,
                    "head": found.head,
                    "problems": list(found.problems),
                    "error": None,
                }
            )
        elif found.ok:
            line(f"✓ {found.entries} rows, unbroken. Head {found.head[:12]}.")
        else:
            for problem in found.problems:
                line(f"✗ {problem}")
        if not found.ok:
            raise Exit(1)


@app.command()
def export(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Print every row as JSON, one a line, oldest first; with --json, as one object."""
    import json

    from mai.cli.output import answering, line, print_json
    from mai.cli.session import opened

    with answering(as_json, lambda: {"entries": []}), opened(repo) as core:
        if as_json:
            print_json({"entries": list(core.export()), "error": None})
            return
        for row in core.export():
            line(json.dumps(row, ensure_ascii=False, sort_keys=True))
