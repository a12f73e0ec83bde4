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
    rb"^([ \t]*)from[ \t]+([.\w]+)[ \t]+import[ \t]+(?:\(([^()]{0,2000})\)|([^\n(;#]*))[^\n;]*$",
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


@dataclass(frozen=True, slots=True)
class Restored:
    """The new content of a file as it would read had nothing moved, at the path where it stood."""

    stood: str
    content: bytes


def put_back(files: Sequence[Sides]) -> dict[str, Restored]:
    """Return, by path, the files that blocks moved out of or into, as if none had."""
    here: dict[str, bytes] = {}
    blocks: dict[str, list[bytes]] = {}
    came = {each.path: _came(each) for each in files}
    stood: dict[str, str] = {}
    for donor in _carried_on(files, came):
        if donor.before is None or donor.after is None:
            continue
        stood[donor.path] = donor.stood
        if _folder(donor.path) != _folder(donor.stood):
            here.setdefault(donor.path, donor.after)
        kept = _blocks_of(donor.after)
        lost = {name: text for name, text in _blocks_of(donor.before).items() if name not in kept}
        for receiver in files if lost else ():
            moved = _both(lost, came[receiver.path]) if receiver.path != donor.path else {}
            if not moved or not _means_the_same(moved, donor, receiver):
                continue
            mine = here.get(donor.path, donor.after)
            mine = _without_imports(mine, donor.path, receiver.path, set(moved))
            missing = _missing_imports(donor.before, mine, moved)
            texts = (_as_seen_from(text, receiver.path, donor.stood) for text in moved.values())
            here[donor.path] = mine
            blocks.setdefault(donor.path, []).extend((*missing, *texts))
            theirs = here.get(receiver.path, receiver.after or b"")
            for text in moved.values():
                theirs = theirs.replace(text, b"", 1)
            here[receiver.path] = theirs
    found = {}
    for path, content in here.items():
        home = stood.get(path, path)
        told = _as_seen_from(content, path, home)
        found[path] = Restored(home, b"\n\n".join((told, *blocks.get(path, ()), b"")))
    return found


def _carried_on(
    files: Sequence[Sides], came: Mapping[str, Mapping[bytes, bytes]]
) -> Iterator[Sides]:
    """Yield `files`, those that are gone by the new file that most of their blocks moved to."""
    for file in files:
        if file.before is None or file.after is not None:
            yield file
            continue
        lost = _blocks_of(file.before)
        new = [each for each in files if each.before is None]
        shared = {each.path: len(_both(lost, came[each.path])) for each in new}
        heir = max(new, key=lambda each: shared[each.path], default=None)
        if heir is not None and shared[heir.path]:
            yield Sides(heir.path, file.path, file.before, heir.after)


def _as_seen_from(source: bytes, origin: str, target: str) -> bytes:
    """Return `source`, the text of a file at `origin`, with its relative imports as at `target`."""
    package = _parts(target)[:-1]

    def rest(match: re.Match[bytes]) -> bytes:
        module = match[2].decode()
        meant = _resolved(module, origin).split(".")
        shared = 0
        while shared < min(len(meant), len(package)) and meant[shared] == package[shared]:
            shared += 1
        if not module.startswith(".") or not shared:
            return match[0]
        told = "." * (len(package) - shared + 1) + ".".join(meant[shared:])
        return match[0].replace(match[2], told.encode(), 1)

    return source if _folder(origin) == _folder(target) else _FROM.sub(rest, source)


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


def _came(file: Sides) -> dict[bytes, bytes]:
    """Return the blocks that a file has and had not."""
    stood = _blocks_of(file.before or b"")
    return {name: text for name, text in _blocks_of(file.after or b"").items() if name not in stood}


def _both(lost: Mapping[bytes, bytes], came: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: text for name, text in lost.items() if came.get(name) == text}


def _means_the_same(moved: Mapping[bytes, bytes], donor: Sides, receiver: Sides) -> bool:
    """Whether what the receiver binds of the words in `moved` is what the donor bound."""
    after = receiver.after or b""
    words = {word for text in moved.values() for word in _WORD.findall(text)}
    own = {*_blocks_of(after), *_ASSIGNS.findall(after)} - moved.keys()
    if own & words:
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
