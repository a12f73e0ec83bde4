"""Diffs written by hand and by models: what is tolerated, and what is refused with its reason."""

from __future__ import annotations

import random
import zlib

import pytest

from mai.edits import BaseFile, FileDiff, apply, parse
from mai.errors import EditError
from mai.jobs import NewFile
from tests.edits.files import changed, files, only, packed
from tests.gitrepo import GitRepo, make_repo

BASE = "".join(f"{letter}\n" for letter in "abcdefghij")
HEAD = "--- a/x\n+++ b/x\n"
CHANGED = BASE.replace("e\n", "E\n").encode()
BODY = " d\n-e\n+E\n f\n"


# --- tolerated ---------------------------------------------------------------------------------

TOLERATED = {
    "right numbers": "@@ -4,3 +4,3 @@\n" + BODY,
    "wrong place": "@@ -40,3 +40,3 @@\n" + BODY,
    "counts too low": "@@ -4,1 +4,1 @@\n" + BODY,
    "counts too high": "@@ -4,9 +4,9 @@\n" + BODY,
    "counts one too high": "@@ -4,4 +4,4 @@\n" + BODY,
    "counts wrong on one side": "@@ -4,3 +4,7 @@\n" + BODY,
    "no numbers": "@@ ... @@\n" + BODY,
    "bare marks": "@@\n" + BODY,
    "a heading glued on": "@@ -4,3 +4,3 @@def f():\n" + BODY,
    "several hunks": "@@ -4,3 +4,3 @@\n" + BODY + "@@ -9 +9 @@\n i\n",
}


@pytest.mark.parametrize("name", TOLERATED)
def test_numbers_may_be_wrong_where_the_context_is_not(name: str) -> None:
    assert only(HEAD + TOLERATED[name], {"x": BASE}) == CHANGED


@pytest.mark.parametrize("name", TOLERATED)
def test_the_next_files_header_is_not_taken_for_changed_lines(name: str) -> None:
    text = HEAD + TOLERATED[name] + HEAD.replace("/x", "/y") + "@@ -1 +1 @@\n-1\n+2\n"
    assert changed(text, {"x": BASE, "y": "1\n"}) == {"x": CHANGED, "y": b"2\n"}


def test_removed_lines_that_look_like_a_header_are_lines() -> None:
    base = "-- a/y\nx\n"
    text = "diff --git a/x b/x\n" + HEAD + "@@ -1,2 +1,2 @@\n--- a/y\n+++ b/y\n x\n"
    assert only(text, {"x": base}) == b"++ b/y\nx\n"


def test_empty_context_lines_may_have_lost_their_space() -> None:
    text = HEAD + "@@ -1,4 +1,4 @@\n a\n\n-b\n+B\n\n"
    assert only(text, {"x": "a\n\nb\n\n"}) == b"a\n\nB\n\n"


def test_prose_bullets_and_a_signature_after_a_diff_are_skipped() -> None:
    text = HEAD + "@@ -4,3 +4,3 @@\n" + BODY
    for tail in ("\nThat is it.\n\n- first, `e`\n- then\n", "-- \n2.39.5\n\n", "\n\n"):
        assert only("Here it is:\n\n" + text + tail, {"x": BASE}) == CHANGED


def test_a_patch_rewritten_with_crlf_fits_a_file_with_line_feeds_and_one_with_crlf() -> None:
    text = (HEAD + "@@ -4,3 +4,3 @@\n" + BODY).replace("\n", "\r\n")
    assert only(text, {"x": BASE}) == CHANGED
    assert only(text, {"x": BASE.replace("\n", "\r\n")}) == CHANGED.replace(b"\n", b"\r\n")


def test_a_diff_with_line_feeds_keeps_the_crlf_of_the_file() -> None:
    text = HEAD + "@@ -4,3 +4,3 @@\n" + BODY
    assert only(text, {"x": BASE.replace("\n", "\r\n")}) == CHANGED.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("body", "new"),
    [("-b\n+c\n", "a\nc"), (" b\n+c\n", "a\nb\nc"), ("-b\n", "a\n"), ("-b\n+c\n+d\n", "a\nc\nd")],
)
def test_a_last_line_without_its_end_need_not_be_marked(body: str, new: str) -> None:
    kept = new if new.endswith(("c", "d")) else new.rstrip("\n")
    assert only(HEAD + "@@ -1,2 +1,2 @@\n a\n" + body, {"x": "a\nb"}) == kept.encode()


