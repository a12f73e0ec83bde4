"""Finds the repository a folder belongs to, by looking, without asking a git that would obey it.

A repository's own configuration is read as data and never in force: `core.worktree` could point a
git at another folder, `core.fsmonitor` or a hook could make it run something. The layout is that
of gitrepository-layout(5): `.git` is a folder, or a file that names one (linked work trees,
submodules, `--separate-git-dir`).
"""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mai.errors import GitError, MaiError, UnsuitableRepo
from mai.repo.git import Git, reason_of
from mai.repo.special_files import refuse_special_files
from mai.text import one_line

_SMALL_FILE_BYTES = 64 * 1024
_CONFIG_BYTES = 1024 * 1024

# What a repository may ask of those who open it (git's repository-version document). Everything
# else changes how refs or objects are stored in ways this code does not know.
_KNOWN_EXTENSIONS = {
    "noop": None,
    "preciousobjects": None,
    "partialclone": None,
    "worktreeconfig": None,
    "relativeworktrees": None,
    "objectformat": ("sha1", "sha256"),
    "refstorage": ("files",),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository's parts lie. All paths are absolute and without links.

    Attributes:
        root: the top of the work tree.
        git_dir: what this work tree has for itself: HEAD and index.
        common_dir: what all its work trees share: refs and objects; often the same folder.
        settings: the repository's own configuration, `section.name` in lower case, as data.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    settings: Mapping[str, str]

    @property
    def key(self) -> str:
        """A short name for this work tree, the same for as long as it stays where it is."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]

    @property
    def objects(self) -> Path:
        """The folder of the repository's objects."""
        return self.common_dir / "objects"

    @property
    def object_format(self) -> str:
        """`sha1` or `sha256`."""
        return self.settings.get("extensions.objectformat", "sha1").lower()

    def is_on(self, name: str, *, default: bool) -> bool:
        """Return the boolean setting `name`, read as git does."""
        value = self.settings.get(name)
        return default if value is None else value.lower() not in {"false", "no", "off", "0", ""}


def find(directory: Path, *, is_only_read: bool = False) -> Place:
    """Find the repository that `directory` is in.

    Args:
        directory: a folder in its work tree.
        is_only_read: nothing will be written into it, so it may belong to another user: its
            configuration is never in force (see `mai.repo.private`).

    Raises:
        UnsuitableRepo: there is none, or it is bare, another user's or of an unknown kind.
    """
    try:
        start = directory.expanduser().resolve(strict=True)
        if not start.is_dir():
            raise UnsuitableRepo(f"{_shown(directory)} is not a folder.")
        for folder in (start, *start.parents):
            git_dir = _git_dir_of(folder)
            if git_dir is not None:
                return _examine(folder, git_dir, is_only_read=is_only_read)
            if _is_git_dir(folder):
                kind = "git's own folder" if folder.name == ".git" else "a bare repository"
                msg = f"{_shown(folder)} is {kind}; Mai needs the folder of a work tree."
                raise UnsuitableRepo(msg)
    except FileNotFoundError as error:
        raise UnsuitableRepo(f"There is no folder {_shown(directory)}.") from error
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a NUL, no permission
        msg = f"{_shown(directory)} cannot be opened: {reason_of(error)}."
        raise UnsuitableRepo(msg) from error
    raise UnsuitableRepo(f"{_shown(directory)} is not in a git repository; `git init` makes one.")


def is_in_repo(directory: Path) -> bool:
    """Whether `directory` lies in a repository of any kind, one that `find` refuses included."""
    try:
        start = directory.resolve(strict=True)
        return any(
            _git_dir_of(folder) is not None or _is_git_dir(folder)
            for folder in (start, *start.parents)
        )
    except (OSError, MaiError):  # there is something that cannot be read
        return True


def read_small(path: Path, limit_bytes: int = _SMALL_FILE_BYTES) -> str | None:
    """Return a small file of git's own, or None where there is none.

    Raises:
        GitError: it is no regular file (a FIFO would hang the reader) or far too large.
    """
    descriptor = open_regular(path)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise GitError(f"{_shown(path)} is larger than git ever makes it.")
    return os.fsdecode(data)


def open_regular(path: Path) -> int | None:
    """Return a descriptor to read `path` by, or None where there is no such file.

    Raises:
        GitError: it is no regular file, or cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise GitError(f"{_shown(path)} cannot be read: {one_line(str(error))}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise GitError(f"{_shown(path)} is not a regular file.")
    return descriptor


def _shown(path: Path) -> str:
    return one_line(str(path))


def _git_dir_of(folder: Path) -> Path | None:
    """Return the git folder that `folder/.git` is or names, or None where it is neither."""
    candidate = folder / ".git"
    if candidate.is_dir():
        return candidate.resolve() if _is_git_dir(candidate) else None
    text = read_small(candidate)
    if text is None:
        return None
    target = text.removeprefix("gitdir:").strip("\n").strip()
    if not text.startswith("gitdir:") or not target:
        raise UnsuitableRepo(f"{_shown(candidate)} is a file, but does not name a git folder.")
    git_dir = folder / target
    if not _is_git_dir(git_dir):
        msg = f"{_shown(candidate)} names {one_line(target)}, which is not a git folder."
        raise UnsuitableRepo(msg)
    return git_dir.resolve()


def _is_git_dir(folder: Path) -> bool:
    head = folder / "HEAD"
    if not (head.is_file() or head.is_symlink()):
        return False
    return (folder / "commondir").is_file() or (
        (folder / "objects").is_dir() and (folder / "refs").is_dir()
    )


def _examine(root: Path, git_dir: Path, *, is_only_read: bool) -> Place:
    common = read_small(git_dir / "commondir")
    is_linked = common is not None
    common_dir = (git_dir / common.strip("\n")).resolve() if common is not None else git_dir
    if not (common_dir / "objects").is_dir() or not (common_dir / "refs").is_dir():
        raise UnsuitableRepo(f"{_shown(common_dir)} is damaged: it has no objects or no refs.")
    if not is_only_read:
        _check_owner(root, git_dir, common_dir)
    refuse_special_files(common_dir, git_dir)
    if is_linked:
        _check_link_back(root, git_dir)
    settings = _settings(common_dir / "config")
    _check_format(root, settings)
    place = Place(root, git_dir, common_dir, settings)
    # git ignores these two of the shared configuration in a linked work tree, and so do we.
    own = {} if is_linked else dict(settings)
    if place.is_on("extensions.worktreeconfig", default=False):
        own |= _settings(git_dir / "config.worktree")
    mine = Place(root, git_dir, common_dir, own)
    if mine.is_on("core.bare", default=False):
        raise UnsuitableRepo(f"{_shown(git_dir)} is a bare repository; Mai needs a work tree.")
    worktree = own.get("core.worktree")
    if worktree is not None and (git_dir / worktree).resolve() != root:
        msg = (
            f"core.worktree of {_shown(git_dir)} points to {one_line(worktree)}, "
            f"not to {_shown(root)}; Mai does not follow it."
        )
        raise UnsuitableRepo(msg)
    return Place(root, git_dir, common_dir, {**settings, **own})


def _check_link_back(root: Path, git_dir: Path) -> None:
    """Refuse a `.git` file that names another work tree's folder."""
    back = (read_small(git_dir / "gitdir") or "").strip("\n")
    if not back or (git_dir / back).parent.resolve() != root:
        msg = (
            f"{_shown(git_dir)} belongs to another work tree than {_shown(root)}; "
            "`git worktree repair` mends a moved one."
        )
        raise UnsuitableRepo(msg)


def _settings(path: Path) -> dict[str, str]:
    """Read a configuration file with git's parser, as data: no includes, nothing in force."""
    if read_small(path, _CONFIG_BYTES) is None:
        return {}
    try:
        listing = Git(Path("/nonexistent")).run(
            "config", "--file", str(path), "--no-includes", "--null", "--list", timeout_s=30
        )
    except GitError as error:
        raise UnsuitableRepo(f"{_shown(path)} cannot be read: {error}") from error
    settings = {}
    for item in listing.output.decode("utf-8", "surrogateescape").split("\0"):
        name, has_value, value = item.partition("\n")
        settings[name] = value if has_value else "true"
    settings.pop("", None)
    return settings


def _check_format(root: Path, settings: Mapping[str, str]) -> None:
    version = settings.get("core.repositoryformatversion", "0")
    if version not in {"0", "1"}:
        msg = f"{_shown(root)} has repository format {one_line(version)}, which Mai does not know."
        raise UnsuitableRepo(msg)
    for name, value in settings.items():
        extension = name.removeprefix("extensions.")
        if extension == name:
            continue
        known = _KNOWN_EXTENSIONS.get(extension, ())
        if known is not None and value.lower() not in known:
            msg = (
                f"{_shown(root)} uses git's extension {one_line(extension)}={one_line(value)}, "
                "which Mai does not know."
            )
            raise UnsuitableRepo(msg)


def _check_owner(*folders: Path) -> None:
    """Refuse what belongs to another user, unless git itself was told to trust it."""
    own = {os.geteuid()}
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isdecimal():
        own.add(int(sudo))
    for folder in folders:
        if folder.stat().st_uid in own or _is_trusted(folders[0]):
            continue
        msg = (
            f"{_shown(folder)} belongs to another user; "
            f"`git config --global --add safe.directory {_shown(folders[0])}` says it is all right."
        )
        raise UnsuitableRepo(msg)


def _is_trusted(root: Path) -> bool:
    """Whether the user's own configuration lists `root` under `safe.directory`."""
    trusted: list[str] = []
    for item in user_settings(Path("/nonexistent"), r"^safe\.directory$").split("\0")[:-1]:
        value = item.partition("\n")[2]
        trusted = [*trusted, value] if value else []  # an empty one resets the list
    return "*" in trusted or any(
        Path(item).expanduser() == root
        or (item.endswith("/*") and root.is_relative_to(Path(item[:-2]).expanduser()))
        for item in trusted
    )


def user_settings(git_dir: Path, pattern: str, *, is_own: bool = False) -> str:
    r"""Return what the user's configuration says of names like `pattern`: `name\nvalue\0` each.

    With a real `git_dir` the repository's own is read too, and `includeIf "gitdir:…"` holds. This
    one command sees the user's configuration; `git config` only parses, and runs nothing that it
    names. With `is_own`, what the repository's own configuration says is left out. Where it cannot
    be read it says nothing.
    """
    home = os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir
    environment = {"GIT_CONFIG_NOSYSTEM": None, "GIT_CONFIG_GLOBAL": None, "HOME": home}
    if "XDG_CONFIG_HOME" in os.environ:
        environment["XDG_CONFIG_HOME"] = os.environ["XDG_CONFIG_HOME"]
    try:
        answer = Git(git_dir, environment).run(
            *("config", "--null", "--show-scope", "--get-regexp", pattern),
            accepted=range(256),
            timeout_s=10,
        )
    except GitError:  # it hung, as on an include of a FIFO
        return ""
    fields = answer.output.decode("utf-8", "surrogateescape").split("\0")[:-1]
    # Mai's own settings are given on the command line and are not the user's.
    left_out = {"command", "local", "worktree"} if is_own else {"command"}
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return "".join(f"{item}\0" for scope, item in pairs if scope not in left_out)
