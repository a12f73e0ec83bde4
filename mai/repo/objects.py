"""Reading objects: one long-lived `git cat-file`, and commits as snapshots of files."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, cast

from mai.errors import GitError, UnsuitableRepo
from mai.jobs import TreeFile
from mai.repo.git import OID, Git, stop
from mai.text import one_line

REGULAR = frozenset({0o100644, 0o100755})
LINK = 0o120000
SUBMODULE = 0o160000

LARGEST_FILE_BYTES = 256 * 1024 * 1024
"""A larger blob is not read into memory; the repo is refused with a sentence."""

LARGEST_LISTING_BYTES = 256 * 1024 * 1024
"""A longer list of a tree's files, about two million of them, is not read."""

DEEPEST_PATH = 200
"""The most folders that a tracked file may lie in; tools that walk a tree recurse once for each."""

# Requests are written in batches that fit into any pipe, so that git can always take them all
# while its answers wait for us.
_BATCH = 64
_GROUP_BYTES = 16 * 1024 * 1024

Header = tuple[str, str, int]
"""An object's id, type and size in bytes."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One path of a tree. `mode` is git's number; a submodule's `oid` is a commit elsewhere."""

    path: str
    mode: int
    oid: str

    @property
    def is_regular(self) -> bool:
        """Whether it is a file, executable or not: no link, no submodule."""
        return self.mode in REGULAR


