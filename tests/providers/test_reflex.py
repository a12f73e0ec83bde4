from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.events import Cancel
from mai.protocols import CanImprove, ChatRequest, Draft, Message
from mai.providers.base import ask
from mai.providers.reflex import ReflexProvider
from mai.providers.reflex_files import (
    MAX_FILES,
    Style,
    choose,
    is_plain_source,
    read_sources,
    read_style,
)
from mai.providers.reflex_guards import worth_mending
from mai.providers.reflex_rules import REFLEXES, Guard
from mai.providers.ruff import Hit
from tests.gitrepo import GitRepo, make_repo
from tests.snapshots import GitSnapshot, MemorySnapshot, snapshot_of

FLAWED = {
    "calc/__init__.py": "from calc.core import mean\n",
    "calc/core.py": (
        '"""Numbers."""\n\nimport os\nimport sys\n\n\n'
        "def mean(values, seen_so_far=None, extra=[]):\n"
        '    """Return the mean."""\n'
        "    if values == None:\n"
        "        raise NotImplemented\n"
        "    count = len(values)\n"
        "    extra.append(1)\n"
        "    return sum(values) / len(values)\n"
    ),
    "calc/shape.py": "import re\n\n\ndef kind(x):\n    return x is 'round'\n",
    "tests/test_core.py": "import os\n\n\ndef test_nothing():\n    assert 1\n",
    "vendor/lib.py": "import os\n",
    "calc/api_pb2.py": "import os\n",
}
EXPECTED_TITLES = [
    "Make a mutable default fresh per call in core.py",
    "Compare a literal by value, not identity in shape.py",
    "Raise NotImplementedError in core.py",
    "Compare with None by identity in core.py",
    "Drop 3 unused imports in calc/",
    "Drop an unused variable in core.py",
]


def improve(
    files: dict[str, str] | MemorySnapshot | GitSnapshot,
    pattern: str | None = None,
    avoid: frozenset[str] = frozenset(),
) -> list[Draft]:
    snapshot = (
        MemorySnapshot({path: text.encode() for path, text in files.items()})
        if isinstance(files, dict)
        else files
    )
    return list(ReflexProvider().improve(snapshot, pattern, avoid))


def applied(repo: GitRepo, draft: Draft) -> None:
    repo.git("apply", "--index", "--whitespace=nowarn", "-", data=draft.edits.encode())


def test_a_flawed_repo_gives_its_bugs_first(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FLAWED)
    drafts = improve(GitSnapshot(repo, repo.head()))
    assert [draft.title for draft in drafts] == EXPECTED_TITLES
    for draft in drafts:
        applied(repo, draft)
        repo.git("reset", "--quiet", "--hard")
        assert len(draft.title) < 60
        assert draft.author.startswith("ruff ")
        assert draft.author.endswith(" (reflex)")


def test_a_draft_says_what_where_and_which() -> None:
    drafts = {draft.title: draft for draft in improve(FLAWED)}
    imports = drafts["Drop 3 unused imports in calc/"]
    assert imports.why == (
        "Nothing in the file uses `os`, `sys` and `re`. "
        "calc/core.py lines 3 and 4; calc/shape.py line 1."
    )
    assert "calc/core.py line 9." in drafts["Compare with None by identity in core.py"].why


def test_a_mutable_default_is_mended_with_its_annotation() -> None:
    (draft,) = improve({"a.py": "def f(x: list[int] = []) -> list[int]:\n    return x\n"})
    assert "+def f(x: Optional[list[int]] = None) -> list[int]:" in draft.edits
    assert "+    if x is None:\n+        x = []\n" in draft.edits


