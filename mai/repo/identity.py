"""Who the user is to git. The one thing for which their own configuration is read."""

from __future__ import annotations

import getpass
import os
import socket

from mai.repo.place import Place, user_settings
from mai.repo.refs import Person
from mai.repo.trees import clean


def identity_of(place: Place) -> Person:
    """Return the user's name and e-mail address as git knows them, or login and host."""
    items = user_settings(place.git_dir, r"^user\.(name|email)$").split("\0")
    pairs = (item.partition("\n") for item in items)
    said = {name: clean(value) for name, _, value in pairs}
    login = _login()
    host = clean(socket.gethostname()) or "localhost"
    return said.get("user.name") or login, said.get("user.email") or f"{login}@{host}"


def _login() -> str:
    try:
        return clean(getpass.getuser()) or "user"
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid{os.geteuid()}"
