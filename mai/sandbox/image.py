"""The image that runs happen in: found by what it is built from, built where it is missing."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import requests
from docker.errors import APIError, BuildError, DockerException, ImageNotFound
from docker.models.images import Image

from mai import scratch
from mai.errors import NoEngine, SandboxError
from mai.resources import resource
from mai.sandbox import wheels
from mai.sandbox.base_image import BASES, ensure_base
from mai.sandbox.engine import Engine
from mai.sandbox.prune import prune
from mai.settings import Settings
from mai.text import one_line

Say = Callable[[str], None]

LABEL = "mai.image"
_BASE_LABEL = "mai.base"
_REPOSITORY = "mai-sandbox"
_KEPT = 3
#: Files of `sandbox/` that the host uses and the image does not need.
_HOST_ONLY = frozenset({"seccomp.json"})


def ensure_image(engine: Engine, settings: Settings, say: Say) -> str:
    """Return the id, `sha256:…`, of an image with Mai's harness, building it where none is there.

    `SANDBOX_DOCKER_IMAGE` takes the place of the base: the harness is added to it, and pytest
    only where it has none. An image once built is found again in a few milliseconds.

    Raises:
        NoEngine: the image that the setting names is not there, or the engine went away.
        SandboxError: the image cannot be built.
    """
    try:
        return _ensure(engine.client, settings, say)
    except BuildError as error:
        raise SandboxError(f"The sandbox image cannot be built: {one_line(str(error))}.") from error
    except (DockerException, requests.RequestException) as error:
        raise NoEngine(f"The container engine failed: {one_line(str(error))}.") from error


def _ensure(client: docker.DockerClient, settings: Settings, say: Say) -> str:
    wanted = settings.sandbox_docker_image
    base = _own_base(client, wanted) if wanted else None
    if base is not None and base.labels.get(LABEL) in {_recipe("", "yes"), _recipe("", "no")}:
        return str(base.id)  # it is one of ours already
    git = "yes" if settings.sandbox_git else "no"
    recipe = _recipe(str(base.id) if base else "", git)
    tag = f"{_REPOSITORY}:{recipe[:16]}"
    with suppress(ImageNotFound):
        image = client.images.get(tag)
        if base is not None or _base_id(client) in {None, image.labels.get(_BASE_LABEL)}:
            return str(image.id)
    name = wanted or ensure_base(client, say)
    labels = {LABEL: recipe, _BASE_LABEL: str(client.images.get(name).id)}
    say(f"Building the sandbox image on {name}.")
    with scratch.folder("wheels") as folder:
        fetched = wheels.download(folder, ["--no-deps", "--require-hashes", *_listed()])
        image, _ = client.images.build(
            fileobj=_context(fetched),
            custom_context=True,
            tag=tag,
            buildargs={"BASE_IMAGE": name, "GIT": "yes" if base else git},
            labels=labels,
            network_mode="none",
            rm=True,
            forcerm=True,
            pull=False,
        )
    prune(client, LABEL, _KEPT)
    say(f"Built {tag}.")
    return str(image.id)


def _base_id(client: docker.DockerClient) -> str | None:
    """Return the id of the base that would be built on now, None where none is here."""
    for name in BASES:
        with suppress(ImageNotFound):
            return str(client.images.get(name).id)
    return None


def _own_base(client: docker.DockerClient, name: str) -> Image:
    try:
        return client.images.get(name)
    except (ImageNotFound, APIError) as error:
        raise NoEngine(
            f"The image {one_line(name)} that SANDBOX_DOCKER_IMAGE names is not there; "
            f"get it with `docker pull {one_line(name)}`."
        ) from error


def _sources() -> Iterator[tuple[str, bytes]]:
    """Yield what the image is made of, by its name in the build context, sorted."""
    yield "Dockerfile", resource("Dockerfile.sandbox").read_bytes()
    root = resource("sandbox")
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name not in _HOST_ONLY and path.suffix in {".py", ".txt"}:
            yield f"sandbox/{path.relative_to(root).as_posix()}", path.read_bytes()


def _recipe(base: str, git: str) -> str:
    """Return the hash over what the image is built from; `base` is the id of a base of the user's.

    `git` is "yes" or "no": whether git stays in an image on Mai's own base.

    Mai's own base is told by a label: an image stays good when its base has been removed since.
    """
    digest = hashlib.sha256()
    for name, data in (*_sources(), ("base", base.encode()), ("git", git.encode())):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _listed() -> list[str]:
    return ["--requirement", str(resource("sandbox") / "requirements.txt")]


def _context(fetched: list[Path]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (
            *_sources(),
            *((f"wheels/{wheel.name}", wheel.read_bytes()) for wheel in fetched),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    buffer.seek(0)
    return buffer
