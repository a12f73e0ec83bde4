"""Choosing what to think with: what is forced, else the best model that fits, else reflexes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from mai.errors import ModelNotFound, ProviderError, ProviderUnreachable, SettingsError
from mai.protocols import ModelInfo, Provider
from mai.providers.catalog import Place, chat_models, survey
from mai.providers.fit import Machine, can_chat, fit, ladder, tier_of
from mai.settings import Settings
from mai.text import one_line

#: Each backend by name. A name's module is imported when it is chosen, not before.
BACKENDS = {
    "gguf": "mai.providers.gguf:GgufProvider",
    "lmstudio": "mai.providers.lmstudio:LMStudioProvider",
    "ollama": "mai.providers.ollama:OllamaProvider",
    "reflex": "mai.providers.reflex:ReflexProvider",
    "scripted": "mai.providers.scripted:ScriptedProvider",
}
#: Those whose models are chosen among.
MODEL_BACKENDS = ("ollama", "lmstudio", "gguf")
#: In MAI_MODEL_FALLBACKS: use no other model than MAI_MODEL, whatever happens.
NO_FALLBACK = "none"

Say = Callable[[str], object]


def backend(name: str) -> Callable[..., Provider]:
    """Import and return the class of the backend `name`.

    Raises:
        SettingsError: there is no such backend.
    """
    if name not in BACKENDS:
        known = ", ".join(sorted(BACKENDS))
        raise SettingsError(f"There is no provider {one_line(name, 40)}; there are {known}.")
    module, _, attribute = BACKENDS[name].partition(":")
    return cast("Callable[..., Provider]", getattr(importlib.import_module(module), attribute))


def this_machine(settings: Settings) -> Machine:
    """Measure memory and VRAM, or take what the settings say instead."""
    # NVIDIA's library takes its time, and a start on reflexes needs no machine at all.
    from mai.system.resources import Meter  # noqa: PLC0415 - see above

    with Meter(settings) as meter:
        sample = meter.sample()
    return Machine(sample.memory_total_bytes, sample.vram_total_bytes or 0, sample.cpu_cores)


def open_provider(
    settings: Settings, say: Say, may_touch: Callable[[str], bool] = lambda _path: True
) -> Provider:
    """Return what Mai thinks with; `say` gets one sentence where that is not what was hoped for.

    With models that is a `SwitchingProvider`, which says later on what it changes. The reflexes
    leave every path alone that `may_touch` refuses.

    Raises:
        SettingsError: the provider forced does not exist or lacks what it needs.
        ProviderUnreachable: a server is forced and does not answer.
        ModelNotFound: a server is forced and has not the model, or none.
    """
    forced = (settings.provider or "").strip().lower()
    if forced == "scripted":
        return backend("scripted")(settings.transcript)
    if forced == "reflex":
        return backend("reflex")(may_touch)
    if forced and forced not in MODEL_BACKENDS:
        return backend(forced)()
    places = survey(settings, forced)
    models = chat_models(places)
    if not any(can_chat(model) for model in models):
        if forced:
            raise _missing(places[0], settings)
        say(f"{_nothing(places)}; I work on reflexes.")
        return backend("reflex")(may_touch)
    machine = this_machine(settings)
    wanted = wanted_models(settings)
    rungs = choose(models, wanted, machine)
    if forced and wanted and named(wanted[0], models) is None and named_any(wanted, models) is None:
        raise _missing(places[0], settings)
    if wanted and rungs[0] != named(wanted[0], models):
        say(f"{one_line(wanted[0], 60)} is not there; I think with {one_line(rungs[0].name, 60)}.")
    if not fit(rungs[0], machine).fits:
        say(f"{one_line(rungs[0].name, 60)} is larger than this machine's memory; it may be slow.")
    from mai.providers.switching import SwitchingProvider  # noqa: PLC0415 - not on reflexes

    return SwitchingProvider([open_model(model, places, machine) for model in rungs], say)


def choose(
    models: Sequence[ModelInfo], wanted: Sequence[str], machine: Machine
) -> tuple[ModelInfo, ...]:
    """Return the models to use, the first one first; each later one stands in for those before.

    What is `wanted` and there comes first, in that order. Where no stand-in was named, ever smaller
    models that fit stand in; `none` as the stand-in means that nothing does.
    """
    able = [model for model in models if can_chat(model)]
    found = [model for name in wanted if (model := named(name, able)) is not None]
    chosen = list(dict.fromkeys(found))
    is_pinned = NO_FALLBACK in wanted[1:]
    if not chosen:
        return ladder(able, machine)
    if len(wanted) > 1 or is_pinned:
        return tuple(chosen)
    smaller = [model for model in ladder(able, machine) if model.size_bytes < chosen[0].size_bytes]
    return (chosen[0], *smaller)


def named(name: str, models: Sequence[ModelInfo]) -> ModelInfo | None:
    """Return the model called `name`, which may say its provider: `lmstudio/qwen2.5-coder-7b`."""
    provider, _, rest = name.partition("/")
    if provider in MODEL_BACKENDS and rest:
        models = [model for model in models if model.provider == provider]
        name = rest
    full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    bare = name.removesuffix(".gguf")
    for model in models:
        if model.name in {name, bare} or (model.provider == "ollama" and model.name == full):
            return model
    return None


def named_any(names: Sequence[str], models: Sequence[ModelInfo]) -> ModelInfo | None:
    """Return the first of `names` that is there."""
    return next((found for name in names if (found := named(name, models))), None)


def wanted_models(settings: Settings) -> tuple[str, ...]:
    """Return MAI_MODEL and MAI_MODEL_FALLBACKS as one list."""
    names = [settings.model or "", *settings.model_fallbacks.split(",")]
    return tuple(name.strip() for name in names if name.strip())


def open_model(model: ModelInfo, places: Sequence[Place], machine: Machine) -> Provider:
    """Return the provider of `model`, which `places` have."""
    place = next(place for place in places if place.provider == model.provider)
    limit = fit(model, machine).context_length
    if model.provider == "gguf":
        return backend("gguf")(Path(place.where), model.name, limit)
    more: dict[str, Any] = {"context_limit": limit}
    return backend(model.provider)(place.endpoint, model.name, **more)


def _nothing(places: Sequence[Place]) -> str:
    """Say in a clause why there is no model."""
    for place in places:
        if place.answers and place.provider != "gguf":
            name = "Ollama" if place.provider == "ollama" else "LM Studio"
            return f"{name} at {place.where} has no model yet"
        if place.models:
            return place.note.rstrip(".")
    return f"No model server answers at {places[0].where}"


def _missing(place: Place, settings: Settings) -> ProviderError:
    wanted = wanted_models(settings)
    name = one_line(wanted[0] if wanted else tier_of(this_machine(settings)).suggestion, 60)
    if place.provider == "gguf":
        return ModelNotFound(
            f"There is no model {name} in {place.where}; {place.note}".rstrip("; ")
        )
    title, start, get = {
        "ollama": ("Ollama", "ollama serve", f"ollama pull {name}"),
        "lmstudio": ("LM Studio", "lms server start", f"lms get {name}"),
    }[place.provider]
    if not place.answers:
        return ProviderUnreachable(
            f"No model server answers at {place.where}; `{start}` starts one."
        )
    return ModelNotFound(f"{title} at {place.where} does not have {name}; `{get}` gets it.")