def test_the_work_tree_is_never_read(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {"core.py": "import os\n"})
    commit = repo.head()
    repo.write(
        {"core.py": "import sys, json\nprint(json)\n", "pyproject.toml": "[tool.ruff]\nselect=1"}
    )
    (draft,) = improve(GitSnapshot(repo, commit))
    assert "-import os\n" in draft.edits
    assert repo.git("status", "--porcelain").split() == ["M", "core.py", "??", "pyproject.toml"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_bytes_outside_the_fix_stay(tmp_path: Path, end: str, last: str, mark: str) -> None:
    source = f"{mark}# é{end}x = None{end}y = x == None{end}z = '\u2028'{last and end}".encode()
    repo = make_repo(tmp_path / "repo", {"a b.py": source})
    (draft,) = improve(GitSnapshot(repo, repo.head()))
    applied(repo, draft)
    fixed = (repo.root / "a b.py").read_bytes()
    assert fixed == source.replace(b"x == None", b"x is None")


def test_titles_seen_before_are_not_made_again() -> None:
    titles = [draft.title for draft in improve(FLAWED, avoid=frozenset(EXPECTED_TITLES[1:]))]
    assert titles == EXPECTED_TITLES[:1]


def test_a_pattern_narrows_and_reaches_tests() -> None:
    assert [draft.title for draft in improve(FLAWED, "calc/shape.py")] == [
        "Compare a literal by value, not identity in shape.py",
        "Drop an unused import in shape.py",
    ]
    assert [draft.title for draft in improve(FLAWED, "tests")] == [
        "Drop an unused import in test_core.py"
    ]


def test_what_the_repo_keeps_is_left_alone() -> None:
    assert improve({**FLAWED, "mai.toml": 'leave_alone = ["calc/**"]\n'}) == []
    # A fault in mai.toml: what it wanted kept is not known.
    assert improve({**FLAWED, "mai.toml": "leave_alone = 3\n"}) == []
    assert improve({**FLAWED, "ruff.toml": 'exclude = ["calc"]\n'}) == []
    ignoring = '[tool.ruff.lint]\nignore = ["F", "B006", "E7"]\n'
    assert improve({**FLAWED, "pyproject.toml": ignoring}) == []
    only = ReflexProvider(may_touch=lambda path: path == "calc/shape.py")
    snapshot = MemorySnapshot({path: text.encode() for path, text in FLAWED.items()})
    assert all(
        "calc/core.py" not in draft.edits for draft in only.improve(snapshot, None, frozenset())
    )


def test_a_repos_own_ruff_configuration_steers_nothing() -> None:
    hostile = '[tool.ruff]\nextend = "/etc/passwd"\ninclude = []\n[tool.ruff.lint]\nselect = []\n'
    assert [
        draft.title for draft in improve({**FLAWED, "pyproject.toml": hostile})
    ] == EXPECTED_TITLES


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("overloads", "import pandas\n\n\ndef f(x):\n    return pandas.where(x == None)\n"),
        ("memo", "def f(a: dict[str, int] = None, memo: dict[str, int] = {}): return memo\n"),
        ("private", "def f(x, _units={1, 2}):\n    return x in _units\n"),
        ("memory", "def fib(n, cache={}):\n    return cache.setdefault(n, n)\n"),
        ("noqa", "import os  # noqa: F401\n"),
        ("attempt", "try:\n    import json5\nexcept ImportError:\n    json5 = None\n"),
        ("exported", "import os\n\n__all__ = ['os']\n"),
        ("row", "def f(row):\n    for key in row.keys():\n        print(key)\n"),
        ("generated", "# Code generated by protoc. DO NOT EDIT.\nimport os\n"),
        ("broken", "import os\ndef f(:\n"),
    ],
)
def test_what_is_meant_is_left_as_it_is(name: str, source: str) -> None:
    assert improve(snapshot_of(**{name: source})) == []


@pytest.mark.parametrize(
    "user", ["from compat import json\n\nprint(json)\n", "import compat\n\nprint(compat.json)\n"]
)
def test_an_import_that_another_file_takes_stays(user: str) -> None:
    assert improve(snapshot_of(compat="import json\n", user=user)) == []
    assert len(improve(snapshot_of(compat="import json\n", user="x = 1\n"))) == 1


def test_an_import_that_a_test_replaces_stays() -> None:
    files = {"pkg/net.py": "import socket\n", "tests/test_net.py": "patch('pkg.net.socket')\n"}
    assert improve(files) == []


