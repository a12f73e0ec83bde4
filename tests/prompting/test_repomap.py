from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.prompting.repomap import definitions, repo_map, words
from mai.providers.tokens import most_tokens
from tests.snapshots import MemorySnapshot, snapshot_of

CORE = (
    "class Table:\n    def rows(self): ...\n    def _inner(self): ...\n\n"
    "async def fetch(url, timeout_s): ...\ndef parse_rows(text, /, sep): ...\n"
)


def test_definitions_are_what_a_file_offers() -> None:
    assert definitions(CORE.encode()) == (
        "class Table: rows",
        "def fetch(url, timeout_s)",
        "def parse_rows(text, sep)",
    )


def test_what_shares_words_with_the_task_comes_first() -> None:
    snapshot = snapshot_of(aardvark="def dig(): ...\n", mean="x = 1\n", stats="def mean(xs): ...\n")
    lines = repo_map(snapshot, "The mean is wrong for short lists.", 200).split("\n")
    assert lines == ["mean.py", "stats.py: def mean(xs)", "aardvark.py: def dig()"]


@pytest.mark.parametrize("room_tokens", [0, 5, 30, 1_000])
def test_the_map_keeps_to_its_room(room_tokens: int) -> None:
    files = {f"pkg/module{at}.py": CORE.encode() for at in range(30)}
    assert most_tokens(repo_map(MemorySnapshot(files), "rows", room_tokens)) <= room_tokens


@pytest.mark.parametrize(
    "source",
    [
        "def f(:\n",
        "(" * 5_000 + ")" * 5_000,
        "x = " + "-" * 60_000 + "1\n",
        "x = 1\n" * 60_000,
        "\0",
        "# coding: nonesuch\n",
    ],
    ids=["syntax", "deep", "unary", "large", "nul", "cookie"],
)
def test_what_cannot_be_read_is_listed_by_its_path(source: str) -> None:
    assert repo_map(snapshot_of(odd=source), "x", 100) == "odd.py"


def test_an_invalid_escape_says_nothing_to_the_terminal() -> None:
    assert definitions(b"def f():\n    return '\\d'\n") == ("def f()",)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_is_an_error(data: bytes) -> None:
    assert isinstance(definitions(data), tuple)


def test_words_ignore_case_and_how_names_are_joined() -> None:
    assert words("parseHTMLRows parse_rows") == {"parse", "html", "rows"}
