"""Reading what a GGUF file says about its model, without loading it.

The layout is llama.cpp's (`docs/gguf.md` there): magic, version, counts, then typed key-value
pairs. A file may be anything somebody downloaded, so every length is checked before it is used and
reading stops at the vocabulary, which comes after what is wanted here and is long.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mai.errors import BadAnswer

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_KEYS = 4_096
_MAX_STRING_BYTES = 1_000_000
_MAX_ARRAY = 100_000
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
#: What a number of the context's memory takes: llama.cpp keeps half precision.
_KV_BYTES = 2


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a file says. Zero or empty: it does not."""

    architecture: str = ""
    name: str = ""
    context_length: int = 0
    kv_bytes_per_token: int = 0
    split_count: int = 0
    is_embedding: bool = False


def read_header(path: Path) -> GgufHeader:
    """Read the header of the file at `path`.

    Raises:
        BadAnswer: it is no GGUF file of a version that is known, or is damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            pairs = _pairs(file)
        except (struct.error, ValueError, OverflowError, UnicodeDecodeError) as error:
            raise BadAnswer(f"{path.name} is no GGUF file that can be read.") from error
    architecture = str(pairs.get("general.architecture", ""))
    context = pairs.get(f"{architecture}.context_length")
    split = pairs.get("split.count")
    return GgufHeader(
        architecture,
        str(pairs.get("general.name", "")),
        context if isinstance(context, int) else 0,
        kv_bytes_per_token(pairs),
        split if isinstance(split, int) else 0,
        f"{architecture}.pooling_type" in pairs,
    )


def kv_bytes_per_token(pairs: Mapping[str, Any]) -> int:
    """Return what one token of context takes in memory, 0 where the model does not say.

    Ollama's `show` and a GGUF file name the numbers alike: two vectors, key and value, per layer
    and head.
    """
    architecture = str(pairs.get("general.architecture", ""))

    def number(key: str) -> int:
        value = pairs.get(f"{architecture}.{key}")
        if isinstance(value, list | tuple):  # some models differ from layer to layer
            whole = [one for one in value if isinstance(one, int)]
            value = max(whole, default=0)
        return value if isinstance(value, int) and value > 0 else 0

    heads = number("attention.head_count")
    layers = number("block_count")
    if not heads or not layers:
        return 0
    size = number("embedding_length") // heads
    key = number("attention.key_length") or size
    value = number("attention.value_length") or size
    return layers * (number("attention.head_count_kv") or heads) * (key + value) * _KV_BYTES


def _pairs(file: BinaryIO) -> dict[str, Any]:
    if file.read(4) != MAGIC:
        raise ValueError("the magic is missing")
    version, _tensors, count = struct.unpack("<IQQ", file.read(20))
    if version not in _VERSIONS or count > _MAX_KEYS:
        raise ValueError("the version or the number of keys is out of range")
    pairs: dict[str, Any] = {}
    for _ in range(count):
        key = _string(file)
        if key == "tokenizer.ggml.tokens":
            break
        pairs[key] = _value(file, _scalar(file, 4))
    return pairs


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        inner, length = _scalar(file, 4), _scalar(file, 10)
        if length > _MAX_ARRAY or inner == _ARRAY:
            raise ValueError("an array is out of range")
        return [_value(file, inner) for _ in range(length)]
    return _scalar(file, kind)


def _scalar(file: BinaryIO, kind: int) -> Any:
    form = _SCALARS.get(kind)
    if form is None:
        raise ValueError("a value has no known type")
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _string(file: BinaryIO) -> str:
    length = _scalar(file, 10)
    if length > _MAX_STRING_BYTES:
        raise ValueError("a string is out of range")
    data = file.read(length)
    if len(data) != length:
        raise ValueError("the file ends early")
    return data.decode("utf-8", "replace")
