"""An image with what a repo needs to be tested: the plain one, and a layer of wheels on it.

The layer lies in a folder of its own that only the process under test looks into: a package that
starts code with every Python does not start it in the supervisor. It is found again by what the
repo asks for, so that it is made once.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import BuildError, DockerException, ImageNotFound
from packaging.requirements import Requirement

from mai import scratch
from mai.errors import NoEngine, SandboxError, Undecided
from mai.jobs import Prepared
from mai.sandbox import wheels
from mai.sandbox.dependencies import Dependencies
from mai.sandbox.manifests.tables import is_for_tests
from mai.sandbox.prune import prune
from mai.text import one_line

Say = Callable[[str], None]
#: Runs a command in the plain image and returns what it printed.
Ask = Callable[[Sequence[str]], str]

LABEL, NEEDS, MISSING = "mai.repo-image", "mai.repo-needs", "mai.repo-missing"
PLACE = "/opt/deps"
_REPOSITORY = "mai-repo"
_ASK = ("python3", "/opt/mai/sandbox/python.py")
_KEPT = 6
_TRY_AGAIN_S = 600.0
#: What the SDK says where a build's stream ended without an image and without an error.
_CUT_OFF = "Unknown"
_SHOWN = 3
_QUOTED = re.compile(r'"([^"]+)"')
_BUILD_MEMORY_BYTES = 1 << 30
_DOCKERFILE = f"""\
ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
COPY --chown=65534:65534 deps/ {PLACE}/
# As nobody, without a network: compiling reads the packages and runs nothing of them.
USER 65534:65534
RUN python3 -s -m compileall -q {PLACE} || true
"""


class RepoImages:
    """Finds or makes the image for what a repo needs, on top of `base`."""

    def __init__(self, client: docker.DockerClient, base: str, ask: Ask, say: Say) -> None:
        self._client, self._base, self._ask, self._say = client, base, ask, say
        self._failed: dict[str, tuple[float, dict[str, str]]] = {}

    def prepare(self, dependencies: Dependencies) -> Prepared:
        """Return the image for `dependencies`, with as many of them as can be had.

        Raises:
            NoEngine: the engine went away.
        """
        left_out = tuple(map(str, dependencies.dropped))
        if not dependencies:
            return Prepared(self._base, left_out=left_out)
        key = self._key(dependencies)
        try:
            image, missing = self._found(key) or self._make(dependencies, key)
        except (SandboxError, BuildError) as error:
            if isinstance(error, BuildError) and error.msg == _CUT_OFF:
                raise Undecided("The engine broke off building the repo's image.") from error
            missing = dict.fromkeys(dependencies.requirements, one_line(str(error), 400))
            image = self._base
            self._failed[key] = (time.monotonic(), missing)
        except (DockerException, requests.RequestException) as error:
            raise NoEngine(f"The container engine failed: {one_line(str(error))}.") from error
        return Prepared(image, key, _problem(missing, dependencies), tuple(missing), left_out)

    def _key(self, dependencies: Dependencies) -> str:
        needs = [*dependencies.order, *dependencies.constraints]
        text = json.dumps([self._base, _DOCKERFILE, needs])
        return hashlib.sha256(text.encode()).hexdigest()

    def _found(self, key: str) -> tuple[str, dict[str, str]] | None:
        """Return the image that was made for `key` and what it lacks; None where it is due."""
        at, missing = self._failed.get(key, (-_TRY_AGAIN_S, {}))
        was_tried_lately = time.monotonic() - at < _TRY_AGAIN_S
        try:
            image = self._client.images.get(_tag(key))
        except ImageNotFound:
            return (self._base, missing) if was_tried_lately else None
        missing = _labelled(image.labels.get(MISSING, ""))
        is_due = missing and not was_tried_lately and _age_s(image.attrs) > _TRY_AGAIN_S
        return None if is_due else (str(image.id), missing)

    def _make(self, dependencies: Dependencies, key: str) -> tuple[str, dict[str, str]]:
        about = json.loads(self._ask(_ASK))
        wanted = applicable(dependencies.order, about["environment"])
        limits = applicable(dependencies.constraints, about["environment"])
        self._say(f"Fetching what the repo needs for its tests: {len(wanted)} packages.")
        with scratch.folder("wheels") as place:
            fetched, unpacked = place / "wheels", place / "deps"
            fetched.mkdir()
            unpacked.mkdir()
            platform = platform_options(about)
            found, missing = wheels.download_most(
                fetched, platform, list(wanted.values()), list(limits.values())
            )
            missing = {text: missing[bare] for text, bare in wanted.items() if bare in missing}
            for text, why in missing.items():
                self._say(f"Without {text}: {why}")
            if not found:
                self._failed[key] = (time.monotonic(), missing)
                return self._base, missing
            wheels.unpack(found, unpacked, platform)
            self._say(f"Building {_tag(key)} with them.")
            with (place / "context.tar").open("w+b") as context:
                _write_context(context, unpacked)
                context.seek(0)
                image, _ = self._client.images.build(
                    fileobj=context,
                    custom_context=True,
                    tag=_tag(key),
                    buildargs={"BASE_IMAGE": self._base},
                    labels={
                        LABEL: key,
                        NEEDS: " ".join(wanted.values()),
                        MISSING: json.dumps(missing),
                    },
                    network_mode="none",
                    container_limits={"memory": _BUILD_MEMORY_BYTES},
                    rm=True,
                    forcerm=True,
                    pull=False,
                )
        self._failed[key] = (time.monotonic(), missing)
        prune(self._client, LABEL, _KEPT)
        return str(image.id), missing


def _tag(key: str) -> str:
    return f"{_REPOSITORY}:{key[:16]}"


def _labelled(text: str) -> dict[str, str]:
    """Return what an image lacks, as its label has it."""
    try:
        return {str(name): str(why) for name, why in json.loads(text or "{}").items()}
    except (ValueError, AttributeError):
        return {}


def _age_s(image: Mapping[str, Any]) -> float:
    try:
        made_at = datetime.fromisoformat(str(image["Created"])[:19]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return math.inf
    return (datetime.now(UTC) - made_at).total_seconds()


def _problem(missing: Mapping[str, str], dependencies: Dependencies) -> str:
    """Return a sentence on what cannot be had: each requirement, where it is named, and why."""
    if not missing:
        return ""
    reasons = set(missing.values())
    named = [
        f"{text} ({place.file}:{place.line})" if (place := places.get(text)) else text
        for places in (dependencies.places,)
        for text in list(missing)[:_SHOWN]
    ]
    if len(missing) > _SHOWN:
        named.append(f"{len(missing) - _SHOWN} more")
    why = next(iter(missing.values()))
    more = " (and other reasons)" if len(reasons) > 1 else ""
    return one_line(f"{', '.join(named)}: {why}{more}", 500)


def applicable(requirements: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the requirements whose markers hold in the container, each with itself unmarked.

    pip would ask its own Python what the container's is. What an extra for tests needs may stand
    beside what the project needs, with that extra as its marker.
    """
    found = {}
    for text in requirements:
        requirement = Requirement(text)
        marker, requirement.marker = requirement.marker, None
        extras = ["", *filter(is_for_tests, _QUOTED.findall(str(marker)))]
        if marker is None or any(
            marker.evaluate({**environment, "extra": extra}) for extra in extras
        ):
            found[text] = str(requirement)
    return found


