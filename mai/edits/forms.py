"""The forms in which a patch comes out of other programs: UTF-16, a byte order mark, colours."""

from __future__ import annotations

import codecs
import re

from mai.errors import EditError

# UTF-32's mark begins with that of UTF-16, so it is looked for first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COLOUR = re.compile(rb"\x1b\[[\d;]*[mK]")
_COLOURED = re.compile(rb"^(?:\x1b\[[\d;]*[mK])+(?:diff |--- |\+\+\+ |@@)", re.MULTILINE)
_SAMPLE_BYTES = 64


def plain(data: bytes) -> bytes:
    """Return a text as UTF-8 without a byte order mark, and without the colours of a diff.

    PowerShell's `>` writes UTF-16, some editors put a mark before the first header, and
    `git diff --color=always` colours each line. A text of any other encoding is left as it is.

    Raises:
        EditError: its mark says UTF-16 or UTF-32, and it is not.
    """
    encoding = _encoding(data)
    if encoding is not None:
        try:
            data = data.decode(encoding).encode()
        except UnicodeError as error:
            raise EditError(f"The text begins like {encoding.upper()} and is not.") from error
    data = data.removeprefix(codecs.BOM_UTF8)
    return _COLOUR.sub(b"", data) if _COLOURED.search(data) else data


def _encoding(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    sample = data[:_SAMPLE_BYTES]
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        nothing, letters = sample[first::2], sample[1 - first :: 2]
        if nothing and letters and not nothing.strip(b"\0") and b"\0" not in letters:
            return encoding
    return None
