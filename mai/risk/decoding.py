"""What is certain, small and harmless to work out on constants: decoding, joining, slicing."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import posixpath
from collections.abc import Callable, Mapping
from typing import Any


class NoValueError(Exception):
    """The expression is not a constant."""


PATHS = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath"})


def makes_path(function: ast.Attribute) -> bool:
    """Whether calling `function` puts a path together, as opposed to `text.join(…)`."""
    owner = getattr(function.value, "attr", getattr(function.value, "id", ""))
    is_join = function.attr == "join" and owner in {"path", "posixpath", "ntpath"}
    return is_join or function.attr == "joinpath" or function.attr in PATHS


def joined_path(parts: list[Any]) -> str:
    """Return the path that `Path(…)` or `os.path.join(…)` makes of `parts`."""
    if not parts or not all(isinstance(part, str) for part in parts):
        raise NoValueError
    return posixpath.join(*map(str, parts))


def _rot13(text: Any, encoding: str = "utf-8") -> Any:
    if str(encoding).lower().replace("_", "") not in {"rot13", "hex", "base64", "utf-8", "utf8"}:
        raise NoValueError
    return codecs.decode(text, encoding)


def _as_text(value: Any = "", encoding: str = "utf-8") -> str:
    return value.decode(encoding) if isinstance(value, bytes) else str(value)


DECODERS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("base64", "b64decode"): base64.b64decode,
    ("base64", "standard_b64decode"): base64.b64decode,
    ("base64", "urlsafe_b64decode"): base64.urlsafe_b64decode,
    ("base64", "b32decode"): base64.b32decode,
    ("base64", "b16decode"): base64.b16decode,
    ("base64", "b85decode"): base64.b85decode,
    ("base64", "a85decode"): base64.a85decode,
    ("base64", "decodebytes"): base64.decodebytes,
    ("binascii", "unhexlify"): binascii.unhexlify,
    ("binascii", "a2b_hex"): binascii.a2b_hex,
    ("binascii", "a2b_base64"): binascii.a2b_base64,
    ("codecs", "decode"): _rot13,
}
BUILTINS: Mapping[str, Callable[..., Any]] = {
    "chr": chr,
    "str": _as_text,
    "bytes": lambda value: bytes(value) if isinstance(value, (list, bytes)) else b"",
    "bytearray": lambda value: bytes(value) if isinstance(value, (list, bytes)) else b"",
    "reversed": lambda value: list(value)[::-1],
    "list": list,
    "tuple": list,
    "ord": ord,
    "hex": hex,
    "int": int,
}
METHODS = frozenset(
    {
        "join",
        "format",
        "replace",
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "decode",
        "encode",
        "swapcase",
        "title",
        "capitalize",
        "casefold",
        "removeprefix",
        "removesuffix",
        "split",
        "rsplit",
    }
)
