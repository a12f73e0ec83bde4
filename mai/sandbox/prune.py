"""Images that nobody needs any more."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import docker
from docker.errors import DockerException

#: One younger than this may be another Mai's, made and about to be used.
_YOUNG_S = 3600


def prune(client: docker.DockerClient, label: str, kept: int) -> None:
    """Remove the images with `label`, the newest `kept`, young ones and ones in use excepted."""
    images = listed(client, label)
    images.sort(key=_created_s, reverse=True)
    cutoff_s = time.time() - _YOUNG_S
    for image in [image for image in images if not _is_named(image)] + images[kept:]:
        if _created_s(image) < cutoff_s:
            with suppress(DockerException):
                client.images.remove(image["Id"])


def listed(client: docker.DockerClient, label: str) -> list[dict[str, Any]]:
    """Return what the engine lists of the images with `label`.

    One request, and one moment: `client.images.list` asks for each image again, and fails where
    somebody removes one meanwhile.
    """
    return list(client.api.images(filters={"label": label}))


def _created_s(image: dict[str, Any]) -> int:
    return int(image["Created"])


def _is_named(image: dict[str, Any]) -> bool:
    return any(tag != "<none>:<none>" for tag in image["RepoTags"] or ())
