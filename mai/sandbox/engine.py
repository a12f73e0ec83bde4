"""The container engine: reaching it, and refusing one that cannot isolate."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

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
_GVISOR = "runsc"
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
    #: What runs containers instead of the engine's own choice, "" for that.
    runtime: str = ""

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()


#: How the SDK names an engine behind a Unix socket.
_SOCKET_URL = "http+docker://"


def connect(settings: Settings) -> Engine:
    """Return the engine that `DOCKER_HOST`, or else the default socket, leads to.

    Raises:
        NoEngine: none answers, or it cannot enforce the limits. Nothing is run without them.
    """
    if problem := unusable_host(os.environ):
        raise NoEngine(problem)
    client = None
    try:
        _knock()
        client = docker.from_env(timeout=_PING_TIMEOUT_S, version=_api_version())
        if client.api.base_url.startswith(_SOCKET_URL):
            # No proxy is between Mai and a socket. Looking for one reads the environment for each
            # request, which fails where another thread changes it at that moment.
            client.api.trust_env = False
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
    try:
        runtime = runtime_of(info, settings.sandbox_runtime)
    except NoEngine:
        client.close()
        raise
    return Engine(
        client=client,
        version=str(info.get("ServerVersion", "")),
        architecture=str(info.get("Architecture", "")),
        is_rootless=any("rootless" in option for option in info.get("SecurityOptions") or ()),
        runtime=runtime,
    )


def unusable_host(environment: Mapping[str, str]) -> str:
    """Return why `DOCKER_HOST` leads to nothing that can be trusted with a trial, "" if it may.

    A tree goes there and a verdict comes back: whoever can read or change the connection could
    decide what is approved.
    """
    host = environment.get("DOCKER_HOST", "")
    address = urlsplit(host)
    if address.scheme == "ssh":
        return (
            f"DOCKER_HOST={one_line(host)} cannot be used: there is no stream over ssh for it; "
            "forward its socket with `ssh -nNT -L /tmp/d.sock:/var/run/docker.sock HOST` and set "
            "DOCKER_HOST=unix:///tmp/d.sock."
        )
    is_plain = address.scheme in {"tcp", "http"} and not environment.get("DOCKER_TLS_VERIFY")
    if is_plain and not _is_loopback(address.hostname or ""):
        return (
            f"DOCKER_HOST={one_line(host)} is another machine without encryption, so nothing is "
            "run there; set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or forward its socket by ssh."
        )
    return ""


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def runtime_of(info: Mapping[str, Any], wanted: str | None) -> str:
    """Return the runtime to ask for: the one the user wants, else gVisor's where it is sound.

    gVisor told to leave cgroups alone starts containers with every limit of theirs ignored.

    Raises:
        NoEngine: the one that the user wants is not there, or would not keep to limits.
    """
    runtimes = info.get("Runtimes") or {}
    name = wanted or _GVISOR
    if name not in runtimes:
        if wanted:
            known = ", ".join(sorted(map(one_line, runtimes)))
            raise NoEngine(f"The engine has no runtime {one_line(wanted)}; it has {known}.")
        return ""
    about = runtimes[name] or {}
    arguments = [str(argument) for argument in about.get("runtimeArgs") or ()]
    if any(argument.lstrip("-").startswith("ignore-cgroups") for argument in arguments):
        if wanted:
            raise NoEngine(
                f"The runtime {one_line(wanted)} ignores limits (--ignore-cgroups), so nothing is "
                "run; take that option out of the engine's configuration."
            )
        return ""
    return name


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
