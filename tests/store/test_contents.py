"""What a file holds, seen from outside."""

from __future__ import annotations

from pathlib import Path

from mai.store import contents
from mai.store.contents import Kind
from mai.store.ledger import Ledger
from tests.store.stories import Store


def test_every_ledger_is_counted_to_its_end(store: Store, folder: Path) -> None:
    assert not contents.read(store.database.path).has_something
    ends = {}
    for repo, count in (("b", 3), ("a", 1), ("c", 2)):
        ledger = Ledger(store.database, repo, folder / f"{repo}.witness", store.clock)
        for _ in range(count):
            store.clock.advance(seconds=1)
            last = ledger.append("noted", "", {})
        ends[repo] = (last.number, last.hash)
    found = contents.read(store.database.path, checks_pages=True)
    assert found.kind is Kind.SOUND
    assert found.heads == ends
    assert found.rows == 6
    assert found.last_at == last.at
    assert contents.holds(store.database.path, {"b": ends["b"]})
    assert not contents.holds(store.database.path, {"b": (3, "0" * 64)})
    assert not contents.holds(store.database.path, {"d": ends["b"]})
