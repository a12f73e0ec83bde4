"""The doctor's checks that ask another program: the container engine and the model servers."""

from __future__ import annotations

import json
import shlex
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mai.settings import Settings
from mai.system.check import Check, Status
from mai.text import one_line

_ENGINE_TIMEOUT_S = 3
_SERVER_TIMEOUT_S = 0.5
_ANSWER_BYTES_MOST = 2_000_000
_LM_STUDIO_USUAL = ("http://localhost:1234", "http://localhost:8000")
_START_ENGINE = f"{shlex.quote(sys.executable)} -m mai.sandbox.bootstrap engine"

# What `docker info` must say for a container to be held to its limits.
_NEEDED = {
    "MemoryLimit": "memory",
    "SwapLimit": "swap",
    "PidsLimit": "process",
    "CpuCfsQuota": "CPU",
}


def engine(_settings: Settings, _repo_dir: Path) -> Check:
    """Does a container engine answer, and can it give the isolation Mai asks for?"""
    # Imported here: the SDK costs a quarter second that only this check needs.
    import docker  # noqa: PLC0415 - see above
    from docker.errors import DockerException  # noqa: PLC0415 - see above

    try:
        with closing(docker.from_env(timeout=_ENGINE_TIMEOUT_S)) as client:
            info: dict[str, Any] = client.info()
    except (DockerException, OSError) as error:
        if "Permission denied" in str(error):
            text = "An engine runs, but this user may not use it."
            return Check("engine", Status.FAIL, text, "sudo usermod -aG docker $USER")
        return Check("engine", Status.FAIL, "No engine answers: no trials.", _START_ENGINE)
    lacking = [f"{name} limits" for key, name in _NEEDED.items() if not info.get(key)]
    security = " ".join(str(option) for option in info.get("SecurityOptions") or ())
    if "seccomp" not in security:
        lacking.append("seccomp")
    version = one_line(str(info.get("ServerVersion", "?")))
    if lacking:
        text = f"Engine {version} lacks {', '.join(lacking)}: no trials."
        return Check("engine", Status.FAIL, text, "sudo apt-get install docker.io")
    return Check("engine", Status.OK, f"Engine {version} with seccomp and all limits.")


def image(settings: Settings, _repo_dir: Path) -> Check:
    """Is there an image to run trials in?"""
    import docker  # noqa: PLC0415 - as above
    from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415 - as above

    named = settings.sandbox_docker_image
    name = "sandbox image"
    try:
        with closing(docker.from_env(timeout=_ENGINE_TIMEOUT_S)) as client:
            if named:
                client.images.get(named)
                return Check(name, Status.OK, f"{named} is here.")
            found = client.images.list(filters={"label": "mai.image"})
    except ImageNotFound:
        return Check(name, Status.FAIL, f"{named} is not here.", f"docker pull {named}")
    except (DockerException, OSError):
        return Check(name, Status.FAIL, "No engine answers, so none can be seen.", _START_ENGINE)
    if not found:
        text = "None is built yet; the first trial builds it."
        return Check(name, Status.WARN, text, "mai sandbox build")
    return Check(name, Status.OK, f"{found[0].short_id} is built.")


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
    # No proxies: model servers are on this machine or next to it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        url = base_url.rstrip("/").removesuffix("/v1") + path
        with opener.open(url, timeout=_SERVER_TIMEOUT_S) as response:
            answer = json.loads(response.read(_ANSWER_BYTES_MOST))
    except (OSError, ValueError, urllib.error.URLError, RecursionError):
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
