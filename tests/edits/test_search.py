"""SEARCH blocks against files of any content: exact text is found, and copying slips forgiven."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.edits.files import changed

# No markers or fences: what those do is in `test_replies`.
LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10)
    .map(lambda line: line.replace("`", "").replace("~", "") + ";")
    .filter(lambda line: "..." not in line and "…" not in line),
    min_size=1,
    max_size=15,
)


def block(search: list[str], replace: list[str]) -> str:
    rows = ["a.txt", "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE", ""]
    return "\n".join(rows)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[str], int, int, list[str]]:
    """Return a file's lines, a range of them that is there once, and other lines for it."""
    lines = draw(LINES)
    start = draw(st.integers(0, len(lines) - 1))
    end = draw(st.integers(start + 1, len(lines)))
    wanted = lines[start:end]
    places = [at for at in range(len(lines)) if lines[at : at + len(wanted)] == wanted]
    assume(places == [start])
    replace = draw(LINES)
    assume(replace != wanted)
    return lines, start, end, replace


@settings(deadline=None)
@given(
    case=cases(),
    end=st.sampled_from(["\n", "\r\n"]),
    has_end=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_exact_text_is_replaced_and_nothing_else(
    case: tuple[list[str], int, int, list[str]], end: str, *, has_end: bool, mark: str
) -> None:
    lines, start, stop, replace = case
    assume(has_end or len(lines) > 1)  # a lone line without an end does not show the file's ends
    last = end if has_end else ""
    base = mark + end.join(lines) + last
    new = mark + end.join([*lines[:start], *replace, *lines[stop:]]) + last
    made = changed(block(lines[start:stop], replace), {"a.txt": base})
    assert made == {"a.txt": new.encode()}


@settings(deadline=None)
@given(
    case=cases(),
    indent=st.sampled_from(["", " ", "    ", "\t"]),
    trail=st.sampled_from(["", " ", "\t "]),
)
def test_indentation_and_trailing_space_are_those_of_the_file(
    case: tuple[list[str], int, int, list[str]], indent: str, trail: str
) -> None:
    lines, start, stop, replace = case
    unlike = [line.strip() for line in lines]
    assume(len(set(unlike)) == len(unlike))
    assume(not set(replace) & set(lines))
    base = "".join(f"{indent}{line}\n" for line in lines)
    search = [line + trail for line in lines[start:stop]]
    expected = [
        *(indent + line for line in lines[:start]),
        *(indent + line for line in replace),
        *(indent + line for line in lines[stop:]),
    ]
    made = changed(block(search, replace), {"a.txt": base})
    assert made == {"a.txt": "".join(line + "\n" for line in expected).encode()}
