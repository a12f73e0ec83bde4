"""Mai's own repository beside each of the user's, where everything is computed.

`<key>.git` is bare, has a configuration of its own and borrows the user's objects, so merging,
diffing and making trees obey nothing that the user's repository says and leave nothing in it.

`<key>.git/window` is how the user's refs are read and moved: a git folder with Mai's configuration
whose refs, reflogs and objects are links to the user's. So git's own locking and packed refs hold,
and still no hook, filter or setting of the user's repository exists for the git that does it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mai.errors import GitError
from mai.repo.git import Git, reason_of
from mai.repo.place import Place, read_small
from mai.text import one_line

_LEFTOVER_AGE_S = 24 * 3600.0
_HEAD = "ref: refs/heads/none\n"
_SHARED = re.compile(r"(?:true|false|umask|group|all|world|everybody|0[0-7]{3}|[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Private:
    """Mai's repository for one work tree. `git` computes there, `window` moves the user's refs.

    `into` is `git` with the user's objects as its store: what it writes enters their repository.
    """

    path: Path
    git: Git
    window: Git
    into: Git

    def make_borrower(self, git_dir: Path) -> None:
        """Make an empty git folder at `git_dir` that reads all objects this one can read."""
        for part in ("objects/info", "refs", "info"):
            (git_dir / part).mkdir(parents=True)
        (git_dir / "HEAD").write_text(_HEAD)
        (git_dir / "config").write_bytes((self.path / "config").read_bytes())
        borrowed = _quoted(os.fsencode(self.path / "objects")) + b"\n"
        (git_dir / "objects" / "info" / "alternates").write_bytes(borrowed)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder for temporary files, gone again at the end."""
        try:
            with tempfile.TemporaryDirectory(prefix="tmp-", dir=self.path) as folder:
                yield Path(folder)
        except OSError as error:
            msg = f"Mai's own repository cannot be written: {reason_of(error)}."
            raise GitError(msg) from error


def prepare_private(place: Place, private_root: Path) -> Private:
    """Make Mai's repository for `place` under `private_root`, or bring it up to date.

    Raises:
        GitError: it cannot be written.
    """
    path = private_root / f"{place.key}.git"
    try:
        private_root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.is_dir():
            _create(path)
        _bring_up_to_date(path, place)
        _remove_leftovers(path)
    except OSError as error:
        msg = f"Mai's own repository {one_line(str(path))} cannot be made: {reason_of(error)}."
        raise GitError(msg) from error
    shallow = {"GIT_SHALLOW_FILE": str(place.common_dir / "shallow")}
    shared = place.settings.get("core.sharedrepository", "")
    modes = (f"core.sharedRepository={shared}",) if _SHARED.fullmatch(shared) else ()
    return Private(
        path,
        Git(path, shallow),
        Git(path / "window", shallow, modes),
        Git(
            path,
            {**shallow, "GIT_OBJECT_DIRECTORY": str(place.objects)},
            # A ref must never be on the disk before what it stands for.
            (*modes, "core.fsync=committed,loose-object"),
        ),
    )


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, so that a reader or a crash sees all of it or none."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _create(path: Path) -> None:
    """Make the folder in one step: two processes may open the same repository at once."""
    building = Path(tempfile.mkdtemp(prefix="new-", dir=path.parent))  # mkdtemp makes it 0700
    for folder in ("objects/info", "objects/pack", "refs/heads", "claims", "window/logs"):
        (building / folder).mkdir(parents=True)
    (building / "HEAD").write_text(_HEAD)
    (building / "window" / "HEAD").write_text(_HEAD)
    try:
        building.rename(path)
    except OSError:
        shutil.rmtree(building)
        if not path.is_dir():  # else the other process was quicker
            raise


def _bring_up_to_date(path: Path, place: Place) -> None:
    window = path / "window"
    alternate = _quoted(os.fsencode(place.objects))
    wanted: Mapping[Path, bytes] = {
        path / "config": _config(place, log_updates=False),
        path / "objects" / "info" / "alternates": alternate + b"\n",
        window / "config": _config(place, log_updates=True),
    }
    for file, content in wanted.items():
        current = read_small(file)
        if current is None or os.fsencode(current) != content:
            replace_file(file, content)
    links = {
        "refs": place.common_dir / "refs",
        "packed-refs": place.common_dir / "packed-refs",
        "objects": place.objects,
        "logs/refs": place.common_dir / "logs" / "refs",
        "logs/HEAD": place.git_dir / "logs" / "HEAD",
    }
    for name, target in links.items():
        _link(window / name, target)


def _remove_leftovers(path: Path) -> None:
    """Remove what a process that was killed left behind long ago."""
    long_ago = time.time() - _LEFTOVER_AGE_S
    for pattern in (path.glob("tmp-*"), path.parent.glob("new-*")):
        for leftover in pattern:
            with contextlib.suppress(FileNotFoundError):
                if leftover.lstat().st_mtime < long_ago:
                    shutil.rmtree(leftover, ignore_errors=True)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    temporary = link.with_name(f"{link.name}.{secrets.token_hex(8)}")
    temporary.symlink_to(target)
    temporary.replace(link)


def _config(place: Place, *, log_updates: bool) -> bytes:
    lines = ["[core]", "bare = true", f"logAllRefUpdates = {str(log_updates).lower()}"]
    if place.object_format == "sha1":
        lines.insert(1, "repositoryFormatVersion = 0")
    else:
        lines.insert(1, "repositoryFormatVersion = 1")
        lines += ["[extensions]", f"objectFormat = {place.object_format}"]
    return ("\n".join(lines) + "\n").encode()


def _quoted(path: bytes) -> bytes:
    """Quote a path as C does, which is how git lets an alternate contain any byte."""
    plain = bytes(range(0x20, 0x7F)).replace(b'"', b"").replace(b"\\", b"")
    inner = b"".join(bytes([byte]) if byte in plain else b"\\%03o" % byte for byte in path)
    return b'"' + inner + b'"'
