"""Images that nobody needs any more."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import docker
from docker.errors import DockerException
from docker.models.images import Image

#: One younger than this may be another Mai's, made and about to be used.
_YOUNG = timedelta(hours=1)


def prune(client: docker.DockerClient, label: str, kept: int) -> None:
    """Remove the images with `label`, the newest `kept`, young ones and ones in use excepted."""
    images = client.images.list(filters={"label": label})
    images.sort(key=_created, reverse=True)
    cutoff = (datetime.now(UTC) - _YOUNG).strftime("%Y-%m-%dT%H:%M:%S")
    for image in [image for image in images if not image.tags] + images[kept:]:
        if _created(image) < cutoff:
            with suppress(DockerException):
                client.images.remove(str(image.id))


def _created(image: Image) -> str:
    # The engine's own words: always UTC, the most significant part first.
    return str(image.attrs.get("Created", ""))
