"""What to ask a model about: a file that fits a prompt whole, or one definition of a larger one.

Small models keep a whole file together better than they write a diff, and a whole function better
than either once the file is long.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mai.prompting.repomap import syntax_tree, words
from mai.protocols import Snapshot
from mai.providers.reflex_files import choose, is_plain_source, read_sources, read_style
from mai.providers.tokens import most_tokens
from mai.suite import read_many

#: The answer repeats the file: this much is under 2,048 tokens of code.
MAX_WHOLE_FILE_BYTES = 6_000
_MIN_DEFINITION_LINES = 4
_MAX_TASK_TARGETS = 3
#: Files whose path fits a task are read up to this many.
_MOST_READ = 400
_TEXT_ENDINGS = (".py", ".md", ".toml", ".txt", ".cfg", ".rst")
_SOURCE_FOLDERS = ("src/", "lib/")


@dataclass(frozen=True, slots=True)
class Target:
    """Code to improve. `symbol` is its dotted name, empty where it is the whole file."""

    path: str
    text: str
    symbol: str = ""

    @property
    def label(self) -> str:
        """How the model is told what it sees."""
        return f"{self.path} symbol={self.symbol}" if self.symbol else self.path


def targets(
    snapshot: Snapshot, pattern: str | None, may_touch: Callable[[str], bool], room_tokens: int
) -> Iterator[Target]:
    """Yield what is worth asking about and fits `room_tokens`, files with the most code first."""
    chosen = choose(snapshot, pattern, read_style(snapshot), may_touch)
    files = read_sources(snapshot, chosen)
    for path, data in sorted(files.items(), key=lambda item: (-len(item[1]), item[0])):
        yield from pieces(path, data, room_tokens)


def for_task(snapshot: Snapshot, task: str) -> list[Target]:
    """Return what a task is most likely about: files and definitions that it names, best first."""
    wanted = words(task)
    scored: list[tuple[int, str, str, Target]] = []
    named: dict[str, int] = {}
    for path in snapshot.paths():
        name = path.rpartition("/")[2]
        in_path = 10 * (path in task or name in task) + len(wanted & words(path))
        if in_path and name.endswith(_TEXT_ENDINGS):
            named[path] = in_path
    likely = sorted(named, key=lambda path: (-named[path], path))[:_MOST_READ]
    for path, data in read_many(snapshot, likely):
        if not is_plain_source(data):
            continue
        in_path = named[path]
        for target in pieces(path, data):
            in_symbol = len(wanted & words(target.symbol.rpartition(".")[2]))
            scored.append((-in_path - 2 * in_symbol, path, target.symbol, target))
    scored.sort(key=lambda entry: entry[:3])
    return [target for *_, target in scored[:_MAX_TASK_TARGETS]]


def pieces(path: str, data: bytes, room_tokens: int = 0) -> Iterator[Target]:
    """Yield the file if it is small, else its definitions that are. `data` is UTF-8.

    What takes more than `room_tokens`, where that is known, is not small either.
    """
    whole = Target(path, data.decode("utf-8"))
    if len(data) <= MAX_WHOLE_FILE_BYTES and _fits(whole, room_tokens):
        yield whole
    elif path.endswith(".py"):
        yield from (one for one in _definitions(path, data) if _fits(one, room_tokens))


def _fits(target: Target, room_tokens: int) -> bool:
    return not room_tokens or most_tokens(target.text) <= room_tokens


def _definitions(path: str, data: bytes) -> Iterator[Target]:
    tree = syntax_tree(data)
    lines = data.decode("utf-8").replace("\r\n", "\n").split("\n")
    for node in tree.body if tree else ():
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        last = node.end_lineno or node.lineno
        text = "\n".join(lines[first - 1 : last]) + "\n"
        if last - first >= _MIN_DEFINITION_LINES and len(text.encode()) <= MAX_WHOLE_FILE_BYTES:
            yield Target(path, text, f"{_module(path)}.{node.name}")


def _module(path: str) -> str:
    for folder in _SOURCE_FOLDERS:
        path = path.removeprefix(folder)
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
