"""The doctor's checks of the database, its ledgers and its backups. Looking changes nothing.

A remedy here never removes anything: a backup is put in place only for damage that a copy mends.
"""

from __future__ import annotations

import shlex
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from mai.errors import StoreError
from mai.settings import Settings
from mai.store import backups, contents, restoring
from mai.store.contents import Contents, Kind
from mai.store.ledger import COLUMNS, link_of
from mai.store.verify import Link, check
from mai.store.witness import Witness
from mai.system.check import Check, Status
from mai.system.rights import opening

_RESTORE, _ACCEPT = "mai restore", "mai audit accept"
_PATIENCE_S = 5.0
_HOUR_S = 3600.0
_ELSEWHERE = "export MEMORY_DB_PATH=…/mai.db"


def database(settings: Settings, _repo_dir: Path) -> Check:
    """Is the database sound, and may it be written?"""
    path = settings.memory_db_path
    names = (path.name, f"{path.name}-wal", f"{path.name}-shm")
    if mend := opening(path.parent, names, _ELSEWHERE):
        return Check("database", Status.FAIL, f"{path} cannot be written.", mend)
    if restoring.is_unfinished(path):
        text = "A restore was interrupted; the next command finishes it."
        return Check("database", Status.WARN, text, "mai pending")
    status, text, mend = _judged(
        settings, contents.read(path, checks_pages=True, patience_s=_PATIENCE_S)
    )
    return Check("database", status, f"{path} {text}.", mend)


def _judged(settings: Settings, found: Contents) -> tuple[Status, str, str]:
    """Return what the kind of file means: its status, what to say of it, and what mends it."""
    match found.kind:
        case Kind.SOUND:
            said = (Status.OK, "is sound", "")
        case Kind.MISSING | Kind.EMPTY if not _witnessed(settings):
            text = "is empty" if found.kind is Kind.EMPTY else "will be made at first use"
            said = (Status.OK, text, "")
        case Kind.MISSING | Kind.EMPTY:
            text = f"is {found.kind}, although a ledger was kept in it"
            said = (Status.FAIL, text, _RESTORE)
        case Kind.NEWER:
            mend = f"{shlex.quote(sys.executable)} -m pip install --upgrade mai-agent"
            said = (Status.FAIL, "was written by a newer Mai", mend)
        case Kind.UNREADABLE:  # no copy of it mends that
            mend = f"fuser -v {shlex.quote(str(found.path))}"
            said = (Status.WARN, f"cannot be read now: {found.problem}", mend)
        case Kind.FOREIGN:
            said = (Status.FAIL, f"is not Mai's: {found.problem}", _ELSEWHERE)
        case Kind.DAMAGED:
            said = _damaged(settings, found)
    return said


def _damaged(settings: Settings, found: Contents) -> tuple[Status, str, str]:
    if backups.best(found.path) is not None:
        return Status.FAIL, f"is not sound: {found.problem}", _RESTORE
    if not _witnessed(settings):  # nothing says that it ever was Mai's
        return Status.FAIL, f"is not Mai's: {found.problem}", _ELSEWHERE
    # What can still be read of it, into a file of its own.
    mend = f"sqlite3 {shlex.quote(str(found.path))} .recover > mai-recovered.sql"
    return Status.FAIL, f"is not sound, and there is no backup of it: {found.problem}", mend


def ledger(settings: Settings, _repo_dir: Path) -> Check:
    """Is every ledger whole, and does it reach as far as its witness saw?"""
    path = settings.memory_db_path
    found = contents.read(path)
    if found.kind is not Kind.SOUND:
        if _witnessed(settings) and found.kind in {Kind.MISSING, Kind.EMPTY, Kind.DAMAGED}:
            text = f"No ledger can be read: the database is {found.kind.value}."
            return Check("ledger", Status.FAIL, text, _RESTORE)
        return Check("ledger", Status.OK, "There is none to look at.")
    problems, is_altered, unread = _ledger_problems(settings, found)
    if problems:
        more = f" ({len(problems)} problems)" if len(problems) > 1 else ""
        mend = _RESTORE if is_altered or _is_held(settings, found) else _ACCEPT
        return Check("ledger", Status.FAIL, f"{problems[0]}{more}", mend)
    some = f"; {unread} too long to read here: `mai audit verify`" if unread else ""
    return Check("ledger", Status.OK, f"{found.rows} entries, unbroken{some}.")


