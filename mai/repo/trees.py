"""Making objects in Mai's own repository: blobs, trees from changes, commits byte by byte."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mai.errors import GitError
from mai.jobs import NewFile
from mai.repo.objects import Snapshot, check_oid
from mai.repo.paths import check_changes
from mai.repo.private import Private
from mai.repo.refs import Person

# What git itself strips from both ends of a name, and what it drops inside (its ident.c rules:
# angle brackets delimit the address, a line feed would end the header).
_CRUD = " .,:;<>\"\\'\x00\n\r\t"


def store(private: Private, kind: str, contents: Sequence[bytes]) -> list[str]:
    """Write objects of one `kind` and return their ids, in order, with one git command."""
    if not contents:
        return []
    if len(contents) == 1:
        arguments = ("hash-object", "-t", kind, "-w", "--stdin")
        return [private.git.run(*arguments, data=contents[0]).text]
    with private.scratch() as folder:
        names = []
        for number, content in enumerate(contents):
            file = folder / str(number)
            file.write_bytes(content)
            names.append(f"{folder.relative_to(private.path)}/{number}\n")
        answer = private.git.run(
            "hash-object", "-t", kind, "-w", "--no-filters", "--stdin-paths",
            data="".join(names).encode(),
        )  # fmt: skip
    return answer.text.split("\n")


def write_tree(private: Private, base: Snapshot, changes: Mapping[str, NewFile | None]) -> str:
    """Return the tree that `changes` make of `base`; None deletes.

    Raises:
        EditError: a path or mode cannot be, or collides with what is there.
    """
    check_changes({entry.path: entry for entry in base.entries()}, changes)
    new = {path: file for path, file in changes.items() if file is not None}
    oids = store(private, "blob", [file.data for file in new.values()])
    nothing = "0" * len(base.commit)
    # Deletions first: what is deleted may be in the way of what is written.
    lines = [f"0 {nothing}\t{path}\0" for path in changes if path not in new]
    lines += [
        f"{file.mode:o} {oid}\t{path}\0"
        for (path, file), oid in zip(new.items(), oids, strict=True)
    ]
    with private.scratch() as folder:
        index = {"GIT_INDEX_FILE": str(folder / "index")}
        private.git.run("read-tree", base.commit, environment=index)
        private.git.run(
            "update-index",
            "-z",
            "--index-info",
            data="".join(lines).encode("utf-8", "surrogateescape"),
            environment=index,
        )
        return private.git.run("write-tree", environment=index).text


@dataclass(frozen=True, slots=True)
class CommitText:
    """A commit before it is one. `at` is aware; both dates are it, in UTC.

    The same text is the same commit, so a landing that was cut off makes no second one.
    """

    tree: str
    parents: tuple[str, ...]
    message: str
    author: Person
    committer: Person
    at: datetime

    def raw(self) -> bytes:
        """Return the object's bytes, as gitformat-commit has them."""
        lines = [f"tree {check_oid(self.tree)}"]
        lines += [f"parent {check_oid(parent)}" for parent in self.parents]
        seconds = int(self.at.astimezone(UTC).timestamp())
        for role, (name, email) in (("author", self.author), ("committer", self.committer)):
            who = f"{clean(name) or 'unknown'} <{clean(email).replace(' ', '')}>"
            lines.append(f"{role} {who} {seconds} +0000")
        message = self.message.replace("\0", "").strip("\n")
        return ("\n".join(lines) + f"\n\n{message}\n").encode("utf-8", "replace")


def clean(name: str) -> str:
    """Return a name or address with nothing in it that could end its header line."""
    return re.sub(r"[\x00-\x1f\x7f<>]", "", name).strip(_CRUD)


def parent_of(raw: bytes) -> str | None:
    """Return the first parent of a raw commit, None where it is a root."""
    header = raw.split(b"\n\n", 1)[0]
    match = re.search(rb"^parent ([0-9a-f]+)$", header, re.MULTILINE)
    return match[1].decode() if match else None


def tree_of(raw: bytes) -> str:
    """Return the tree of a raw commit."""
    match = re.match(rb"tree ([0-9a-f]+)\n", raw)
    if match is None:
        raise GitError("A commit in this repository is damaged: it has no tree.")
    return match[1].decode()
