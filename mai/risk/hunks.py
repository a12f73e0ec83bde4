"""Scores a diff whose blobs nobody has: the hunks alone, read as two small files."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

from mai.proposal import FileChange, Finding, Level
from mai.risk import paths, text, tree
from mai.risk.combine import combinations
from mai.risk.facts import Facts
from mai.risk.gain import Version, finding_of, gains
from mai.risk.parser import Parser
from mai.risk.policy import Policy

_FILE = re.compile(r"^diff --git (?:a/)?(.+?) (?:b/)?(.+)$")
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(slots=True)
class _File:
    """One file of the diff while it is read."""

    path: str = ""
    old_path: str | None = None
    old_mode: str | None = None
    new_mode: str | None = None
    status: str = "modified"
    is_binary: bool = False
    before: list[list[str]] = field(default_factory=list)
    after: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)


def judge_hunks(patch: str, policy: Policy) -> Iterator[Finding]:
    """Yield what the hunks of a unified diff show by themselves."""
    files = list(_read(patch))
    changes = [
        FileChange(
            file.path,
            file.status,
            old_path=file.old_path,
            old_mode=file.old_mode,
            new_mode=file.new_mode,
            is_binary=file.is_binary,
        )
        for file in files
    ]
    for change in changes:
        yield from tree.judge_change(change, frozenset(), {}, policy)
    yield from tree.judge_collisions(changes)
    versions: list[Version] = []
    with Parser() as parser:
        for file in files:
            before, after = _joined(file.before), _joined(file.after)
            yield from text.judge_bytes(file.path, after.encode(), before.encode())
            if file.path.endswith(".py"):
                base = _facts(parser, file, file.before)
                head = _facts(parser, file, file.after)
                if base is None or head is None:
                    lost = paths.finding(
                        "text.unreadable",
                        file.path,
                        "Its hunks alone cannot be parsed; score the diff where its files are.",
                    )
                    yield Finding(
                        lost.rule, lost.capability, Level.MEDIUM, lost.path, 0, 0, lost.message
                    )
                versions.append(Version(file.path, base or Facts(), head or Facts()))
    gained = gains(versions, lambda _: True)
    yield from (found for gain in gained if (found := finding_of(gain)) is not None)
    yield from combinations(gained, versions)


def _joined(hunks: list[list[str]]) -> str:
    return "\n".join("\n".join(lines) for lines in hunks) + "\n"


def _facts(parser: Parser, file: _File, hunks: list[list[str]]) -> Facts | None:
    """Return the facts of all hunks together, None where one of them makes no sense alone."""
    uses: list[Facts] = []
    for lines in hunks:
        facts = _facts_of_lines(parser, file.path, lines)
        if facts is None:
            return None
        uses.append(facts)
    return Facts(
        uses=tuple(use for facts in uses for use in facts.uses),
        bodies={key: name for facts in uses for key, name in facts.bodies.items()},
    )


def _facts_of_lines(parser: Parser, path: str, lines: list[str]) -> Facts | None:
    body = textwrap.dedent("\n".join(lines)) + "\n"
    indented = textwrap.indent("\n".join(lines) + "\n", " ")
    # A hunk often begins inside a block, or ends on the head of one.
    for candidate in (
        body,
        f"if 1:\n{indented}",
        f"{body.rstrip()}\n    pass\n",
        f"try:\n    pass\n{body}",
        f"if 1:\n{indented.rstrip()}\n                pass\n",
    ):
        facts = parser.facts(path, candidate.encode(), in_full=True)
        if facts.problem is None:
            return facts
    pieces = [_facts_of_line(parser, path, line) for line in lines if line.strip()]
    return (
        Facts(uses=tuple(use for facts in pieces for use in facts.uses))
        if len(lines) < 400
        else None
    )


def _facts_of_line(parser: Parser, path: str, line: str) -> Facts:
    stripped = line.strip()
    for candidate in (
        stripped,
        f"{stripped}\n    pass",
        f"try:\n    pass\n{stripped}\n    pass",
        f"if 1:\n    pass\n{stripped}\n    pass",
        f"f({stripped.rstrip(',')})",
    ):
        facts = parser.facts(path, candidate.encode(), in_full=True)
        if facts.problem is None:
            return facts
    return Facts()


def _read(patch: str) -> Iterator[_File]:
    file: _File | None = None
    before = after = 0
    for line in patch.split("\n"):
        if file is not None and (before > 0 or after > 0):
            before, after = _take(file, line, before, after)
            continue
        if match := _FILE.match(line):
            if file is not None and file.path:
                yield file
            file = _File(
                path=match[2].rstrip("\r"), old_path=match[1] if match[1] != match[2] else None
            )
        elif line.startswith("--- "):
            name = _name(line)
            if file is None or file.starts or file.before:
                if file is not None and file.path:
                    yield file
                file = _File(path=name or "")
            if name is None:
                file.status = "added"
        elif line.startswith("+++ ") and file is not None:
            name = _name(line)
            if name is None:
                file.status = "deleted"
            else:
                file.path = name
        elif file is not None and (hunk := _HUNK.match(line)):
            before, after = int(hunk[1] or 1), int(hunk[3] or 1)
            file.before.append([])
            file.after.append([])
            file.starts.append(int(hunk[2]))
        elif file is not None:
            _header(file, line)
    if file is not None and file.path:
        yield file


def _take(file: _File, line: str, before: int, after: int) -> tuple[int, int]:
    mark, rest = line[:1], line[1:]
    if mark == "\\":
        return before, after
    if mark != "+":
        file.before[-1].append(rest)
        before -= 1
    if mark != "-":
        file.after[-1].append(rest)
        after -= 1
    return before, after


def _name(line: str) -> str | None:
    name = line[4:].split("\t", maxsplit=1)[0].strip()
    if name == "/dev/null":
        return None
    return name[2:] if name.startswith(("a/", "b/")) else name


def _header(file: _File, line: str) -> None:
    if line.startswith("new file mode "):
        file.status, file.new_mode = "added", line[14:].strip()
    elif line.startswith("deleted file mode "):
        file.status, file.old_mode = "deleted", line[18:].strip()
    elif line.startswith("old mode "):
        file.old_mode = line[9:].strip()
    elif line.startswith("new mode "):
        file.new_mode = line[9:].strip()
    elif line.startswith("rename from "):
        file.status, file.old_path = "renamed", line[12:].strip()
    elif line.startswith("rename to "):
        file.path = line[10:].strip()
    elif line.startswith(("GIT binary patch", "Binary files ")):
        file.is_binary = True
