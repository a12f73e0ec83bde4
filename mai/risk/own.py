"""What Mai may change of its own repository. An allow-list: everything else is protected core."""

from __future__ import annotations

#: Folders of Mai's repository that Mai may change. What judges, asks or lands lies outside of them.
ALLOWED = (
    "mai/agent",
    "mai/prompting",
    "mai/providers",
    "mai/memory",
    "mai/edits",
    "mai/tui",
    "mai/cli",
    "prompts",
    "tests",
    "docs",
)
#: What the reviewer is asked lies beside the other prompts and is protected.
PROTECTED = ("prompts/review",)
_GUARDED_FOLDERS = ("mai/", "prompts/")
_NOT_CODE = ("prompts/", "docs/", "tests/")
# Byte code and extension modules are imported in place of the source that a person reads.
_READABLE = (".py", ".md")


def may_change(path: str, *, is_new: bool = False) -> bool:
    """Whether a change to `path` is outside the protected core. Tests may only be added."""
    if path.casefold() != path or not _is_in(path, ALLOWED) or _is_in(path, PROTECTED):
        return False
    if path.startswith("tests/"):
        return is_new
    if path.startswith(_GUARDED_FOLDERS):
        name = path.rpartition("/")[2]
        return name.count(".") == 1 and name.endswith(_READABLE) and "/__pycache__/" not in path
    return True


def _is_in(path: str, folders: tuple[str, ...]) -> bool:
    return path.startswith(tuple(f"{folder}/" for folder in folders))


def is_code(path: str) -> bool:
    """Whether `path`, which may be changed, is code that Mai runs."""
    return not path.startswith(_NOT_CODE)
