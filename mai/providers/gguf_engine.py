"""llama.cpp in this process, through xllamacpp: one engine per file, shared by whoever asks.

The engine listens on loopback, which is how a request can be stopped while its prompt is still
being read; every request must carry a key that never leaves this process.
"""

from __future__ import annotations

import importlib
import importlib.util
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from mai.errors import BadAnswer, ModelNotFound, OutOfMemory, ProviderError, SettingsError
from mai.providers.gguf_header import GgufHeader, read_header
from mai.providers.pace import usable_cores
from mai.text import one_line

#: Where neither the model nor the caller says how long the context shall be.
DEFAULT_CONTEXT = 4096
MEAN_POOLING = "LLAMA_POOLING_TYPE_MEAN"
_QUIET = -1
_LOOK_S = 0.1
#: A prompt can be stopped between two batches only, and small batches are slow: 1.1 GB on two cores
#: were read at 36 tokens a second in batches of 8, at 66 in batches of 128. So much of the weights
#: a batch may come to: about a second of work.
BATCH_BYTES_PER_CORE = 35_000_000_000
LEAST_BATCH_TOKENS, MOST_BATCH_TOKENS = 16, 128


@dataclass(slots=True)
class Engine:
    """A model in memory. `context_length` is what was really allocated, in tokens."""

    url: str
    key: str = field(repr=False)
    context_length: int
    server: Any = field(repr=False)
    users: int = 1

    def client(self, timeout: httpx.Timeout) -> httpx.AsyncClient:
        """Return a client for one event loop; it never goes through a proxy."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=timeout, trust_env=False
        )


_engines: dict[tuple[Path, int, bool], Engine] = {}
# Loading takes seconds; whoever wants the same model meanwhile waits for this one.
_lock = threading.Lock()


def acquire(path: Path, context_tokens: int, *, embeds: bool = False) -> Engine:
    """Return the engine for the file at `path`, loading it where nobody has. Blocks.

    Every `acquire` needs a `release`.

    Raises:
        ModelNotFound: there is no such file.
        BadAnswer: it is no GGUF file.
        OutOfMemory: model and context do not fit the memory that is free.
        SettingsError: llama.cpp is not installed.
    """
    header = _header(path)
    wanted = min(context_tokens, header.context_length or context_tokens) or header.context_length
    wanted = wanted or DEFAULT_CONTEXT
    with _lock:
        engine = _engines.get((path, wanted, embeds))
        if engine is not None:
            engine.users += 1
            return engine
        needed_bytes = path.stat().st_size + wanted * header.kv_bytes_per_token
        engine = _load(path, wanted, needed_bytes, embeds=embeds)
        _engines[path, wanted, embeds] = engine
        return engine


def release(engine: Engine) -> None:
    """Let go of an engine; with its last user the memory is free again. Blocks."""
    with _lock:
        engine.users -= 1
        if engine.users > 0:
            return
        for where, held in list(_engines.items()):
            if held is engine:
                del _engines[where]
        # The server's destructor ends its threads and waits for them.
        engine.server = None


def is_loaded(path: Path) -> bool:
    """Whether the file at `path` is in this process's memory."""
    with _lock:
        return any(held == path for held, _, _ in _engines)


def batch_tokens(model_bytes: int, cores: int) -> int:
    """Return how many tokens of a prompt to read at once, so that a stop need not wait for long."""
    fitting = BATCH_BYTES_PER_CORE * cores // max(1, model_bytes)
    # Kernels take rows by eights.
    return max(LEAST_BATCH_TOKENS, min(MOST_BATCH_TOKENS, fitting // 8 * 8))


def free_threads(cores: int, busy: float) -> int:
    """Return how many threads to compute with, where `busy` of the `cores` do something else.

    The threads wait for each other at every layer, so one that has no core of its own stops all.
    """
    return max(1, min(cores, round(cores - busy)))


def is_installed() -> bool:
    """Whether llama.cpp is there to load anything with."""
    return importlib.util.find_spec("xllamacpp") is not None


def _header(path: Path) -> GgufHeader:
    try:
        return read_header(path)
    except FileNotFoundError as error:
        raise ModelNotFound(f"There is no model file {path}.") from error
    except OSError as error:
        reason = one_line(error.strerror or "it cannot be opened")
        raise ProviderError(f"The model file {path} cannot be read: {reason}.") from error


def _load(path: Path, context_tokens: int, needed_bytes: int, *, embeds: bool) -> Engine:
    try:
        xllamacpp: Any = importlib.import_module("xllamacpp")
    except ImportError as error:
        raise SettingsError(
            "GGUF files need llama.cpp; `pip install 'mai-agent[gguf]'` brings it."
        ) from error
    key, cores = secrets.token_urlsafe(32), usable_cores()
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context_tokens
    params.n_parallel = 1
    has_gpu = any(device["name"] != "CPU" for device in xllamacpp.get_device_info())
    on_cores = batch_tokens(path.stat().st_size, cores)
    params.n_batch = params.n_ubatch = MOST_BATCH_TOKENS if has_gpu else on_cores
    threads = free_threads(cores, psutil.cpu_percent(interval=_LOOK_S) / 100 * cores)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.api_keys = [key]
    params.verbosity = _QUIET
    params.warmup = False
    # Shifting would drop the middle of a prompt in silence; a full context is an error here.
    params.ctx_shift = False
    if embeds:
        params.embedding = True
        params.pooling_type = getattr(xllamacpp.llama_pooling_type, MEAN_POOLING)
        # An input is embedded in one piece, so a batch must hold it.
        params.n_batch = params.n_ubatch = context_tokens
    try:
        server = xllamacpp.Server(params)
    except (RuntimeError, MemoryError) as error:
        # It says no more than that it failed, so the reason is worked out here.
        free_bytes = psutil.virtual_memory().available
        if isinstance(error, MemoryError) or needed_bytes > free_bytes:
            raise OutOfMemory(
                f"{path.name} with a context of {context_tokens} needs about "
                f"{needed_bytes / 1e9:.1f} GB, and {free_bytes / 1e9:.1f} GB are free."
            ) from error
        raise BadAnswer(
            f"llama.cpp cannot load {path.name}: it is damaged, or of a kind it does not know."
        ) from error
    return Engine(str(server.listening_address), key, _allocated(server, key), server)


def _allocated(server: Any, key: str) -> int:
    """Ask the engine for the context it really has: it pads, and it may fit less."""
    try:
        answer = httpx.get(
            f"{server.listening_address}/props",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=10,
        ).json()
        return int(answer["default_generation_settings"]["n_ctx"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise BadAnswer("llama.cpp was loaded and does not answer.") from error
