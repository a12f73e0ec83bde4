"""Measures one model on the shipped changes, for as long as there is time, and keeps the scores."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import datetime

from mai.errors import BadAnswer, ContextOverflow
from mai.events import Cancel
from mai.proposal import TestCounts, TrialReport, Verdict
from mai.protocols import ModelInfo, Provider
from mai.review.calibration.pairs import Pair, load_pairs
from mai.review.calibration.records import Record, Records
from mai.review.judging import VERSION, Signs, judge, method_of

#: What a review may spend on measuring before it goes on without; the next one continues there.
#: The 1.5B takes about two minutes on two quiet cores, a graphics card a few seconds.
MOST_S = 240.0
#: The trial that every shipped change is shown with, so that it tells none from another.
TRIAL = TrialReport(Verdict.PASS, TestCounts(passed=21), TestCounts(passed=21))


def key_of(provider: Provider) -> str:
    """Return what a model's record is kept under: provider, name, size and content.

    Raises:
        ProviderError: its server failed.
    """
    with asyncio.Runner() as runner:
        listed = runner.run(provider.models())
    names = {provider.model, f"{provider.model}:latest"}
    info = next((one for one in listed if one.name in names), None)
    info = info or ModelInfo(provider.model, provider.name)
    facts = (provider.name, info.name, str(info.size_bytes), info.content_hash)
    told = "\n".join((method_of(provider), *facts))
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def measure(
    provider: Provider,
    records: Records,
    now: Callable[[], datetime],
    cancel: Cancel,
    *,
    most_s: float = MOST_S,
    on_pair: Callable[[int, int], None] = lambda _done, _count: None,
) -> Record:
    """Return the record of `provider`'s model, measured on for `most_s` seconds where it is due.

    Raises:
        ProviderError: its server failed; the model itself answering no question is a result.
        Cancelled: somebody asked to stop; what was measured is kept.
    """
    key, known = key_of(provider), load_pairs()
    record = records.get(key) or Record(model=provider.model, prompt=VERSION, set=known.version)
    until = time.monotonic() + most_s
    while not record.is_finished and time.monotonic() < until:
        done = len(record.signs)
        on_pair(done, len(known.pairs))
        try:
            signs = _signs(provider, known.pairs[done], cancel)
        except (BadAnswer, ContextOverflow) as error:
            record = record.model_copy(update={"failure": error.sentence})
        else:
            record = record.model_copy(update={"signs": (*record.signs, signs)})
        record = record.model_copy(update={"at": now().isoformat(timespec="seconds")})
        records.put(key, record)
    return record


def _signs(provider: Provider, pair: Pair, cancel: Cancel) -> tuple[Signs, Signs]:
    good, bad = (
        judge(provider, pair.title, pair.unit(is_good=is_good), TRIAL, cancel).signs
        for is_good in (True, False)
    )
    return good, bad
