"""Puts functions and classes that a change moves back where they stood, to compare like with like.

Works on text alone, because nothing that somebody else wrote is parsed in this process. A block
counts as moved where it stands word for word in another file of the change, and where every name in
it that the other file binds means there what it meant before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_HEAD = re.compile(rb"(?:async[ \t]+def|def|class)[ \t]+([A-Za-z_]\w*)")
_WORD = re.compile(rb"[A-Za-z_]\w*")
_ASSIGNS = re.compile(rb"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=[^=]", re.MULTILINE)
_FROM = re.compile(
    rb"^([ \t]*)from[ \t]+([.\w]+)[ \t]+import[ \t]+(?:\(([^()]*)\)|([^\n(;#]*))[^\n;]*$",
    re.MULTILINE,
)
_IMPORT = re.compile(rb"^[ \t]*import[ \t]+([^\n(;#]*)", re.MULTILINE)
_ROOTS = ("src.", "lib.")


@dataclass(frozen=True, slots=True)
class Sides:
    """A changed Python file before and after; a side is None where the file is not there.

    `stood` is its path before, which is another one where it was renamed.
    """

    path: str
    stood: str
    before: bytes | None
    after: bytes | None


def put_back(files: Sequence[Sides]) -> dict[str, bytes]:
    """Return the new content, by path, of files between which blocks moved, as if none had."""
    found: dict[str, bytes] = {}
    for donor in files:
        if donor.before is None or donor.after is None:
            continue
        kept = _blocks_of(donor.after)
        lost = {name: text for name, text in _blocks_of(donor.before).items() if name not in kept}
        for receiver in files if lost else ():
            moved = _moved(lost, receiver) if receiver is not donor else {}
            if moved and _means_the_same(moved, donor, receiver):
                here, there = found.get(donor.path, donor.after), receiver.after or b""
                here = _without_imports(here, donor.path, receiver.path, set(moved))
                missing = _missing_imports(donor.before, here, moved)
                found[donor.path] = b"\n\n".join((*missing, here, *moved.values(), b""))
                there = found.get(receiver.path, there)
                for text in moved.values():
                    there = there.replace(text, b"", 1)
                found[receiver.path] = there
    return found


def _blocks_of(source: bytes) -> dict[bytes, bytes]:
    """Return every function and class of the outermost level with its decorators, by name."""
    found: dict[bytes, bytes] = {}
    name, lines = b"", list[bytes]()
    for line in (*source.splitlines(), b"x"):
        if line[:1] not in b" \t)]}" or not line:
            match = _HEAD.match(line)
            is_decorated = bool(lines) and not name
            if line and not (match and is_decorated) and not (line[:1] == b"@" and is_decorated):
                if name:
                    found[name] = b"\n".join(lines).rstrip()
                name, lines = b"", []
            if match or line[:1] == b"@":
                name = match[1] if match else b""
                lines.append(line)
                continue
        if lines:
            lines.append(line)
    return found


def _moved(lost: Mapping[bytes, bytes], receiver: Sides) -> dict[bytes, bytes]:
    if receiver.after is None:
        return {}
    stood = _blocks_of(receiver.before or b"")
    came = _blocks_of(receiver.after)
    return {
        name: text for name, text in lost.items() if came.get(name) == text and name not in stood
    }


def _means_the_same(moved: Mapping[bytes, bytes], donor: Sides, receiver: Sides) -> bool:
    """Whether what the receiver binds of the words in `moved` is what the donor bound."""
    after = receiver.after or b""
    words = {word for text in moved.values() for word in _WORD.findall(text)}
    own = {*_blocks_of(after), *_ASSIGNS.findall(after)} - moved.keys()
    is_relative = any(
        match[2].startswith(b".") for text in moved.values() for match in _FROM.finditer(text)
    )
    if own & words or (is_relative and _folder(donor.path) != _folder(receiver.path)):
        return False
    theirs = set(_bindings(donor.before or b"", donor.stood))
    home = _dotted(donor.path)
    return all(
        (name, meant) in theirs or meant == f"{home}.{name.decode()}"
        for name, meant in _bindings(after, receiver.path)
        if name in words or name == b"*"
    )


def _missing_imports(before: bytes, here: bytes, moved: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """Yield the imports of `before` that `moved` needs and that went away with it."""
    words = {word for text in moved.values() for word in _WORD.findall(text)}
    lacking = words - {name for name, _ in _bindings(here, "")}
    for pattern in (_FROM, _IMPORT):
        for match in pattern.finditer(before):
            if lacking & {name for name, _ in _bindings(match[0], "")}:
                yield match[0].strip()


def _bindings(source: bytes, path: str) -> Iterator[tuple[bytes, str]]:
    """Yield every name that an import binds, with the dotted name it stands for."""
    for match in _FROM.finditer(source):
        module = _resolved(match[2].decode(), path)
        for member, name in _names(match[3] or match[4] or b""):
            yield name, f"{module}.{member.decode()}"
    for match in _IMPORT.finditer(source):
        for member, name in _names(match[1]):
            is_plain = member == name
            yield (member.partition(b".")[0] if is_plain else name), member.decode()


def _names(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield what each part of `a, b as c` imports, and the name that it binds."""
    plain = re.sub(rb"#[^\n]*", b"", text)
    for part in plain.replace(b"\\", b" ").split(b","):
        words = part.split()
        if words:
            yield words[0], words[-1]


def _without_imports(source: bytes, path: str, origin: str, names: set[bytes]) -> bytes:
    """Return `source` without its imports of `names` from the module at `origin`."""
    module = _dotted(origin)

    def rest(match: re.Match[bytes]) -> bytes:
        if _resolved(match[2].decode(), path) != module:
            return match[0]
        left = [
            member if member == name else member + b" as " + name
            for member, name in _names(match[3] or match[4] or b"")
            if member not in names or member != name
        ]
        statement = b"from " + match[2] + b" import " + b", ".join(left)
        return match[1] + (statement if left else b"pass")

    return _FROM.sub(rest, source)


def _resolved(module: str, path: str) -> str:
    """Return the absolute name of a module that the file at `path` imports by `module`."""
    tail = module.lstrip(".")
    level = len(module) - len(tail)
    if not level:
        return tail
    parts = _parts(path)
    package = parts[: len(parts) - level]
    return ".".join([*package, *([tail] if tail else [])])


def _parts(path: str) -> list[str]:
    dotted = path.removesuffix(".py").replace("/", ".")
    for root in _ROOTS:
        dotted = dotted.removeprefix(root)
    return dotted.split(".")


def _dotted(path: str) -> str:
    return ".".join(_parts(path)).removesuffix(".__init__")


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
