"""Which GGUF files there are. Names are given without `.gguf`; parts of one model count as one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from mai.errors import BadAnswer, ModelNotFound
from mai.protocols import ModelInfo
from mai.providers import gguf_engine
from mai.providers.gguf_header import GgufHeader, read_header
from mai.text import one_line

SUFFIX = ".gguf"
#: A projector for images has the ending and is no model of its own.
_NO_MODEL = frozenset({"clip", "mmproj"})
#: Of each end of a file; the whole of a large one would take longer than loading it.
_HASHED_BYTES = 1_048_576
_PART = re.compile(r"-(?P<number>\d{5})-of-(?P<count>\d{5})$")


def list_models(folder: Path) -> tuple[ModelInfo, ...]:
    """Return every model in `folder` and below that can be read; none where it does not exist."""
    found = []
    for path in _files(folder):
        try:
            header = read_header(path)
        except (BadAnswer, OSError):
            continue  # half a download, or a file of another kind with this ending
        if header.architecture in _NO_MODEL:
            continue
        found.append(_info(folder, path, header))
    return tuple(found)


def path_of(folder: Path, name: str) -> Path:
    """Return the file of the model `name`.

    Raises:
        ModelNotFound: there is none, or the name leads out of the folder.
    """
    wanted = name.removesuffix(SUFFIX)
    for path in _files(folder):
        if wanted in {_name(folder, path), path.stem}:
            return path
    raise ModelNotFound(
        f"There is no {one_line(wanted, 60)}{SUFFIX} in {folder}; MODEL_CACHE_DIR says where to "
        "look."
    )


def find(folder: Path, name: str) -> ModelInfo:
    """Return what is known of the model `name`.

    Raises:
        ModelNotFound: there is none.
        BadAnswer: it is no GGUF file.
    """
    path = path_of(folder, name)
    try:
        return _info(folder, path, read_header(path))
    except OSError as error:
        raise ModelNotFound(f"The model file {path} cannot be read.") from error


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob(f"*{SUFFIX}")) if folder.is_dir() else ():
        part = _PART.search(path.stem)
        if path.is_file() and (part is None or int(part["number"]) == 1):
            yield path


def _info(folder: Path, path: Path, header: GgufHeader) -> ModelInfo:
    part = _PART.search(path.stem)
    size_bytes = path.stat().st_size
    if part is not None:
        others = path.parent.glob(f"{path.stem[: part.start()]}-?????-of-{part['count']}{SUFFIX}")
        size_bytes = sum(other.stat().st_size for other in others)
    return ModelInfo(
        _name(folder, path),
        "gguf",
        size_bytes,
        header.context_length,
        ("embedding",) if header.is_embedding else ("completion",),
        header.kv_bytes_per_token,
        gguf_engine.is_loaded(path),
        _content_hash(path, size_bytes),
    )


def _content_hash(path: Path, size_bytes: int) -> str:
    """Return a hash over size, beginning and end: the header names layout and quantisation."""
    hashed = hashlib.sha256(str(size_bytes).encode())
    with path.open("rb") as file:
        hashed.update(file.read(_HASHED_BYTES))
        file.seek(max(0, path.stat().st_size - _HASHED_BYTES))
        hashed.update(file.read(_HASHED_BYTES))
    return hashed.hexdigest()


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix().removesuffix(SUFFIX)
