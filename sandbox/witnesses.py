"""The files that judge a run: were they the same when it ended?

Code under test may write to the tree, and could rewrite a test before it is collected. Content and
times can be put back, but not the time of the last change that the kernel keeps (ctime), nor the
file's number: setting the clock takes a capability that nobody in here has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_CONFTEST = "conftest.py"
#: A whole path that judges. One expression: a tree may have ten thousand of them.
is_judge = re.compile(
    r"(?:pyproject\.toml|\.pytest\.ini"
    r"|(?:.*/)?(?:conftest\.py|test_[^/]*\.py|[^/]*_test\.py|pytest\.ini|tox\.ini|setup\.cfg))",
    re.DOTALL,
).fullmatch


class Witnesses:
    """Remembers what the tests were when the tree was put here."""

    def __init__(self, root: str, paths: Iterable[str]) -> None:
        self.root = root
        judges = [path for path in paths if is_judge(path)]
        self._known = {path: self._identity(path) for path in judges}
        self._folders = {str(parent) for path in judges for parent in PurePosixPath(path).parents}

    def tampered(self) -> str | None:
        """Return a file that is not what it was, None where all are."""
        for path, identity in self._known.items():
            if self._identity(path) != identity:
                return path
        for folder in sorted(self._folders):
            conftest = str(PurePosixPath(folder, _CONFTEST))
            if conftest not in self._known and self._identity(conftest) is not None:
                return conftest
            compiled = self._compiled_test(folder)
            if compiled is not None:
                return compiled
        return None

    def _identity(self, path: str) -> tuple[int, int, int, int] | None:
        try:
            status = os.lstat(f"{self.root}/{path}")
        except OSError:
            return None
        return status.st_ino, status.st_mode, status.st_size, status.st_ctime_ns

    def _compiled_test(self, folder: str) -> str | None:
        """Return a compiled test: Python would run it and pass over the file it claims to be of."""
        place = PurePosixPath(folder, "__pycache__")
        try:
            names = os.listdir(f"{self.root}/{place}")  # noqa: PTH208 - one call, no objects
        except OSError:
            return None
        for name in names:
            if f"{PurePosixPath(folder, name.partition('.')[0])}.py" in self._known:
                return str(place / name)
        return None
