"""Trees on their way in: nothing that leaves the tree, on the host and again in the container."""

from __future__ import annotations

import io
import json
import os
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mai.errors import UnfitTree
from mai.jobs import TreeFile
from mai.sandbox.packing import pack, say_left_out, stays_inside
from sandbox.tree import BadInputError, read_job, unpack

# The machine may be busy with other things; that is no fault of what is tested.
PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


NAMES = st.text(
    st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20
).filter(lambda name: name not in {".", ".."})
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.lists(st.sampled_from(["..", "a", "b", ".", ""]), max_size=6).map("/".join)


def header_of(data: bytes, count: int) -> dict[str, int]:
    return {"files": count, "size": len(data), "checksum": zlib.crc32(data)}


def unpacked(root: Path, files: list[TreeFile]) -> tuple[str, ...]:
    packed = pack(files)
    try:
        header = {"files": packed.files, "size": packed.size, "checksum": packed.checksum}
        unpack(io.BytesIO(packed.file.read()), str(root), header)
        return packed.left_out
    finally:
        packed.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@PATIENT
@given(st.dictionaries(PATHS, st.binary(max_size=200), max_size=8))
def test_every_tree_that_is_accepted_arrives_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    try:
        unpacked(root, [TreeFile(path, 0o100644, data) for path, data in tree.items()])
    except UnfitTree:
        folders = {str(parent) for path in tree for parent in Path(path).parents}
        names = [os.fsencode(part) for path in tree for part in path.split("/")]
        assert folders & tree.keys() or max(map(len, names)) > 255
    else:
        for path, data in tree.items():
            assert (root / path).read_bytes() == data


@pytest.mark.parametrize(
    "path", ["", "/x", "../x", "a/../x", "a//x", "./x", "a/.", "a/", "x\0y", "a/" * 3000 + "x"]
)
def test_paths_that_leave_the_tree_are_refused_on_both_sides(root: Path, path: str) -> None:
    with pytest.raises(UnfitTree, match=r"leaves the tree|too long"):
        pack([TreeFile(path, 0o100644, b"")])
    if len(path) < 100:
        raw = path.encode()
        entry = (0o100644).to_bytes(4, "big") + len(raw).to_bytes(2, "big") + bytes(8) + raw
        with pytest.raises(BadInputError):
            unpack(io.BytesIO(entry), str(root), header_of(entry, 1))


def test_what_git_trees_never_hold_is_refused() -> None:
    file, link = TreeFile("a", 0o100644, b""), TreeFile("a", 0o120000, b"b")
    for tree in (
        [file, file],
        [file, link],
        [file, TreeFile("a/b", 0o100644, b"")],
        [link, TreeFile("a/b", 0o100644, b"")],
        [TreeFile("a/b/c", 0o100644, b""), link],
        [TreeFile("a", 0o160000, b"")],
        [TreeFile("a", 0o104755, b"")],
    ):
        with pytest.raises(UnfitTree):
            pack(tree)


@PATIENT
@given(TARGETS, TARGETS, st.integers(0, 2), st.integers(0, 2))
def test_links_that_are_accepted_stay_inside_even_through_each_other(
    tmp_path_factory: pytest.TempPathFactory,
    first: str,
    second: str,
    first_depth: int,
    second_depth: int,
) -> None:
    outer = tmp_path_factory.mktemp("links")
    root = outer / "tree"
    root.mkdir()
    files = [
        TreeFile("d/" * depth + name, 0o120000, target.encode())
        for name, target, depth in (("a", first, first_depth), ("b", second, second_depth))
    ]
    try:
        unpacked(root, files)
    except UnfitTree:
        return
    for file in files:
        if not (root / file.path).is_symlink():
            continue
        # One that leads nowhere, or in circles, leads nowhere else either.
        with suppress(OSError, RuntimeError):
            real = (root / file.path).resolve(strict=True)
            assert real.is_relative_to(root)


@PATIENT
@given(st.text(max_size=30), st.integers(0, 4))
def test_both_sides_agree_on_links(
    tmp_path_factory: pytest.TempPathFactory, target: str, depth: int
) -> None:
    root = tmp_path_factory.mktemp("agree")
    try:
        data = target.encode()
    except UnicodeEncodeError:
        return
    path = ("d/" * depth + "link").encode()
    entry = (0o120000).to_bytes(4, "big") + len(path).to_bytes(2, "big")
    entry += len(data).to_bytes(8, "big") + path + data
    try:
        unpack(io.BytesIO(entry), str(root), header_of(entry, 1))
        accepted = True
    except BadInputError:
        accepted = False
    assert accepted == stays_inside(target, depth)


