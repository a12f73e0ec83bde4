"""The container engine: reaching it, and refusing one that cannot isolate."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from typing import Any

import docker
import requests
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import DockerException

from mai.errors import NoEngine
from mai.settings import Settings
from mai.text import one_line

_PING_TIMEOUT_S = 5
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_CALL_TIMEOUT_S = 60
#: What `docker info` must say for the limits of a run to hold, and what it means to a person.
_NEEDED = {
    "MemoryLimit": "limit memory",
    "SwapLimit": "limit swap",
    "PidsLimit": "limit processes",
    "CpuCfsQuota": "limit processor time",
}


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers and can isolate. `version` is the engine's own."""

    client: docker.DockerClient
    version: str
    architecture: str
    is_rootless: bool

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()


def connect(settings: Settings) -> Engine:  # noqa: ARG001 - the engine is found like docker's own
    """Return the engine that `DOCKER_HOST`, or else the default socket, leads to.

    Raises:
        NoEngine: none answers, or it cannot enforce the limits. Nothing is run without them.
    """
    client = None
    try:
        _knock()
        client = docker.from_env(timeout=_PING_TIMEOUT_S, version=_api_version())
        info: dict[str, Any] = client.info()
    except (DockerException, requests.RequestException, OSError, ValueError, KeyError) as error:
        if client is not None:
            client.close()
        raise NoEngine(_sentence(error)) from error
    problems = lacking(info)
    if problems:
        client.close()
        raise NoEngine(
            f"The container engine cannot {' or '.join(problems)}, so nothing is run; "
            "see what `docker info` warns of."
        )
    client.api.timeout = _CALL_TIMEOUT_S
    return Engine(
        client=client,
        version=str(info.get("ServerVersion", "")),
        architecture=str(info.get("Architecture", "")),
        is_rootless=any("rootless" in option for option in info.get("SecurityOptions") or ()),
    )


def _knock() -> None:
    """Raise OSError where nothing listens on the engine's socket, before the SDK tries.

    The SDK leaves a socket open behind each attempt that fails.
    """
    scheme, _, path = os.environ.get("DOCKER_HOST", _DEFAULT_HOST).partition("://")
    if scheme in {"unix", "http+unix"}:
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(_PING_TIMEOUT_S)
            knocking.connect(path)


def _api_version() -> str:
    """Return the version that the engine speaks.

    The SDK would ask for it by itself, in a constructor that leaves its socket open on failure.
    """
    asking = docker.from_env(timeout=_PING_TIMEOUT_S, version=DEFAULT_DOCKER_API_VERSION)
    try:
        return str(asking.version(api_version=False)["ApiVersion"])
    finally:
        asking.close()


def lacking(info: dict[str, Any]) -> list[str]:
    """Return what an engine with this `docker info` cannot do, empty where it can do all."""
    problems = [what for name, what in _NEEDED.items() if not info.get(name)]
    if not any(option.startswith("name=seccomp") for option in info.get("SecurityOptions") or ()):
        problems.append("filter system calls (seccomp)")
    if info.get("OSType", "linux") != "linux":
        problems.append("run Linux containers")
    return problems


def _sentence(error: Exception) -> str:
    host = os.environ.get("DOCKER_HOST")
    if host:
        return f"No container engine answers at DOCKER_HOST={one_line(host)}; start it there."
    text = str(error)
    if "Permission denied" in text or "PermissionError" in text:
        return (
            "This user may not use the container engine; "
            "run `sudo usermod -aG docker $USER` and log in again."
        )
    if shutil.which("dockerd"):
        return "No container engine answers; start it with `sudo systemctl start docker`."
    return "No container engine is there; install one with `sudo apt-get install docker.io`."
