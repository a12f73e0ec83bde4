"""One store in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.stories import ID, JUDGED, Store, tell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = Store.open(folder)
    yield opened
    opened.database.close()


@pytest.fixture
def waiting(store: Store) -> Store:
    """A store with one proposal that waits for an answer."""
    tell(store.inbox, ID, *JUDGED)
    return store