@PATIENT
@given(st.binary(max_size=300), st.integers(1, 3))
def test_any_bytes_are_a_tree_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, count: int
) -> None:
    outer = tmp_path_factory.mktemp("bytes")
    root = outer / "tree"
    root.mkdir()
    with suppress(BadInputError, OSError):
        unpack(io.BytesIO(data), str(root), header_of(data, count))
    assert [path.name for path in outer.iterdir()] == ["tree"]


def test_sizes_count_whole_blocks_and_folders() -> None:
    def files() -> Iterator[TreeFile]:
        yield TreeFile("a/b/c", 0o100644, b"x")
        yield TreeFile("a/d", 0o100755, b"x" * 4097)
        yield TreeFile("e", 0o120000, b"a")

    packed = pack(files())
    try:
        assert (packed.files, packed.inodes) == (3, 5)
        assert packed.disk_bytes == 4096 + 8192 + 4096
    finally:
        packed.close()


@pytest.mark.host
def test_modes_arrive(root: Path) -> None:
    unpacked(root, [TreeFile("a", 0o100644, b""), TreeFile("b", 0o100755, b"")])
    assert not os.access(root / "a", os.X_OK)
    assert os.access(root / "b", os.X_OK)


@PATIENT
@given(st.integers(min_value=0), st.integers(0, 7), st.binary(max_size=60))
def test_a_tree_or_job_with_one_bit_turned_on_its_way_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, content: bytes
) -> None:
    packed = pack([TreeFile("a.py", 0o100644, content), TreeFile("b/c.py", 0o100755, b"x = 1")])
    tree = packed.file.read()
    packed.close()
    text = json.dumps(header_of(tree, 2)).encode()
    length = len(text)
    whole = struct.pack(">III", length, length ^ 0xFFFFFFFF, zlib.crc32(text)) + text + tree
    assert read_job(io.BytesIO(whole)) == header_of(tree, 2)
    damaged = bytearray(whole)
    damaged[place % len(whole)] ^= 1 << bit
    stream = io.BytesIO(bytes(damaged))
    with pytest.raises(BadInputError):
        unpack(stream, str(tmp_path_factory.mktemp("tree")), read_job(stream))


def link(path: str, target: str) -> TreeFile:
    return TreeFile(path, 0o120000, target.encode())


@pytest.mark.parametrize(
    ("path", "target", "kept"),
    [
        ("docs/latest", "../../elsewhere", None),
        ("py3", "/usr/bin/python3", None),
        ("a/odd", "b/../../o.py", "../o.py"),
        ("a/odd", "./../a/../o.py", "../o.py"),
        ("a/odd", "gone/../../..", None),
        ("a/odd", "gone/../../../o.py", None),
        ("a/home", "b/../..", ".."),
        ("a/here", "x/../.", "."),
        ("through", "out/../o.py", None),
        ("through", "deep/../o.py", "a/o.py"),
        ("through", "deep/../../o.py", "o.py"),
        ("through", "round/../o.py", None),
        ("not/there", "../yet", "../yet"),
        ("long", "x/" * 3000, None),
        ("long", "a/../" * 1000 + "o.py", None),
        ("zero", "a\0b", None),
        ("itself", "itself", "itself"),
    ],
)
def test_links_that_lead_out_are_left_out_and_the_rest_is_kept(
    root: Path, path: str, target: str, kept: str | None
) -> None:
    others = [link("deep", "a/b"), link("round", "round/x"), link("out", "..")]
    files = [TreeFile("o.py", 0o100644, b"A = 1"), *others, link(path, target)]
    left_out = unpacked(root, files)
    assert left_out == tuple(sorted(("out", *([] if kept else [path]))))
    assert (root / "o.py").read_bytes() == b"A = 1"
    if kept is None:
        assert not os.path.lexists(root / path)
    else:
        assert str((root / path).readlink()) == kept


def test_what_was_left_out_is_said_briefly() -> None:
    assert say_left_out(()) == ""
    assert say_left_out(["a"]) == "Left out: a, a link that leads out of the tree."
    assert say_left_out(list("abcde")) == (
        "Left out: a, b, c and 2 more, links that lead out of the tree."
    )


def test_a_large_file_is_copied_nowhere_in_memory() -> None:
    large = TreeFile("data.bin", 0o100644, bytes(40 << 20))
    small = [TreeFile(f"a{number}.py", 0o100644, b"x = 1\n") for number in range(5)]
    tracemalloc.start()
    try:
        packed = pack([*small, large, TreeFile("z.py", 0o100644, b"z\n")])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    try:
        data = packed.file.read()
        assert (packed.size, packed.checksum) == (len(data), zlib.crc32(data))
        assert peak_bytes < 10 << 20
    finally:
        packed.close()
