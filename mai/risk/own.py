"""What Mai may change of its own repository. An allow-list: everything else is protected core."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

ALLOWED = (
    "mai/agent/*",
    "mai/prompting/*",
    "mai/providers/*",
    "mai/memory/*",
    "mai/edits/*",
    "mai/tui/*",
    "mai/cli/*",
    "prompts/*",
    "tests/*",
    "docs/*",
)
# Taken out of the list again: whatever shows a proposal for a yes, can say yes, or asks the second
# agent. A change there could turn a no into a yes. Matched against the folded path.
APPROVAL = (
    "*approv*",
    "*proposal*",
    "*inbox*",
    "*pending*",
    "*rollback*",
    "*reject*",
    "*answer*",
    "*question*",
    "mai/cli/__init__.py",
    "mai/cli/config.py",
    "mai/cli/console.py",
    "mai/cli/main.py",
    "mai/cli/options.py",
    "mai/cli/history.py",
    "mai/cli/output.py",
    "mai/cli/plain.py",
    "mai/cli/risk.py",
    "mai/cli/serve.py",
    "mai/cli/session.py",
    "mai/cli/show.py",
    "mai/cli/submit.py",
    "mai/tui/*__init__.py",
    "mai/tui/*.tcss",
    "mai/tui/app.py",
    "mai/tui/commands.py",
    "mai/tui/handlers.py",
    "mai/tui/look.py",
    "mai/tui/messages.py",
    "mai/tui/widgets/frame.py",
    "mai/tui/work.py",
    "mai/prompting/__init__.py",
    "mai/prompting/*review*",
    "mai/prompting/blocks.py",
    "mai/prompting/budget.py",
    "mai/prompting/templates.py",
    "prompts/*review*",
)
_GUARDED_FOLDERS = ("mai/", "prompts/")
_NOT_CODE = ("prompts/", "docs/", "tests/")
# Byte code and extension modules are imported in place of the source that a person reads.
_READABLE = (".py", ".tcss", ".md")


def may_change(path: str, *, is_new: bool = False) -> bool:
    """Whether a change to `path` is outside the protected core. Tests may only be added."""
    lowered = path.casefold()
    if lowered != path or not any(fnmatchcase(path, glob) for glob in ALLOWED):
        return False
    if path.startswith("tests/"):
        return is_new
    if path.startswith(_GUARDED_FOLDERS):
        name = path.rpartition("/")[2]
        if name.count(".") != 1 or not name.endswith(_READABLE) or "/__pycache__/" in path:
            return False
        return not any(fnmatchcase(each, glob) for each in _imported_as(path) for glob in APPROVAL)
    return True


def _imported_as(path: str) -> Iterator[str]:
    """Yield `path` and every module that it would take the place of, as a package does."""
    yield path
    folder = path.rpartition("/")[0]
    while folder:
        yield f"{folder}.py"
        folder = folder.rpartition("/")[0]


def is_code(path: str) -> bool:
    """Whether `path`, which may be changed, is code that Mai runs."""
    return not path.startswith(_NOT_CODE)
