"""Running ruff over bytes: in a neutral folder, isolated, under names of our own choosing.

No file of a repo, its configuration or its paths reach ruff: a file is written as `<n>/module.py`,
so that nothing in a path or a `pyproject.toml` can steer it. It parses; it never imports or runs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, TypeAdapter, ValidationError

from mai import scratch
from mai.errors import ProviderError
from mai.providers.reflex_files import Style
from mai.text import one_line

TIMEOUT_S = 120
_NO_SUCH_RULES = 2


class _Location(BaseModel):
    row: int
    column: int


class _Fix(BaseModel):
    applicability: str


class _Diagnostic(BaseModel):
    code: str | None
    filename: str
    message: str
    location: _Location
    fix: _Fix | None


_DIAGNOSTICS = TypeAdapter(list[_Diagnostic])


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing ruff found. `line` and `column`, in characters, count from 1.

    `is_safe` and `is_fixable` say whether there is a fix that ruff calls safe, or any.
    """

    code: str
    path: str
    line: int
    column: int
    message: str
    is_safe: bool
    is_fixable: bool


@cache
def version() -> str:
    """Return the installed ruff's version."""
    return metadata.version("ruff")


def check(files: Mapping[str, bytes], codes: Sequence[str], style: Style) -> tuple[Hit, ...]:
    """Return what ruff finds of `codes` in `files`, in the order of paths and lines.

    Raises:
        ProviderError: ruff is not there, or fails.
    """
    with _bench(files) as (folder, names):
        output = _run(folder, codes, style, "--output-format", "json")
    paths = {name: path for path, name in names.items()}
    try:
        found = _DIAGNOSTICS.validate_json(output)
    except ValidationError as error:
        raise ProviderError("ruff's report cannot be read; another version may help.") from error
    hits = [
        Hit(
            item.code,
            paths[_name(item.filename)],
            item.location.row,
            item.location.column,
            one_line(item.message),
            is_safe=item.fix is not None and item.fix.applicability == "safe",
            is_fixable=item.fix is not None and item.fix.applicability in {"safe", "unsafe"},
        )
        for item in found
        if item.code is not None and item.code in codes
    ]
    return tuple(sorted(hits, key=lambda hit: (hit.path, hit.line, hit.code)))


def fix(
    files: Mapping[str, bytes], codes: Sequence[str], style: Style, *, takes_unsafe: bool
) -> dict[str, bytes]:
    """Return `files` as the fixes of `codes`, and of nothing else, leave them.

    Raises:
        ProviderError: ruff is not there, or fails.
    """
    with _bench(files) as (folder, names):
        _run(folder, codes, style, "--fix-only", *(["--unsafe-fixes"] if takes_unsafe else []))
        return {path: (folder / name).read_bytes() for path, name in names.items()}


@contextmanager
def _bench(files: Mapping[str, bytes]) -> Iterator[tuple[Path, dict[str, str]]]:
    with scratch.folder("reflex") as folder:
        root = folder.resolve()
        names = {}
        for number, (path, data) in enumerate(files.items()):
            # Only this much of a name means something to ruff.
            is_package = PurePosixPath(path).name == "__init__.py"
            name = f"{number}/{'__init__' if is_package else 'module'}.py"
            names[path] = name
            (root / name).parent.mkdir()
            (root / name).write_bytes(data)
        yield root, names


def _name(filename: str) -> str:
    return "/".join(Path(filename).parts[-2:])


def _run(folder: Path, codes: Sequence[str], style: Style, *more: str) -> bytes:
    from ruff import (  # type: ignore[import-untyped]  # noqa: PLC0415 - only used here; no types
        find_ruff_bin,
    )

    try:
        command = [
            find_ruff_bin(),
            *("check", "--isolated", "--no-cache", "--exit-zero", "--quiet"),
            *("--no-respect-gitignore", f"--select={','.join(codes)}"),
            *(f"--target-version={style.target_version}", f"--line-length={style.line_length}"),
            *("--config", f"indent-width={style.indent_width}"),
            *("--config", f'lint.flake8-quotes.inline-quotes="{style.quotes}"'),
            *more,
            ".",
        ]
        environment = {"HOME": str(folder), "PATH": os.defpath, "NO_COLOR": "1"}
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise ProviderError("ruff is not installed; `pip install ruff` mends it.") from error
    except subprocess.TimeoutExpired as error:
        raise ProviderError(f"ruff did not finish within {TIMEOUT_S} s.") from error
    if done.returncode >= _NO_SUCH_RULES or done.returncode < 0:
        said = one_line(done.stderr.decode("utf-8", "replace"))
        raise ProviderError(f"ruff {version()} failed: {said or done.returncode}.")
    return done.stdout
