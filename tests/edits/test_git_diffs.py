"""What git writes must come out as git meant it, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mai.edits import BaseFile, apply, parse
from tests.edits.files import Files
from tests.gitrepo import GitRepo, make_repo

NAMES = [
    "a.py",
    "deep/er/b.txt",
    "with space.txt",
    " leading and trailing ",
    "tab\tbed",
    'quo"ted',
    "back\\slash",
    "new\nline",
    "ünïcödé/文.md",
    "-option",
    "a/b.txt",
    "b/x b/y",
]

LINES = st.one_of(
    st.sampled_from(
        [
            b"",
            b"x",
            b"x",
            b"y",
            b"    return 1",
            b"-- sql",
            b"++ b/x",
            b"@@ -1 +1 @@",
            b"```",
            b"\r",
        ]
    ),
    st.text(max_size=8).map(lambda text: text.replace("\n", "").encode()),
    st.binary(max_size=6).map(lambda data: data.replace(b"\n", b"")),
)
ENDS = st.sampled_from([b"\n", b"\n", b"\r\n"])
MODES = st.sampled_from([0o100644, 0o100644, 0o100755, 0o120000])


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    end = draw(ENDS)
    lines = draw(st.lists(LINES, max_size=24))
    return end.join(lines) + draw(st.sampled_from([b"", end, end]))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[BaseFile | None, BaseFile | None]:
    """Return a file before and after: new, gone, rewritten, or with a few lines changed."""
    old = draw(contents())
    lines = old.splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines)))
        lines[at : at + draw(st.integers(0, 2))] = draw(st.lists(LINES.map(_ended), max_size=2))
    new = draw(st.one_of(st.just(b"".join(lines)), contents()))
    kind = draw(st.sampled_from(["changed", "changed", "changed", "new", "gone"]))
    return (
        None if kind == "new" else BaseFile(old, draw(MODES)),
        None if kind == "gone" else BaseFile(new, draw(MODES)),
    )


def _ended(line: bytes) -> bytes:
    return line + b"\n"


TREES = st.dictionaries(st.sampled_from(NAMES), pairs(), min_size=1, max_size=6)
OPTIONS = st.tuples(
    st.sampled_from(["-U0", "-U1", "-U3", "-U10"]),
    st.sampled_from(["--patience", "--histogram", "--minimal"]),
    st.sampled_from(["--text", "--binary", "--text"]),
    st.sampled_from(["--no-renames", "-M20%", "-C"]),
    st.sampled_from(["--full-index", "--abbrev=7"]),
    st.sampled_from(["--src-prefix=a/", "--no-prefix", "--src-prefix=i/"]),
)


def quoted(name: str) -> bytes:
    escapes = {"\n": "\\n", "\\": "\\\\", '"': '\\"'}
    return b'"' + "".join(escapes.get(letter, letter) for letter in name).encode() + b'"'


def imported(name: str, tree: Files) -> bytes:
    """Return what `git fast-import` reads to make `tree` the commit that the branch `name` has."""
    parts = [
        b"commit refs/heads/%s\ncommitter A <a@b> 0 +0000\ndata 0\ndeleteall\n" % name.encode()
    ]
    for path, file in tree.items():
        parts.append(b"M %o inline %s\n" % (file.mode, quoted(path)))
        parts.append(b"data %d\n%s\n" % (len(file.data), file.data))
    return b"".join(parts)


def git_diff(repo: GitRepo, old: Files, new: Files, options: tuple[str, ...]) -> bytes:
    stream = imported("old", old) + imported("new", new)
    repo.git_bytes("fast-import", "--quiet", "--force", data=stream)
    return repo.git_bytes("diff", "--no-ext-diff", "--no-color", *options, "old", "new", "--")


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    return make_repo(tmp_path_factory.mktemp("diffs"), None, "--bare")


def after(old: Files, diff: bytes) -> Files:
    tree = dict(old)
    for path, file in apply(parse(diff), old.get).items():
        tree.pop(path, None)
        if file is not None:
            tree[path] = BaseFile(file.data, file.mode)
    return tree


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees=TREES, options=OPTIONS)
def test_a_diff_by_git_makes_exactly_the_new_tree(
    repo: GitRepo,
    trees: dict[str, tuple[BaseFile | None, BaseFile | None]],
    options: tuple[str, ...],
) -> None:
    old = {name: pair[0] for name, pair in trees.items() if pair[0] is not None}
    new = {name: pair[1] for name, pair in trees.items() if pair[1] is not None}
    diff = git_diff(repo, old, new, options)
    assume(diff)
    assert after(old, diff) == new
