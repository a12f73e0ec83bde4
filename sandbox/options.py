"""The options of the repo's own pytest configuration that can be honoured without its plugins."""

from __future__ import annotations

import configparser
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

#: Options that say which tests there are and how they are imported; True where one takes a value.
_HONOURED = {
    "-k": True,
    "-m": True,
    "-W": True,
    "--deselect": True,
    "--doctest-continue-on-failure": False,
    "--doctest-glob": True,
    "--doctest-modules": False,
    "--ignore": True,
    "--ignore-glob": True,
    "--import-mode": True,
}
_LARGEST_BYTES = 1 << 20
# The first that has a section wins, as in pytest's own "Initialization: determining rootdir".
_PLACES = (
    ("pytest.toml", ("pytest",)),
    (".pytest.toml", ("pytest",)),
    ("pytest.ini", ("pytest",)),
    (".pytest.ini", ("pytest",)),
    ("pyproject.toml", ("tool", "pytest")),
    ("tox.ini", ("pytest",)),
    ("setup.cfg", ("tool:pytest",)),
)
_NOT_FOUND = "ignore::pytest.PytestConfigWarning"


def honoured_options(root: Path) -> list[str]:
    """Return what of the configuration in the folder `root` pytest is to be told.

    That is the honoured part of `addopts`, and the filters for warnings. A file that cannot be read
    has no options here: pytest itself will say what is wrong with it.
    """
    try:
        _, table = _found(root)
        return [*_kept(iter(_words(table))), *_filters(table.get("filterwarnings", ""))]
    except (OSError, ValueError, TypeError, configparser.Error, RecursionError):
        return []


def own_plugins(root: Path, places: Sequence[str]) -> list[str]:
    """Return the plugins that `addopts` names with `-p` and that lie in one of `places`."""
    try:
        words = _words(_found(root)[1])
    except (OSError, ValueError, TypeError, configparser.Error, RecursionError):
        return []
    named = [after for word, after in pairwise(words) if word == "-p"]
    named += [word[2:] for word in words if word.startswith("-p") and len(word) > len("-p")]
    return [name for name in named if any(_is_module(place, name) for place in places)]


def has_options(root: Path) -> Path | None:
    """Return the file in the folder `root` that configures pytest, None where none does."""
    try:
        return _found(root)[0]
    except (OSError, ValueError, TypeError, configparser.Error, RecursionError):
        return None


def _found(root: Path) -> tuple[Path | None, Mapping[str, Any]]:
    for name, section in _PLACES:
        path = root / name
        if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            continue
        table = _table(path, section)
        if table is not None:
            return path, table
    return None, {}


def _words(table: Mapping[str, Any]) -> list[str]:
    given = table.get("addopts", "")
    return shlex.split(given) if isinstance(given, str) else [str(word) for word in given]


def _is_module(place: str, name: str) -> bool:
    path = Path(place, *name.split("."))
    return path.with_name(f"{path.name}.py").is_file() or (path / "__init__.py").is_file()


def _table(path: Path, section: tuple[str, ...]) -> Mapping[str, Any] | None:
    text = path.read_text("utf-8")
    if path.suffix != ".toml":
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
        return parser[section[0]] if parser.has_section(section[0]) else None
    table: Any = tomllib.loads(text)
    for name in section:
        table = table.get(name) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return None
    nested = table.get("ini_options", table)
    return nested if isinstance(nested, dict) else None


def _filters(given: str | list[Any]) -> Iterator[str]:
    """Yield the filters for warnings, made to bear names of what the image lacks.

    A category that cannot be imported is a warning of pytest's own, which a filter in front of it
    that makes errors of warnings would turn into the end of the run.
    """
    lines = given.splitlines() if isinstance(given, str) else map(str, given)
    filters = [line.strip() for line in lines if line.strip()]
    if filters:
        softened = (
            [line, _NOT_FOUND] if "error".startswith(line.partition(":")[0].strip()) else [line]
            for line in filters
        )
        yield "--override-ini=filterwarnings=" + "\n".join(chain.from_iterable(softened))


def _kept(remaining: Iterator[str]) -> Iterator[str]:
    for word in remaining:
        name, _, value = word.partition("=")
        if word in _HONOURED:
            yield word
            if _HONOURED[word] and (following := next(remaining, None)) is not None:
                yield following
        elif (value and _HONOURED.get(name) and name.startswith("--")) or (
            _HONOURED.get(word[:2]) and not word.startswith("--")
        ):
            yield word
