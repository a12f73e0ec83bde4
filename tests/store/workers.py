"""Other Mai processes: `python -m tests.store.workers WHAT FOLDER …`, each a real one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mai.errors import AlreadyAnswered, MaiError
from mai.store import restoring
from tests.store.stories import DIGEST, START, Store, id_of

ROOT = Path(__file__).resolve().parents[2]


def start(what: str, folder: Path, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Start a worker with pipes for its input and output."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.workers", what, folder, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(worker: subprocess.Popen[str]) -> list[str]:
    """Wait for a worker to end well and return the lines it wrote."""
    output, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0
    return output.splitlines()


def line(worker: subprocess.Popen[str]) -> str:
    """Wait for the worker's next line."""
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def _say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _append(folder: Path, count: str, name: str) -> None:
    """Append as fast as it goes, saying each entry's number once it is committed."""
    store = Store.open(folder)
    _say("ready")
    sys.stdin.readline()
    for index in range(int(count)):
        _say(store.ledger.append("noted", "", {"by": name, "index": index}).number)
    store.database.close()


def _approve(folder: Path, count: str, name: str) -> None:
    """Say yes to everything, as a surface that races with the others."""
    store = Store.open(folder)
    _say("ready")
    sys.stdin.readline()
    for index in range(int(count)):
        try:
            store.inbox.approve(id_of(index), DIGEST, name)
        except AlreadyAnswered:
            continue
        _say(index)
    store.database.close()


def _hold(folder: Path) -> None:
    """Keep everybody out of the database until a line comes in."""
    connection = sqlite3.connect(folder / "mai.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    _say("held")
    sys.stdin.readline()
    connection.execute("ROLLBACK")
    connection.close()


def _fork(folder: Path) -> None:
    """Use the parent's database in a child, which must be refused."""
    store = Store.open(folder)
    if os.fork() == 0:
        try:
            store.ledger.append("noted", "", {})
        except MaiError as error:
            _say(error)
        os._exit(0)
    os.wait()
    _say(store.ledger.append("noted", "", {}).number)
    store.database.close()


def _open_as_nobody(folder: Path) -> None:
    """Open a database with the rights of somebody who has none."""
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        Store.open(folder)
    except MaiError as error:
        _say(f"{type(error).__name__}: {error}")


def _restore(folder: Path, backup: str) -> None:
    """Put a backup in the database's place."""
    restoring.restore(folder / "mai.db", Path(backup), START, 1)


_WORKERS: dict[str, Callable[..., None]] = {
    "append": _append,
    "approve": _approve,
    "hold": _hold,
    "restore": _restore,
    "fork": _fork,
    "open_as_nobody": _open_as_nobody,
}

if __name__ == "__main__":
    _WORKERS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
