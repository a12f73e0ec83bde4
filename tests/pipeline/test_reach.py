"""Which test files can see a change: read from real trees in a real repository."""

# ruff: noqa: E501 - a tree a line

from __future__ import annotations

from pathlib import Path

import pytest

from mai.jobs import NewFile
from mai.pipeline.reach.kept import KeptFacts
from mai.pipeline.reach.reached import Reached, reach
from mai.repo.repository import Repo
from tests.gitrepo import Content, make_repo

Tree = dict[str, Content]
TEST = "\n\ndef test_x():\n    pass\n"
#: What no case changes, and what sees no change.
BESIDE: Tree = {"beside.py": "", "tests/test_beside.py": f"import beside{TEST}"}


def reached(folder: Path, before: Tree, after: dict[str, Content | None]) -> Reached:
    """Return what can see that `after` (None deletes) is put over `before`."""
    repo = make_repo(folder / "repo", {**BESIDE, **before})
    with Repo.open(repo.root, folder / "private") as opened:
        base = opened.tip(opened.branch())
        files = {
            path: None if content is None else NewFile(str(content).encode())
            for path, content in after.items()
        }
        base_tree, head_tree = (
            opened.snapshot(base),
            opened.snapshot(opened.write_tree(base, files)),
        )
        first = reach(base_tree, head_tree, after, KeptFacts(folder / "kept"))
        again = reach(base_tree, head_tree, after, KeptFacts(folder / "kept"))
    assert first == again
    return first


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        ({"a.py": "", "tests/test_a.py": "import a"}, "a.py"),
        ({"p/__init__.py": "", "p/a.py": "", "tests/test_a.py": "from p import a"}, "p/a.py"),
        ({"p/__init__.py": "", "p/a.py": "x = 1", "tests/test_a.py": "from p.a import x"}, "p/a.py"),
        ({"p/__init__.py": "", "p/a.py": "", "tests/test_a.py": "import p.a as q"}, "p/__init__.py"),
        ({"p/__init__.py": "from .a import *", "p/a.py": "", "tests/test_a.py": "import p"}, "p/a.py"),
        ({"p/__init__.py": "", "p/a.py": "", "p/q/__init__.py": "", "p/q/b.py": "from ..a import x",
          "tests/test_a.py": "import p.q.b"}, "p/a.py"),
        ({"src/p/__init__.py": "", "src/p/a.py": "", "tests/test_a.py": "import p.a"}, "src/p/a.py"),
        ({"packages/one/src/p/a.py": "", "tests/test_a.py": "import p.a"}, "packages/one/src/p/a.py"),
        ({"a.py": "", "b.py": "def f():\n    import a\n", "tests/test_a.py": "import b"}, "a.py"),
        ({"a.py": "", "tests/s/__init__.py": "import a", "tests/s/test_a.py": ""}, "a.py"),
        ({"a.py": "", "tests/sub/conftest.py": "import a", "tests/sub/test_a.py": ""}, "a.py"),
        ({"tests/sub/conftest.py": "", "tests/sub/test_a.py": ""}, "tests/sub/conftest.py"),
        ({"p/__init__.py": "", "p/a.py": "", "tests/test_a.py": 'x = "p.a:Thing"'}, "p/a.py"),
        ({"p/__init__.py": "", "p/a.py": "",
          "tests/test_a.py": 'import importlib\n\nimportlib.import_module("p.a")'}, "p/a.py"),
        ({"p/__init__.py": "", "p/a.py": "",
          "tests/test_a.py": 'import importlib\n\nn = "a"\nimportlib.import_module(f"p.{n}")'}, "p/a.py"),
        ({"a.py": "", "tests/test_a.py": "import importlib\n\nimportlib.import_module(input())"}, "a.py"),
        ({"a.py": "", "tests/test_a.py": 'import subprocess\n\nsubprocess.run(["x", "-m", "a"])'}, "a.py"),
        ({"tools/run.py": "", "tests/test_a.py": 'x = "../tools/run.py"'}, "tools/run.py"),
        ({"a.py": "", "pyproject.toml": '[project.scripts]\ngo = "a:main"\n',
          "tests/test_a.py": 'import subprocess\n\nsubprocess.run(["go"])'}, "a.py"),
        ({"tests/helper.py": "", "tests/test_a.py": "from helper import x"}, "tests/helper.py"),
        ({"tests/sub/__init__.py": "", "tests/sub/helper.py": "",
          "tests/sub/test_a.py": "import helper"}, "tests/sub/helper.py"),
        ({"tests/test_a.py": "def test_x(:\n"}, "tests/test_a.py"),
        ({"a.py": "", "tests/test_a.py": "def test_x(:\n"}, "a.py"),
        ({"data/words.txt": "", "a.py": 'x = "words.txt"', "tests/test_a.py": "import a"}, "data/words.txt"),
        ({"data/words.txt": "", "a.py": 'x = Path("data").iterdir()',
          "tests/test_a.py": "import a"}, "data/words.txt"),
        ({"a.py": "", "tests/sub/conftest.py": "def thing():\n    import a\n",
          "tests/sub/test_a.py": "def test_x(thing):\n    pass\n"}, "a.py"),
        ({"a.py": "", "tests/sub/conftest.py": "def pytest_configure():\n    import a\n",
          "tests/sub/test_a.py": ""}, "a.py"),
    ],
)  # fmt: skip
def test_what_can_see_a_change_is_reached_and_the_rest_is_not(
    tmp_path: Path, before: Tree, changed: str
) -> None:
    tests = {path for path in before if path.rpartition("/")[2].startswith("test_")}
    found = reached(tmp_path, before, {changed: f"{before[changed]!s}\n# changed\n"})
    assert set(found.distances) == tests
    assert found.others == {"tests/test_beside.py"}


@pytest.mark.parametrize(
    "path", ["conftest.py", "pyproject.toml", "requirements-dev.txt", "x.so", "x.dat"]
)
def test_what_concerns_every_test_reaches_all_of_them(tmp_path: Path, path: str) -> None:
    found = reached(tmp_path, {}, {path: "# new\n"})
    assert found.is_everything
    assert set(found.distances) == {"tests/test_beside.py"}


@pytest.mark.parametrize("before", [{"a.py": ""}, {}], ids=["deleted", "added"])
def test_a_file_that_only_one_side_has_is_seen(tmp_path: Path, before: Tree) -> None:
    test: Tree = {"tests/test_a.py": "import a"}
    after: dict[str, Content | None] = {"a.py": None if before else "x = 1\n"}
    assert set(reached(tmp_path, {**before, **test}, after).distances) == {"tests/test_a.py"}


def test_what_only_type_checkers_read_is_not_reached(tmp_path: Path) -> None:
    source = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import a\n"
    assert not reached(
        tmp_path, {"a.py": "", "tests/test_b.py": source}, {"a.py": "x = 1\n"}
    ).distances


def test_the_nearest_come_first(tmp_path: Path) -> None:
    before: Tree = {
        "a.py": "",
        "b.py": "import a",
        "c.py": "def f():\n    import b\n",
        "tests/test_far.py": "import c",
        "tests/test_near.py": "import a",
        "tests/test_mid.py": "import b",
        "tests/test_a.py": "import a",
    }
    assert reached(tmp_path, before, {"a.py": "x = 1\n"}).nearest_first() == [
        f"tests/test_{name}.py" for name in ("a", "near", "mid", "far")
    ]
