"""The command that makes a file writable, and that changes nothing but what is Mai's."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def opening(folder: Path, names: tuple[str, ...], elsewhere: str) -> str:
    """Return what makes `folder` and the files `names` in it writable; empty where they are.

    Only Mai's own files are given to the user. A folder that other programs may use keeps its
    owner: there `elsewhere` is returned, which sets another place.
    """
    own = [folder / name for name in names if (folder / name).exists()]
    if closed := [one for one in own if not os.access(one, os.R_OK | os.W_OK)]:
        return f'sudo chown "$USER" {" ".join(shlex.quote(str(one)) for one in closed)}'
    if folder.exists():
        if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return ""
        is_mais = folder.is_dir() and (folder.name == "mai" or bool(own))
        return f'sudo chown "$USER" {shlex.quote(str(folder))}' if is_mais else elsewhere
    near = next(one for one in folder.parents if one.exists())
    if near.is_dir() and os.access(near, os.W_OK | os.X_OK):
        return ""
    return f'sudo install -d -m 700 -o "$USER" {shlex.quote(str(folder))}'