class Objects:
    """Reads objects by name through one `git cat-file` process, started when first needed."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: weakref.finalize[..., Objects] | None = None

    def close(self) -> None:
        """End the process. Reading again starts another."""
        with self._lock:
            self._drop()

    def identify(self, name: str) -> Header | None:
        """Return id, type and size in bytes of the object `name`, None where there is none."""
        with self._lock:
            return next(self._ask("info", [name]))[0]

    def blobs(self, oids: Iterable[str]) -> Iterator[bytes]:
        """Yield the content of each blob, in order.

        Raises:
            GitError: one is missing, damaged, too large or no blob.
        """
        wanted = list(oids)
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            with self._lock:
                sizes = [_blob_size(oid, header) for oid, (header, _) in self._pairs(batch)]
            for group in _groups(batch, sizes):
                with self._lock:
                    contents = [content for _, content in self._ask("contents", group)]
                yield from contents

    def read(self, oid: str, kind: str) -> bytes:
        """Return the raw content of one object of the type `kind`."""
        with self._lock:
            found, content = next(self._ask("contents", [oid]))
        if found is None or found[1] != kind:
            raise GitError(f"{one_line(oid)} is not a {kind} in this repository.")
        return content

    def _pairs(self, names: Sequence[str]) -> Iterator[tuple[str, tuple[Header | None, bytes]]]:
        return zip(names, self._ask("info", names), strict=True)

    def _ask(self, command: str, names: Sequence[str]) -> Iterator[tuple[Header | None, bytes]]:
        """Send one request a name; return what each answer's header says, and the content.

        The answers are all read before anything is returned: a caller that stops half-way must
        not leave answers for the next one to trip over.
        """
        if any("\n" in name or "\0" in name for name in names):
            raise GitError("An object's name cannot have a line break in it.")
        process = self._running()
        requests, replies = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        try:
            request = "".join(f"{command} {name}\n" for name in names)
            requests.write(request.encode("utf-8", "surrogateescape"))
            requests.flush()
            answers = [_answer(replies, has_content=command == "contents") for _ in names]
        except BaseException as error:  # an answer cut short leaves the stream out of step
            said = self._drop()
            if isinstance(error, (OSError, EOFError, ValueError)):
                msg = f"git cannot read an object: {one_line(said) or 'it ended early'}."
                raise GitError(msg) from error
            raise
        return iter(answers)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = self._git.start("cat-file", "--batch-command")
            # Whoever forgets to close leaves no child behind either.
            self._ending = weakref.finalize(self, _end, self._process)
        return self._process

    def _drop(self) -> str:
        """End the process, if there is one; return what it said on its stderr."""
        ending, self._ending, self._process = self._ending, None, None
        return (ending() or "") if ending else ""


def _answer(replies: IO[bytes], *, has_content: bool) -> tuple[Header | None, bytes]:
    line = replies.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    if line.endswith((b" missing\n", b" ambiguous\n")):
        return None, b""
    oid, kind, size = line.decode("ascii").split()
    content = b""
    if has_content:
        content = replies.read(int(size))
        if len(content) != int(size) or replies.read(1) != b"\n":
            raise EOFError
    return (oid, kind, int(size)), content


def _end(process: subprocess.Popen[bytes]) -> str:
    with contextlib.suppress(OSError):  # a dead process's pipe cannot be flushed
        cast("IO[bytes]", process.stdin).close()
    stop(process)
    said = cast("IO[bytes]", process.stderr).read()
    for stream in (process.stdout, process.stderr):
        cast("IO[bytes]", stream).close()
    return said.decode("utf-8", "replace")


def _blob_size(oid: str, header: Header | None) -> int:
    if header is None:
        msg = f"Object {one_line(oid)} is missing from the repository; is it a partial clone?"
        raise GitError(msg)
    if header[1] != "blob":
        raise GitError(f"{one_line(oid)} is not a file's content.")
    if header[2] > LARGEST_FILE_BYTES:
        msg = f"A tracked file has {header[2]:,} bytes; Mai reads up to {LARGEST_FILE_BYTES:,}."
        raise UnsuitableRepo(msg)
    return header[2]


def _groups(oids: Sequence[str], sizes: Sequence[int]) -> Iterator[list[str]]:
    """Cut `oids` into groups whose contents fit into memory together, or are alone."""
    group: list[str] = []
    total = 0
    for oid, size in zip(oids, sizes, strict=True):
        if group and total + size > _GROUP_BYTES:
            yield group
            group, total = [], 0
        group.append(oid)
        total += size
    yield group


class Snapshot:
    """The tracked files of one commit or tree, read as data: a `mai.protocols.Snapshot`."""

    def __init__(self, commit: str, git: Git, objects: Objects) -> None:
        self.commit = commit
        self._git = git
        self._objects = objects
        self._entries: dict[str, TreeEntry] | None = None
        self._paths: tuple[str, ...] | None = None

    def entries(self) -> list[TreeEntry]:
        """Return every path of the tree in git's order, links and submodules too."""
        return list(self._by_path().values())

    def paths(self) -> Sequence[str]:
        """List every regular file's path, sorted."""
        if self._paths is None:
            self._paths = tuple(
                sorted(path for path, entry in self._by_path().items() if entry.is_regular)
            )
        return self._paths

    def entry(self, path: str) -> TreeEntry | None:
        """Return what is at `path`, whatever kind it is."""
        return self._by_path().get(path)

    def mode(self, path: str) -> int | None:
        """Return git's mode of `path`, such as 0o100644, None where there is nothing."""
        entry = self._by_path().get(path)
        return entry.mode if entry else None

    def blob_id(self, path: str) -> str | None:
        """Return git's id of a regular file's content, None where there is none at `path`."""
        entry = self._by_path().get(path)
        return entry.oid if entry is not None and entry.is_regular else None

    def read(self, path: str) -> bytes | None:
        """Return a regular file's content, None where there is none at `path`."""
        entry = self._by_path().get(path)
        if entry is None or not entry.is_regular:
            return None
        return next(self._objects.blobs([entry.oid]))

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of those `paths` that are regular files, a batch at a time."""
        entries = [
            entry for path in paths if (entry := self._by_path().get(path)) and entry.is_regular
        ]
        contents = self._objects.blobs(entry.oid for entry in entries)
        for entry, content in zip(entries, contents, strict=True):
            yield entry.path, content

    def files(self, is_wanted: Callable[[str], bool] = lambda _path: True) -> Iterator[TreeFile]:
        """Yield every file and link whose path is wanted, with its content.

        Submodules have none here.
        """
        entries = [
            entry
            for entry in self._by_path().values()
            if entry.mode != SUBMODULE and is_wanted(entry.path)
        ]
        contents = self._objects.blobs(entry.oid for entry in entries)
        for entry, content in zip(entries, contents, strict=True):
            yield TreeFile(entry.path, entry.mode, content)

    def _by_path(self) -> dict[str, TreeEntry]:
        if self._entries is None:
            listing = self._listing().decode("utf-8", "surrogateescape")
            self._entries = dict(_parsed(listing))
        return self._entries

    def _listing(self) -> bytes:
        """Return what git lists of the tree, up to a limit.

        A few small trees that name each other many times can stand for billions of files.
        """
        limit = LARGEST_LISTING_BYTES
        arguments = ("ls-tree", "-r", "-z", "--full-tree", self.commit)
        output = self._git.read_limited(*arguments, limit_bytes=limit)
        if output is None:
            msg = (
                f"The names of the tracked files take more than {limit:,} bytes, which is too many."
            )
            raise UnsuitableRepo(msg)
        return output


def _parsed(listing: str) -> Iterator[tuple[str, TreeEntry]]:
    for line in listing.split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, _, oid = head.split(" ")
        # Old gits wrote 100664, which means 100644 to every git since.
        number = 0o100644 if mode == "100664" else int(mode, 8)
        if len(path) > DEEPEST_PATH and path.count("/") > DEEPEST_PATH:
            msg = (
                f"{one_line(path, 60)} lies in {path.count('/'):,} folders; "
                f"Mai works on up to {DEEPEST_PATH}."
            )
            raise UnsuitableRepo(msg)
        yield path, TreeEntry(path, number, oid)


def check_oid(text: str) -> str:
    """Return `text` where it is a full object id.

    Raises:
        GitError: it is not, so it does not become an argument of git's.
    """
    if not OID.fullmatch(text):
        raise GitError(f"{one_line(text) or 'Nothing'} is not a full object id.")
    return text
