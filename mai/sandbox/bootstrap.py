"""From a bare Debian machine to a working container engine and a base image.

`make run` and `make test` call `python -m mai.sandbox.bootstrap image`; `engine` and `base` stop
earlier. An engine that answers is never touched; one that is missing is installed and started only
as root or through sudo, and every step is told before it is taken.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from mai.errors import MaiError, NoEngine
from mai.sandbox.base_image import ensure_base
from mai.sandbox.debian import apt_install
from mai.sandbox.privilege import Say, find, root_prefix, run
from mai.text import one_line

__all__ = ["EnginePlace", "ensure_base", "ensure_engine", "main"]

_PING_TIMEOUT_S = 5
#: dockerd writes its pid file first of all; none by then, on a busy machine too, means it died.
_DEATH_CERTAIN_S = 10
_INTERRUPTED = 130
_MANUAL = "install one with `sudo apt-get install docker.io` or see docs.docker.com/engine/install"


@dataclass(frozen=True, slots=True)
class EnginePlace:
    """Where an engine of this machine lives. Another place is another, independent engine."""

    socket: Path = Path("/var/run/docker.sock")
    pid_file: Path = Path("/var/run/docker.pid")
    log: Path = Path("/var/log/mai-dockerd.log")
    arguments: tuple[str, ...] = ()
    start_timeout_s: float = 60

    @property
    def is_default(self) -> bool:
        """Whether it is the one that Debian's own service would start."""
        return self == EnginePlace()


def ensure_engine(say: Say, *, place: EnginePlace | None = None, may_ask: bool = False) -> None:
    """Return once a container engine answers, installing and starting one where that is allowed.

    Args:
        say: is told each step before it is taken.
        place: another engine than the machine's own.
        may_ask: let sudo ask for a password on the terminal.

    Raises:
        NoEngine: none answers and none may be started here; the sentence says what to do.
    """
    place = place or EnginePlace()
    ping = _ping(place)
    if ping is _Ping.ANSWERS:
        return
    if ping is _Ping.FORBIDS:
        raise NoEngine(
            "A container engine runs here but this user may not use it; "
            f"run `sudo usermod -aG docker {getpass.getuser()}` and log in again."
        )
    elsewhere = os.environ.get("DOCKER_HOST")
    if elsewhere and place.is_default:
        raise NoEngine(
            f"DOCKER_HOST is {one_line(elsewhere)} and no engine answers there; "
            "start it, or unset DOCKER_HOST."
        )
    with _alone(place, say):
        if _ping(place) is _Ping.ANSWERS:  # whoever held the lock has started it meanwhile
            return
        prefix = root_prefix(may_ask=may_ask)
        if prefix is None:
            raise NoEngine(
                f"No container engine answers and this user may not start one; {_MANUAL}."
            )
        if find("dockerd") is None:
            _install(prefix, say)
        _start(prefix, place, say)


class _Ping(Enum):
    ANSWERS = auto()
    FORBIDS = auto()
    SILENT = auto()


def _ping(place: EnginePlace) -> _Ping:
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
        return _Ping.FORBIDS
    except (DockerException, requests.RequestException, OSError):
        return _Ping.SILENT
    return _Ping.ANSWERS


@contextmanager
def _alone(place: EnginePlace, say: Say) -> Iterator[None]:
    """Hold the lock that lets one process at a time of this user install or start `place`."""
    name = f"mai-engine-{os.getuid()}-{str(place.socket).replace('/', '-')}.lock"
    path = Path(tempfile.gettempdir()) / name
    # The folder is everybody's: a link that somebody put there is not followed.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another Mai is starting the container engine; waiting for it.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _install(prefix: list[str], say: Say) -> None:
    if find("apt-get") is None:
        raise NoEngine(f"No container engine is installed and this is not Debian; {_MANUAL}.")
    say("No container engine is installed: installing Debian's docker.io (about 60 MB).")
    packages = ["docker.io", "iptables", "debootstrap"]
    if _apparmor_is_on():
        # Without its parser the engine starts and then refuses every container.
        packages.append("apparmor")
    apt_install(prefix, packages, say)


def _apparmor_is_on() -> bool:
    try:
        return Path("/sys/module/apparmor/parameters/enabled").read_text().startswith("Y")
    except OSError:
        return False


def _start(prefix: list[str], place: EnginePlace, say: Say) -> None:
    """Start the engine of `place`, or wait for one that somebody else is starting."""
    if place.is_default and Path("/run/systemd/system").is_dir():
        say("Starting the container engine (systemctl start docker).")
        run(prefix, ["systemctl", "start", "docker"])
    elif _runs(place.pid_file, "dockerd"):
        say("A container engine is starting already; waiting for it.")
    else:
        _launch(prefix, place, say, place.arguments)
    if _comes_up(prefix, place):
        return
    if place.is_default and "iptables" in _last_words(place):
        # Kernels without netfilter cannot have Docker's bridge, and trials have no network anyway.
        say("It did not start; trying once more without a network bridge.")
        _launch(prefix, place, say, ("--bridge=none", "--iptables=false"))
        if _comes_up(prefix, place):
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


def _comes_up(prefix: list[str], place: EnginePlace) -> bool:
    """Wait for an answer; return early where the engine has died."""
    started = time.monotonic()
    while (waited := time.monotonic() - started) < place.start_timeout_s:
        ping = _ping(place)
        if ping is _Ping.ANSWERS:
            return True
        if ping is _Ping.FORBIDS and prefix:
            # This user's sudo has just started it: the socket is handed to them alone until it
            # starts again. Its group stays as it is.
            subprocess.run([*prefix, "chown", str(os.getuid()), str(place.socket)], check=False)
        elif waited > _DEATH_CERTAIN_S and not _runs(place.pid_file, "dockerd"):
            return False
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


def main(arguments: list[str]) -> int:
    """Carry out `engine`, `base` or `image`, each with what it stands on.

    Returns:
        The exit code: 6 where no engine can be had.
    """
    step = arguments[0] if arguments else "engine"

    def say(sentence: str) -> None:
        sys.stderr.write(sentence + "\n")
        sys.stderr.flush()

    may_ask = sys.stdin.isatty()
    try:
        ensure_engine(say, may_ask=may_ask)
        if step == "base":
            with closing(docker.from_env()) as client:
                ensure_base(client, say, may_ask=may_ask)
        elif step == "image":
            _ensure_image(say)
    except MaiError as error:
        say(str(error))
        return error.exit_code
    except (DockerException, requests.RequestException) as error:
        say(f"The container engine failed: {one_line(str(error))}.")
        return NoEngine.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _ensure_image(say: Say) -> None:
    # Imported here: the image is built on what this module makes, and imports it.
    from mai.sandbox.engine import connect  # noqa: PLC0415 - see above
    from mai.sandbox.image import ensure_image  # noqa: PLC0415 - see above
    from mai.settings import load  # noqa: PLC0415 - only this step needs the settings

    settings = load()
    with closing(connect(settings)) as engine:
        ensure_image(engine, settings, say)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
