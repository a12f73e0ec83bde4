"""`mai restore`: put a backup in the database's place, and lose nothing of what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from mai.commands.options import JsonOption, RepoOption

if TYPE_CHECKING:
    from pathlib import Path

    from mai.store.contents import Contents


def restore(
    backup: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time
        typer.Argument(metavar="[BACKUP]", help="A file, or the name of a backup."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Without BACKUP: take the best without asking.")
    ] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in place; without BACKUP list them. What was there is set aside."""
    from mai.commands.output import answering, print_json
    from mai.protocols import SystemClock
    from mai.settings import load
    from mai.store import restoring
    from mai.store.db import BUSY_TIMEOUT_S

    told: dict[str, Any] = {
        "backups": [],
        "restored": None,
        "set_aside": None,
        "landed": [],
        "problems": [],
    }
    with answering(as_json, lambda: told):
        database = load().memory_db_path
        if backup is None:
            found = restoring.choices(database)
            told["backups"] = [_as_json(one) for one in found]
            chosen = _choose(database, found, yes=yes, as_json=as_json)
        else:
            chosen = restoring.find(database, backup)
        if chosen is not None:
            done = restoring.restore(database, chosen, SystemClock().now(), BUSY_TIMEOUT_S)
            told["restored"] = _as_json(done.backup)
            told["set_aside"] = str(done.set_aside) if done.set_aside else None
            _say(done, database)
            _go_on(repo, told, as_json=as_json)
        if as_json:
            print_json({**told, "error": None})


def _choose(database: Path, found: list[Contents], *, yes: bool, as_json: bool) -> Path | None:
    """Show what there is; return what the person, or `--yes`, wants in place."""
    from mai.commands.output import ask, is_terminal, line
    from mai.errors import Declined, UsageError
    from mai.store import contents
    from mai.store.contents import Kind

    if not as_json:
        line(f"Now   {_described(contents.read(database, checks_pages=True))}")
        for number, one in enumerate(found, 1):
            line(f"{number:>3}   {_described(one)}")
    best = found[0].path if found and found[0].kind is Kind.SOUND else None
    if best is None:
        if yes:
            raise UsageError("There is no backup that can be put in place.")
        if not as_json:
            line("None of them can be put in place." if found else "There is no backup yet.")
        return None
    if yes:
        return best
    if as_json or not is_terminal():
        return None
    if ask("\nPut 1 in place? What is there now is set aside. [y/N] ").lower() not in {
        "y",
        "yes",
    }:
        raise Declined("Everything stays as it is.")
    return best


def _say(done: Any, database: Path) -> None:
    from mai.commands.output import note

    note(f"✓ {done.backup.path} is in the place of {database}.")
    if done.set_aside:
        note(f"  What was there lies in {done.set_aside}, whole.")


def _go_on(repo: Path | None, told: dict[str, Any], *, as_json: bool) -> None:
    """Read back what landed since, and lead into accepting the rest."""
    from mai.commands.audit import accept_loss
    from mai.commands.output import is_terminal, note
    from mai.core import Core
    from mai.errors import UnsuitableRepo

    try:
        core = Core.open(repo)
    except UnsuitableRepo:
        note("In each repository that Mai works on: `mai audit accept`, if it says so there.")
        return
    with core:
        if core.ledger_fault() is None:
            note("✓ The ledger of this repository is whole: nothing is lost.")
            return
        landed = core.recover()
        told["landed"] = [one.id for one in landed]
        told["problems"] = list(core.verify().problems)
        if landed:
            names = ", ".join(one.short_id for one in landed)
            note(f"✓ Read back from the branch as landed: {names}.")
        if is_terminal() and not as_json:
            accept_loss(core)
            return
        for problem in told["problems"]:
            note(f"✗ {problem}")
        note("Nothing is answered or landed before you accept that: `mai audit accept`.")


def _described(one: Contents) -> str:
    if one.problem:
        return f"✗ {one.path}: {one.problem}"
    repos = f"{len(one.heads)} repositories" if len(one.heads) != 1 else "1 repository"
    last = f"the last at {one.last_at[:16]}" if one.last_at else "none yet"
    return f"{one.rows} rows of {repos}, {last}  {one.path}"


def _as_json(one: Contents) -> dict[str, Any]:
    return {
        "path": str(one.path),
        "kind": one.kind.value,
        "problem": one.problem,
        "rows": one.rows,
        "repositories": len(one.heads),
        "last_event": one.last_at or None,
    }