def test_hunks_may_share_context() -> None:
    text = HEAD + "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n@@ -3,3 +3,3 @@\n c\n-d\n+D\n e\n"
    assert only(text, {"x": BASE}) == BASE.replace("b", "B").replace("d", "D").encode()


def test_an_insertion_without_context_goes_where_its_header_says() -> None:
    assert only(HEAD + "@@ -2,0 +3 @@\n+new\n", {"x": "a\nb\nc\n"}) == b"a\nb\nnew\nc\n"


def test_other_prefixes_and_none() -> None:
    hunk = "@@ -4,3 +4,3 @@\n" + BODY
    for old, new in [("i/", "w/"), ("b/", "a/"), ("", "")]:
        assert only(f"--- {old}x\n+++ {new}x\n{hunk}", {"x": BASE}) == CHANGED
    assert changed("--- a/x\n+++ a/x\n" + hunk, {"a/x": BASE}) == {"a/x": CHANGED}


def test_time_stamps_after_a_tab_are_no_part_of_the_name() -> None:
    text = "--- x\t2024-01-01 10:00:00\n+++ x\t2024-01-01 10:00:01\n@@ -4,3 +4,3 @@\n" + BODY
    assert only(text, {"x": BASE}) == CHANGED


def test_new_and_deleted_files_without_gits_header() -> None:
    assert changed("--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n") == {"n": b"x\n"}
    gone = "--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    assert changed(gone, {"n": "x\n"}) == {"n": None}


# --- git's own headers -------------------------------------------------------------------------


def test_a_deletion_may_leave_the_lines_out() -> None:
    text = "diff --git a/x b/x\ndeleted file mode 100644\n"
    assert changed(text, {"x": BASE}) == {"x": None}


def test_a_rename_moves_the_content_and_the_mode() -> None:
    text = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n"
    made = apply(parse(text), files({"x": BaseFile(b"1\n", 0o100755)}).get)
    assert made == {"x": None, "y": NewFile(b"1\n", 0o100755)}


def test_two_files_can_change_places() -> None:
    text = (
        "diff --git a/x b/y\nrename from x\nrename to y\n"
        "diff --git a/y b/x\nrename from y\nrename to x\n"
    )
    assert changed(text, {"x": "1", "y": "2"}) == {"x": b"2", "y": b"1"}


def test_a_mode_alone_is_a_change() -> None:
    text = "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n"
    made = apply(parse(text), files({"x": "1\n"}).get)
    assert made == {"x": NewFile(b"1\n", 0o100755)}


def test_a_file_can_become_a_link() -> None:
    text = (
        "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
        "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+y\n"
        "\\ No newline at end of file\n"
    )
    assert apply(parse(text), files({"x": "1\n"}).get) == {"x": NewFile(b"y", 0o120000)}


def test_a_mail_with_fences_and_files_in_its_message() -> None:
    text = (
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
        "From: A <a@b>\nSubject: [PATCH] x\n\nother.py\n```\nno edit\n```\n---\n x | 2 +-\n\n"
        "diff --git a/x b/x\n" + HEAD + "@@ -4,3 +4,3 @@\n" + BODY + "-- \n2.39.5\n\n"
    )
    assert changed(text, {"x": BASE}) == {"x": CHANGED}


def test_a_series_of_mails_is_one_change(tmp_path_factory: pytest.TempPathFactory) -> None:
    repo = make_repo(tmp_path_factory.mktemp("series"), {"x": BASE, "y": BASE})
    repo.commit({"x": CHANGED}, "First\n\n- a point\n+ another\n")
    repo.commit({"y": CHANGED}, "Second")
    text = repo.git_bytes("format-patch", "--stdout", "HEAD~2")
    assert changed(text, {"x": BASE, "y": BASE}) == {"x": CHANGED, "y": CHANGED}
    log = repo.git_bytes("log", "-p", "--reverse", "HEAD~2..")
    assert changed(log, {"x": BASE, "y": BASE}) == {"x": CHANGED, "y": CHANGED}


