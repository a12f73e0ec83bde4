"""`mai audit verify` and `mai audit export`: the ledger's chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mai.commands.options import JsonOption, NoPagerOption, RepoOption

if TYPE_CHECKING:
    from mai.core import Core

_MOST_NAMED = 5

app = typer.Typer(help="Check and export the ledger.", no_args_is_help=True)


@app.command()
def verify(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Look for any altered, removed, reordered or cut row."""
    from mai.commands.output import Exit, answering, line, print_json
    from mai.commands.session import opened

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
            if found.accepted:
                line(f"▲ {len(found.accepted)} landed commits name heads whose loss was accepted.")
        else:
            for problem in found.problems:
                line(f"✗ {problem}")
            if found.is_whole:
                line("If you restored a backup, or know why: `mai audit accept`.")
        if not found.ok:
            raise Exit(1)


@app.command()
def accept(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Go on with a ledger whose end was lost. It is put on record.

    As after restoring a backup.
    """
    from mai.commands.output import answering, print_json
    from mai.commands.session import opened

    with answering(as_json, lambda: {"ok": False, "landed": []}), opened(repo) as core:
        landed = accept_loss(core)
        if as_json:
            print_json({"ok": True, "landed": landed, "error": None})


def accept_loss(core: Core) -> list[str]:
    """Show what is lost, let the person accept it, and return the ids that were read back.

    Raises:
        ApprovalRefused: there is no terminal, or the PIN is wrong.
        Declined: the person said no.
        StoreCorrupt: entries were altered, which cannot be accepted.
    """
    from mai.commands.approval import check_pin, who
    from mai.commands.output import ask, is_terminal, note
    from mai.errors import ApprovalRefused, Declined

    found = core.verify()
    if found.ok:
        note("✓ Nothing is lost.")
        return []
    for problem in found.problems:
        note(f"✗ {problem}")
    if not is_terminal():
        raise ApprovalRefused("Only a person at a terminal accepts that entries are lost.")
    if found.is_whole and ask("\nGo on without them? [y/N] ").lower() not in {"y", "yes"}:
        raise Declined("The ledger stays as it is.")
    check_pin(core.settings)
    landed = core.recover() if found.is_whole else []
    found = core.accept_loss(who())
    if landed:
        names = ", ".join(one.short_id for one in landed)
        note(f"✓ Read back from the branch as landed: {names}.")
    if kept := core.only_kept():
        note(f"▲ {len(kept)} proposals are kept as commits only: {', '.join(kept[:_MOST_NAMED])}.")
        note(
            "  To propose one again: git show --format= refs/mai/proposals/ID | mai submit -",
            "verbatim",
        )
    note(f"✓ {found.entries} rows. From here on the ledger is whole again.")
    return [one.id for one in landed]


@app.command()
def export(
    repo: RepoOption = None, as_json: JsonOption = False, _no_pager: NoPagerOption = False
) -> None:
    """Print every row as JSON, one a line. With --json, as one object."""
    import json

    from mai.commands.output import answering, line, print_json
    from mai.commands.session import opened
    from mai.commands.terminal.pager import paged

    with answering(as_json, lambda: {"entries": []}), opened(repo) as core:
        if as_json:
            print_json({"entries": list(core.export()), "error": None})
            return
        with paged():
            for row in core.export():
                line(json.dumps(row, ensure_ascii=False, sort_keys=True), "verbatim")
