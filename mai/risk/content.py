"""What can be said of any file's content without parsing Python."""

from __future__ import annotations

from collections.abc import Iterator

from mai.proposal import Finding
from mai.risk import manifests, notebooks, scripts, text
from mai.risk.kinds import is_python


def unjudged(path: str, data: bytes) -> str:
    """Return in a clause why Mai cannot judge a file of this kind, empty where it can."""
    if not data.strip() or is_python(path, data) or notebooks.is_notebook(path):
        return ""
    if text.is_binary(data):
        return "it is binary"
    language = scripts.language_of(path, data)
    if language is not None:
        return f"Mai does not read {language}"
    if manifests.judges(path) or scripts.is_text(path) or scripts.is_prose(path):
        return ""
    return "Mai does not know what reads a file of this name"


def judge_content(path: str, data: bytes, base: bytes | None) -> Iterator[Finding]:
    """Yield what `data` gained over `base`, the file before, None where it is new."""
    yield from text.judge_bytes(path, data, base)
    if manifests.judges(path):
        yield from manifests.judge_manifest(path, data, base)
    elif notebooks.is_notebook(path):
        yield from notebooks.judge_magic(path, data, base)
    elif path.rpartition("/")[2] == ".gitattributes":
        yield from text.judge_attributes(path, data, base)
    if not is_python(path, data):
        yield from scripts.judge_script(path, data, base)
