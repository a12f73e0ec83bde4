"""What a report says, and that it is safe and short enough to show."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.errors import Cancelled
from mai.events import Cancel
from mai.proposal import FileChange, Finding, Level
from mai.risk import Change, Policy, score_change
from mai.risk.report import report_of, score_of
from tests.gitrepo import make_repo
from tests.risk.conftest import Score, changes_between
from tests.snapshots import GitSnapshot, MemorySnapshot

CAPABILITY, HARMLESS = "process", "x = 1\n"


def test_many_findings_alike_become_few(score: Score) -> None:
    source = "import os\n" + "os.system('x')\n" * 500
    report = score({}, {"a.py": source})
    assert len(report.findings) < 20
    assert report.findings[-1].message.endswith("more of this in the file.)")
    assert report.level is Level.HIGH
    assert 0 < report.score <= 100


def test_the_worst_comes_first(score: Score) -> None:
    head = {"a.py": "open('x', 'w')\n", "b.py": "().__class__.__base__.__subclasses__()\n"}
    levels = [finding.level.rank for finding in score({}, head).findings]
    assert levels == sorted(levels, reverse=True)


@pytest.mark.parametrize(
    "text", ["\x1b[2J/etc/passwd", "/etc/\u202epasswd", "/etc/pass\nwd", "/etc/@everyone"]
)
def test_a_message_never_carries_what_could_mislead(score: Score, text: str) -> None:
    report = score({}, {"a.py": f"open({text!r})\n"})
    for finding in report.findings:
        assert finding.message.isprintable()


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.integers(1, 10**6), st.integers(0, 500))
def test_any_finding_can_be_put_in_a_report(text: str, line: int, column: int) -> None:
    finding = Finding("process.shell", CAPABILITY, Level.MEDIUM, text, line, column, text)
    report = report_of([finding, finding], Policy())
    assert report.findings == (finding,)
    assert score_of([]) == 0


def test_a_request_to_stop_is_heard() -> None:
    cancel = Cancel()
    cancel.set()
    base, head = {"a.py": b""}, {"a.py": b"x = 1"}
    change = Change(MemorySnapshot(base), MemorySnapshot(head), changes_between(base, head))
    with pytest.raises(Cancelled):
        score_change(change, Policy(), is_own_repo=False, cancel=cancel)


def test_two_commits_of_a_real_repository(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {"app/run.py": HARMLESS, "app/other.py": HARMLESS})
    base = repo.head()
    repo.write({"app/run.py": "import subprocess\nsubprocess.run(['ls'])\n"})
    (tmp_path / "repo" / "out").symlink_to("/etc")
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "--message", "Next")
    files = (
        FileChange("app/run.py", "modified", old_mode="100644", new_mode="100644"),
        FileChange("out", "added", new_mode="120000"),
    )
    change = Change(GitSnapshot(repo, base), GitSnapshot(repo, repo.head()), files)
    report = score_change(change, Policy(), is_own_repo=False)
    assert [finding.rule for finding in report.findings] == ["path.link", "process.start"]
    assert report.level is Level.BLOCKED
