"""From a bare Debian machine to a working container engine and a base image.

`make run` and `make test` call `python -m mai.sandbox.bootstrap image`; `engine` and `base` stop
earlier. An engine that answers is never touched; one that is missing is installed and started only
as root or through sudo, and every step is told before it is taken.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from mai.errors import MaiError, NoEngine
from mai.sandbox.base_image import ensure_base
from mai.sandbox.debian import apt_install
from mai.sandbox.dockerd import EnginePlace, Ping, ping, start
from mai.sandbox.privilege import Say, find, root_prefix
from mai.text import one_line

__all__ = ["EnginePlace", "ensure_base", "ensure_engine", "main"]

_INTERRUPTED = 130
_MANUAL = "install one with `sudo apt-get install docker.io` or see docs.docker.com/engine/install"


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
    answer = ping(place)
    if answer is Ping.ANSWERS:
        return
    if answer is Ping.FORBIDS:
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
        if ping(place) is Ping.ANSWERS:  # whoever held the lock has started it meanwhile
            return
        prefix = root_prefix(may_ask=may_ask)
        if prefix is None:
            raise NoEngine(
                f"No container engine answers and this user may not start one; {_MANUAL}."
            )
        if find("dockerd") is None:
            _install(prefix, say)
        start(prefix, place, say)


@contextmanager
def _alone(place: EnginePlace, say: Say) -> Iterator[None]:
    """Hold the lock that lets one process at a time of this user install or start `place`."""
    # The folder may be everybody's: a link that somebody put there is not followed.
    descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
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
            _ensure_image(say, may_ask=may_ask)
    except MaiError as error:
        say(str(error))
        return error.exit_code
    except (DockerException, requests.RequestException) as error:
        say(f"The container engine failed: {one_line(str(error))}.")
        return NoEngine.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _ensure_image(say: Say, *, may_ask: bool) -> None:
    # Imported here: the image is built on what this module makes, and imports it.
    from mai.sandbox.engine import connect  # noqa: PLC0415 - see above
    from mai.sandbox.image import ensure_image  # noqa: PLC0415 - see above
    from mai.settings import load  # noqa: PLC0415 - only this step needs the settings

    settings = load()
    with closing(connect(settings)) as engine:
        if settings.sandbox_docker_image is None:
            # Here and not within: a password may be asked for here.
            ensure_base(engine.client, say, may_ask=may_ask)
        ensure_image(engine, settings, say)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
