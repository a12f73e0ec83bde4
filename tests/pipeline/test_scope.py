"""A change that was asked for in some files alone touches no other."""

from __future__ import annotations

import pytest

from mai.errors import EditError
from mai.pipeline.propose import check_scope
from mai.proposal import FileChange, Submission

OTHER = FileChange("other.py", "modified")


@pytest.mark.parametrize(
    "submission",
    [
        Submission("", paths=("m.py",)),
        Submission("", pattern="m.py"),
        Submission("", paths=("m.py", "other.py"), pattern="m.*"),
    ],
)
@pytest.mark.parametrize(
    "change",
    [
        OTHER,
        FileChange("other.py", "added"),
        FileChange("other.py", "deleted"),
        FileChange("m.py", "renamed", old_path="other.py"),
    ],
)
def test_another_file_is_refused(submission: Submission, change: FileChange) -> None:
    with pytest.raises(EditError, match=r"It changes other\.py, and was to change m"):
        check_scope(submission, [FileChange("m.py", "modified"), change])


@pytest.mark.parametrize(
    "submission",
    [Submission(""), Submission("", paths=("other.py",)), Submission("", pattern="o*.py")],
)
def test_what_was_asked_for_is_taken(submission: Submission) -> None:
    check_scope(submission, [OTHER])
