"""The file that an answer makes of a place that is known, as an edit that the gate can read."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from mai.agent.known.blocks import Block, blocks_in, without_path_line
from mai.agent.known.sections import with_the_rest
from mai.agent.known.splice import UnfitError, spliced
from mai.agent.known.strays import without_strays
from mai.agent.known.tree import Source, read, whole_part
from mai.agent.known.whole import is_whole, whole
from mai.edits.apply import apply
from mai.edits.elision import elided
from mai.edits.nouns import BaseFile
from mai.edits.parse import parse
from mai.errors import EditError

_SEARCH = re.compile(r"^<{5,9} ?SEARCH", re.MULTILINE)
_HUNK = re.compile(r"^@@ |^--- \S.*\n\+\+\+ ", re.MULTILINE)
_HEADER = re.compile(r"(?:diff --git |index [0-9a-f]|--- |\+\+\+ |new file mode|deleted file mode)")
_RUN = re.compile(r"`{3,}")
_HALF = 0.5


def fitted(
    answer: str,
    path: str,
    old: str,
    task: str,
    is_other: Callable[[str], bool] = lambda _path: False,
) -> str:
    """Return the whole new text of the file at `path`.

    Args:
        answer: what the model wrote, without what it thought aloud.
        path: the file that it was asked for.
        old: its text, empty where it is new.
        task: what was asked for; it says whether something may be taken away.
        is_other: whether a path that a block is labelled with is another file of the repository.

    Raises:
        UnfitError: there is no code in the answer, it cannot be put into the file, or it leaves
            the file as it is; the text says which.
    """
    blocks = [_unlabelled(block, old) for block in blocks_in(answer)]
    mine = [one for one in blocks if one.text.strip() and not (one.path and is_other(one.path))]
    # Where a block is labelled as this file, one with a label of its own is about something else.
    named = [one for one in mine if one.path and _is_same(one.path, path)]
    mine = [one for one in mine if not one.path or one in named] if named else mine
    if not mine:
        raise UnfitError("there is no code in the answer")
    text, faults = old, list[str]()
    for block in mine:
        try:
            text = _with(block, path, text, task)
        except UnfitError as error:
            faults.append(str(error))
    if text.rstrip() == old.rstrip():
        raise UnfitError(faults[0] if faults else "the answer leaves the file as it is")
    if path.endswith(".py") and _means_the_same(old, text) and "comment" not in task.lower():
        raise UnfitError("the answer changes nothing but comments or blank lines")
    return text


def as_edit(path: str, text: str) -> str:
    """Return an edit block that gives the file at `path` the content `text`."""
    longest = max((len(run) for run in _RUN.findall(text)), default=2)
    marks = "`" * max(3, longest + 1)
    return f"{path}\n{marks}\n{text.rstrip()}\n{marks}\n"


def _is_same(label: str, path: str) -> bool:
    return label == path or path.endswith(f"/{label}") or label.endswith(f"/{path}")


def _unlabelled(block: Block, old: str) -> Block:
    text, path = without_path_line(block.text, old)
    return Block(text, path or block.path, block.is_closed)


def _with(block: Block, path: str, old: str, task: str) -> str:
    """Return the file's text with one block of an answer put into it."""
    if _SEARCH.search(block.text):
        return _applied(f"{path}\n{block.text}\n", path, old)
    if old and _HUNK.search(block.text):
        body = [line for line in block.text.split("\n") if not _HEADER.match(line)]
        return _applied("\n".join([f"--- a/{path}", f"+++ b/{path}", *body, ""]), path, old)
    if not path.endswith((".py", ".pyi")):
        return _other_text(block, path, old, task)
    code = read(block.text)
    is_cut = code is None
    if code is None:
        code = whole_part(block.text)  # an answer that ran out of room, or prose behind the code
    if code is None or not code.body:
        if dots := elided(block.text.split("\n"), old.split("\n")):
            raise UnfitError(f"the answer leaves out lines: {dots}")
        raise UnfitError("the code in the answer is not Python")
    return _python(code, path, old, task, is_cut=is_cut)


def _python(code: Source, path: str, old: str, task: str, *, is_cut: bool) -> str:
    known = old.split("\n")
    before = read(old)
    is_test = "test" in path.rpartition("/")[2]
    if before is not None and before.body and not is_test:
        code = without_strays(code, path, before)
    dots = elided(code.lines, known)
    if before is None or not before.body:
        if is_cut or dots:
            raise UnfitError("the code in the answer is not whole")
        return "\n".join(code.lines).strip("\n") + "\n"
    if not is_cut and not dots and is_whole(before, code, task):
        lines = whole(before, code, task, is_test=is_test)
    else:
        lines = spliced(before, code, is_test=is_test)
    text = "\n".join(lines).strip("\n") + "\n"
    if read(text) is None:
        raise UnfitError("the code in the answer cannot be put into the file")
    return text


def _applied(edit: str, path: str, old: str) -> str:
    try:
        made = apply(parse(edit), lambda asked: BaseFile(old.encode()) if asked == path else None)
    except EditError as error:
        raise UnfitError(str(error).rstrip(".")) from error
    file = made.get(path)
    if file is None or set(made) != {path}:
        raise UnfitError("the answer changes another file")
    return file.data.decode("utf-8", "replace")


def _other_text(block: Block, path: str, old: str, task: str) -> str:
    lines = block.text.split("\n")
    if dots := elided(lines, [line.strip() for line in old.split("\n")]):
        raise UnfitError(f"the answer leaves out lines: {dots}")
    if not block.is_closed:
        raise UnfitError("the answer was cut off")
    text = block.text.strip("\n") + "\n"
    if path.endswith((".md", ".markdown")):
        text = with_the_rest(old, text, task)
    if len(text) < _HALF * len(old):
        raise UnfitError("the answer holds less than half of the file")
    return text


def _means_the_same(old: str, new: str) -> bool:
    before, after = read(old), read(new)
    if before is None or after is None:
        return False
    return [ast.dump(one) for one in before.body] == [ast.dump(one) for one in after.body]
