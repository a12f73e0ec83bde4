"""Commands that change the machine: as root or through sudo, telling their progress as it comes."""

from __future__ import annotations

import collections
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mai.errors import NoEngine
from mai.text import one_line

Say = Callable[[str], None]

# Debian keeps these out of a plain user's PATH; dockerd itself looks for iptables there.
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
_LINES_KEPT = 12


def search_path() -> str:
    """Return PATH with the folders of system programs at its end."""
    return os.environ.get("PATH", "") + os.pathsep + _SYSTEM_FOLDERS


def find(program: str) -> str | None:
    """Return where `program` lies, system folders included, or None."""
    return shutil.which(program, path=search_path())


def root_prefix(*, may_ask: bool) -> list[str] | None:
    """Return what makes a command run as root: nothing, `sudo …`, or None where neither works.

    `may_ask` lets sudo ask for a password on the terminal.
    """
    if os.geteuid() == 0:
        return []
    sudo = find("sudo")
    if sudo is None:
        return None
    prefix = [sudo] if may_ask else [sudo, "--non-interactive"]
    allowed = subprocess.run([*prefix, "--validate"], check=False, capture_output=not may_ask)
    return prefix if allowed.returncode == 0 else None


def run(
    prefix: Sequence[str],
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] = lambda _: None,
    streams: bool = True,
) -> None:
    """Run `command` behind `prefix` to its end; hand each line of its output to `on_line`.

    `streams` false discards the output: what the command leaves running would hold the pipe open.

    Raises:
        NoEngine: it failed; the sentence carries its last telling line.
    """
    # sudo resets the environment, so what must arrive goes through env(1).
    variables = {"PATH": search_path(), "LC_ALL": "C", **(environment or {})}
    settings = [f"{name}={value}" for name, value in variables.items()]
    last: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
    with subprocess.Popen(
        [*prefix, "env", *settings, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if streams else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            last.append(line)
            on_line(line)
    if process.returncode != 0:
        telling = [line for line in last if line.startswith(("E:", "error:", "Error"))] or last
        why = one_line(telling[-1]) if telling else "it said nothing"
        name = Path(command[0]).name
        raise NoEngine(f"`{name}` ended with {process.returncode}: {why}.")
