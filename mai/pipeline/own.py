"""Is the repo that is being worked on Mai's own? Then the protected core holds."""

from __future__ import annotations

import tomllib

from mai.repo.repository import Repo
from mai.settings_sources import own_checkout

DISTRIBUTION = "mai-agent"


def is_mai(repo: Repo, commit: str) -> bool:
    """Whether `commit` of `repo` is Mai's own code: this checkout, or any clone of it.

    Asked of the base, so that a proposal cannot rename its way out; `pyproject.toml` itself is in
    the protected core.
    """
    if repo.root == own_checkout():
        return True
    snapshot = repo.snapshot(commit)
    data = snapshot.read("pyproject.toml")
    is_package = snapshot.read("mai/__init__.py") is not None
    if data is None or not is_package:
        return False
    try:
        project = tomllib.loads(data.decode("utf-8")).get("project", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return True  # it has Mai's package and cannot say that it is something else
    return isinstance(project, dict) and project.get("name") == DISTRIBUTION