# --- binary ------------------------------------------------------------------------------------


def binary_diff(repo: GitRepo, old: bytes, new: bytes) -> bytes:
    repo.commit({"x": old})
    repo.commit({"x": new})
    return repo.git_bytes("diff", "--binary", "HEAD~1", "HEAD")


@pytest.fixture(scope="module")
def blob() -> bytes:
    return b"\0" + random.Random(7).randbytes(200_000)  # noqa: S311 - data, not a secret


@pytest.fixture(scope="module")
def delta(tmp_path_factory: pytest.TempPathFactory, blob: bytes) -> bytes:
    text = binary_diff(make_repo(tmp_path_factory.mktemp("binary")), blob, edited(blob))
    assert b"\ndelta " in text
    return text


def edited(blob: bytes) -> bytes:
    return blob[150_000:] + b"in the middle" + blob[:150_000]


def test_a_delta_makes_exactly_the_new_content(delta: bytes, blob: bytes) -> None:
    assert changed(delta, {"x": blob}) == {"x": edited(blob)}


def test_a_delta_does_not_fit_another_version(delta: bytes, blob: bytes) -> None:
    for other in (blob[:-1], blob[:-1] + b"!"):
        with pytest.raises(EditError, match="made against another version"):
            changed(delta, {"x": other})
    shortened = b"\n".join(b"index 1..2" if b"index " in one else one for one in delta.split(b"\n"))
    with pytest.raises(EditError, match="made against another version"):
        changed(shortened, {"x": blob[:-1]})


def test_damage_to_a_binary_patch_is_noticed(delta: bytes, blob: bytes) -> None:
    lines = delta.split(b"\n")
    start = next(at for at, line in enumerate(lines) if line.startswith(b"delta ")) + 1
    for damaged in (
        b"",
        b"z",
        b"~" + lines[start][1:],
        lines[start][:-1],
        lines[start][:-1] + b" ",
    ):
        text = b"\n".join([*lines[:start], damaged, *lines[start + 1 :]])
        with pytest.raises(EditError, match="damaged"):
            changed(text, {"x": blob})


def literal(data: bytes, size: int) -> str:
    head = "diff --git a/n b/n\nnew file mode 100644\nindex 0000000..1111111\nGIT binary patch\n"
    return f"{head}literal {size}\n{packed(zlib.compress(data))}\n"


def test_a_literal_is_its_content_and_no_more_than_it_says() -> None:
    assert changed(literal(b"\0" * 1000, 1000)) == {"n": b"\0" * 1000}
    for size in (999, 1001, 0):
        with pytest.raises(EditError, match=f"not {size} bytes as it says"):
            changed(literal(b"\0" * 1000, size))


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(EditError, match="more than is allowed"):
        parse(literal(b"\0", 10**11))
    two = literal(b"\0" * 60_000, 60_000) + literal(b"\0" * 60_000, 60_000).replace("/n", "/m")
    with pytest.raises(EditError, match="more than is allowed"):
        parse(two, max_bytes=100_000)


def test_a_delta_that_claims_much_is_refused() -> None:
    # Source of 1 byte, target of 2**40, one copy.
    wild = bytes([1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x90, 1])
    text = (
        literal(wild, len(wild)).replace("literal", "delta").replace("new file mode 100644\n", "")
    )
    with pytest.raises(EditError, match="unpacks to more than"):
        changed(text, {"n": b"x"})


def test_a_binary_file_without_its_data_is_refused() -> None:
    text = "diff --git a/x b/x\nindex 1..2 100644\nBinary files a/x and b/x differ\n"
    with pytest.raises(EditError, match="a binary file differs but not how"):
        changed(text, {"x": b"\0"})


# --- refused -----------------------------------------------------------------------------------

