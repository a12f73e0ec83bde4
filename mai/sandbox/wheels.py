"""Wheels from the network, fetched by pip on the host: binary ones only, in a clean environment.

A wheel is unpacked and never run here; a source distribution would be, so there are none. What is
fetched has a size limit and a time limit, and the folder it is in is removed by the next Mai should
this one be killed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mai.errors import SandboxError
from mai.text import one_line

TIMEOUT_S = 300


class PipError(SandboxError):
    """pip ended with `complaints`: what it was asked for cannot be had."""

    code = "pip"

    def __init__(self, complaints: str) -> None:
        super().__init__(f"pip says: {_reason(complaints)}")
        self.complaints = complaints


_MOST_BYTES = 768 << 20
_MOST_UNPACKED_BYTES = 2 << 30
_POLL_S = 0.2
#: How often what stops pip is left out and pip asked again, before each one is tried by itself.
_MOST_ROUNDS = 12
_UNREACHABLE = re.compile(r"ConnectionError|ConnectTimeout|Max retries|name resolution|ProxyError")
#: How pip's complaints name what cannot be had, and what wants it.
_BLAMED = re.compile(
    r"(?:requirement|distribution found for) (?P<name>[A-Za-z0-9][\w.-]*)[^\n(]*"
    r"(?:\(from (?P<wanted_by>[A-Za-z0-9][\w.-]*))?"
)
#: What pip may know of this machine: how the person reaches an index, and no secret besides.
_PASSED_ON = (
    *("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_CONFIG_FILE"),
    *(
        "PIP_NO_INDEX",
        "PIP_TRUSTED_HOST",
        "PIP_PROXY",
        "PIP_DEFAULT_TIMEOUT",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
    ),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)


def download(target: Path, arguments: Iterable[str], *, timeout_s: float = TIMEOUT_S) -> list[Path]:
    """Download wheels into `target` as pip's `arguments` say, and return them.

    Raises:
        SandboxError: pip could not, took too long, or brought too much.
    """
    _pip(["download", "--only-binary=:all:", f"--dest={target}", *arguments], target, timeout_s)
    wheels = sorted(target.glob("*.whl"))
    if not wheels:
        raise SandboxError("pip brought no wheels.")
    unpacked = 0
    for wheel in wheels:
        try:
            with zipfile.ZipFile(wheel) as archive:
                unpacked += sum(entry.file_size for entry in archive.infolist())
        except (OSError, zipfile.BadZipFile) as error:
            raise SandboxError(f"{one_line(wheel.name)} is no wheel.") from error
    if unpacked > _MOST_UNPACKED_BYTES:
        raise SandboxError(f"The wheels are {unpacked >> 20} MiB unpacked, which is too much.")
    return wheels


def download_most(
    target: Path,
    options: Sequence[str],
    requirements: Sequence[str],
    constraints: Sequence[str] = (),
    *,
    timeout_s: float = TIMEOUT_S,
) -> tuple[list[Path], dict[str, str]]:
    """Download wheels for as many of `requirements` as can be had together, the first ones first.

    Returns the wheels, and why each of the other requirements cannot be had.

    Raises:
        SandboxError: no index can be reached, pip took too long, or brought too much.
    """
    deadline = time.monotonic() + timeout_s
    wanted, missing = list(requirements), dict[str, str]()
    for _ in range(_MOST_ROUNDS):
        try:
            return _together(target, options, wanted, constraints, deadline), missing
        except PipError as error:
            if _UNREACHABLE.search(error.complaints):
                raise
            blamed = _blamed(error.complaints, wanted)
            if blamed is None:
                break
            missing[blamed] = str(error)
            wanted.remove(blamed)
    kept: list[str] = []
    for requirement in wanted:
        try:
            _together(target, options, [*kept, requirement], constraints, deadline)
            kept.append(requirement)
        except PipError as error:
            missing[requirement] = str(error)
    return _together(target, options, kept, constraints, deadline), missing


def _together(
    target: Path,
    options: Sequence[str],
    wanted: Sequence[str],
    constraints: Sequence[str],
    deadline: float,
) -> list[Path]:
    """Download wheels for all of `wanted` into the emptied folder `target`."""
    for old in target.iterdir():
        old.unlink()
    if not wanted:
        return []
    listed, limits = target.parent / "requirements.txt", target.parent / "constraints.txt"
    listed.write_text("".join(f"{line}\n" for line in wanted), "utf-8")
    limits.write_text("".join(f"{line}\n" for line in constraints), "utf-8")
    arguments = [*options, "--requirement", str(listed), "--constraint", str(limits)]
    left_s = max(0.0, deadline - time.monotonic())
    return download(target, arguments, timeout_s=left_s)


def _blamed(complaints: str, wanted: Sequence[str]) -> str | None:
    """Return the last of `wanted` that pip's complaints name, None where they name none."""
    places = {_name_of(Requirement(text).name): text for text in wanted}
    for line in complaints.splitlines():
        if not line.startswith("ERROR"):
            continue
        for match in _BLAMED.finditer(line):
            # What is wanted by a requirement goes with that requirement.
            for name in (match["wanted_by"], match["name"]):
                if name and (text := places.get(_name_of(name))):
                    return text
        named = [_name_of(word) for word in re.findall(r"[A-Za-z0-9][\w.-]*", line)]
        if known := [places[name] for name in named if name in places]:
            return max(known, key=wanted.index)
    return None


