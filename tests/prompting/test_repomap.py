from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.prompting.outlines import Outlines, outline
from mai.prompting.repomap import definitions, repo_map, words
from mai.providers.tokens import most_tokens
from mai.repo import Repo
from tests.gitrepo import make_repo
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


def test_rare_words_weigh_more_than_common_ones() -> None:
    files = {f"service{at}.py": "def handle_request(data): ...\n" for at in range(20)}
    files["odd.py"] = "def parse_ledger(data): ...\n"
    snapshot = MemorySnapshot({path: text.encode() for path, text in files.items()})
    found = repo_map(snapshot, "When we handle data of a request, the ledger is wrong.", 400)
    assert found.startswith("odd.py: def parse_ledger(data)")


def test_a_file_or_function_that_is_named_comes_first() -> None:
    snapshot = snapshot_of(
        rows="def parse_all(text): ...\n", other="def go(): ...\n", deep="def parse_rows(x): ...\n"
    )
    assert repo_map(snapshot, "Mend parse_rows.", 400).startswith("deep.py")
    assert repo_map(snapshot, "Look at other.py and parse rows.", 400).startswith("other.py")


def test_what_imports_or_is_imported_by_a_match_comes_along() -> None:
    files = {
        "src/shop/basket.py": "from .money import Amount\n\ndef total_price(basket): ...\n",
        "src/shop/money.py": "class Amount: ...\n",
        "src/shop/page.py": "from shop.basket import total_price\n",
        "src/shop/aaa.py": "x = 1\n",
    }
    snapshot = MemorySnapshot({path: text.encode() for path, text in files.items()})
    lines = repo_map(snapshot, "The total price of a basket is rounded.", 400).split("\n")
    paths = [line.partition(":")[0].rpartition("/")[2] for line in lines]
    assert paths[0] == "basket.py"
    assert set(paths[1:3]) == {"money.py", "page.py"}


def test_one_large_file_does_not_push_the_others_out() -> None:
    many = "".join(f"def helper_{at}(): ...\n" for at in range(150)) + "def mean(xs): ...\n"
    snapshot = snapshot_of(stats=many, other="def go(): ...\n")
    lines = repo_map(snapshot, "the mean is wrong", 300).split("\n")
    assert [line.partition(":")[0] for line in lines] == ["stats.py", "other.py"]
    assert "def mean(xs)" in lines[0]
    assert lines[0].endswith(", …")


def test_a_blob_is_read_once_whatever_it_is_called(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {f"pkg/m{at}.py": f"def f{at}(): ...\n" for at in range(5)})
    reads: list[str] = []

    class Counting:
        """A real snapshot that tells what was read."""

        def __init__(self, commit: str) -> None:
            self._inner = opened.snapshot(commit)
            self.commit = commit

        def paths(self) -> Sequence[str]:
            return self._inner.paths()

        def blob_id(self, path: str) -> str | None:
            return self._inner.blob_id(path)

        def read(self, path: str) -> bytes | None:
            reads.append(path)
            return self._inner.read(path)

    with Repo.open(repo.root, tmp_path / "private") as opened:
        outlines = Outlines()
        outlines.remember_in(tmp_path / "cache")
        first = repo_map(Counting(repo.head()), "f1", 400, outlines)
        assert len(reads) == 5
        changed = repo.commit({"pkg/m3.py": "def changed(): ...\n"})
        second = repo_map(Counting(changed), "f1", 400, outlines)
        assert reads[5:] == ["pkg/m3.py"]
        assert "def changed()" in second
        assert "def f3()" in first
        # Another process finds them on disk.
        later = Outlines()
        later.remember_in(tmp_path / "cache")
        assert repo_map(Counting(repo.head()), "f1", 400, later) == second
        assert len(reads) == 6


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', '{"format": 9}', "\0" * 50])
def test_a_damaged_cache_is_read_anew(tmp_path: Path, damage: str) -> None:
    (tmp_path / "outlines.json").write_text(damage)
    outlines = Outlines()
    outlines.remember_in(tmp_path)
    assert outlines.of("a" * 40, None) is None
    assert outlines.of("a" * 40, b"def f(): ...\n") == outline(b"def f(): ...\n")
    outlines.save()
    again = Outlines()
    again.remember_in(tmp_path)
    assert again.of("a" * 40, None) == outline(b"def f(): ...\n")


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outlines = Outlines()
    outlines.remember_in(tmp_path / "file" / "cache")
    assert outlines.of("a" * 40, b"x = 1\n") is not None
    outlines.save()
