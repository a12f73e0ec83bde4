"""Paths and modes decide before anything is parsed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.proposal import FileChange, Level
from mai.risk import Policy
from mai.risk.paths import judge_name
from tests.risk.conftest import Score, rules


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("mai.toml", "path.mai-settings"),
        ("MAI.toml", "path.mai-settings"),
        ("sub/mai.toml", "path.mai-settings"),
        ("mai\u200b.toml", "path.unsafe"),
        ("sitecustomize.cpython-311-x86_64-linux-gnu.so", "path.startup"),
        ("usercustomize.pyc", "path.startup"),
        (".git/config", "path.git"),
        (".git/hooks/pre-commit", "path.git"),
        ("sub/.GIT/hooks/x", "path.git"),
        (".g\u200cit/config", "path.git"),
        ("GIT~1/config", "path.git"),
        (".git./config", "path.git"),
        (".git::$INDEX_ALLOCATION/config", "path.git"),
        (".githooks/pre-commit", "path.hook"),
        (".husky/pre-push", "path.hook"),
        (".gitmodules", "path.submodule"),
        ("sitecustomize.py", "path.startup"),
        ("lib/usercustomize.py", "path.startup"),
        ("sitecustomize/__init__.py", "path.startup"),
        ("x.pth", "path.startup"),
        ("../x.py", "path.unsafe"),
        ("a/../../x.py", "path.unsafe"),
        ("/etc/x", "path.unsafe"),
        ("a\\b.py", "path.unsafe"),
        ("C:/x.py", "path.unsafe"),
        ("a//b.py", "path.unsafe"),
        ("a/./b.py", "path.unsafe"),
        ("a\nb.py", "path.unsafe"),
        ("a./b.py", "path.unsafe"),
    ],
)
def test_these_are_blocked(score: Score, path: str, rule: str) -> None:
    report = score({}, {path: "x = 1\n"})
    assert report.level is Level.BLOCKED
    assert rule in rules(report, Level.BLOCKED)


@pytest.mark.parametrize(
    "path",
    [
        "conftest.py",
        "tests/conftest.py",
        "pytest.ini",
        "tox.ini",
        "noxfile.py",
        ".coveragerc",
        "setup.py",
        "Makefile",
        ".github/workflows/ci.yml",
        ".gitlab-ci.yml",
        ".circleci/config.yml",
        "Jenkinsfile",
        "Dockerfile",
        "docker/Dockerfile.dev",
        "docker-compose.yml",
        "compose.prod.yaml",
        ".pre-commit-config.yaml",
        ".gitattributes",
        "json.py",
        "src/pytest.py",
        "random/__init__.py",
        "pkg/fast.so",
        "pkg/__pycache__/x.cpython-311.pyc",
    ],
)
def test_these_are_high(score: Score, path: str) -> None:
    assert score({}, {path: "x = 1\n"}).level is Level.HIGH


@pytest.mark.parametrize(
    "path",
    [
        "pkg/new.py",
        "pkg/json.py",
        "README.md",
        "docs/build.rst",
        "pkg/cli/build.py",
        "data/table.csv",
        "tests/test_new.py",
        "pkg/conftest_helpers.py",
        "digit/config",
        "pkg/legitimate.gitignore",
    ],
)
def test_everyday_paths_are_low(score: Score, path: str) -> None:
    assert score({}, {path: "x = 1\n"}).level is Level.LOW


@pytest.mark.parametrize("path", ["COM1", "pkg/aux.py", "x/AUX/y.py", "nul.tar.gz", "lpt9.txt"])
def test_a_new_path_that_windows_takes_for_a_device_is_medium(score: Score, path: str) -> None:
    assert rules(score({}, {path: "x = 1\n"}), Level.MEDIUM) == {"path.device"}
    assert score({path: "x = 1\n"}, {path: "x = 2\n"}).level is Level.LOW


@pytest.mark.parametrize("path", ["com.py", "auxiliary.py", "console/x.py", "null.py", "lpt10.py"])
def test_a_path_that_only_begins_like_a_device_is_low(score: Score, path: str) -> None:
    assert score({}, {path: "x = 1\n"}).level is Level.LOW


@pytest.mark.parametrize("mode", ["120000", "160000"])
@pytest.mark.parametrize("side", ["old", "new"])
def test_links_and_submodules_are_blocked_on_either_side(
    score: Score, mode: str, side: str
) -> None:
    change = FileChange(
        "x",
        "modified",
        old_mode=mode if side == "old" else "100644",
        new_mode=mode if side == "new" else "100644",
    )
    assert score({"x": "a"}, {"x": "b"}, files=[change]).level is Level.BLOCKED


def test_becoming_executable_is_high_and_staying_so_is_not(score: Score) -> None:
    becomes = FileChange("x.py", "modified", old_mode="100644", new_mode="100755")
    stays = FileChange("x.py", "modified", old_mode="100755", new_mode="100755")
    assert score({"x.py": "a = 1\n"}, {"x.py": "a = 1\n"}, files=[becomes]).level is Level.HIGH
    assert score({"x.py": "a = 1\n"}, {"x.py": "a = 2\n"}, files=[stays]).level is Level.LOW


def test_a_binary_file_is_high(score: Score) -> None:
    change = FileChange("logo.png", "added", new_mode="100644", is_binary=True)
    assert score({}, {"logo.png": b"\x89PNG\0\0"}, files=[change]).level is Level.HIGH


def test_paths_that_differ_only_by_case_or_unicode_form_are_blocked(score: Score) -> None:
    for base, new in (("Readme.md", "README.md"), ("caf\u00e9.py", "cafe\u0301.py")):
        assert "path.case" in rules(score({base: "a\n"}, {base: "a\n", new: "x = 1\n"}))
    assert "path.case" in rules(score({}, {"A.py": "x = 1\n", "a.py": "x = 1\n"}))


def test_a_rename_that_only_changes_case_is_no_collision(score: Score) -> None:
    files = [FileChange("a.py", "renamed", old_path="A.py", old_mode="100644", new_mode="100644")]
    assert score({"A.py": "x = 1\n"}, {"a.py": "x = 1\n"}, files=files).level is Level.LOW


@pytest.mark.parametrize(
    "glob",
    ["vendor/**", "vendor/", "vendor", "/vendor", "**/*.lock.py", "*/x.lock.py", "*.lock.py"],
)
def test_what_the_settings_leave_alone_is_blocked(score: Score, glob: str) -> None:
    policy = Policy(leave_alone=(glob,))
    assert score({}, {"vendor/x.lock.py": "x = 1\n"}, policy=policy).level is Level.BLOCKED
    assert score({}, {"other/x.py": "x = 1\n"}, policy=policy).level is Level.LOW


def test_moving_a_file_out_of_a_forbidden_place_is_blocked_too(score: Score) -> None:
    files = [FileChange("b.toml", "renamed", old_path="mai.toml")]
    assert score({"mai.toml": ""}, {"b.toml": ""}, files=files).level is Level.BLOCKED


@pytest.mark.parametrize(
    "path",
    [
        "mai/risk/score.py",
        "mai/pipeline/land.py",
        "mai/core.py",
        "mai/new/thing.py",
        "mai/console/screens/approval.py",
        "mai/console/widgets/proposals.py",
        "mai/console/mai.tcss",
        "mai/commands/__init__.py",
        "mai/commands/main.py",
        "mai/commands/risk.py",
        "mai/review/reviewer.py",
        "mai/templating/budget.py",
        # Python would import these in place of the package, or of a source that was read.
        "mai/agent.py",
        "mai/cli.py",
        "mai/cli/doctor.cpython-311-x86_64-linux-gnu.so",
        "mai/cli/__pycache__/doctor.cpython-311.pyc",
        "mai/agent/x.pth",
        "prompts/review/review.md",
        "prompts/review/new.md",
        "sandbox/harness.py",
        "Dockerfile.sandbox",
        "pyproject.toml",
        "README.md",
        "MAI/agent/turn.py",
    ],
)
def test_the_core_of_mai_is_blocked_by_every_route(score: Score, path: str) -> None:
    policy = Policy(levels={"path.protected-core": Level.LOW, "gate-tampering": Level.LOW})
    for base, head in (({}, {path: "x"}), ({path: "x"}, {path: "y"}), ({path: "x"}, {})):
        report = score(base, head, policy=policy, is_own_repo=True)
        assert "path.protected-core" in rules(report, Level.BLOCKED)


@pytest.mark.parametrize("path", ["mai/agent/turn.py", "mai/tui/widgets/log.py", "mai/cli/ask.py"])
def test_the_rest_of_mai_is_high(score: Score, path: str) -> None:
    assert score({}, {path: "x = 1\n"}, is_own_repo=True).level is Level.HIGH
    assert score({}, {path: "x = 1\n"}).level is Level.LOW


def test_prompts_docs_and_new_tests_of_mai_are_low(score: Score) -> None:
    new_test = "def test_x():\n    assert 1 + 1 == 2\n"
    head = {"docs/x.md": "x\n", "prompts/plan.md": "x\n", "tests/agent/test_x.py": new_test}
    assert score({}, head, is_own_repo=True).level is Level.LOW


def test_a_test_of_mai_may_not_be_edited_or_taken_away(score: Score) -> None:
    base = {"tests/risk/test_x.py": "def test_x():\n    assert 1 == 1\n"}
    edited = {"tests/risk/test_x.py": "def test_x():\n    assert 1\n"}
    assert score(base, edited, is_own_repo=True).level is Level.BLOCKED
    assert score(base, {}, is_own_repo=True).level is Level.BLOCKED


@given(st.text(min_size=1))
def test_no_path_is_too_odd_to_judge(path: str) -> None:
    for finding in judge_name(path):
        assert finding.path == path
        assert finding.message


@given(st.lists(st.sampled_from(["a", "b", "..", "c"]), min_size=1, max_size=6))
def test_a_way_up_is_always_blocked(parts: list[str]) -> None:
    found = {finding.rule for finding in judge_name("/".join(parts))}
    assert ("path.unsafe" in found) == (".." in parts)


def test_a_package_beside_a_module_of_its_name_takes_its_place(score: Score) -> None:
    module, package = {"app/u.py": "x = 1\n"}, {"app/u/__init__.py": "x = 2\n"}
    assert "path.shadow" in rules(score(module, {**module, **package}), Level.HIGH)
    assert score(module, package).level is Level.LOW  # split, not shadowed


@pytest.mark.parametrize("path", ["AGENTS.md", ".mcp.json", "sub/.claude/settings.json"])
def test_what_tells_agents_what_to_do_is_high(score: Score, path: str) -> None:
    assert "path.agents" in rules(score({}, {path: "x\n"}), Level.HIGH)


def test_a_later_pattern_takes_back_what_an_earlier_one_leaves_alone(score: Score) -> None:
    policy = Policy(leave_alone=("*.py", "!mine.py"))
    assert score({}, {"a/x.py": "x = 1\n"}, policy=policy).level is Level.BLOCKED
    assert score({}, {"a/mine.py": "x = 1\n"}, policy=policy).level is Level.LOW


@pytest.mark.parametrize("path", ["Vendor/x.py", "vendor/e\u0301.py"])
def test_what_is_left_alone_is_compared_as_a_forgiving_file_system_does(
    score: Score, path: str
) -> None:
    policy = Policy(leave_alone=("vendor/x.py", "vendor/\u00e9.py"))
    assert "path.leave-alone" in rules(score({}, {path: "x\n"}, policy=policy), Level.BLOCKED)
