"""Between values and the JSON that the ledger keeps: strict going in, typed coming out."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import asdict
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from mai.digest import canonical_json
from mai.proposal import Json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

_DEEPEST = 64
_LARGEST_INTEGER = 2**63  # what SQLite, and most readers of an export, can hold


def encode(value: DataclassInstance) -> Json:
    """Return a report or another dataclass as the JSON object that `decode` reads back.

    Raises:
        ValueError: something in it is not JSON.
    """
    return parse(text(asdict(value)))


def text(data: object) -> str:
    """Return `data` as canonical JSON text, free of NUL and of lone surrogates.

    Tuples become lists. Nothing else is converted, least of all in silence: what was written must
    be what is read back.

    Raises:
        ValueError: a value is not JSON (bytes, sets, dates, NaN, keys that are no text), too deep,
            or an integer beyond 64 bits.
    """
    _check(data, 0)
    # Two surrogates that Python holds apart become one character when the text is read back, so
    # it is read back once here: what is hashed is then what every later reader sees.
    return _canonical(json.loads(_canonical(data)))


def parse(stored: str) -> Json:
    """Return the object that `stored` holds.

    Raises:
        ValueError: it is not the canonical JSON text of an object.
    """
    try:
        value = json.loads(stored, parse_constant=_refuse_constant)
        is_canonical = _canonical(value) == stored
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict) or not is_canonical:
        raise ValueError("it is not written as Mai writes it")
    return value


def decode(kind: type[T], value: object) -> T:
    """Return `value`, which came out of JSON, as a `kind`: a report, or a tuple of them.

    Keys that `kind` does not know are passed over, so that a newer Mai may add some.

    Raises:
        ValueError: it does not have the shape of `kind`.
    """
    adapter: TypeAdapter[T] = _adapter(cast("Hashable", kind))
    return adapter.validate_python(value)


def encode_json(value: DataclassInstance) -> str:
    """Return a dataclass as the JSON text that `decode_json` reads back. The quick way."""
    adapter = _adapter(type(value))
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError:  # a lone surrogate: UTF-8 has none, JSON's escapes have
        return _canonical(adapter.dump_python(value, mode="python"))


def decode_json(kind: type[T], stored: str) -> T:
    """Return the `kind` that `encode_json` made `stored` of.

    Raises:
        ValueError: it does not have the shape of `kind`.
    """
    adapter: TypeAdapter[T] = _adapter(cast("Hashable", kind))
    if "\\u" in stored:
        return adapter.validate_python(json.loads(stored))
    return adapter.validate_json(stored)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _canonical(value: object) -> str:
    return canonical_json(value).decode("utf-8")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: object, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"it is nested more than {_DEEPEST} levels deep")
    match value:
        case dict():
            _check_keys(value)
            for item in value.values():
                _check(item, depth + 1)
        case list() | tuple():
            for item in value:
                _check(item, depth + 1)
        case _:
            _check_scalar(value)


def _check_keys(value: dict[Any, Any]) -> None:
    # json.dumps would turn 1 and "1" into the same key in silence.
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"a key is of type {type(key).__name__}")  # noqa: TRY004 - one error for every reason


def _check_scalar(value: object) -> None:
    match value:
        case None | bool() | str():
            pass
        case int():
            if not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
                raise ValueError("an integer needs more than 64 bits")
        case float():
            if not isfinite(value):
                raise ValueError(f"{value} is not JSON")
        case _:
            raise ValueError(f"a value is of type {type(value).__name__}")
