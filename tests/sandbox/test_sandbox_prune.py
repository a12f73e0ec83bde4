"""Which images are removed: the old ones that nobody uses, never what another Mai just made."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import docker
import pytest
from docker.errors import ImageNotFound

from mai.sandbox.engine import connect
from mai.sandbox.prune import listed, prune
from mai.settings import load

pytestmark = pytest.mark.docker

LABEL = f"mai.test-prune-{os.getpid()}"


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    with closing(connect(load())) as engine:
        yield engine.client
        for image in listed(engine.client, LABEL):
            engine.client.images.remove(image["Id"], force=True)


def make_image(client: docker.DockerClient, name: str, age: timedelta) -> str:
    """Load an image without a layer that says it is `age` old; return its tag."""
    created = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": created,
            "config": {"Labels": {LABEL: name}},
            "rootfs": {"type": "layers", "diff_ids": []},
        }
    ).encode()
    tag = f"{LABEL.lower()}:{name}"
    digest = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{digest}.json", "RepoTags": [tag], "Layers": []}]
    files = {f"{digest}.json": config, "manifest.json": json.dumps(manifest).encode()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    client.images.load(buffer.getvalue())
    return tag


def is_there(client: docker.DockerClient, tag: str) -> bool:
    with suppress(ImageNotFound):
        client.images.get(tag)
        return True
    return False


def test_the_oldest_go_and_the_newest_stay(client: docker.DockerClient) -> None:
    days = [make_image(client, f"day{n}", timedelta(days=n)) for n in (3, 1, 2)]
    prune(client, LABEL, 2)
    assert [is_there(client, tag) for tag in days] == [False, True, True]


def test_what_was_just_made_stays_however_many_there_are(client: docker.DockerClient) -> None:
    minutes = [make_image(client, f"minute{n}", timedelta(minutes=n)) for n in (1, 2, 3)]
    prune(client, LABEL, 0)
    assert all(is_there(client, tag) for tag in minutes)


def test_two_that_prune_at_once_do_not_stumble_over_each_other(
    client: docker.DockerClient,
) -> None:
    old = [make_image(client, f"old{n}", timedelta(days=n + 1)) for n in range(30)]

    def prune_later(after_s: float) -> None:
        time.sleep(after_s)  # so that one looks while another removes
        prune(client, LABEL, 0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(prune_later, [n / 50 for n in range(8)]))
    assert not any(is_there(client, tag) for tag in old)