GIT = "diff --git a/x b/x\n"
REFUSED = {
    "a hunk that fits nowhere": (HEAD + "@@ -1 +1 @@\n-no\n+E\n", "does not fit"),
    "several places": (HEAD + "@@ -40,2 +40,2 @@\n  \n-same\n+E\n", "several places, lines 12, 14"),
    "no anchor": (HEAD + "@@ -1,3 +1,4 @@\n+new\n", "no line of the file to tell its place by"),
    "past the end": (HEAD + "@@ -99,0 +99 @@\n+new\n", "no line of the file"),
    "overlapping hunks": (
        HEAD + "@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -1,2 +1,2 @@\n-a\n+B\n b\n",
        "both change line 1",
    ),
    "two insertions at one place": (
        HEAD + "@@ -1 +1,2 @@\n a\n+A\n@@ -1 +1,2 @@\n a\n+B\n",
        "both change line 2",
    ),
    "a file twice": (HEAD + "@@\n-a\n+A\n" + HEAD + "@@\n-b\n+B\n", "x is changed twice"),
    "a missing file": ("--- a/no\n+++ b/no\n@@ -1 +1 @@\n-a\n+b\n", "no does not exist"),
    "a new file that is there": (
        "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n",
        "x exists already",
    ),
    "a new file with old lines": (
        "--- /dev/null\n+++ b/n\n@@ -1 +1 @@\n-b\n+a\n",
        "new but shows lines",
    ),
    "half a deletion": ("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "not all its lines"),
    "deleting a missing file": (
        "diff --git a/no b/no\ndeleted file mode 100644\n",
        "no does not exist",
    ),
    "renaming onto a file": (
        "diff --git a/x b/y\nrename from x\nrename to y\n",
        "y exists already",
    ),
    "renaming twice": (
        (
            "diff --git a/x b/m\nrename from x\nrename to m\n"
            "diff --git a/x b/n\nrename from x\nrename to n\n"
        ),
        "renamed twice",
    ),
    "changing what is renamed away": (
        HEAD + "@@ -1 +1 @@\n-a\n+A\n" + "diff --git a/x b/n\nrename from x\nrename to n\n",
        "both changed and deleted or renamed",
    ),
    "a rename without its headers": (
        "diff --git a/x b/n\n--- a/x\n+++ b/n\n@@ -1 +1 @@\n-a\n+A\n",
        "does not say that one was renamed",
    ),
    "a plain rename": ("--- a/x\n+++ b/n\n@@ -1 +1 @@\n-a\n+A\n", "names two files"),
    "half a rename": ("diff --git a/x b/n\nrename from x\n", "only half of a rename"),
    "contradicting headers": (GIT + "new file mode 100644\n" + HEAD + "@@\n+a\n", "contradict"),
    "new and deleted": (
        GIT + "new file mode 100644\ndeleted file mode 100644\n",
        "contradict each other",
    ),
    "a header twice": (GIT + "old mode 100644\nold mode 100644\n", "stands there twice"),
    "another mode than it has": (
        GIT + "old mode 100755\nnew mode 100644\n",
        "has the mode 100644, not 100755",
    ),
    "a submodule": (GIT + "index 1..2 160000\n" + HEAD + "@@ -1 +1 @@\n-a\n+b\n", "submodule"),
    "a folder's mode": (GIT + "old mode 100644\nnew mode 040000\n", "no mode of a file"),
    "a header alone": (GIT + "index 1..2 100644\n", "changes nothing"),
    "a name without a hunk": (GIT + HEAD, "no hunk"),
    "an empty hunk": (HEAD + "@@ -0,0 +0,0 @@\n", "the hunk is empty"),
    "a header that is no header": (HEAD + "@@ -1,x +1 @@\n-a\n+b\n", "hunk header cannot be read"),
    "a combined diff": (
        "diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1 -1 +1 @@@\n",
        "combined diff",
    ),
    "a combined hunk": (HEAD + "@@@ -1,1 -1,1 +1,1 @@@\n--a\n++b\n", "combined diff"),
    "both sides nowhere": ("--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n", "both sides"),
    "context that lost its space": (
        HEAD + "@@ -1,9 +1,9 @@\n-a\n+A\nb\n c\n",
        "end cannot be told",
    ),
    "a lost part after a blank": (
        HEAD + "@@ -1,1 +1,1 @@\n-a\n+A\n\n+more\n",
        "not part of any hunk",
    ),
    "a hunk for nobody": (
        HEAD + "@@ -1 +1 @@\n-a\n+A\n\nAnd:\n@@ -2 +2 @@\n",
        "belongs to no edit",
    ),
    "prose in a fence": (
        "```diff\n" + HEAD + "@@ -1 +1 @@\n-a\n+A\n\nAnd so on.\n```\n",
        "not part of any hunk",
    ),
    "a submodule's log": (
        HEAD + "@@ -1 +1 @@\n-a\n+A\nSubmodule lib 0123456..89abcde:\n  > new\n",
        "that the text names and does not hold",
    ),
    "a file on one side": (
        HEAD + "@@ -1 +1 @@\n-a\n+A\nOnly in b: more.py\n",
        "that the text names and does not hold",
    ),
    "a mark without a line": (HEAD + "@@ -1 +1 @@\n\\ No newline\n-a\n+A\n", "no line that could"),
    "a mark in the middle": (
        HEAD + "@@ -1,2 +1,2 @@\n-a\n\\ No newline\n+A\n b\n",
        "not the file's last",
    ),
    "a line without its end in the file's middle": (
        HEAD + "@@ -1 +1 @@\n-a\n+A\n\\ No newline\n",
        "without its end in the middle",
    ),
    "no change": (HEAD + "@@ -1 +1 @@\n-a\n+a\n", "changes nothing"),
    "a path that climbs out": ("--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n", "inside the repo"),
    "a path that is not UTF-8": (
        '--- "a/\\377"\n+++ "b/\\377"\n@@ -1 +1 @@\n-a\n+b\n',
        "not UTF-8",
    ),
    "a quote that never ends": ('--- "a/x\n+++ "b/x\n@@ -1 +1 @@\n-a\n+b\n', "cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_certain_is_refused_with_the_reason(name: str) -> None:
    text, reason = REFUSED[name]
    base = {"x": BASE + " \n \nsame\n \nsame\n", "y": "other\n"}
    with pytest.raises(EditError) as caught:
        changed(text, base)
    assert reason in str(caught.value)


def test_a_hunk_that_does_not_fit_shows_the_nearest_lines() -> None:
    base = "".join(f"line {number}\n" for number in range(1, 40))
    text = HEAD + "@@ -9,3 +9,3 @@\n line 30\n-line thirty-one\n+x\n line 32\n"
    with pytest.raises(EditError, match=r"nearest lines are 30 to 32:\n    30 \| line 30"):
        changed(text, {"x": base})


# --- large -------------------------------------------------------------------------------------


def test_thousands_of_misplaced_hunks_in_a_large_file_still_find_their_places() -> None:
    base = "".join(f"value_{number} = {number}\n" for number in range(150_000))
    hunks = "".join(
        f"@@ -{number % 7 + 1},3 +1,3 @@\n value_{number} = {number}\n"
        f"-value_{number + 1} = {number + 1}\n+value_{number + 1} = None  # {'x' * 100}\n"
        f" value_{number + 2} = {number + 2}\n"
        for number in range(0, 149_000, 6)
    )
    made = only(HEAD + hunks, {"x": base})
    assert made.count(b"= None") == 24_834


def test_a_file_of_like_lines_is_refused_rather_than_searched_for_ever() -> None:
    hunk = "@@ -1,1 +1,1 @@\n" + " x\n" * 3_000 + "-y\n+z\n"
    with pytest.raises(EditError, match="too many places that look alike"):
        changed(HEAD + hunk, {"x": ("x\n" * 20 + "y\n") * 7_000})


def test_copies_cannot_fill_the_memory() -> None:
    text = "".join(
        f"diff --git a/x b/n{number}\ncopy from x\ncopy to n{number}\n" for number in range(300)
    )
    with pytest.raises(EditError, match="more bytes of files than is allowed"):
        changed(text, {"x": b"x" * 1_000_000})


def test_what_a_diff_says_is_kept_as_it_says_it() -> None:
    (edit,) = parse(
        "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n" + HEAD + "@@\n-a\n+b\n"
    )
    assert isinstance(edit, FileDiff)
    assert (edit.old_path, edit.new_path, edit.status) == ("x", "x", "modified")
    assert (edit.old_mode, edit.new_mode) == (0o100644, 0o100755)
    assert [line.kind for line in edit.hunks[0].lines] == ["-", "+"]
