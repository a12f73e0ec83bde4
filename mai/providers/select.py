"""Choosing what to think with: what is forced, else a model server that answers, else reflexes."""

from __future__ import annotations

import http.client
import importlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import psutil

from mai.errors import ModelNotFound, ProviderUnreachable, SettingsError
from mai.protocols import Provider
from mai.providers.endpoint import Endpoint
from mai.settings import Settings
from mai.text import one_line

#: Each backend by name. A name's module is imported when it is chosen, not before.
BACKENDS = {
    "ollama": "mai.providers.ollama:OllamaProvider",
    "reflex": "mai.providers.reflex:ReflexProvider",
    "scripted": "mai.providers.scripted:ScriptedProvider",
}
PROBE_TIMEOUT_S = 0.5
MAX_PROBE_BYTES = 4_000_000
OLLAMA_PORT = 11434
#: Weights take about their size on disk; the rest is for the context and everything else.
USABLE_MEMORY = 0.7
_CODE_MODEL = re.compile(r"code|devstral|codestral|starcoder", re.IGNORECASE)
_NO_CHAT_MODEL = re.compile(r"embed|bge-|minilm|rerank|whisper|bert", re.IGNORECASE)
_HTTP_OK = 200

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that a server has. `size_bytes` is its size on disk."""

    name: str
    size_bytes: int = 0


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


def open_provider(
    settings: Settings, say: Say, may_touch: Callable[[str], bool] = lambda _path: True
) -> Provider:
    """Return what Mai thinks with; `say` gets one sentence where that is not what was hoped for.

    The reflexes leave every path alone that `may_touch` refuses.

    Raises:
        SettingsError: the provider forced does not exist or lacks what it needs.
        ProviderUnreachable: Ollama is forced and does not answer.
        ModelNotFound: Ollama is forced and has not the model, or none.
    """
    forced = (settings.provider or "").strip().lower()
    if forced == "scripted":
        return backend("scripted")(settings.transcript)
    if forced == "reflex":
        return backend("reflex")(may_touch)
    if forced and forced != "ollama":
        return backend(forced)()
    endpoint = Endpoint.parse(settings.ollama_endpoint, OLLAMA_PORT)
    installed = probe(endpoint)
    wanted = _wanted(settings)
    name = choose(installed or (), wanted, _memory_bytes(settings))
    if forced and wanted and not any(_named(model, installed or ()) for model in wanted):
        raise _missing(endpoint, installed, wanted)
    if name is not None:
        if wanted and name != _named(wanted[0], installed or ()):
            say(f"{one_line(wanted[0], 60)} is not there; I think with {one_line(name, 60)}.")
        return backend("ollama")(settings.ollama_endpoint, name)
    if forced:
        raise _missing(endpoint, installed, wanted)
    if installed is None:
        say(f"No model server answers at {_shown(settings, endpoint)}; I work on reflexes.")
    else:
        say(f"Ollama at {_shown(settings, endpoint)} has no model yet; I work on reflexes.")
    return backend("reflex")(may_touch)


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
    installed = probe(Endpoint.parse(settings.ollama_endpoint, OLLAMA_PORT)) or ()
    if asked:
        name = _named(asked, installed)
    else:
        others = tuple(model for model in installed if model.name != author.model)
        memory_bytes = _memory_bytes(settings)
        name = choose(others, (), memory_bytes) or choose(installed, (), memory_bytes)
    return None if name is None else backend("ollama")(settings.ollama_endpoint, name)


def probe(endpoint: Endpoint) -> tuple[Installed, ...] | None:
    """Return what Ollama has there, None where nothing like it answers within half a second.

    Uses the standard library alone, so that a start without a model loads no client.
    """
    secure = endpoint.scheme == "https"
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = make(endpoint.host, endpoint.port, timeout=PROBE_TIMEOUT_S)
    headers = {}
    if endpoint.user:
        pair = f"{endpoint.user}:{endpoint.password}".encode()
        headers["Authorization"] = "Basic " + b64encode(pair).decode()
    try:
        connection.request("GET", f"{endpoint.path}/api/tags", headers=headers)
        response = connection.getresponse()
        body = response.read(MAX_PROBE_BYTES)
        return _installed(json.loads(body)) if response.status == _HTTP_OK else None
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None
    finally:
        connection.close()


def choose(installed: Sequence[Installed], wanted: Sequence[str], memory_bytes: int) -> str | None:
    """Return the model to use: the first of `wanted` that is there, else what suits best.

    That is the largest model for code that fits the memory, else the largest that fits, else the
    smallest there is. Models that only embed are none.
    """
    for name in wanted:
        found = _named(name, installed)
        if found is not None:
            return found
    able = [model for model in installed if not _NO_CHAT_MODEL.search(model.name)]
    fitting = [model for model in able if model.size_bytes <= memory_bytes]
    if not fitting:
        return min(able, key=lambda model: (model.size_bytes, model.name)).name if able else None
    best = max(fitting, key=lambda m: (bool(_CODE_MODEL.search(m.name)), m.size_bytes, m.name))
    return best.name


def _installed(answer: object) -> tuple[Installed, ...] | None:
    listed = answer.get("models") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        return None
    found = []
    for entry in listed:
        name = entry.get("model") or entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str):
            size = entry.get("size")
            found.append(Installed(name, size if isinstance(size, int) else 0))
    return tuple(found)


def _named(name: str, installed: Sequence[Installed]) -> str | None:
    full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return next((model.name for model in installed if model.name in {name, full}), None)


def _wanted(settings: Settings) -> tuple[str, ...]:
    names = [settings.model or "", *settings.model_fallbacks.split(",")]
    return tuple(name.strip() for name in names if name.strip())


def _memory_bytes(settings: Settings) -> int:
    if settings.gpu_vram_available:
        return int(settings.gpu_vram_available * 1e9)
    return int(psutil.virtual_memory().total * USABLE_MEMORY)


def _missing(
    endpoint: Endpoint, installed: Sequence[Installed] | None, wanted: Sequence[str]
) -> ProviderUnreachable | ModelNotFound:
    if installed is None:
        return ProviderUnreachable(
            f"No model server answers at {endpoint}; `ollama serve` starts one."
        )
    name = one_line(wanted[0], 60) if wanted else "qwen2.5-coder:7b"
    return ModelNotFound(
        f"Ollama at {endpoint} does not have {name}; `ollama pull {name}` gets it."
    )


def _shown(settings: Settings, endpoint: Endpoint) -> str:
    text = settings.ollama_endpoint
    return endpoint.url if "@" in text or "://" not in text else one_line(text, 100)
