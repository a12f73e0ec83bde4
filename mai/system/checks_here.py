"""The doctor's checks that need nothing but this machine: programs, repository, files, settings."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from mai.settings import Settings
from mai.system.check import Check, Status
from mai.system.resources import GIB, sample
from mai.text import one_line

_GIT_LEAST = (2, 38)  # `git merge-tree --write-tree` came with it
_PYTHON_LEAST = (3, 11)
_COMMAND_TIMEOUT_S = 5
_QUICK_CHECK_S = 5.0
_HOUR_S = 3600.0


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


def database(settings: Settings, _repo_dir: Path) -> Check:
    """Is the database sound, and may it be written?"""
    path = settings.memory_db_path
    near = _nearest(path)
    if not os.access(near, os.W_OK) or not os.access(_nearest(path.parent), os.W_OK):
        mend = f"sudo chown -R $USER {shlex.quote(str(near))}"
        return Check("database", Status.FAIL, f"{near} cannot be written.", mend)
    if not path.exists():
        return Check("database", Status.OK, f"{path} will be made at first use.")
    try:
        said = _quick_check(path)
    except sqlite3.Error as error:
        said = one_line(str(error))
    if said == "interrupted":
        return Check("database", Status.OK, f"{path} opens; it is too large to check in full here.")
    if said != "ok":
        backups = _backups(path)
        mend = f"cp {shlex.quote(str(backups[-1]))} {shlex.quote(str(path))}" if backups else ""
        return Check("database", Status.FAIL, f"{path} is not sound: {said}.", mend)
    return Check("database", Status.OK, f"{path} is sound.")


def _quick_check(path: Path) -> str:
    until = time.monotonic() + _QUICK_CHECK_S
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        return one_line(str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]))


def _backups(path: Path) -> list[Path]:
    """Return the backups that the store made beside the database, oldest first."""
    return sorted((path.parent / "backups").glob(f"{path.stem}-*Z.db"))


def backup(settings: Settings, _repo_dir: Path) -> Check:
    """Is there a backup that is not too old?"""
    path = settings.memory_db_path
    backups = _backups(path)
    if not path.exists():
        return Check("backup", Status.OK, "There is nothing to back up yet.")
    if not backups:
        text = "There is no backup yet; the running Mai makes one by itself."
        return Check("backup", Status.WARN, text, "mai serve")
    hours = (time.time() - backups[-1].stat().st_mtime) / _HOUR_S
    text = f"{backups[-1]}, {hours:.1f} hours old."
    # Twice the interval: Mai backs up while it runs, and need not run all day.
    if hours > 2 * settings.backup_hours:
        return Check("backup", Status.WARN, text, "mai serve")
    return Check("backup", Status.OK, text)


def disk(settings: Settings, _repo_dir: Path) -> Check:
    """Is there room for the database, its backups and the private repositories?"""
    folder = _nearest(settings.data_dir)
    free = shutil.disk_usage(folder).free / GIB
    text = f"{free:.1f} GiB free at {folder}."
    if free < 1:
        status = Status.WARN if free > 0.1 else Status.FAIL  # noqa: PLR2004 - 100 MiB: backups fail
        return Check("disk", status, text, "docker system prune")
    return Check("disk", Status.OK, text)


def log(settings: Settings, _repo_dir: Path) -> Check:
    """May the log be written?"""
    near = _nearest(settings.logs)
    if not os.access(near, os.W_OK):
        mend = f"sudo chown -R $USER {shlex.quote(str(near))}"
        return Check("log", Status.WARN, f"{near} cannot be written: no log is kept.", mend)
    return Check("log", Status.OK, f"{settings.logs}, level {settings.log_level}.")


def machine(settings: Settings, _repo_dir: Path) -> Check:
    """What can think here?"""
    now = sample(settings)
    memory = f"{now.memory_total_bytes / GIB:.0f} GiB of memory"
    vram = now.vram_total_bytes
    gpu = f"{vram / GIB:.0f} GiB of VRAM" if vram else "no GPU that NVIDIA's driver knows"
    return Check("machine", Status.OK, f"{now.cpu_cores:g} cores, {memory}, {gpu}.")
