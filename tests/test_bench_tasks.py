"""The tasks of `bench/solve.py` are what they say: hidden tests fail before and pass after."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bench.solving.tasks import tasks

_ALL = {task.name: task for task in tasks()}


def _passes(files: Mapping[str, str], folder: Path) -> bool:
    """Whether every test among `files` passes, called in a forked child: they need no fixtures."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    names = [path for path in files if path.rpartition("/")[2].startswith("test_")]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            tops = {name.partition("/")[0].removesuffix(".py") for name in files}
            for name in [one for one in sys.modules if one.partition(".")[0] in tops]:
                del sys.modules[name]
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(folder))
            with Path(os.devnull).open("w", encoding="utf-8") as null:
                sys.stdout = sys.stderr = null
                _call(folder, names)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _call(folder: Path, names: Sequence[str]) -> None:
    called = 0
    for name in names:
        for test, function in runpy.run_path(str(folder / name)).items():
            if test.startswith("test_"):
                function()
                called += 1
    assert called


def test_there_are_sixty_of_every_kind() -> None:
    assert len(_ALL) == 60
    kinds = {task.kind for task in _ALL.values()}
    assert kinds == {"bug", "bug-untold", "feature", "rename", "types", "tests", "docs"}


def test_pattern_chooses_by_name_and_a_kind_by_all_of_it() -> None:
    assert {task.kind for task in tasks(["bug-*"])} == {"bug"}
    assert {task.kind for task in tasks(["bug-untold", "told-*"])} == {"bug-untold"}


@pytest.mark.parametrize("name", _ALL)
def test_reference_is_what_makes_the_difference(name: str, tmp_path: Path) -> None:
    task = _ALL[name]
    assert _passes({**task.solved, **task.hidden}, tmp_path / "after")
    if task.hidden:
        code = {path: text for path, text in task.files.items() if "test_" not in path}
        assert not _passes({**code, **task.hidden}, tmp_path / "before")
    if task.kind == "bug":
        assert task.visible_tests
        assert not _passes(task.files, tmp_path / "shown")


@pytest.mark.parametrize("name", [name for name, task in _ALL.items() if task.mutants])
def test_each_mutant_is_caught_by_the_reference(name: str, tmp_path: Path) -> None:
    task = _ALL[name]
    for number, mutant in enumerate(task.mutants):
        assert not _passes(mutant.applied(task.solved), tmp_path / f"{number}")