def platform_options(about: Mapping[str, Any]) -> list[str]:
    """Return pip's options for wheels that fit the Python that `about` describes.

    Platforms from the newest to the oldest that its C library still runs (PEP 600, PEP 656).
    """
    environment, machine = about["environment"], about["machine"]
    version = environment["python_version"]
    name, libc = about["libc"]
    tags = ["any"]
    if name == "glibc":
        major, minor = (int(part) for part in libc.split(".")[:2])
        tags += [f"manylinux_{major}_{step}_{machine}" for step in range(minor, 4, -1)]
        tags += [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
    else:
        tags += [f"musllinux_1_{step}_{machine}" for step in (2, 1)]
    bare = version.replace(".", "")
    options = [f"--python-version={version}", "--implementation=cp"]
    options += [f"--abi={abi}" for abi in (f"cp{bare}", "abi3", "none")]
    return options + [f"--platform={tag}" for tag in tags]


def _write_context(context: io.BufferedRandom, unpacked: Path) -> None:
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(_DOCKERFILE)
        archive.addfile(entry, io.BytesIO(_DOCKERFILE.encode()))
        archive.add(unpacked, "deps", filter=_nobodys)


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    # Regular files and folders are all that a wheel can hold.
    if not (entry.isreg() or entry.isdir()):
        return None
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
