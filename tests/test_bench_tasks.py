"""The tasks of `bench/solve.py` are what they say: hidden tests fail before and pass after."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.solving.tasks import Task, tasks

_ALL = {task.name: task for task in tasks()}


def _pytest_in_child(folder: Path, files: Mapping[str, str]) -> int:
    """Return pytest's exit code over the tests among `files`, from a forked child."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    names = [path for path in files if path.rpartition("/")[2].startswith("test_")]
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.chdir(folder)
            sys.path.insert(0, str(folder))
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            for path in {name.partition("/")[0].removesuffix(".py") for name in files}:
                for name in [one for one in sys.modules if one.partition(".")[0] == path]:
                    del sys.modules[name]
            options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
            code = int(pytest.main([*options, "-c", os.devnull, f"--rootdir={folder}", *names]))
        except BaseException:  # noqa: BLE001 - a child never goes on as the test run
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_there_are_sixty_of_every_kind() -> None:
    assert len(_ALL) == 60
    kinds = {task.kind for task in _ALL.values()}
    assert kinds == {"bug", "bug-untold", "feature", "rename", "types", "tests", "docs"}


@pytest.mark.parametrize("name", _ALL)
def test_reference_is_what_makes_the_difference(name: str, tmp_path: Path) -> None:
    task = _ALL[name]
    assert _passes(task, task.solved, tmp_path / "after")
    if task.hidden:
        code = {path: text for path, text in task.files.items() if "test_" not in path}
        assert not _passes(task, code, tmp_path / "before")
    if task.kind == "bug":
        assert _pytest_in_child(tmp_path / "shown", task.files) == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("name", [name for name, task in _ALL.items() if task.mutants])
def test_each_mutant_is_caught_by_the_reference(name: str, tmp_path: Path) -> None:
    task = _ALL[name]
    for number, mutant in enumerate(task.mutants):
        made = mutant.applied(task.solved)
        assert _pytest_in_child(tmp_path / f"{number}", made) == pytest.ExitCode.TESTS_FAILED


def _passes(task: Task, files: Mapping[str, str], folder: Path) -> bool:
    return _pytest_in_child(folder, {**files, **task.hidden}) == pytest.ExitCode.OK
