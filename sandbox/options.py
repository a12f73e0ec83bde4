"""The options of the repo's own pytest configuration that can be honoured without its plugins."""

from __future__ import annotations

import configparser
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

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
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("pyproject.toml", ""),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)


def honoured_options(root: Path) -> list[str]:
    """Return the honoured part of `addopts` in the tree at `root`; nothing where it has none.

    A file that cannot be read has no options here: pytest itself will say what is wrong with it.
    """
    for name, section in _PLACES:
        path = root / name
        try:
            if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
                continue
            found = _from_ini(path, section) if section else _from_toml(path)
            if found is not None:
                return list(_kept(found))
        except (OSError, ValueError, configparser.Error, RecursionError):
            return []
    return []


def _from_ini(path: Path, section: str) -> list[str] | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(path.read_text("utf-8"))
    if section not in parser:
        return None
    return shlex.split(parser[section].get("addopts", ""))


def _from_toml(path: Path) -> list[str] | None:
    table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("pytest")
    if not isinstance(table, dict):
        return None
    options = table.get("ini_options", table)
    given = options.get("addopts", "") if isinstance(options, dict) else ""
    return shlex.split(given) if isinstance(given, str) else [str(option) for option in given]


def _kept(words: list[str]) -> Iterator[str]:
    remaining = iter(words)
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