def test_many_files_come_in_drafts_a_person_can_read() -> None:
    drafts = improve({f"pkg/m{at:02}.py": "import os\n" for at in range(12)})
    assert [draft.edits.count("diff --git") for draft in drafts] == [5, 5, 2]


def test_a_project_that_says_nothing_gets_nothing_modern() -> None:
    source = "def f(x=[]):\n    match x:\n        case []:\n            return x == None\n"
    titles = [draft.title for draft in improve({"a.py": source})]
    assert titles == [
        "Make a mutable default fresh per call in a.py",
        "Compare with None by identity in a.py",
    ]


def test_style_is_read_as_plain_values_only() -> None:
    text = (
        '[project]\nrequires-python = ">=3.12,<4"\n[tool.ruff]\nline-length = 100\n'
        'indent-width = "2; rm"\nextend-exclude = ["docs", 3]\n'
        '[tool.ruff.lint]\nignore = ["E711", "--config=x"]\n[tool.ruff.format]\n'
        'quote-style = "single"\n'
    )
    style = read_style(MemorySnapshot({"pyproject.toml": text.encode()}))
    assert style == Style("py312", 100, 4, "single", ("E711",), ("docs",))


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_no_configuration_is_an_error(data: bytes) -> None:
    files = {"pyproject.toml": data, "ruff.toml": data, "mai.toml": data, "a.py": b"x = 1\n"}
    snapshot = MemorySnapshot(files)
    found = read_sources(snapshot, choose(snapshot, None, read_style(snapshot), lambda _path: True))
    assert set(found) <= {"a.py"}


@pytest.mark.parametrize(
    ("data", "is_plain"),
    [
        (b"x = 1\n", True),
        (b"x = 1\r\n", True),
        (b"", False),
        (b"x = 1\ry = 2\n", False),
        (b"x = '\xff'\n", False),
        (b"# -*- coding: latin-1 -*-\nx = 1\n", False),
        (b"# -*- coding: utf-8 -*-\nx = 1\n", True),
        (b"x = 1\0\n", False),
        (b"x = 1\n" * 50_000, False),
    ],
)
def test_plain_source(data: bytes, *, is_plain: bool) -> None:
    assert is_plain_source(data) is is_plain


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "import os",
                "x = y == None",
                "def f(a=[]): return a",
                "é = f'x'",
                "raise x",
                "\tz",
                "(",
            ]
        ),
        max_size=6,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_a_file_holds_every_draft_applies(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str
) -> None:
    repo = make_repo(tmp_path_factory.mktemp("repo"), {"a.py": end.join(lines).encode()})
    for draft in improve(GitSnapshot(repo, repo.head())):
        applied(repo, draft)
        repo.git("reset", "--quiet", "--hard")


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert improve(FLAWED)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - the names are what is compared


def test_it_says_that_no_model_thinks_here() -> None:
    provider = ReflexProvider()
    assert isinstance(provider, CanImprove)
    answer = ask(provider, ChatRequest((Message("user", "Who are you?"),)), Cancel())
    assert answer.startswith("No model thinks here: I work on reflexes.")
    assert "/improve" in answer


def test_a_file_is_found_by_its_path_however_many_others_there_are() -> None:
    files = {f"a/m{number}.py": "x = 1\n" for number in range(MAX_FILES + 1)}
    assert improve({**files, "z/late.py": "import os\n"}, "z/*.py")[0].paths == ("z/late.py",)


class CountedFiles(dict[str, bytes]):
    """Files that count how many were looked at by path."""

    looks = 0

    def __getitem__(self, path: str) -> bytes:
        self.looks += 1
        return super().__getitem__(path)


def test_no_more_files_are_looked_into_than_one_idea_needs() -> None:
    reflex = next(each for each in REFLEXES if Guard.REEXPORTS in each.guards)
    files = CountedFiles({f"m{number}.py": b"import os\n" for number in range(50)})
    hits = [
        Hit(reflex.codes[0], path, 1, 8, "`os`", is_safe=True, is_fixable=True) for path in files
    ]
    assert len(list(islice(worth_mending(reflex, hits, files), 5))) == files.looks == 5
