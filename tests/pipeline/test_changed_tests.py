from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from mai.pipeline.changed_tests import edited_tests


class Tree:
    """A snapshot held in memory."""

    commit = "0" * 40

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def paths(self) -> Sequence[str]:
        return sorted(self._files)

    def read(self, path: str) -> bytes | None:
        text = self._files.get(path)
        return None if text is None else text.encode()


BASE = """
import pytest

LIMIT = 3

def helper(x):
    return x + LIMIT

@pytest.fixture
def thing():
    return 1

def test_plain():
    assert 1

def test_helped():
    assert helper(0) == 3

def test_fixture(thing):
    assert thing == 1

class TestGroup:
    size = 2

    def build(self):
        return self.size

    def test_built(self):
        assert self.build() == 2

    def test_other(self):
        assert True
"""
IDS = [
    "tests/test_a.py::test_plain",
    "tests/test_a.py::test_helped",
    "tests/test_a.py::test_fixture",
    "tests/test_a.py::TestGroup::test_built",
    "tests/test_a.py::TestGroup::test_other",
]


def edited(old: str, new: str) -> set[str]:
    base = Tree({"tests/test_a.py": BASE})
    head = Tree({"tests/test_a.py": BASE.replace(old, new)})
    return {test_id.rpartition("::")[2] for test_id in edited_tests(base, head, IDS)}


def test_only_the_test_that_was_edited_counts() -> None:
    assert edited("assert 1\n", "assert 2\n") == {"test_plain"}
    assert edited("assert True", "assert False") == {"test_other"}


def test_reformatting_and_comments_are_no_edit() -> None:
    assert edited("    assert 1\n", "    # sure\n    assert  1\n") == set()


def test_a_helper_or_constant_reaches_the_tests_that_lead_to_it() -> None:
    assert edited("x + LIMIT", "x - LIMIT") == {"test_helped"}
    assert edited("LIMIT = 3", "LIMIT = 4") == {"test_helped"}
    assert edited("return 1", "return 2") == {"test_fixture"}


def test_what_a_class_shares_reaches_its_tests() -> None:
    assert edited("size = 2", "size = 3") == {"test_built", "test_other"}
    assert edited("return self.size", "return 9") == {"test_built", "test_other"}


def test_a_deleted_test_or_file_counts() -> None:
    assert edited("def test_plain", "def plain") == {"test_plain"}
    base = Tree({"tests/test_a.py": BASE})
    assert edited_tests(base, Tree({}), IDS) == set(IDS)


def test_a_file_that_no_longer_parses_counts_whole() -> None:
    assert len(edited("LIMIT = 3", "LIMIT = (")) == len(IDS)


@pytest.mark.parametrize("name", ["conftest.py", "tests/conftest.py"])
def test_a_conftest_above_reaches_what_names_its_fixture(name: str) -> None:
    test = "def test_uses(shared):\n    assert shared\n\ndef test_alone():\n    assert 1\n"
    fixture = "import pytest\n\n@pytest.fixture\ndef shared():\n    return {}\n"
    base = Tree({"tests/test_b.py": test, name: fixture.format(1)})
    head = Tree({"tests/test_b.py": test, name: fixture.format(0)})
    ids = ["tests/test_b.py::test_uses", "tests/test_b.py::test_alone"]
    assert edited_tests(base, head, ids) == {"tests/test_b.py::test_uses"}


def test_an_autouse_fixture_reaches_every_test() -> None:
    test = "def test_alone():\n    assert 1\n"
    fixture = "import pytest\n\n@pytest.fixture(autouse=True)\ndef all_over():\n    return {}\n"
    base = Tree({"test_b.py": test, "conftest.py": fixture.format(1)})
    head = Tree({"test_b.py": test, "conftest.py": fixture.format(0)})
    assert edited_tests(base, head, ["test_b.py::test_alone"]) == {"test_b.py::test_alone"}


HELPER = "from tests.deep import SIZE\nSIX = 6\ndef total(): return SIZE\ndef other(): return 1\n"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from helper import total", "total()"),
        ("from tests.helper import total as t", "t()"),
        ("from .helper import total", "total()"),
        ("from . import helper", "helper.total()"),
        ("import tests.helper as h", "h.total()"),
        ("from helper import *", "total()"),
    ],
)
def test_a_module_of_the_tests_reaches_what_uses_it(line: str, name: str) -> None:
    files = {
        "tests/test_c.py": f"{line}\ndef test_uses(): assert {name}\ndef test_not(): assert 1\n",
        "tests/helper.py": HELPER,
        "tests/deep.py": "SIZE = 1\n",
        "app.py": "SIX = 6\n",
    }
    ids = ["tests/test_c.py::test_uses", "tests/test_c.py::test_not"]

    def found(**changed: str) -> set[str]:
        new = {f"tests/{file}.py": text for file, text in changed.items()}
        return {
            one.rpartition("::")[2] for one in edited_tests(Tree(files), Tree(files | new), ids)
        }

    everything = {"test_uses", "test_not"} if "*" in line else {"test_uses"}
    assert found(helper=HELPER.replace("return SIZE", "return 2")) == everything
    assert found(deep="SIZE = 2\n") == everything
    assert found(helper="def total(: pass\n") == everything
    assert found(helper=HELPER + "# sure\n") == set()
    assert found(unrelated="x = 1\n") == set()


def test_another_part_of_a_helper_reaches_nobody() -> None:
    test = "from helper import total\ndef test_uses():\n    assert total()\n"
    base = {"tests/test_c.py": test, "tests/helper.py": HELPER}
    head = base | {"tests/helper.py": HELPER.replace("return 1", "return 2")}
    assert edited_tests(Tree(base), Tree(head), ["tests/test_c.py::test_uses"]) == set()


def test_code_that_is_no_test_is_no_helper() -> None:
    test = "from app import total\ndef test_uses():\n    assert total()\n"
    base = {"tests/test_c.py": test, "app.py": "def total(): return 1\n"}
    head = base | {"app.py": "def total(): return 0\n"}
    assert edited_tests(Tree(base), Tree(head), ["tests/test_c.py::test_uses"]) == set()


def test_helpers_that_import_each_other_end() -> None:
    base = {
        "tests/test_c.py": "from a import x\ndef test_uses():\n    assert x\n",
        "tests/a.py": "from b import x\ny = 1\n",
        "tests/b.py": "from a import y\nx = y\n",
    }
    head = base | {"tests/a.py": "from b import x\ny = 2\n"}
    ids = ["tests/test_c.py::test_uses"]
    assert edited_tests(Tree(base), Tree(base), ids) == set()
    assert edited_tests(Tree(base), Tree(head), ids) == set(ids)


def test_parametrised_ids_lead_to_their_function() -> None:
    base = Tree({"test_p.py": "def test_x(n):\n    assert n\n"})
    head = Tree({"test_p.py": "def test_x(n):\n    assert not n\n"})
    assert edited_tests(base, head, ["test_p.py::test_x[a::b-1]"]) == {"test_p.py::test_x[a::b-1]"}
