"""The doctor's checks that need nothing but this machine: programs, repository, files, settings."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from mai.settings import Settings
from mai.system.check import Check, Status
from mai.system.resources import GIB, sample
from mai.system.rights import opening
from mai.text import one_line

_GIT_LEAST = (2, 38)  # `git merge-tree --write-tree` came with it
_PYTHON_LEAST = (3, 11)
_COMMAND_TIMEOUT_S = 5
_LOG_FILES = ("mai.jsonl",)
#: What Mai itself made and needs no more. Images, volumes and files of others are theirs to remove.
_FREE_ROOM = "mai sandbox reap"


def _run(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    """Run `command` to its end; None where it is not there or does not end in time."""
    # A GIT_DIR of the calling shell would answer for another repository.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    environment["LC_ALL"] = "C"
    # A relative entry of PATH would find programs in the repository that is looked at.
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    environment["PATH"] = os.pathsep.join(each for each in folders if Path(each).is_absolute())
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMMAND_TIMEOUT_S,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _output(command: list[str]) -> str | None:
    """Return what `command` prints, None where it fails or is not there."""
    answer = _run(command)
    return answer.stdout.strip() if answer and answer.returncode == 0 else None


def python(_settings: Settings, _repo_dir: Path) -> Check:
    """Is this Python new enough?"""
    text = f"Python {platform.python_version()} at {sys.executable}."
    if sys.version_info[:2] < _PYTHON_LEAST:
        return Check("python", Status.FAIL, text, "sudo apt-get install python3.11 python3.11-venv")
    return Check("python", Status.OK, text)


def git(_settings: Settings, _repo_dir: Path) -> Check:
    """Is git there and new enough?"""
    install = "sudo apt-get install git"
    version = _output(["git", "--version"])
    numbers = re.search(r"(\d+)\.(\d+)", version or "")
    if numbers is None:
        return Check("git", Status.FAIL, "git is not installed.", install)
    if (int(numbers[1]), int(numbers[2])) < _GIT_LEAST:
        return Check("git", Status.FAIL, f"{version}: Mai needs 2.38 or newer.", install)
    return Check("git", Status.OK, f"{one_line(version or '')}.")


def repository(_settings: Settings, repo_dir: Path) -> Check:
    """Is the folder in a repository that Mai can work on?"""
    inside = ["git", "-C", str(repo_dir)]
    shown = shlex.quote(str(repo_dir))
    bare = _run([*inside, "rev-parse", "--is-bare-repository"])
    if bare and "dubious ownership" in bare.stderr:
        text = f"{repo_dir} belongs to another user, so git does not read it."
        mend = f"git config --global --add safe.directory {shown}"
        return Check("repository", Status.WARN, text, mend)
    if bare is None or bare.returncode != 0:
        text = f"{repo_dir} is in no git repository."
        return Check("repository", Status.WARN, text, f"git init {shown}")
    if bare.stdout.strip() == "true":
        text = f"{repo_dir} is a bare repository, and Mai works on checkouts."
        return Check("repository", Status.WARN, text, f"git clone {shown} checkout")
    top = _output([*inside, "rev-parse", "--show-toplevel"]) or str(repo_dir)
    if _output([*inside, "rev-parse", "--verify", "--quiet", "HEAD"]) is None:
        commit = f"git -C {shown} commit --allow-empty -m 'Begin'"
        return Check("repository", Status.WARN, f"{one_line(top)} has no commits yet.", commit)
    branch = _output([*inside, "symbolic-ref", "--quiet", "--short", "HEAD"])
    if branch is None:
        text = f"{one_line(top)} is on no branch (detached HEAD)."
        return Check("repository", Status.WARN, text, f"git -C {shown} switch -c mai-work")
    return Check("repository", Status.OK, f"{one_line(top)}, on branch {one_line(branch)}.")


def identity(_settings: Settings, repo_dir: Path) -> Check:
    """Does git know who commits?"""
    name, email = (
        _output(["git", "-C", str(repo_dir), "config", key]) for key in ("user.name", "user.email")
    )
    if name and email:
        return Check("identity", Status.OK, f"Commits are {one_line(name)} <{one_line(email)}>.")
    missing = "user.email" if name else "user.name"
    mend = f'git config --global {missing} "…"'
    return Check("identity", Status.WARN, f"git has no {missing}.", mend)


def ruff(_settings: Settings, _repo_dir: Path) -> Check:
    """Are the reflexes there, which improve code without a model?"""
    # Beside this Python first: an environment need not be activated.
    beside = Path(sys.executable).with_name("ruff")
    program = str(beside) if beside.exists() else shutil.which("ruff")
    version = _output([program, "--version"]) if program else None
    if version is None:
        mend = f"{shlex.quote(sys.executable)} -m pip install ruff"
        return Check("ruff", Status.WARN, "ruff is missing: no reflexes.", mend)
    return Check("ruff", Status.OK, f"{one_line(version)}: reflexes work without a model.")


def _nearest(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def disk(settings: Settings, _repo_dir: Path) -> Check:
    """Is there room for the database, its backups and the private repositories?"""
    folder = _nearest(settings.data_dir)
    free = shutil.disk_usage(folder).free / GIB
    text = f"{free:.1f} GiB free at {folder}."
    if free < 1:
        status = Status.WARN if free > 0.1 else Status.FAIL  # noqa: PLR2004 - 100 MiB: backups fail
        return Check("disk", status, text, _FREE_ROOM)
    return Check("disk", Status.OK, text)


def log(settings: Settings, _repo_dir: Path) -> Check:
    """May the log be written?"""
    if mend := opening(settings.logs, _LOG_FILES, "export MAI_LOG_DIR=…"):
        text = f"{settings.logs} cannot be written: no log is kept."
        return Check("log", Status.WARN, text, mend)
    return Check("log", Status.OK, f"{settings.logs}, level {settings.log_level}.")


def machine(settings: Settings, _repo_dir: Path) -> Check:
    """What can think here?"""
    now = sample(settings)
    memory = f"{now.memory_total_bytes / GIB:.0f} GiB of memory"
    vram = now.vram_total_bytes
    gpu = f"{vram / GIB:.0f} GiB of VRAM" if vram else "no GPU that NVIDIA's driver knows"
    return Check("machine", Status.OK, f"{now.cpu_cores:g} cores, {memory}, {gpu}.")
