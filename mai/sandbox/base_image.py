"""The image that the sandbox image is built on: a published one, or Debian made on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

from mai.errors import NoEngine
from mai.sandbox.debian import apt_install, apt_mirrors, proxy
from mai.sandbox.privilege import Say, find, root_prefix, run
from mai.text import one_line

PUBLISHED = "python:3.12-slim-bookworm"
_SUITE = "bookworm"
#: What tests expect of any machine: `git`, time zones, and what `python3 -m venv` is made of.
_PACKAGES = "python3,python3-venv,ca-certificates,git,tzdata"
_TAG = f"{_SUITE}-{hashlib.sha256(_PACKAGES.encode()).hexdigest()[:12]}"
MADE_HERE = f"mai-base:{_TAG}"
_ADD_GIT = f"""\
FROM {PUBLISHED}
RUN apt-get update -q && apt-get install -y -q --no-install-recommends git && \\
    rm -rf /var/lib/apt/lists/*
"""
#: The published image with git added.
WITH_GIT = f"mai-base:git-{hashlib.sha256(_ADD_GIT.encode()).hexdigest()[:12]}"
#: In the order in which the sandbox image is built on them.
BASES = (WITH_GIT, PUBLISHED, MADE_HERE)
#: A registry that says nothing for so long counts as unreachable; a slow download talks all along.
_SILENCE_S = 15
# What no program in a container reads; a smaller image is imported and started sooner.
_LEFT_OUT = (
    "./dev/*",
    "./proc/*",
    "./sys/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
    "./usr/share/doc/*",
    "./usr/share/man/*",
    "./usr/share/locale/*",
)


def ensure_base(client: docker.DockerClient, say: Say, *, may_ask: bool = False) -> str:
    """Return the name of an image with Python to build on, fetching or making it if need be.

    Raises:
        NoEngine: it can neither be pulled nor made here; the sentence says what would help.
    """
    for name in BASES:
        with contextlib.suppress(ImageNotFound):
            client.images.get(name)
            return _with_git(client, say) if name == PUBLISHED else name
    if _pull(client, say):
        return _with_git(client, say)
    _make(client, say, may_ask=may_ask)
    return MADE_HERE


def _pull(client: docker.DockerClient, say: Say) -> bool:
    """Pull the published image; return whether it is here now.

    Through the SDK's session rather than its `pull`, which waits for a silent registry forever.
    """
    say(f"Fetching the base image {PUBLISHED} (given up after {_SILENCE_S} s of silence).")
    repository, tag = PUBLISHED.split(":")
    url = f"{client.api.base_url}/v{client.api.api_version}/images/create"
    why = ""
    try:
        with client.api.post(
            url, params={"fromImage": repository, "tag": tag}, stream=True, timeout=_SILENCE_S
        ) as response:
            for event in _events(response.iter_lines()):
                why = str(event.get("errorDetail", {}).get("message") or event.get("message", ""))
                if str(event.get("status", "")).startswith("Pull complete"):
                    say(f"  layer {event.get('id', '')} is here")
        client.images.get(PUBLISHED)
    except (requests.RequestException, ImageNotFound) as error:
        say(f"The registry cannot be reached: {one_line(why or str(error), 120)}")
        return False
    return True


def _with_git(client: docker.DockerClient, say: Say) -> str:
    """Return the published image with git in it, or without where no package mirror answers."""
    say("Adding git to it, for tests that need it (from Debian's packages, once).")
    try:
        client.images.build(
            fileobj=io.BytesIO(_ADD_GIT.encode()), tag=WITH_GIT, rm=True, forcerm=True, pull=False
        )
    except (BuildError, APIError) as error:
        say(f"There will be no git in the sandbox: {one_line(str(error), 200)}")
        return PUBLISHED
    return WITH_GIT


def _events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                yield event


def _make(client: docker.DockerClient, say: Say, *, may_ask: bool) -> None:
    """Make a minimal Debian with Python from the machine's own package mirror and import it."""
    prefix = root_prefix(may_ask=may_ask)
    if prefix is None or find("apt-get") is None:
        raise NoEngine(
            f"No base image is here and none can be made without root on Debian; "
            f"run `docker pull {PUBLISHED}` where a registry can be reached."
        )
    if find("debootstrap") is None:
        apt_install(prefix, ["debootstrap"], say)
    say("Making a base image from Debian packages (about a minute, once).")
    # Not /tmp: it is often small, in memory or mounted so that device nodes cannot be made.
    parent = "/var/tmp" if Path("/var/tmp").is_dir() else None  # noqa: S108 - mkdtemp is private
    folder = Path(tempfile.mkdtemp(prefix="mai-base-", dir=parent))
    try:
        include = f"--include={_PACKAGES}"
        command = [
            "debootstrap",
            "--force-check-gpg",
            "--variant=minbase",
            include,
            _SUITE,
            str(folder / "root"),
        ]
        run(
            prefix,
            [*command, *apt_mirrors(Path("/etc/apt"), _SUITE)[:1]],
            environment=proxy(),
            on_line=lambda line: _tell_debootstrap(line, say),
        )
        _import(client, prefix, folder / "root", say)
    finally:
        # Files in it are root's. What an interrupted run left mounted there is left alone.
        subprocess.run([*prefix, "rm", "-rf", "--one-file-system", str(folder)], check=False)


_PHASES = re.compile(r"I: ((?:Retrieving|Unpacking|Configuring) (?:Packages|required|the base).*)")


def _tell_debootstrap(line: str, say: Say) -> None:
    if match := _PHASES.match(line):
        say("  " + one_line(match[1]))


def _import(client: docker.DockerClient, prefix: list[str], root: Path, say: Say) -> None:
    say(f"Importing it as {MADE_HERE}.")
    left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    command = [*prefix, "tar", "-C", str(root), *left_out, "-c", "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tar:
        repository, tag = MADE_HERE.split(":")
        try:
            answer = client.api.import_image(
                src=tar.stdout,
                repository=repository,
                tag=tag,
                changes=["LABEL mai.base=1", "ENV LANG=C.UTF-8", 'CMD ["python3"]'],
                stream_src=True,
            )
        except DockerException as error:
            tar.kill()
            raise NoEngine(f"The base image cannot be imported: {one_line(str(error))}.") from error
    if tar.returncode != 0:
        # Half a tree must not pass for the base ever after.
        with contextlib.suppress(APIError):
            client.images.remove(MADE_HERE, force=True)
        raise NoEngine(f"The base image could not be packed: tar ended with {tar.returncode}.")
    if "error" in str(answer):
        raise NoEngine(f"The base image cannot be imported: {one_line(str(answer))}.")
