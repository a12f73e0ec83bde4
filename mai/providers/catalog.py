"""What can think here: every server and the model folder, asked at once and within a second.

Servers are asked with the standard library, so that a start on reflexes loads no client; only an
LM Studio that greeted is then asked through its SDK, whose protocol is the one that tells sizes.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from mai.errors import MaiError, ProviderError, ProviderStalled, SettingsError
from mai.protocols import ModelInfo
from mai.providers.endpoint import Endpoint, Timeouts
from mai.providers.gguf_header import kv_bytes_per_token
from mai.settings import Settings
from mai.text import one_line

OLLAMA_PORT = 11434
LMSTUDIO_PORTS = (1234, 8000)
CONNECT_S = 0.4
#: After this long whoever has said nothing counts as not there.
PATIENCE_S = 0.6
#: Whoever has said something is there, and on a busy machine may take longer to say the rest.
ALIVE_PATIENCE_S = 3.0
#: The first answer comes within the patience, whatever connecting took.
_ANSWER_S = 0.4
_MAX_BYTES = 4_000_000
_AT_ONCE = 8
_HTTP_OK = 200
_SILENT = "It takes connections and does not answer."


@dataclass(frozen=True, slots=True)
class Place:
    """Where models may be. `answers` false: nobody there, or nobody who answers in time.

    `where` is an address without credentials, or a folder; `note` says what is wrong with it.
    """

    provider: str
    where: str
    answers: bool
    models: tuple[ModelInfo, ...] = ()
    note: str = ""
    endpoint: str = ""


def survey(settings: Settings, only: str = "") -> tuple[Place, ...]:
    """Ask every place, or the one provider `only`, and return what each has.

    Who says nothing holds this up for 0.6 s; who has begun to answer, for 3 s at most.
    """
    asks = [ask for ask in _asks(settings) if only in {"", ask.provider}]
    found: list[Place | MaiError | None] = [None] * len(asks)

    alive = [threading.Event() for _ in asks]

    def answer(number: int) -> None:
        try:
            found[number] = asks[number].look(alive[number].set)
        except MaiError as error:
            found[number] = error
        except Exception as error:  # noqa: BLE001 - in a thread it would be a traceback on the screen
            note = one_line(f"It could not be asked: {type(error).__name__}: {error}")
            found[number] = ProviderError(f"{note.rstrip('.')}.")

    # Daemons: a name server that hangs must hold up neither the answer nor the end of the process.
    threads = [
        threading.Thread(target=answer, args=(number,), daemon=True, name=f"survey-{ask.provider}")
        for number, ask in enumerate(asks)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, started + PATIENCE_S - time.monotonic()))
    for thread, has_spoken in zip(threads, alive, strict=True):
        if has_spoken.is_set():
            thread.join(max(0.0, started + ALIVE_PATIENCE_S - time.monotonic()))
    return tuple(_place(ask, answer) for ask, answer in zip(asks, found, strict=True))


@dataclass(frozen=True, slots=True)
class _Ask:
    provider: str
    where: str
    look: Callable[[Callable[[], None]], Place]


def _asks(settings: Settings) -> tuple[_Ask, ...]:
    studio = settings.lmstudio_endpoint
    usual = f"http://localhost:{LMSTUDIO_PORTS[0]}"
    return (
        _Ask(
            "ollama",
            settings.ollama_endpoint,
            lambda alive: _ollama(settings.ollama_endpoint, alive),
        ),
        _Ask("lmstudio", studio or usual, lambda alive: _lmstudio(studio, alive)),
        _Ask("gguf", str(settings.model_cache_dir), lambda alive: _gguf(settings, alive)),
    )


def _place(ask: _Ask, answer: Place | MaiError | None) -> Place:
    if isinstance(answer, SettingsError):
        raise answer
    if isinstance(answer, Place):
        return answer
    note = answer.sentence if answer else _SILENT
    return Place(ask.provider, _shown(ask.provider, ask.where), answers=False, note=note)


def _ollama(address: str, alive: Callable[[], None]) -> Place:
    endpoint = Endpoint.parse(address, OLLAMA_PORT)
    shown = _shown("ollama", address)
    listed = _get(endpoint, "/api/tags")
    entries = listed.get("models") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        return Place("ollama", shown, answers=False, note="Nothing answers there.")
    alive()
    named = [(name, entry) for entry in entries if (name := _name(entry))]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = pool.submit(_more, endpoint, "/api/ps")
        facts = list(pool.map(lambda one: _more(endpoint, "/api/show", {"model": one[0]}), named))
        loaded = asked.result() or {}
    running = {_name(entry) for entry in loaded.get("models") or () if isinstance(entry, dict)}
    models = [
        _ollama_model(name, entry, shown_facts or {}, name in running)
        for (name, entry), shown_facts in zip(named, facts, strict=True)
    ]
    return Place("ollama", shown, answers=True, models=tuple(models), endpoint=address)


def _ollama_model(
    name: str, entry: dict[str, Any], facts: dict[str, Any], is_loaded: bool
) -> ModelInfo:
    size = entry.get("size")
    info = facts.get("model_info")
    info = info if isinstance(info, dict) else {}
    lengths = [
        value
        for key, value in info.items()
        if str(key).endswith(".context_length") and isinstance(value, int)
    ]
    can = facts.get("capabilities")
    return ModelInfo(
        name,
        "ollama",
        size if isinstance(size, int) else 0,
        max(lengths, default=0),
        tuple(str(one) for one in can) if isinstance(can, list) else (),
        kv_bytes_per_token(info),
        is_loaded,
    )


def _lmstudio(address: str | None, alive: Callable[[], None]) -> Place:
    addresses = [address] if address else [f"http://localhost:{port}" for port in LMSTUDIO_PORTS]
    for candidate in addresses:
        endpoint = Endpoint.parse(candidate, LMSTUDIO_PORTS[0])
        greeted = _get(
            Endpoint(endpoint.scheme, endpoint.host, endpoint.port), "/lmstudio-greeting"
        )
        # Its HTTP side answers every path with 200, so the word itself must be there.
        if not isinstance(greeted, dict) or greeted.get("lmstudio") is not True:
            continue
        alive()
        from mai.providers.lmstudio import LMStudioProvider  # noqa: PLC0415 - see the module's top

        provider = LMStudioProvider(candidate, "", Timeouts(facts_s=ALIVE_PATIENCE_S))
        models = tuple(asyncio.run(provider.models()))
        return Place("lmstudio", endpoint.url, answers=True, models=models, endpoint=candidate)
    shown = _shown("lmstudio", addresses[0])
    return Place("lmstudio", shown, answers=False, note="Nothing answers there.")


def _gguf(settings: Settings, alive: Callable[[], None]) -> Place:
    folder = settings.model_cache_dir
    if not folder.is_dir():
        return Place("gguf", str(folder), answers=True)
    alive()
    from mai.providers import gguf_engine, gguf_files  # noqa: PLC0415 - brings httpx

    models = gguf_files.list_models(folder)
    if models and not gguf_engine.is_installed():
        note = "llama.cpp is missing; `pip install 'mai-agent[gguf]'` brings it."
        return Place("gguf", str(folder), answers=False, models=models, note=note)
    return Place("gguf", str(folder), answers=True, models=models)


def _more(endpoint: Endpoint, path: str, body: dict[str, Any] | None = None) -> Any:
    """Return the JSON at `path` of a server that has answered before; None where it does not."""
    try:
        return _get(endpoint, path, body, ALIVE_PATIENCE_S)
    except ProviderStalled:
        return None


def _get(
    endpoint: Endpoint, path: str, body: dict[str, Any] | None = None, answer_s: float = _ANSWER_S
) -> Any:
    """Return the JSON at `path`, None where nobody says such a thing. With `body` it is a POST.

    Raises:
        ProviderStalled: somebody takes the connection and says nothing in time.
    """
    secure = endpoint.scheme == "https"
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = make(endpoint.host, endpoint.port, timeout=CONNECT_S)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if endpoint.user:
        pair = f"{endpoint.user}:{endpoint.password}".encode()
        headers["Authorization"] = "Basic " + b64encode(pair).decode()
    sent = None if body is None else json.dumps(body)
    is_connected = False
    try:
        connection.connect()
        is_connected = True
        connection.sock.settimeout(answer_s)
        connection.request("POST" if sent else "GET", f"{endpoint.path}{path}", sent, headers)
        response = connection.getresponse()
        data = response.read(_MAX_BYTES)
        return json.loads(data) if response.status == _HTTP_OK else None
    except TimeoutError as error:
        if is_connected:
            raise ProviderStalled(_SILENT) from error
        return None
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None
    finally:
        connection.close()


def _name(entry: object) -> str:
    if not isinstance(entry, dict):
        return ""
    name = entry.get("model") or entry.get("name")
    return name if isinstance(name, str) else ""


def _shown(provider: str, address: str) -> str:
    if provider == "gguf":
        return address
    if "@" in address or "://" not in address:
        return Endpoint.parse(address, OLLAMA_PORT).url
    return one_line(address, 100)


def chat_models(places: Sequence[Place]) -> tuple[ModelInfo, ...]:
    """Return the models of every place that answers."""
    return tuple(model for place in places if place.answers for model in place.models)
