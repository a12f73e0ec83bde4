"""Chooses the model that reviews. Protected core: without a reviewer nothing objects."""

from __future__ import annotations

from mai.protocols import Provider
from mai.providers.catalog import chat_models, survey
from mai.providers.fit import can_chat, fit, ladder
from mai.providers.select import backend, named, open_model, this_machine
from mai.settings import Settings


def reviewer_for(settings: Settings, author: Provider) -> Provider | None:
    """Return what reviews the work of `author`: another model where there is one.

    `MAI_REVIEWER` names the model, or is `none`, or `scripted` for the transcript. With one model
    only, that model reviews in a conversation of its own. None: nobody is there to review.
    """
    asked = (settings.reviewer or "").strip()
    if asked.lower() == "none":
        return None
    if asked == "scripted":
        is_playing = author.name == "scripted"
        return author if is_playing else backend("scripted")(settings.transcript)
    if author.name == "scripted" and not asked:
        return None
    places = survey(settings)
    models = tuple(model for model in chat_models(places) if can_chat(model))
    if not models or (asked and named(asked, models) is None):
        return None
    machine = this_machine(settings)
    if asked:
        found = named(asked, models)
    else:
        others = tuple(model for model in models if model.name != author.model)
        fitting = tuple(model for model in others if fit(model, machine).fits)
        found = (ladder(fitting or models, machine) or (None,))[0]
    return None if found is None else open_model(found, places, machine)
