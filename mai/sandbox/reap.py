"""Containers whose owner is gone, removed. A killed Mai cannot clean up after itself."""

from __future__ import annotations

import psutil
import requests
from docker.errors import DockerException

from mai import scratch
from mai.errors import NoEngine
from mai.sandbox.container import HOST, OWNER, STARTED, host_name, remove
from mai.sandbox.engine import Engine
from mai.text import one_line

#: The clock that start times are computed from may have been set meanwhile.
_TOLERANCE_S = 2.0


def reap(engine: Engine) -> int:
    """Remove the containers of this machine's dead processes; return how many there were.

    Raises:
        NoEngine: the engine does not answer.
        SandboxError: a container could not be removed.
    """
    try:
        found = engine.client.api.containers(all=True, filters={"label": OWNER})
    except (DockerException, requests.RequestException) as error:
        raise NoEngine(f"The container engine failed: {one_line(str(error))}.") from error
    orphans = [container["Id"] for container in found if _is_orphan(container["Labels"])]
    for container_id in orphans:
        remove(engine.client, container_id)
    scratch.reap()
    return len(orphans)


def _is_orphan(labels: dict[str, str]) -> bool:
    if labels.get(HOST) != host_name():
        return False
    try:
        pid, started = int(labels[OWNER]), float(labels[STARTED])
    except (KeyError, ValueError):
        return True  # not a label that Mai writes
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(process.create_time() - started) > _TOLERANCE_S
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
