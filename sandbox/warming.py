"""Gets pytest ready before there is anything to test, so that a trial need not wait for it."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

_NAME = "test_mai_warming"
_ARGUMENTS = ("--override-ini=addopts=", "--rootdir=.", "--capture=no", "-q", "-pno:cacheprovider")


def warm_up() -> None:
    """Run pytest once on one trivial test: what it imports, compiles and looks up stays known.

    Most of what pytest does in its first 70 ms of work it does not do again (`bench/sandbox.py`).
    Whatever an unusual plugin of the image makes of this is its own affair: the real run counts.
    """
    path, modules, environment = list(sys.path), set(sys.modules), dict(os.environ)
    folder = tempfile.mkdtemp()
    with _nothing_printed():
        os.chdir(folder)
        Path(f"{_NAME}.py").write_text("def test_warm():\n    assert 1\n", "ascii")
        # BaseException: a plugin may well leave by SystemExit, and the job will show it again.
        with suppress(BaseException):
            pytest.main([*_ARGUMENTS])
    os.chdir("/")
    shutil.rmtree(folder, ignore_errors=True)
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)
    for name in {"COLUMNS", "LINES"} - environment.keys():
        os.unsetenv(name)  # `readline` sets them behind `os.environ`'s back
    for name in {_NAME, "conftest"} & (sys.modules.keys() - modules):
        del sys.modules[name]
    # pytest collects garbage several times as it ends. What is there by now is no garbage.
    gc.collect()
    gc.freeze()


class _nothing_printed:  # noqa: N801 - reads as a sentence where it is used
    """Sends both streams to nowhere, on the level of descriptors: plugins keep streams."""

    def __enter__(self) -> None:
        self._kept = [os.dup(1), os.dup(2)]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, descriptor)
            os.close(kept)
