"""Files in memory for tests, in the forms that the front door takes and gives."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from mai.edits import BaseFile, apply, parse

Content = str | bytes | BaseFile
Files = dict[str, BaseFile]


def files(contents: Mapping[str, Content]) -> Files:
    """Return `contents` as base files; text becomes UTF-8."""
    return {path: _file(content) for path, content in contents.items()}


def _file(content: Content) -> BaseFile:
    if isinstance(content, BaseFile):
        return content
    return BaseFile(content.encode() if isinstance(content, str) else content)


def changed(
    text: str | bytes, base: Mapping[str, Content] | None = None
) -> dict[str, bytes | None]:
    """Return what `text` makes of `base`: the new bytes per path, None for gone."""
    made = apply(parse(text), files(base or {}).get)
    return {path: None if file is None else file.data for path, file in made.items()}


def only(text: str | bytes, base: Mapping[str, Content]) -> bytes:
    """Return the new bytes of the one path that `text` changes."""
    ((_, data),) = changed(text, base).items()
    assert data is not None
    return data


def packed(data: bytes) -> str:
    """Return `data` as the lines of a binary patch, not compressed."""
    rows = [data[at : at + 52] for at in range(0, len(data), 52)]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(
        letters[len(row) - 1] + base64.b85encode(row, pad=True).decode() + "\n" for row in rows
    )
