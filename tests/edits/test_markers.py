"""SEARCH and REPLACE with markers and fences as models get them wrong, and what must come out."""

from __future__ import annotations

import pytest

from mai.edits import parse
from mai.errors import EditError
from tests.edits.files import only

TEXT = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"
WANTED = TEXT.replace("2", "3")
BLOCK = "<<<<<<< SEARCH\n    return 2\n=======\n    return 3\n>>>>>>> REPLACE\n"
OTHER = "<<<<<<< SEARCH\n    return 1\n=======\n    return 4\n>>>>>>> REPLACE\n"
ENDLESS = BLOCK.replace(">>>>>>> REPLACE", "=======")

UNDERSTOOD = {
    "tags instead of backticks": f"a.py\n<source>python\n{BLOCK}</source>\n\nDone.\n",
    "a tag without a language": f"**a.py**\n<pre>\n{BLOCK}</pre>\n",
    "an angle bracket too many": f"a.py\n```\n{BLOCK.replace('SEARCH', 'SEARCH>')}```\n",
    "a divider for REPLACE, the fence closed": f"a.py\n```\n{ENDLESS}```\nThat is all.\n",
    "a divider for REPLACE, the tag closed": f"a.py\n<code>\n{ENDLESS}</code>\n",
    "a divider for REPLACE, then prose": f"a.py\n```python\n{ENDLESS}\nI changed the value.\n",
    "a divider for REPLACE at the end": f"a.py\n```python\n{ENDLESS}",
    "the divider once more before REPLACE": (
        f"a.py\n```\n{BLOCK.replace('>>>>>>>', '=======' + chr(10) + '>>>>>>>')}```\n"
    ),
    "a divider too short, and one too many before REPLACE": (
        "a.py\n<<<<<<< SEARCH\n    return 2\n=====\n    return 3\n=======\n>>>>>>> REPLACE\n"
    ),
    "the first fence forgotten": f"a.py\n{BLOCK}```\n\nIt is one more now.\n",
    "the last fence forgotten, then prose": f"a.py\n```python\n{BLOCK}\nIt is one more now.\n",
    "the first fence twice": f"a.py\n```python\n```python\n{BLOCK}```\n\nDone.\n",
    "the last fence twice": f"a.py\n```python\n{BLOCK}```\n```\n\nDone.\n",
    "the path in a fence of its own": f"```python\na.py\n```\n```python\n{BLOCK}```\n",
    "the path in a fence that is indented": f" ```\na.py\n```\n```python\n{BLOCK}```\n\nSo.\n",
    "how to call it, shown afterwards": f"a.py\n```\n{BLOCK}```\nTry it:\n\n```python\nf()\n```\n",
    "what it prints, shown afterwards": f"a.py\n```\n{BLOCK}```\nIt prints:\n```\n3\n```\n",
}

REFUSED = {
    "a heading that may end the text": (
        f"a.py\n```\n{BLOCK.replace('    return 3', 'Title')}".replace(">>>>>>> REPLACE", "=======")
        + "\nBody\n",
        "no REPLACE marker",
    ),
    "a heading right before REPLACE": (
        BLOCK.replace("    return 3", "Title\n=======").join(["a.py\n```\n", "```\n"]),
        "several lines that could be its divider",
    ),
    "markers that are indented alone": (
        f"a.py\n```\n{BLOCK.replace('<<<<<<<', '  <<<<<<<')}```\n",
        "begins or ends with a marker",
    ),
    "markers in lower case": (
        f"a.py\n```\n{BLOCK.lower()}```\n",
        "begins or ends with a marker",
    ),
    "SEARCH forgotten": (
        f"a.py\n```\n{BLOCK.removeprefix('<<<<<<< SEARCH' + chr(10))}```\n",
        "begins or ends with a marker",
    ),
    "a marker outside every block": (
        f"a.py\n{BLOCK}\nb.py\n<source>\n  <<<<<<< SEARCH\n  x\n  =======\n  y\n</source>\n",
        "belongs to no edit",
    ),
    "a file beside one that nobody names": (
        f"a.py\n```\n{TEXT}```\n\n```python\nx = 1\n```\n",
        "not said which file",
    ),
}


@pytest.mark.parametrize("text", UNDERSTOOD.values(), ids=UNDERSTOOD.keys())
def test_what_is_meant_is_understood(text: str) -> None:
    assert only(text, {"a.py": TEXT}) == WANTED.encode()


@pytest.mark.parametrize("text", UNDERSTOOD.values(), ids=UNDERSTOOD.keys())
def test_and_so_is_a_second_block_after_it(text: str) -> None:
    both = f"{text}\na.py\n```\n{OTHER}```\n"
    assert only(both, {"a.py": TEXT}) == WANTED.replace("1", "4").encode()


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_could_mean_two_things_is_refused(text: str, says: str) -> None:
    with pytest.raises(EditError, match=says):
        parse(text)


def test_markers_deep_in_a_file_are_its_own() -> None:
    shown = '"""Edits look so:\n\n    <<<<<<< SEARCH\n    a\n    =======\n    b\n"""\nx = 1\n'
    assert only(f"a.py\n```\n{shown}```\n", {}) == shown.encode()


def test_a_path_with_a_folder_is_a_file_whatever_the_fence_says() -> None:
    block = "<<<<<<< SEARCH\npytest\n=======\npytest>=8\n>>>>>>> REPLACE\n"
    text = f"etc/dev.in\n```python\n{block}```\n"
    assert only(text, {"etc/dev.in": "pytest\n"}) == b"pytest>=8\n"


def test_a_divider_for_replace_may_follow_any_line_where_the_fence_closes() -> None:
    text = "a.py\n```\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n=======\n```\n"
    assert only(text, {"a.py": "x = 1\n"}) == b"x = 2\n"
