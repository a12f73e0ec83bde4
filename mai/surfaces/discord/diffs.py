"""A diff where it is short enough to be read on a phone."""

from __future__ import annotations

from collections.abc import Iterator

from mai.text import inside_fence
from mai.visible import visible_diff

_DIFF_CHARACTERS, _DIFF_LINES = 1000, 24
_USUAL_NEW_FILE = "new file mode 100644"  # the list of files says `added`


def short_diff(diff: str) -> str:
    """Return a diff as a fenced block, or where to find one that is not short."""
    safe = inside_fence(visible_diff(diff)).strip("\n")
    if not safe or len(safe) > _DIFF_CHARACTERS or safe.count("\n") >= _DIFF_LINES:
        return "The diff is in the attachment."
    return "```diff\n" + "\n".join(_without_headers(safe)) + "\n```"


def _without_headers(diff: str) -> Iterator[str]:
    """Yield a diff's lines without what repeats the list of files; on a phone every line counts."""
    is_alone = diff.count("\ndiff --git ") == 0
    is_header = False
    for line in diff.split("\n"):
        # Lines of the files themselves begin with a sign, so none of them can look like these;
        # `--- ` can be a removed line, but not before the first hunk.
        is_header = line.startswith("diff --git ") or (is_header and not line.startswith("@@ "))
        is_repeated = line.startswith(("diff --git ", "index ")) or (
            is_alone and is_header and line.startswith(("--- ", "+++ ", _USUAL_NEW_FILE))
        )
        if not is_repeated:
            yield line