def _name_of(word: str) -> str:
    return str(canonicalize_name(re.split(r"==|\.$", word)[0]))


def unpack(
    wheels: Sequence[Path], target: Path, platform: Sequence[str], *, timeout_s: float = TIMEOUT_S
) -> None:
    """Install `wheels` into the folder `target` for another Python, running nothing of them.

    Raises:
        SandboxError: pip could not.
    """
    options = ["--no-deps", "--no-index", "--no-compile", "--only-binary=:all:", *platform]
    names = [str(wheel) for wheel in wheels]
    _pip(["install", *options, f"--target={target}", *names], target.parent, timeout_s)
    # pip writes this machine's Python into the scripts it makes.
    for script in (target / "bin").glob("*"):
        data = script.read_bytes()
        first, _, rest = data.partition(b"\n")
        if first.startswith(b"#!") and b"python" in first:
            script.write_bytes(b"#!/usr/bin/env python3\n" + rest)


def _pip(arguments: list[str], watched: Path, timeout_s: float) -> None:
    command = [sys.executable, "-I", "-m", "pip", *arguments, "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--retries=1", "--no-cache-dir"]
    if (guard := shutil.which("setpriv")) is not None:
        # Should Mai be killed, pip goes with it.
        command = [guard, "--pdeathsig", "KILL", *command]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    deadline = time.monotonic() + timeout_s
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                cwd=watched,
                env=environment,
            )
        except OSError as error:
            raise SandboxError(f"pip cannot be started: {one_line(str(error))}.") from error
        with process:
            try:
                while process.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL_S)
                    if time.monotonic() > deadline:
                        raise SandboxError(f"pip took longer than {timeout_s:g} s.")
                    if _size_of(watched) > _MOST_BYTES + _MOST_UNPACKED_BYTES:
                        raise SandboxError("pip brought more than may be in a sandbox.")
            finally:
                process.kill()
        if process.returncode != 0:
            complaints.seek(0)
            raise PipError(complaints.read(1 << 20).decode(errors="replace"))


def _reason(complaints: str) -> str:
    lines = [line for line in complaints.splitlines() if line.strip()]
    errors = [
        line
        for line in lines
        if line.startswith("ERROR") and not line.startswith("ERROR: ResolutionImpossible")
    ]
    return one_line((errors or lines or ["nothing"])[-1], 300)


def _size_of(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        with suppress(OSError):  # pip moves things while it works
            total += path.lstat().st_size
    return total
