"""What the console finds out about its surroundings, in threads: model, sandbox, branch, files."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING
from urllib.parse import quote

from mai.console.answers import model_name
from mai.console.messages import Learnt, Tracked
from mai.errors import MaiError
from mai.text import one_line

if TYPE_CHECKING:
    from mai.core import Core

_PATIENCE_S = 3.0
_MOST_BYTES = 2_000_000

Tell = Callable[[Learnt | Tracked], object]


def look_at_repo(core: Core, tell: Tell) -> None:
    """Tell the branch and the tracked files; a repo between two states tells nothing."""
    try:
        branch = core.repo.branch()
        paths: Sequence[str] = core.repo.snapshot(core.repo.tip(branch)).paths()
    except MaiError as error:
        tell(Learnt(branch="–", problem=str(error)))
        return
    tell(Learnt(branch=branch))
    tell(Tracked(paths))


def look_at_model(core: Core, tell: Tell) -> None:
    """Tell what thinks."""
    try:
        provider = core.provider()
    except MaiError as error:
        tell(Learnt(model="no model", problem=str(error)))
        return
    tell(Learnt(model=one_line(model_name(provider.name, provider.model), 40)))


def look_at_sandbox(core: Core, tell: Tell) -> None:
    """Tell whether trials can run, without starting or building anything."""
    try:
        images = _images(core.settings.sandbox_docker_image)
    except (OSError, ValueError, HTTPException):
        tell(Learnt(sandbox="absent"))
    else:
        tell(Learnt(sandbox="ready" if images else "no image"))


def _images(named: str | None) -> int:
    """Return how many images trials could run in; `mai doctor` looks more closely.

    Asks with the standard library: the engine's SDK takes memory that only a trial needs.

    Raises:
        OSError, HTTPException, ValueError: no engine answers, or not as one does.
    """
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    connection = HTTPConnection("localhost", timeout=_PATIENCE_S)
    if host.startswith("unix://"):
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(_PATIENCE_S)
    elif host.startswith("tcp://"):
        connection = HTTPConnection(host.removeprefix("tcp://"), timeout=_PATIENCE_S)
    else:
        raise ValueError(host)
    with closing(connection):
        if connection.sock is not None:
            connection.sock.connect(host.removeprefix("unix://"))
        built = f"/images/json?filters={quote(json.dumps({'label': ['mai.image']}))}"
        connection.request("GET", f"/images/{quote(named, safe='')}/json" if named else built)
        response = connection.getresponse()
        answer = json.loads(response.read(_MOST_BYTES))
        return len(answer) if response.status == HTTPStatus.OK else 0
