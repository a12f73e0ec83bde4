"""Runs git, and never lets it run anything else.

The one place where a git process starts. Its environment is built from nothing, so no inherited
`GIT_*` variable reaches it; its repository is always named, so none is ever discovered; its
configuration is Mai's own (see `mai.repo.private`), so hooks, filters, merge drivers, monitors
and helpers that a repository asks for do not exist for it. The settings below only say the same
once more.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

from mai.errors import Conflict, GitError, MaiError, RepoBusy, UnsuitableRepo
from mai.text import one_line

OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
"""A full object id, SHA-1 or SHA-256."""

OLDEST_GIT = (2, 38)
"""The first git with `merge-tree --write-tree` (its release notes, 2022-10-02)."""

TIMEOUT_S = 300.0
"""A git command that takes longer is taken for hung: a FIFO in place of a file, a dead mount."""

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    # A commit-graph is a cache that could lie about ancestry; what decides are the commits.
    "core.commitGraph=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.quotePath=false",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    # Stronger than `protocol.allow`, which `protocol.<name>.allow` would override.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": ":",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git command answered. `error` is its stderr, for a sentence or a test of its words."""

    status: int
    output: bytes
    error: str

    @property
    def text(self) -> str:
        """The output without surrounding white space; paths keep bytes that are not UTF-8."""
        return self.output.decode("utf-8", "surrogateescape").strip()


@functools.cache
def _programs(path: str) -> tuple[str, str, str]:
    """Return `env`, `git` and the PATH to run them with, found along `path`.

    Relative entries of PATH are dropped: in a repo, `./git` would be the repo's.
    """
    folders = [folder for folder in path.split(os.pathsep) if Path(folder).is_absolute()]
    clean = os.pathsep.join(folders)
    env, git = shutil.which("env", path=clean), shutil.which("git", path=clean)
    if git is None or env is None or "=" in git:
        raise UnsuitableRepo(
            "git is not installed, or not on the PATH; Mai needs git 2.38 or later."
        )
    return env, git, clean


@functools.cache
def _library() -> Any:
    """Return GitPython's command class, imported on first use: it runs git when imported."""
    _, git, _ = _programs(os.environ.get("PATH", os.defpath))
    name = "GIT_PYTHON_GIT_EXECUTABLE"
    before = os.environ.get(name)
    os.environ[name] = git  # else it would run what a relative entry of PATH finds in the repo
    try:
        from git.cmd import Git  # noqa: PLC0415 - see above: nothing may happen at import
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    return Git


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git commands in the repository at `git_dir`.

    `environment` is added to Mai's own, or takes from it where a value is None.
    """

    git_dir: Path
    environment: Mapping[str, str | None] = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    def at(self, git_dir: Path) -> Git:
        """Return the same for another git folder."""
        return replace(self, git_dir=git_dir)

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command and return its process, with binary pipes; ending it is the caller's.

        The process is in a session of its own: Ctrl-C in a terminal must not cut a ref update.
        """
        env, git, path = _programs(os.environ.get("PATH", os.defpath))
        # GitPython can add to the inherited environment but not take from it; `env -i` can.
        command = [env, "-i"]
        variables = {
            "PATH": path,
            **_ENVIRONMENT,
            "GIT_DIR": str(self.git_dir),
            **self.environment,
            **(environment or {}),
        }
        command += [f"{name}={value}" for name, value in variables.items() if value is not None]
        command.append(git)
        for setting in (*_SETTINGS, *self.settings):
            command += ["-c", setting]
        working_directory = self.git_dir if self.git_dir.is_dir() else Path("/")
        try:
            guard = _library()(str(working_directory)).execute(
                [*command, *arguments],
                istream=subprocess.PIPE,
                as_process=True,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # a NUL in an argument is a ValueError
            raise GitError(f"git cannot be started: {one_line(str(error))}.") from error
        # GitPython's guard ends the process as soon as nobody refers to it; here somebody does.
        process: subprocess.Popen[bytes] = guard.proc
        guard.proc = None
        return process

    def run(
        self,
        *arguments: str,
        data: bytes = b"",
        environment: Mapping[str, str] | None = None,
        accepted: Collection[int] = (0,),
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Run a command to its end with `data` on its stdin.

        Raises:
            GitError: its exit status is not among `accepted`, or it hung.
            RepoBusy: another process holds the lock it needs.
            Conflict: a ref was not where it was expected.
        """
        process = self.start(*arguments, environment=environment)
        with process:
            try:
                output, error = process.communicate(data, timeout=timeout_s)
            except BaseException as problem:  # no child outlives us, whatever it was
                stop(process)
                if isinstance(problem, subprocess.TimeoutExpired):
                    msg = f"git {arguments[0]} did not answer within {timeout_s:g} s."
                    raise GitError(msg) from problem
                raise
        answer = Answer(process.returncode, output, error.decode("utf-8", "replace"))
        if answer.status not in accepted:
            raise failure(arguments[0], answer.status, answer.error)
        return answer

    def read_limited(
        self, *arguments: str, limit_bytes: int, timeout_s: float = TIMEOUT_S
    ) -> bytes | None:
        """Return what a command prints, or None where that is more than `limit_bytes`.

        Raises:
            GitError: the command failed, or it hung.
        """
        process = self.start(*arguments)
        hung = threading.Timer(timeout_s, process.kill)
        hung.start()
        try:
            output = cast("IO[bytes]", process.stdout).read(limit_bytes + 1)
            if len(output) > limit_bytes:
                return None
            error = cast("IO[bytes]", process.stderr).read().decode("utf-8", "replace")
            if process.wait() != 0:
                raise failure(arguments[0], process.returncode, error)
            return output
        finally:
            hung.cancel()
            stop(process)
            for stream in (process.stdin, process.stdout, process.stderr):
                cast("IO[bytes]", stream).close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a git process gently, so that it takes its own lock files along, then by force."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def failure(verb: str, status: int, error: str) -> MaiError:
    """Return the error that says in one sentence what git said."""
    lines = [line for line in error.splitlines() if not line.startswith(("hint:", "warning:"))]
    said = one_line(re.sub(r"\b(?:fatal|error): ", "", " ".join(lines))).rstrip(".")
    if ".lock': File exists" in error:
        return RepoBusy(f"Another git process is at work in the repository: {said}.")
    if "but expected" in error or "reference already exists" in error:
        return Conflict(f"A branch moved meanwhile: {said}.")
    return GitError(f"git {verb} failed: {said or f'exit status {status}'}.")


def reason_of(error: Exception) -> str:
    """Return what the system said, without its number and path: the sentence has named the path."""
    return one_line(getattr(error, "strerror", None) or str(error))


def check_version() -> None:
    """Raise UnsuitableRepo where git is missing or too old."""
    _check_version(os.environ.get("PATH", os.defpath))


@functools.cache
def _check_version(_path: str) -> None:
    found = Git(Path("/nonexistent")).run("version").text
    match = re.search(r"(\d+)\.(\d+)", found)
    if match is None or (int(match[1]), int(match[2])) < OLDEST_GIT:
        raise UnsuitableRepo(f"Mai needs git 2.38 or later; this is {one_line(found)}.")
