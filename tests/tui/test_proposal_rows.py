from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from mai.console.proposal_rows import (
    Block,
    Head,
    differences,
    parse_diff,
    split_rows,
    unified_rows,
)
from mai.visible import visible

DIFF = """
diff --git a/calc/core.py b/calc/core.py
index 1111111..2222222 100644
--- a/calc/core.py
+++ b/calc/core.py
@@ -1,3 +1,4 @@
 def mean(xs):
-    return sum(xs) / (len(xs) - 1)
+    return sum(xs) / len(xs)
+
 def double(x):
diff --git a/old name.txt b/new name.txt
similarity index 100%
rename from old name.txt
rename to new name.txt
diff --git a/dashes.sql b/dashes.sql
index 1111111..2222222 100644
--- a/dashes.sql
+++ b/dashes.sql
@@ -1,2 +1 @@
--- a remark in SQL
-select 1;
+++ looks like a header
\\ No newline at end of file
"""

LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12),
    max_size=25,
)


def test_a_diff_becomes_files_hunks_and_lines() -> None:
    parts = parse_diff(DIFF)
    files = [part.text for part in parts if isinstance(part, Head) and part.kind == "file"]
    assert files == ["calc/core.py", "new name.txt", "dashes.sql"]
    notes = [part.text for part in parts if isinstance(part, Head) and part.kind == "note"]
    assert "rename from old name.txt" in notes
    assert "No newline at end of file" in notes


def test_lines_that_look_like_headers_are_lines() -> None:
    rows = list(unified_rows(parse_diff(DIFF)))
    assert [row.old.text for row in rows if row.mark == "-" and row.old] == [
        "    return sum(xs) / (len(xs) - 1)",
        "-- a remark in SQL",
        "select 1;",
    ]
    assert [row.new.text for row in rows if row.mark == "+" and row.new] == [
        "    return sum(xs) / len(xs)",
        "",
        "++ looks like a header",
    ]


def test_what_differs_within_a_line_is_marked() -> None:
    (block,) = [
        part
        for part in parse_diff(DIFF)
        if isinstance(part, Block) and not part.is_context and part.path == "calc/core.py"
    ]
    old, new = block.old[0], block.new[0]
    assert (old.partner, new.partner) == (new.text, old.text)
    removed, added = differences(old.text, new.text)
    assert "".join(old.text[start:end] for start, end in removed) == "( - 1)"
    assert added == ()


def test_sides_keep_their_numbers() -> None:
    rows = [row for row in split_rows(parse_diff(DIFF)) if row.path == "calc/core.py"]
    assert [(row.old and row.old.number, row.new and row.new.number) for row in rows] == [
        (1, 1),
        (2, 2),
        (None, 3),
        (3, 4),
    ]


@given(LINES, LINES, st.integers(0, 4))
def test_nothing_of_either_side_is_left_out(old: list[str], new: list[str], context: int) -> None:
    made = list(difflib.unified_diff(old, new, "a/x", "b/x", lineterm="", n=context))
    parts = parse_diff("\n".join(["diff --git a/x b/x", *made]))
    wanted = {"-": [], "+": [], " ": []}  # type: dict[str, list[str]]
    for line in made[2:]:
        if not line.startswith("@@ "):
            wanted[line[:1]].append(visible(line[1:]))
    unified = list(unified_rows(parts))
    assert [row.old.text for row in unified if row.mark == "-" and row.old] == wanted["-"]
    assert [row.new.text for row in unified if row.mark == "+" and row.new] == wanted["+"]
    assert [row.new.text for row in unified if row.mark == " " and row.new] == wanted[" "]
    split = list(split_rows(parts))
    assert [row.old.text for row in split if row.mark == "~" and row.old] == wanted["-"]
    assert [row.new.text for row in split if row.mark == "~" and row.new] == wanted["+"]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for row in [*split_rows(parse_diff(text)), *unified_rows(parse_diff("@@ -1 +1 @@\n" + text))]:
        for part in (row.old, row.new, row.head):
            assert part is None or part.text.isprintable()


def test_a_huge_diff_says_what_it_leaves_out() -> None:
    lines = "".join(f"+{number}\n" for number in range(1000))
    parts = parse_diff(f"diff --git a/x b/x\n@@ -0,0 +1,1000 @@\n{lines}" * 3, most_lines=1500)
    assert isinstance(parts[-1], Head)
    assert parts[-1].text.startswith("1506 more lines")
