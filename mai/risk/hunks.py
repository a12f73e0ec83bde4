"""Scores a diff whose blobs nobody has: the hunks alone, read as two small files."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mai.proposal import FileChange, Finding, Level
from mai.risk import content, metadata, paths, tree
from mai.risk.facts import Facts
from mai.risk.judge import judge_gains
from mai.risk.kinds import is_python
from mai.risk.moves import Version
from mai.risk.parser import Parser
from mai.risk.policy import Policy
from mai.source_encoding import source_text

_MAXIMUM_UNREADABLE_LINES = 5000
# Line by line is slow and knows little; a hunk longer than this is not worth it.
_MAXIMUM_LINES = 400


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """One file of a patch. `before` and `after` hold the lines of each hunk's two sides.

    Bytes that are not UTF-8 are in the lines as surrogates; modes are git's, such as `100644`.
    """

    path: str
    status: str = "modified"
    old_path: str | None = None
    old_mode: str | None = None
    new_mode: str | None = None
    is_binary: bool = False
    before: list[list[str]] = field(default_factory=list)
    after: list[list[str]] = field(default_factory=list)

    def joined(self, other: PatchedFile) -> PatchedFile:
        """Return this with the hunks of `other`, which is about the same file."""
        return replace(
            self, before=[*self.before, *other.before], after=[*self.after, *other.after]
        )


def judge_hunks(
    files: Sequence[PatchedFile], policy: Policy, *, is_own_repo: bool = False
) -> Iterator[Finding]:
    """Yield what the hunks of a patch show by themselves."""
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
    described = {
        file.path
        for file in files
        if file.status == "modified"
        and metadata.only_describes(file.path, _joined(file.before), _joined(file.after))
    }
    for change in changes:
        found = tree.judge_change(change, frozenset(), {}, policy)
        yield from metadata.softened(found, described)
    yield from tree.judge_collisions(changes)
    if is_own_repo:
        yield from tree.judge_own(changes)
    versions: list[Version] = []
    with Parser() as parser:
        for file in files:
            before, after = _joined(file.before), _joined(file.after)
            if file.status != "deleted":
                yield from content.judge_content(file.path, after, before)
            if is_python(file.path, after):
                base = _facts(parser, file.path, file.before)
                head = _facts(parser, file.path, file.after)
                if base is None or head is None:
                    message = (
                        "Its hunks alone cannot be parsed; score the diff where its files are."
                    )
                    yield unreadable(file.path, message)
                versions.append(Version(file.path, base or Facts(), head or Facts()))
    yield from judge_gains(versions, lambda _: True, parser.suite)


def version_of_lines(parser: Parser, path: str, before: bytes, after: bytes) -> Version | None:
    """Return what the changed lines of a file say that parses neither before nor after.

    None where it is too long to be compared line by line, or where they make no sense alone.
    """
    old, new = (source_text(data).splitlines() for data in (before, after))
    if max(len(old), len(new)) > _MAXIMUM_UNREADABLE_LINES:
        return None
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=True)
    changed = [each for each in matcher.get_opcodes() if each[0] != "equal"]
    base = _facts(parser, path, [old[start:end] for _, start, end, _, _ in changed])
    head = _facts(parser, path, [new[start:end] for _, _, _, start, end in changed])
    return None if base is None or head is None else Version(path, base, head)


def _joined(hunks: list[list[str]]) -> bytes:
    return ("\n".join("\n".join(lines) for lines in hunks) + "\n").encode(
        "utf-8", "surrogateescape"
    )


def unreadable(path: str, message: str) -> Finding:
    """Return what a person must know of a file of which no more than pieces could be judged."""
    found = paths.finding("text.unreadable", path, message)
    # Nobody can say that the change made it so, so this does not block.
    return replace(found, level=Level.MEDIUM)


def _facts(parser: Parser, path: str, hunks: list[list[str]]) -> Facts | None:
    """Return the facts of all hunks together, None where one of them makes no sense alone."""
    found: list[Facts] = []
    for lines in hunks:
        facts = _facts_of_lines(parser, path, lines)
        if facts is None:
            return None
        found.append(facts)
    return _together(found)


def _together(found: Iterable[Facts]) -> Facts:
    found = list(found)
    return Facts(
        uses=tuple(use for facts in found for use in facts.uses),
        bodies={name: body for facts in found for name, body in facts.bodies.items()},
        tests={name: test for facts in found for name, test in facts.tests.items()},
    )


def _facts_of_lines(parser: Parser, path: str, lines: list[str]) -> Facts | None:
    body = textwrap.dedent("\n".join(lines)) + "\n"
    indented = textwrap.indent("\n".join(lines) + "\n", " ")
    # A hunk often begins inside a block, or ends on the head of one.
    facts = _first_that_parses(
        parser,
        path,
        (
            body,
            f"if 1:\n{indented}",
            f"{body.rstrip()}\n    pass\n",
            f"try:\n    pass\n{body}",
            f"if 1:\n{indented.rstrip()}\n                pass\n",
        ),
    )
    if facts is not None or len(lines) > _MAXIMUM_LINES:
        return facts
    each = (_facts_of_line(parser, path, line.strip()) for line in lines if line.strip())
    return _together(facts for facts in each if facts is not None)


def _facts_of_line(parser: Parser, path: str, line: str) -> Facts | None:
    return _first_that_parses(
        parser,
        path,
        (
            line,
            f"{line}\n    pass",
            f"{line}\n):\n    pass",
            f"try:\n    pass\n{line}\n    pass",
            f"if 1:\n    pass\n{line}\n    pass",
            f"f({line.rstrip(',')})",
            f"{line.rstrip('([{')}",
            f"{line.lstrip(')]}')}",
        ),
    )


def _first_that_parses(parser: Parser, path: str, candidates: Iterable[str]) -> Facts | None:
    for candidate in candidates:
        facts = parser.facts(path, candidate.encode("utf-8", "surrogateescape"), in_full=True)
        if facts.problem is None:
            return facts
    return None
