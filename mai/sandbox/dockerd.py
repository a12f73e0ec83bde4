"""One Docker engine of this machine: asking whether it answers, and starting it."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from mai.errors import NoEngine
from mai.sandbox.privilege import Say, find, run
from mai.text import one_line

_PING_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class EnginePlace:
    """Where an engine of this machine lives. Another place is another, independent engine.

    dockerd writes its pid file first of all: none after `grace_s` means that it died.
    """

    socket: Path = Path("/var/run/docker.sock")
    pid_file: Path = Path("/var/run/docker.pid")
    log: Path = Path("/var/log/mai-dockerd.log")
    arguments: tuple[str, ...] = ()
    start_timeout_s: float = 60
    grace_s: float = 10

    @property
    def is_default(self) -> bool:
        """Whether it is the one that Debian's own service would start."""
        return self == EnginePlace()

    @property
    def lock(self) -> Path:
        """The file that whoever starts it holds. Only this user's processes can meet there."""
        if self.is_default:
            return Path(tempfile.gettempdir()) / f"mai-engine-{os.getuid()}.lock"
        return self.pid_file.with_name(self.pid_file.name + ".lock")


class Ping(Enum):
    """How an engine takes a knock at its socket."""

    ANSWERS = auto()
    FORBIDS = auto()
    SILENT = auto()


def ping(place: EnginePlace) -> Ping:
    """Knock at `place`; DOCKER_HOST stands for the default one."""
    host = os.environ.get("DOCKER_HOST", "") if place.is_default else ""
    url = host or f"unix://{place.socket}"
    try:
        if url.startswith("unix://"):
            # Knocking first: the SDK hides why it was refused and leaves its socket open.
            with socket.socket(socket.AF_UNIX) as knock:
                knock.settimeout(_PING_TIMEOUT_S)
                knock.connect(url.removeprefix("unix://"))
        client = (
            docker.from_env(timeout=_PING_TIMEOUT_S)
            if host
            else docker.DockerClient(base_url=url, timeout=_PING_TIMEOUT_S)
        )
        with closing(client):
            client.ping()
    except PermissionError:
        return Ping.FORBIDS
    except (DockerException, requests.RequestException, OSError):
        return Ping.SILENT
    return Ping.ANSWERS


def start(prefix: list[str], place: EnginePlace, say: Say) -> None:
    """Start the engine of `place`, or wait for one that somebody else is starting."""
    if place.is_default and Path("/run/systemd/system").is_dir():
        say("Starting the container engine (systemctl start docker).")
        run(prefix, ["systemctl", "start", "docker"])
    elif _runs(place.pid_file, "dockerd"):
        say("A container engine is starting already; waiting for it.")
    else:
        _launch(prefix, place, say, place.arguments)
    if _comes_up(prefix, place, say):
        return
    if place.is_default and "iptables" in _last_words(place):
        # Kernels without netfilter cannot have Docker's bridge, and trials have no network anyway.
        say("It did not start; trying once more without a network bridge.")
        _launch(prefix, place, say, ("--bridge=none", "--iptables=false"))
        if _comes_up(prefix, place, say):
            return
    why = one_line(_last_words(place)) or "it said nothing"
    raise NoEngine(f"The container engine did not start ({why}); `sudo dockerd` shows why.")


def _launch(prefix: list[str], place: EnginePlace, say: Say, arguments: tuple[str, ...]) -> None:
    """Start dockerd in a session of its own, so that it outlives this process and its terminal."""
    containerd = Path("/var/run/docker/containerd/containerd.pid")
    pid_files = {place.pid_file: "dockerd"} | (
        {containerd: "containerd"} if place.is_default else {}
    )
    for pid_file, name in pid_files.items():
        if pid_file.exists() and not _runs(pid_file, name):
            # A killed engine leaves it, and where the number is taken again no engine starts.
            subprocess.run([*prefix, "rm", "-f", str(pid_file)], check=False)
    options = [*arguments]
    if not place.is_default:
        options += ["-H", f"unix://{place.socket}", "--pidfile", str(place.pid_file)]
    say(f"Starting the container engine (dockerd, log in {place.log}).")
    script = 'log="$1"; shift; exec "$@" >>"$log" 2>&1 </dev/null'
    shell = ["sh", "-c", script, "sh", str(place.log), find("dockerd") or "dockerd", *options]
    # setsid(1) behind sudo, not a new session around it: sudo would no longer know the terminal
    # that the password was given on.
    run(prefix, ["setsid", "--fork", *shell], streams=False)


def _runs(pid_file: Path, name: str) -> bool:
    """Whether the process named in `pid_file` is alive and is the program `name`."""
    try:
        pid = int(pid_file.read_text())
        return Path(f"/proc/{pid}/comm").read_text().strip() == name
    except (OSError, ValueError):
        return False


def _comes_up(prefix: list[str], place: EnginePlace, say: Say) -> bool:
    """Wait for an answer; return early where the engine has died."""
    was_alive = False
    started = time.monotonic()
    while (waited := time.monotonic() - started) < place.start_timeout_s:
        answer = ping(place)
        if answer is Ping.ANSWERS:
            return True
        if answer is Ping.FORBIDS and prefix:
            # This user's sudo has just started it: the socket is handed to them alone. Its group,
            # and who is in it, stay as they are.
            subprocess.run([*prefix, "chown", str(os.getuid()), str(place.socket)], check=False)
            say("The engine is yours until it restarts; `sudo usermod -aG docker $USER` for good.")
        is_alive = _runs(place.pid_file, "dockerd")
        if not is_alive and (was_alive or waited > place.grace_s):
            return False
        was_alive = was_alive or is_alive
        time.sleep(0.2)
    return False


def _last_words(place: EnginePlace) -> str:
    """Return the engine's last complaint from its log."""
    try:
        with place.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    telling = [line for line in lines if "failed" in line or "rror" in line]
    return (telling or lines or [""])[-1]
