"""A real model as reviewer: `make test-model`, with a GGUF file in MODEL_CACHE_DIR."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mai.events import Cancel
from mai.providers.gguf import GgufProvider
from mai.providers.gguf_files import list_models
from mai.review.calibration.measure import TRIAL, measure
from mai.review.calibration.pairs import load_pairs
from mai.review.calibration.records import Records
from mai.review.judging import judge, score_of
from mai.review.measured import why_unable

pytestmark = [pytest.mark.model, pytest.mark.timeout(3_600)]


@pytest.fixture
def provider() -> Iterator[GgufProvider]:
    folder = Path(os.environ["MODEL_CACHE_DIR"])
    largest = max(list_models(folder), key=lambda model: model.size_bytes)
    provider = GgufProvider(folder, largest.name, 4096)
    yield provider
    asyncio.run(provider.close())


@pytest.mark.parametrize("kind", ["wrong variable", "swapped arguments", "renamed in part"])
def test_a_slip_surprises_more_than_the_right_way(provider: GgufProvider, kind: str) -> None:
    pair = next(one for one in load_pairs().pairs if one.kind == kind)
    good, bad = (
        judge(provider, pair.title, pair.unit(is_good=is_good), TRIAL, Cancel())
        for is_good in (True, False)
    )
    assert score_of(bad.signs) > score_of(good.signs) + 2
    assert bad.surprise is not None


def test_a_model_is_measured_to_the_end(provider: GgufProvider, tmp_path: Path) -> None:
    """What comes of it is the model's affair, and printed; that something does is Mai's."""
    record = measure(provider, Records(tmp_path), lambda: datetime.now(UTC), Cancel(), most_s=3_000)
    assert record.is_finished
    print(record.rates, "able" if record.is_able else why_unable(record))  # noqa: T201 - see above
