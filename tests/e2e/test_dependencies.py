"""Repos that need something installed, and changes that want something else installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from docker.errors import DockerException

from mai.events import Cancel
from mai.protocols import ToolCall
from mai.sandbox.engine import connect
from mai.sandbox.prune import listed
from mai.sandbox.repo_image import LABEL, NEEDS
from mai.settings import load
from tests.surfaces.serving import core_of
from tests.wheelhouse import MODULE, NAME, make_wheel, only
from tests.workspace import Workspace

pytestmark = pytest.mark.docker

FILES = {
    "requirements.txt": f"{NAME}==1.0\n",
    "answer.py": f"import {MODULE}\n\n\ndef answer():\n    return {MODULE}.answer()\n",
    "test_answer.py": (
        "from answer import answer\n\n\ndef test_answer():\n    assert answer().endswith('.0')\n"
    ),
}
HARMLESS = (
    "--- a/answer.py\n+++ b/answer.py\n@@ -3,3 +3,4 @@\n \n def answer():\n"
    "+    # As the package has it.\n"
    f"     return {MODULE}.answer()\n"
)


def wanting(version: str) -> str:
    return (
        "--- a/requirements.txt\n+++ b/requirements.txt\n@@ -1 +1 @@\n"
        f"-{NAME}==1.0\n+{NAME}=={version}\n"
    )


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@pytest.fixture
def needy(tmp_path: Path) -> Iterator[Workspace]:
    """A repo whose code cannot be imported without a package."""
    with closing(connect(load())) as engine:
        yield Workspace.make(tmp_path, FILES)
        for image in listed(engine.client, LABEL):
            if image["Labels"].get(NEEDS, "").startswith(NAME):
                with suppress(DockerException):  # another test is at it
                    engine.client.images.remove(image["Id"], force=True)


def test_what_the_repo_needs_is_there_when_a_change_is_tried(needy: Workspace, shelf: Path) -> None:
    make_wheel(shelf)
    ran = needy.submit(HARMLESS, environment=only(shelf))
    assert ran.code == 0, ran.err
    assert ran.json["trial"]["verdict"] == "pass"
    assert ran.json["trial"]["head"]["passed"] == 1


def test_a_change_of_what_is_needed_is_tried_with_what_it_wants(
    needy: Workspace, shelf: Path
) -> None:
    make_wheel(shelf)
    make_wheel(shelf, "2.0")
    ran = needy.submit(wanting("2.0"), environment=only(shelf))
    assert ran.code == 0, ran.err
    assert (ran.json["trial"]["base"]["passed"], ran.json["trial"]["head"]["passed"]) == (1, 1)
    make_wheel(shelf, "3.1")
    ran = needy.submit(wanting("3.1"), environment=only(shelf))
    assert ran.code == 4
    assert ran.json["trial"]["broken"] == ["test_answer.py::test_answer"]


def test_a_change_that_wants_what_cannot_be_had_is_refused_with_the_reason(
    needy: Workspace, shelf: Path
) -> None:
    make_wheel(shelf)
    ran = needy.submit(wanting("9.9"), environment=only(shelf))
    assert ran.code == 4
    assert ran.json["state"] == "failed"
    assert f"{NAME}==9.9" in ran.json["error"]["message"]


def test_without_what_it_needs_the_trial_says_so(needy: Workspace, shelf: Path) -> None:
    shelf.mkdir()
    needy.repo.write({"requirements.txt": f"{NAME}==1.7\n"})
    needy.git("commit", "--quiet", "--all", "--message", "Want another")
    ran = needy.submit(HARMLESS, environment=only(shelf))
    shown = needy.mai("show", ran.json["id"], "--json").json
    assert "not in the sandbox" in shown["trial"]["message"]


def test_who_looks_around_or_asks_for_the_tests_has_it_as_well(
    needy: Workspace, shelf: Path
) -> None:
    make_wheel(shelf)
    ran = needy.mai("sandbox", "run", "--", "python", "-m", "pytest", "-q", environment=only(shelf))
    assert ran.code == 0, ran.out
    assert "1 passed" in ran.out
    with core_of(needy, None, **only(shelf)) as core:
        told = core.mind.toolbox(Cancel()).run(ToolCall("run_tests", {})).text
    assert "1 tests, 0 failed, limit pass" in str(told)
