"""Which of a repo's test files a source loads: read from its text, and every doubt counts as yes.

Nothing is parsed, because the source may be anybody's and this is the main process. So an import
in a string counts too, and so do module names that are strings by themselves.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

# They begin with a letter and not with `\b`, so that the engine looks for the word at full speed.
_FROM = re.compile(r"from\b([ \t\f.\w]{0,400}?)\bimport\b[ \t]*(\([^)]{0,4000}\)|[^\n;#]{0,4000})")
_IMPORT = re.compile(r"import[ \t]+([^\n;#()\"']{1,4000})")
_QUOTED = re.compile(r"[\"'](\.*[A-Za-z_][\w.]{1,300})(?::[\w.]+)?[\"']")
_QUOTED_FILE = re.compile(r"[\"']([\w./-]{1,300}\.py)[\"']")
_ENTRY = re.compile(r"=[ \t]*[\"']?([A-Za-z_][\w.]*):[A-Za-z_]")
_LOADS_FILES = re.compile(r"run_path|spec_from_file_location|FileLoader|exec\b|load_source")
_COMMENT = re.compile(r"#[^\n]*")
_LIKE_ROOT = ("", "src", "lib")
_INIT = "__init__"


class Modules:
    """The test files of a tree, found by the names that they can be imported under.

    Args:
        paths: every path of the trees.
        tests: the Python files among them that are part of the tests.
    """

    def __init__(self, paths: Iterable[str], tests: Iterable[str]) -> None:
        self._tests = frozenset(tests)
        # Then a source without the word can name none of them.
        self._all_say_test = all("test" in path.lower() for path in self._tests)
        self._tops: dict[str, set[str]] = defaultdict(set)
        for path in paths:
            folder, _, name = path.rpartition("/")
            self._tops[folder].add(name.removesuffix(".py"))
            while folder:  # up to a folder that another path has brought
                folder, _, name = folder.rpartition("/")
                if name in self._tops[folder]:
                    break
                self._tops[folder].add(name.removesuffix(".py"))
        self._named: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for path in self._tests:
            parts = _parts(path)
            for start in range(len(parts)):
                self._named[".".join(parts[start:])].add(("/".join(parts[:start]), path))

    def loaded_by(self, path: str, data: bytes) -> frozenset[str]:
        """Return the test files that the source at `path` may load."""
        if self._all_say_test and data.isascii() and b"test" not in data.lower():
            return frozenset()
        text = data.decode("utf-8", "replace").replace("\\\r\n", " ").replace("\\\n", " ")
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text)  # as Python compares names
        found = set(self._imported(path, text))
        for match in _QUOTED.finditer(text):
            found.update(self._quoted(path, match[1]))
        named = _QUOTED_FILE.findall(text)
        if named and _LOADS_FILES.search(text):
            found.update(path for name in named for path in self._ending(name))
        return frozenset(found - {path})

    def named_in_settings(self, data: bytes) -> frozenset[str]:
        """Return the test files that `pyproject.toml` and its like make an entry point of."""
        text = data.decode("utf-8", "replace")
        named = (self._absolute("", match[1]) for match in _ENTRY.finditer(text))
        return frozenset(path for paths in named for path in paths)

    def _imported(self, importer: str, text: str) -> Iterator[str]:
        for match in _FROM.finditer(text):
            origin = re.sub(r"\s", "", match[1])
            module = origin.lstrip(".")
            names = _COMMENT.sub("", match[2]).strip("() \t\r\n")
            bound = [words[0] for each in names.split(",") if (words := each.split())]
            dotted = [module, *(f"{module}.{name}".strip(".") for name in bound)]
            level = len(origin) - len(module)
            for each in dotted:
                yield from self._found(importer, each, level)
        for match in _IMPORT.finditer(_FROM.sub("", text)):
            for each in match[1].split(","):
                if words := each.split():
                    yield from self._found(importer, words[0], 0)

    def _found(self, importer: str, dotted: str, level: int) -> Iterator[str]:
        if not level:
            yield from self._absolute(importer, dotted)
            return
        folders = importer.split("/")[:-1]
        start = folders[: max(0, len(folders) - level + 1)]
        yield from self._below("/".join(start), dotted)

    def _below(self, folder: str, dotted: str) -> Iterator[str]:
        """Yield the test files that `dotted` means from `folder`, its packages too."""
        place = f"{folder}/" if folder else ""
        yield from self._tests & {f"{place}{_INIT}.py"}
        for part in filter(None, dotted.split(".")):
            yield from self._tests & {f"{place}{part}.py", f"{place}{part}/{_INIT}.py"}
            place += f"{part}/"

    def _absolute(self, importer: str, dotted: str) -> Iterator[str]:
        parts = dotted.split(".")
        names = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
        places = [place for name in names for place in self._named.get(name, ())]
        if not places:
            return
        roots = {*_LIKE_ROOT, *_above(importer)}
        is_elsewhere = parts[0] in sys.stdlib_module_names or any(
            parts[0] in self._tops.get(root, ()) for root in roots
        )
        for root, path in places:
            # A name that nothing at the usual places has can be any file's of that name.
            if root in roots or not is_elsewhere:
                yield path

    def _quoted(self, importer: str, dotted: str) -> Iterator[str]:
        if dotted.startswith("."):
            yield from (path for _, path in self._named.get(dotted.lstrip("."), ()))
            return
        name, roots = dotted, None
        while name:  # `package.module.Class` names the module too
            for root, path in self._named.get(name, ()):
                roots = roots or {*_LIKE_ROOT, *_above(importer)}
                # A single word is more often a word than the name of a package.
                if root in roots and ("." in name or not path.endswith(f"{_INIT}.py")):
                    yield path
            name = name.rpartition(".")[0]

    def _ending(self, name: str) -> Iterator[str]:
        tail = "/" + name.lstrip("./")
        yield from (path for path in self._tests if f"/{path}".endswith(tail))


def _parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == _INIT else parts


def _above(path: str) -> Iterator[str]:
    """Yield each folder that `path` is in, the tree itself last."""
    while path:
        path = path.rpartition("/")[0]
        yield path
