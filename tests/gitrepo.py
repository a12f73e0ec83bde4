"""Real git repositories for tests, made with plain `git` and nothing of ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_DATE": "2024-01-02T03:04:05+00:00",
    "GIT_COMMITTER_DATE": "2024-01-02T03:04:05+00:00",
}

Content = str | bytes | Path | None
"""A file's text or bytes; a `Path` makes a symbolic link to it; None deletes."""


@dataclass(frozen=True, slots=True)
class GitRepo:
    """A repository in a folder of its own."""

    root: Path

    def git(self, *args: str, data: bytes | None = None, check: bool = True) -> str:
        """Run git in the work tree; return what it printed, without the last line feed."""
        return self.git_bytes(*args, data=data, check=check).decode().removesuffix("\n")

    def git_bytes(self, *args: str, data: bytes | None = None, check: bool = True) -> bytes:
        """Run git in the work tree; return what it printed, byte for byte."""
        ran = subprocess.run(
            ["git", *args],
            cwd=self.root,
            env=_ENVIRONMENT,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            check=False,
        )
        if check and ran.returncode != 0:
            msg = f"git {' '.join(args)}: {ran.stderr.decode(errors='replace')}"
            raise AssertionError(msg)
        return ran.stdout

    def write(self, files: Mapping[str, Content], *, executable: bool = False) -> None:
        """Write, link or delete files in the work tree; folders appear as needed."""
        for name, content in files.items():
            path = self.root / name
            if path.is_symlink() or path.is_file():
                path.unlink()
            if content is None:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                path.symlink_to(content)
                continue
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            if executable:
                path.chmod(0o755)

    def commit(
        self, files: Mapping[str, Content], message: str = "Change", *, executable: bool = False
    ) -> str:
        """Write `files`, commit everything in the work tree, return the commit's id."""
        self.write(files, executable=executable)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def head(self) -> str:
        """Return the id of the commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def show(self, commit: str, path: str) -> bytes:
        """Return a file's bytes as `commit` has it."""
        return self.git_bytes("cat-file", "blob", f"{commit}:{path}")


def make_repo(
    path: Path, files: Mapping[str, Content] | None = None, *init_options: str
) -> GitRepo:
    """Make a repository at `path` on branch `main`; with `files`, commit them first."""
    path.mkdir(parents=True, exist_ok=True)
    repo = GitRepo(path)
    repo.git("init", "--quiet", "--initial-branch=main", *init_options)
    repo.git("config", "user.name", "Ana Author")
    repo.git("config", "user.email", "ana@example.org")
    repo.git("config", "gc.auto", "0")  # it would go on in the background after the test
    if files is not None:
        repo.commit(files, "Start")
    return repo
