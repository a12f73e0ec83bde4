"""`mai models calibrate`: measure whether a model can review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mai.commands.options import JsonOption

if TYPE_CHECKING:
    from mai.protocols import Provider
    from mai.review.calibration.records import Record
    from mai.settings import Settings

_MOST_S = 3_600.0


def calibrate(
    name: Annotated[
        str,
        typer.Argument(metavar="[NAME]", help="The model; without one, the one that would review."),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Measure whether a model can review; only then it does."""
    from mai.commands.output import answering, line, note, print_json
    from mai.events import Cancel
    from mai.protocols import SystemClock
    from mai.review.calibration.measure import measure
    from mai.review.calibration.records import Records
    from mai.review.measured import why_unable
    from mai.settings import load
    from mai.text import one_line

    with answering(as_json, lambda: _as_json(None, None)):
        settings = load()
        provider = _provider(settings, name)

        def tell(done: int, count: int) -> None:
            note(f"{2 * done} of {2 * count} known changes are judged.")

        record = measure(
            provider,
            Records(settings.data_dir),
            SystemClock().now,
            Cancel(),
            most_s=_MOST_S,
            on_pair=tell,
        )
        if as_json:
            print_json(_as_json(provider, record))
            return
        if not record.is_able:
            line(why_unable(record))
            return
        found = record.rates
        line(
            f"{one_line(provider.model, 60)} is able to review: it catches {found.hits} of "
            f"{found.bad} bad changes, and objects to {found.false_alarms} of {found.good} good."
        )


def _provider(settings: Settings, name: str) -> Provider:
    from mai.errors import ModelNotFound
    from mai.providers.catalog import chat_models, survey
    from mai.providers.fit import can_chat
    from mai.providers.select import named, open_model, open_provider, this_machine
    from mai.review.choice import reviewer_for
    from mai.text import one_line

    if not name:
        found = reviewer_for(settings, open_provider(settings, lambda _text: None))
        if found is None or found.name == "scripted":
            raise ModelNotFound("There is no model here that would review.")
        return found
    places = survey(settings)
    known = [model for model in chat_models(places) if can_chat(model)]
    model = named(name, known)
    if model is None:
        raise ModelNotFound(f"There is no model {one_line(name, 60)} here that can chat.")
    return open_model(model, places, this_machine(settings))


def _as_json(provider: Provider | None, record: Record | None) -> dict[str, Any]:
    from dataclasses import asdict

    from mai.review.measured import why_unable

    is_able = record is not None and record.is_able
    return {
        "model": provider.model if provider else None,
        "provider": provider.name if provider else None,
        "is_able": is_able,
        "measured": asdict(record.measured()) if record and record.signs else None,
        "reason": why_unable(record) if record and not is_able else None,
        "error": None,
    }
