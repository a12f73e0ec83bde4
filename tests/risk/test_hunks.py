"""A diff whose files nobody has."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from mai.edits import parse
from mai.errors import EditError
from mai.pipeline.unplaced import patched_files
from mai.proposal import Level, RiskReport
from mai.risk import Policy
from mai.risk import score_hunks as score_files
from tests.risk.conftest import rules

PLAIN = """\
diff --git a/app/x.py b/app/x.py
index 1111111..2222222 100644
--- a/app/x.py
+++ b/app/x.py
@@ -3,3 +3,4 @@ def f(y):
     y = 1
+    {line}
     return y
@@ -20,2 +21,2 @@ class A:
     def g(self):
-        return 1
+        return 2
"""


def score_hunks(patch: str, policy: Policy, *, is_own_repo: bool = False) -> RiskReport:
    """Score a patch by what it shows, read by the one grammar there is."""
    return score_files(patched_files(parse(patch)), policy, is_own_repo=is_own_repo)


def patched(line: str) -> str:
    return PLAIN.format(line=line)


def test_it_says_that_it_saw_hunks_only() -> None:
    report = score_hunks(patched("y += 1"), Policy())
    assert report.context == "hunks"
    assert report.level is Level.LOW


def test_what_the_hunks_gain_counts() -> None:
    assert rules(score_hunks(patched("os.system(y)"), Policy())) == {"process.shell"}
    assert score_hunks(patched("exec(y)"), Policy()).level is Level.MEDIUM


def test_what_the_hunks_only_show_does_not() -> None:
    patch = patched("z = 1").replace("     return y", "     os.system(y)")
    assert score_hunks(patch, Policy()).level is Level.LOW


def test_paths_and_modes_count() -> None:
    new = "diff --git a/{0} b/{0}\nnew file mode {1}\n--- /dev/null\n+++ b/{0}\n"
    new += "@@ -0,0 +1 @@\n+x = 1\n"
    assert score_hunks(new.format(".githooks/x", "100644"), Policy()).level is Level.BLOCKED
    assert score_hunks(new.format("conftest.py", "100644"), Policy()).level is Level.HIGH
    assert score_hunks(new.format("a.py", "100755"), Policy()).level is Level.HIGH
    assert score_hunks(new.format("link", "120000"), Policy()).level is Level.BLOCKED
    assert score_hunks(new.format("a.py", "100644"), Policy()).level is Level.LOW
    renamed = "diff --git a/mai.toml b/x.toml\nrename from mai.toml\nrename to x.toml\n"
    assert score_hunks(renamed, Policy()).level is Level.BLOCKED


def test_a_path_that_git_quotes_is_the_path_it_stands_for() -> None:
    patch = (
        'diff --git "a/docs/\\303\\251\\"\\t.py" "b/docs/\\303\\251\\"\\t.py"\n'
        '--- "a/docs/\\303\\251\\"\\t.py"\n+++ "b/docs/\\303\\251\\"\\t.py"\n'
        "@@ -1 +1 @@\n-x = 1\n+x = 2\n"
    )
    (file,) = patched_files(parse(patch))
    assert (file.path, file.old_path) == ('docs/é"\t.py', None)
    assert score_hunks(patch, Policy()).level is Level.BLOCKED
    assert score_hunks(patch.replace("\\t", ""), Policy()).level is Level.LOW


def test_own_core_is_blocked_in_hunks_too() -> None:
    patch = patched("y += 1").replace("app/x.py", "mai/risk/score.py")
    assert score_hunks(patch, Policy(), is_own_repo=True).level is Level.BLOCKED


def test_a_plain_unified_diff_of_two_files() -> None:
    patch = (
        "--- a/a.py\t2020\n+++ b/a.py\t2020\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
        "--- a/b.py\n+++ b/b.py\n@@ -1 +1,2 @@\n x = 1\n+eval(x)\n\\ No newline at end of file\n"
    )
    assert [file.path for file in patched_files(parse(patch))] == ["a.py", "b.py"]
    report = score_hunks(patch, Policy())
    assert {finding.path for finding in report.findings} == {"b.py"}


def test_a_hunk_that_cannot_be_parsed_is_read_line_by_line() -> None:
    patch = (
        patched("y = g(")
        .replace("     return y", "     a)]}\n+    os.system(y)")
        .replace("-3,3 +3,4", "-3,2 +3,4")
    )
    assert "process.shell" in rules(score_hunks(patch, Policy()))


def test_a_module_that_stood_shadows_nothing_new() -> None:
    patch = patched("y += 1").replace("app/x.py", "types.py")
    assert score_hunks(patch, Policy()).level is Level.LOW


def test_a_test_whose_head_now_takes_more_lines_is_still_there() -> None:
    patch = (
        "--- a/test_x.py\n+++ b/test_x.py\n@@ -1,3 +1,5 @@\n"
        "-def test_one(a):\n+def test_one(\n+    a: int,\n+) -> None:\n     b = {\n     1: a,\n"
    )
    assert score_hunks(patch, Policy()).level is Level.LOW


def test_a_module_whose_import_no_hunk_shows_is_taken_for_itself() -> None:
    report = score_hunks(patched("subprocess.run(y, shell=True)"), Policy())
    assert "process.shell" in rules(report, Level.MEDIUM)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300) | st.builds(patched, st.text(max_size=40)))
def test_no_diff_is_too_odd_to_score(patch: str) -> None:
    with contextlib.suppress(EditError):
        assert score_hunks(patch, Policy()).context == "hunks"
