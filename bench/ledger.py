"""What commands cost beside a long ledger, against SQLite reading the same rows.

    python -m bench.ledger [PROPOSALS]

Writes a ledger of that many proposals (100,000 unless given), most of which have ended, into a
temporary folder, and prints the CPU seconds of each command less those of one on an empty ledger.
"""

from __future__ import annotations

import hashlib
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mai.core import Core
from mai.store import ledger as chain
from mai.store.codec import text
from tests.store.stories import ID, JUDGED, data_of
from tests.workspace import Workspace

_WAITING = 300
_COMMANDS = (
    ("pending",),
    ("pending", "--json"),
    ("show", "{id}"),
    ("history",),
    ("history", "--json"),
    ("memory", "stats"),
    ("config",),
)


def main() -> None:
    """Measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.make(Path(folder))
        os.environ.update(workspace.environment)
        with Core.open(workspace.repo.root) as core:
            last = _fill(core, count)
        empty = Workspace.make(Path(folder) / "empty")
        empty.mai("pending")
        _cpu(workspace, ("pending",))  # makes the rows, once
        for command in _COMMANDS:
            given = tuple(part.format(id=last) for part in command)
            # On an empty ledger there is nothing to show.
            base = _cpu(empty, ("pending",) if command[0] == "show" else given)
            spent = _cpu(workspace, given)
            print(f"{' '.join(command):<18} {spent:6.2f} s of CPU, {spent - base:+.2f} s")
        print(f"{'audit verify':<18} {_cpu(workspace, ('audit', 'verify')):6.2f} s of CPU")
        began = time.process_time()
        with closing(sqlite3.connect(workspace.environment["MEMORY_DB_PATH"])) as raw:
            rows = sum(1 for _ in raw.execute("SELECT * FROM ledger ORDER BY number"))
        print(f"{'SQLite alone':<18} {time.process_time() - began:6.2f} s for {rows:,} rows")


def _fill(core: Core, count: int) -> str:
    """Append the story of `count` proposals in one transaction; return the last one's id."""
    ledger = core._ledger  # noqa: SLF001 - what only a bench writes
    database = ledger.database
    tip = core.repo.tip(core.repo.branch())
    tree = core.repo.tree(tip)
    ledger.append("noted", "", {})
    number, head = ledger.last()
    sql = f"INSERT INTO ledger (repo, {chain.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    identity = ""
    stories = {}
    for ends in (("rejected",), ("approved", "landing", "landed"), ()):
        stories[ends] = [(kind, text(_told(kind, core, tip, tree))) for kind in (*JUDGED, *ends)]
    with database.transaction() as handle:
        for one in range(count):
            identity = f"{one * 7919 % 2**48:012x}"
            ends = ("rejected",) if one % 2 else ("approved", "landing", "landed")
            for kind, told in stories[ends if one < count - _WAITING else ()]:
                data = told.replace(ID, identity)
                number, previous = number + 1, head
                whole = (
                    f'{{"at":"{at}","data":{data},"kind":"{kind}","number":{number},'
                    f'"previous":"{previous}","proposal":"{identity}","repo":"{ledger.repo}"}}'
                )
                head = hashlib.sha256(whole.encode()).hexdigest()
                row = (ledger.repo, number, at, identity, kind, data, previous, head)
                handle.execute(sql, row)
        database.after_commit(ledger._advance_witness)  # noqa: SLF001
    return identity


def _told(kind: str, core: Core, tip: str, tree: str) -> dict[str, object]:
    """Return what an event of that kind carries, as of this repo."""
    data = data_of(kind, ID)
    if kind == "proposed":
        data |= {"base": tip, "commit": tip, "tree": tree, "branch": core.repo.branch()}
    if kind == "pending":
        data |= {"expires_at": (datetime.now(UTC) + timedelta(hours=20)).isoformat()}
    return data


def _cpu(workspace: Workspace, command: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    mai = Path(sys.executable).with_name("mai")
    subprocess.run(
        [mai, *command],
        cwd=workspace.repo.root,
        env=workspace.environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
