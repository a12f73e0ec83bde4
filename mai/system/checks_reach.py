"""The doctor's checks that ask another program: the container engine and the model servers."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mai.settings import Settings
from mai.system.check import Check, Status
from mai.text import one_line

if TYPE_CHECKING:
    import docker

_ENGINE_TIMEOUT_S = 3
_SERVER_TIMEOUT_S = 0.5
_ANSWER_BYTES_MOST = 2_000_000
_LM_STUDIO_USUAL = ("http://localhost:1234", "http://localhost:8000")
_BUILT_BY_MAI = {"label": "mai.image"}
_ID_CHARACTERS = len("sha256:") + 12
_START_ENGINE = f"{shlex.quote(sys.executable)} -m mai.sandbox.bootstrap engine"

# What `docker info` must say for a container to be held to its limits.
_NEEDED = {
    "MemoryLimit": "memory",
    "SwapLimit": "swap",
    "PidsLimit": "process",
    "CpuCfsQuota": "CPU",
}


@contextmanager
def _engine() -> Iterator[docker.DockerClient]:
    """Yield a client of the engine.

    Raises:
        OSError: none answers; PermissionError where it is not for this user.
    """
    # Imported here: the SDK costs a quarter second that only these checks need.
    import docker  # noqa: PLC0415 - see above
    from docker.errors import DockerException  # noqa: PLC0415 - see above

    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if host.startswith("unix://"):
        # Knocking first: the SDK hides why it was refused and leaves its socket open.
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(_ENGINE_TIMEOUT_S)
            knock.connect(host.removeprefix("unix://"))
    try:
        with closing(docker.from_env(timeout=_ENGINE_TIMEOUT_S)) as client:
            yield client
    except DockerException as error:
        raise ConnectionError(str(error)) from error


def engine(_settings: Settings, _repo_dir: Path) -> Check:
    """Does a container engine answer, and can it give the isolation Mai asks for?"""
    try:
        with _engine() as client:
            info: dict[str, Any] = client.info()
    except PermissionError:
        text = "An engine runs, but this user may not use it."
        return Check("engine", Status.FAIL, text, "sudo usermod -aG docker $USER")
    except OSError:
        return Check("engine", Status.FAIL, "No engine answers: no trials.", _START_ENGINE)
    lacking = [f"{name} limits" for key, name in _NEEDED.items() if not info.get(key)]
    security = " ".join(str(option) for option in info.get("SecurityOptions") or ())
    if "seccomp" not in security:
        lacking.append("seccomp")
    version = one_line(str(info.get("ServerVersion", "?")))
    if lacking:
        text = f"Engine {version} lacks {', '.join(lacking)}: no trials."
        return Check("engine", Status.FAIL, text, "docker info")  # it says what the kernel lacks
    return Check("engine", Status.OK, f"Engine {version} with seccomp and all limits.")


def image(settings: Settings, _repo_dir: Path) -> Check:
    """Is there an image to run trials in?"""
    named = settings.sandbox_docker_image
    name = "sandbox image"
    try:
        with _engine() as client:
            # Not `images.list`, which fails where somebody removes one meanwhile.
            images = client.api.images(name=named, filters=None if named else _BUILT_BY_MAI)
    except OSError:
        return Check(name, Status.FAIL, "No engine answers, so none can be seen.", _START_ENGINE)
    if images:
        return Check(name, Status.OK, f"{named or images[0]['Id'][:_ID_CHARACTERS]} is here.")
    if named:
        mend = f"docker pull {shlex.quote(named)}"
        return Check(name, Status.FAIL, f"{one_line(named)} is not here.", mend)
    text = "None is built yet; the first trial builds it."
    return Check(name, Status.WARN, text, "mai sandbox build")


def ollama(settings: Settings, _repo_dir: Path) -> Check:
    """Does Ollama answer, and what does it have?"""
    url = settings.ollama_endpoint
    answer = _get(url, "/api/tags")
    if answer is None:
        text = f"Nothing answers at {_shown(url)}."
        return Check("ollama", Status.WARN, text, "ollama serve")
    names = _names(answer, "models", "name")
    if not names:
        text = f"{_shown(url)} answers and has no model."
        return Check("ollama", Status.WARN, text, "ollama pull qwen2.5-coder:7b")
    return Check("ollama", Status.OK, f"{_shown(url)} has {_listed(names)}.")


def lm_studio(settings: Settings, _repo_dir: Path) -> Check:
    """Does LM Studio answer? It is optional, so silence is no fault unless it was set."""
    asked = settings.lmstudio_endpoint
    for url in [asked] if asked else _LM_STUDIO_USUAL:
        answer = _get(url, "/v1/models")
        if answer is not None:
            names = _names(answer, "data", "id")
            return Check("lm studio", Status.OK, f"{_shown(url)} has {_listed(names)}.")
    if asked:
        text = f"Nothing answers at {_shown(asked)}."
        return Check("lm studio", Status.WARN, text, "lms server start")
    return Check("lm studio", Status.OK, "Not running; it is not needed where another server is.")


def _get(base_url: str, path: str) -> dict[str, Any] | None:
    """Return the JSON object at `path` of a server, None where it gives none in time."""
    if urlsplit(base_url).scheme not in {"http", "https"}:
        return None
    parts = urlsplit(base_url)
    url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    request = urllib.request.Request(url.rstrip("/").removesuffix("/v1") + path)  # noqa: S310 - above
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_header("Authorization", f"Basic {b64encode(login).decode()}")
    # No proxies: model servers are on this machine or next to it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SERVER_TIMEOUT_S) as response:
            answer = json.loads(response.read(_ANSWER_BYTES_MOST))
    except (OSError, ValueError, HTTPException, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _names(answer: dict[str, Any], key: str, field: str) -> list[str]:
    entries = answer.get(key)
    if not isinstance(entries, list):
        return []
    return [
        one_line(str(entry[field]), 60)
        for entry in entries
        if isinstance(entry, dict) and field in entry
    ]


def _listed(names: list[str]) -> str:
    if not names:
        return "no model loaded"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - a short line
    return ", ".join(names[:3]) + more


def _shown(url: str) -> str:
    """Return `url` without a user name or password."""
    parts = urlsplit(url)
    return one_line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
