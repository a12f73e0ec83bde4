from __future__ import annotations

import pytest

from mai.hunk_headers import HunkHeader, read_hunk_header


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("@@ -1,2 +3,4 @@", HunkHeader(1, 2, 3, 4)),
        ("@@ -1 +3 @@ def f():", HunkHeader(1, 1, 3, 1)),
        ("@@ -0,0 +1,5 @@\r", HunkHeader(0, 0, 1, 5)),
        ("@@ ... @@", None),
        ("@@@ -1 -1 +1 @@@", None),
        ("@@ -١ +1 @@", None),  # digits of another script are none of git's
        (" @@ -1 +1 @@", None),
        ("@@ -1234567890 +1 @@", None),
    ],
)
def test_a_hunks_header_is_read_in_one_way(line: str, expected: HunkHeader | None) -> None:
    assert read_hunk_header(line) == expected
