from __future__ import annotations

from collections.abc import Iterator

import pytest

from mai.proposal import Level
from mai.protocols import Limits
from mai.sandbox.limits import limits_for
from mai.sandbox.trial import DockerSandbox
from mai.settings import load


@pytest.fixture(scope="session")
def sandbox() -> Iterator[DockerSandbox]:
    box = DockerSandbox(load())
    yield box
    box.close()


@pytest.fixture
def limits() -> Limits:
    return limits_for(Level.MEDIUM, load())