def _ledger_problems(settings: Settings, found: Contents) -> tuple[list[str], bool, int]:
    """Return what is wrong, whether entries were altered, and how many ledgers were not read."""
    problems: list[str] = []
    is_altered, unread = False, 0
    until_s = time.monotonic() + _PATIENCE_S
    witnesses = _witnesses(settings)
    for repo in sorted({*found.heads, *_witnessed(settings)}):
        witness = witnesses.get(repo)
        has_witness = witness is not None and witness.exists()
        seen = _seen(witness) if witness is not None else None
        try:
            links = _links(found.path, repo, until_s)
        except TimeoutError:
            unread += 1
            continue
        said = check(links, has_witness, seen, {})
        problems += [f"Ledger {repo[:8]}: {problem}" for problem in said.problems]
        is_altered |= not said.is_whole
    return problems, is_altered, unread


def _links(path: Path, repo: str, until_s: float) -> list[Link]:
    sql = f"SELECT {COLUMNS} FROM ledger WHERE repo = ? ORDER BY number"  # noqa: S608 - constants
    links = []
    with closing(contents.connect(path)) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        for row in connection.execute(sql, [repo]):
            links.append(link_of(repo, row))
            if time.monotonic() > until_s:
                raise TimeoutError
    return links


def _is_held(settings: Settings, found: Contents) -> bool:
    """Whether a backup goes on where a ledger of the database ends too early."""
    lost = {
        repo: found.heads.get(repo, (0, ""))[0]
        for repo, witness in _witnesses(settings).items()
        if (line := _seen(witness)) and not contents.holds(found.path, {repo: line})
    }
    sound = [one for one in restoring.choices(found.path) if one.kind is Kind.SOUND]
    return any(
        one.heads.get(repo, (0, ""))[0] > last for one in sound for repo, last in lost.items()
    )


def backup(settings: Settings, _repo_dir: Path) -> Check:
    """Is there a backup that holds something and is not too old?"""
    path = settings.memory_db_path
    now = contents.read(path)
    if (now.kind is Kind.SOUND and not now.has_something) or now.kind in {Kind.MISSING, Kind.EMPTY}:
        return Check("backup", Status.OK, "There is nothing to back up yet.")
    best = backups.best(path)
    if best is None or not best.has_something:
        text = "There is no backup yet; the next command makes one by itself."
        return Check("backup", Status.WARN, text, "mai pending")
    made_at = next(at for at, one in backups.made(path) if one == best.path)
    hours = (datetime.now(UTC) - made_at).total_seconds() / _HOUR_S
    text = f"{best.path}, {best.rows} rows, {max(0.0, hours):.1f} hours old."
    # Twice the interval: Mai backs up while it runs, and need not run all day.
    if hours > 2 * settings.backup_hours:
        return Check("backup", Status.WARN, text, "mai pending")
    return Check("backup", Status.OK, text)


# --- witnesses -------------------------------------------------------------------------------


def _witnesses(settings: Settings) -> dict[str, Witness]:
    """Return the witness of every repository's ledger, by the repository's key."""
    found = (settings.data_dir / "repos").glob("*.head")
    return {path.stem: Witness(path) for path in found}


def _witnessed(settings: Settings) -> list[str]:
    """Return the repositories of which a witness saw at least one entry, or cannot be read."""
    lines = {repo: _seen(witness) for repo, witness in _witnesses(settings).items()}
    return [repo for repo, line in lines.items() if line is None or line[0] > 0]


def _seen(witness: Witness) -> tuple[int, str] | None:
    try:
        return witness.read()
    except StoreError:  # not readable for this user
        return None
