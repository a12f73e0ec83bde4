"""Judges a change by its paths and modes alone, before anything of it is parsed.

Names are compared as a careless file system would: case-folded, Unicode-normalised, without the
characters that HFS+ and NTFS ignore, so that a look-alike of `.git` is `.git`.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from mai.proposal import FileChange, Finding
from mai.risk import own
from mai.risk.policy import Policy
from mai.risk.rules import RULE

# HFS+ ignores these (Apple TN1150, and git's own list in utf8.c's `next_hfs_char`).
_IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
_SHORT_GIT_NAME = re.compile(r"git~\d+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_STARTUP = ("sitecustomize.py", "usercustomize.py")
_HOOK_FOLDERS = frozenset({".githooks", ".husky", ".git-hooks", "githooks"})
_TEST_SETTINGS = frozenset(
    {
        "conftest.py",
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "tox.ini",
        "tox.toml",
        "noxfile.py",
        ".coveragerc",
    }
)
_BUILD = frozenset(
    {
        "setup.py",
        "makefile",
        "gnumakefile",
        "justfile",
        "hatch_build.py",
        "build.py",
        "tasks.py",
        "cmakelists.txt",
        "meson.build",
        "manifest.in",
        "package.json",
        "build.gradle",
        "rakefile",
        ".envrc",
        "procfile",
        "fabfile.py",
        "dodo.py",
        "sconstruct",
        "binding.gyp",
    }
)
_CI_FILES = frozenset(
    {
        ".gitlab-ci.yml",
        ".gitlab-ci.yaml",
        ".travis.yml",
        "azure-pipelines.yml",
        "jenkinsfile",
        "appveyor.yml",
        ".appveyor.yml",
        "bitbucket-pipelines.yml",
        ".drone.yml",
        "cloudbuild.yaml",
        ".cirrus.yml",
        "buildkite.yml",
        ".readthedocs.yaml",
        ".readthedocs.yml",
        "codeowners",
    }
)
_CI_FOLDERS = (
    ".github/",
    ".circleci/",
    ".buildkite/",
    ".gitlab/",
    ".ci/",
    ".woodpecker/",
    ".devcontainer/",
    ".vscode/",
    ".idea/",
)
_PRE_COMMIT = frozenset(
    {
        ".pre-commit-config.yaml",
        ".pre-commit-hooks.yaml",
        "lefthook.yml",
        ".pre-commit-config.yml",
        ".lefthook.yml",
    }
)
_LOCKS = frozenset(
    {
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "pipfile.lock",
        "pylock.toml",
        "conda-lock.yml",
        "pixi.lock",
        "package-lock.json",
        "yarn.lock",
    }
)
_NATIVE_SUFFIXES = (
    ".so",
    ".pyd",
    ".dll",
    ".dylib",
    ".pyc",
    ".pyo",
    ".exe",
    ".whl",
    ".egg",
    ".jar",
    ".a",
    ".o",
    ".node",
    ".wasm",
)
_SOURCE_ROOTS = ("", "src/", "lib/")
# Installed beside almost every project's tests; a file of that name would be imported instead.
_INSTALLED = frozenset(
    {
        "pytest",
        "_pytest",
        "pluggy",
        "iniconfig",
        "packaging",
        "pip",
        "setuptools",
        "wheel",
        "pkg_resources",
        "numpy",
        "requests",
        "yaml",
        "attr",
        "attrs",
        "six",
        "typing_extensions",
        "hypothesis",
        "coverage",
        "xdist",
        "mock",
        "py",
    }
)


def folded(path: str) -> str:
    """Return `path` as the most forgiving file system compares it."""
    stripped = path.translate(_IGNORED_BY_HFS)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", stripped).casefold())


def finding(rule: str, path: str, message: str, line: int = 0, column: int = 0) -> Finding:
    """Return a finding of `rule` at the level the rule asks for."""
    found = RULE[rule]
    return Finding(rule, found.capability, found.level, path, line, column, message)


def judge_name(path: str) -> Iterator[Finding]:
    """Yield what the name of a file says by itself, whatever is in it.

    Args:
        path: relative to the repository's root, `/`-separated.
    """
    parts = folded(path).split("/")
    names = [part.rstrip(". ") or part for part in parts]
    # NTFS ends a name at a stream's colon: `.git::$INDEX_ALLOCATION` is `.git`.
    names = [name.partition(":")[0] for name in names]
    if _is_unsafe(path):
        yield finding(
            "path.unsafe",
            path,
            "This path leaves the tree, or another system reads it "
            "as a different one; such a path is never landed.",
        )
    if any(name == ".git" or _SHORT_GIT_NAME.fullmatch(name) for name in names):
        yield finding(
            "path.git",
            path,
            "A file here, or under a name some system takes for it, tells git what to run.",
        )
    yield from _judge_folded(path, names)


def _is_unsafe(path: str) -> bool:
    parts = path.split("/")
    return (
        not path
        or path.startswith("/")
        or "\\" in path
        or bool(_CONTROL.search(path))
        or bool(re.match(r"[A-Za-z]:", path))
        or any(part in {"", ".", ".."} or part != part.rstrip(". ") for part in parts)
        or path != path.translate(_IGNORED_BY_HFS)
        or path != path.encode("utf-8", "replace").decode()
    )


def _judge_folded(path: str, names: list[str]) -> Iterator[Finding]:
    name = names[-1]
    joined = "/".join(names)
    if joined == "mai.toml":
        yield finding(
            "path.mai-settings",
            path,
            "It tells Mai how to judge this repository; only a person may change it.",
        )
    if any(part in _HOOK_FOLDERS for part in names[:-1]):
        yield finding(
            "path.hook",
            path,
            "git may run this on a person's machine at their next commit, outside the sandbox.",
        )
    if name == ".gitmodules":
        yield finding(
            "path.submodule", path, "A submodule brings code into the tree that was not shown here."
        )
    if (
        name in _STARTUP
        or name.endswith(".pth")
        or names[-2:] in (["sitecustomize", "__init__.py"], ["usercustomize", "__init__.py"])
    ):
        yield finding("path.startup", path, "Python would run it at every start, before any check.")
    for rule, applies, message in (
        (
            "path.test-settings",
            name in _TEST_SETTINGS,
            "It decides which tests run and what they report, so it can make a trial pass.",
        ),
        (
            "path.build",
            name in _BUILD or name.endswith((".mk", ".spec")),
            "It runs when the project is built, installed or worked on.",
        ),
        (
            "path.ci",
            name in _CI_FILES or any(f"/{folder}" in f"/{joined}" for folder in _CI_FOLDERS),
            "It runs, or steers what runs, on other machines with their secrets.",
        ),
        (
            "path.container",
            _is_container(name),
            "It decides what a container is built from and what it may do.",
        ),
        (
            "path.pre-commit",
            name in _PRE_COMMIT,
            "It names programs that run on a person's machine at their next commit.",
        ),
        (
            "path.git-attributes",
            name == ".gitattributes",
            "It changes how git reads, shows and merges files.",
        ),
        (
            "path.lock",
            name in _LOCKS,
            "It pins which packages, and which bytes of them, are installed.",
        ),
        (
            "path.binary",
            name.endswith(_NATIVE_SUFFIXES),
            "Machine or byte code cannot be read before it runs.",
        ),
    ):
        if applies:
            yield finding(rule, path, message)


def _is_container(name: str) -> bool:
    return (
        name in {"dockerfile", "containerfile", ".dockerignore"}
        or name.startswith(("dockerfile.", "docker-compose", "containerfile."))
        or name.endswith(".dockerfile")
        or (name.startswith("compose.") and name.endswith((".yml", ".yaml")))
        or (name.startswith("compose-") and name.endswith((".yml", ".yaml")))
    )


def judge_change(
    change: FileChange, base_paths: frozenset[str], base_folded: dict[str, str], policy: Policy
) -> Iterator[Finding]:
    """Yield what one changed path says beside the tree it changes.

    Args:
        change: the path with its modes on both sides.
        base_paths: every path of the base tree.
        base_folded: the same paths by their folded form.
        policy: says what to leave alone.
    """
    for path in filter(None, (change.path, change.old_path)):
        yield from judge_name(path)
        if glob := policy.leaves_alone(path):
            yield finding("path.leave-alone", path, f"The settings tell Mai to leave {glob} alone.")
    yield from _judge_modes(change)
    if change.status == "deleted":
        return
    other = base_folded.get(folded(change.path))
    if other not in (None, change.path, change.old_path):
        yield finding(
            "path.case",
            change.path,
            f"On some systems this is the same file as {other}, and replaces it.",
        )
    if change.path not in base_paths and change.path.endswith(".py"):
        yield from _judge_shadow(change.path, base_paths)


def _judge_modes(change: FileChange) -> Iterator[Finding]:
    for mode in (change.old_mode, change.new_mode):
        if mode == "120000":
            yield finding(
                "path.link", change.path, "A symbolic link can make a later write land anywhere."
            )
        elif mode == "160000":
            yield finding(
                "path.submodule",
                change.path,
                "A submodule brings code into the tree that was not shown here.",
            )
    if change.new_mode == "100755" and change.old_mode != "100755":
        yield finding("path.executable", change.path, "The file can now be run as a program.")
    if change.is_binary and change.status != "deleted":
        yield finding(
            "path.binary", change.path, "Nobody can read in a diff what a binary file does."
        )


def _judge_shadow(path: str, base_paths: frozenset[str]) -> Iterator[Finding]:
    for root in _SOURCE_ROOTS:
        if not path.startswith(root):
            continue
        top, _, rest = path.removeprefix(root).partition("/")
        if rest not in ("", "__init__.py"):
            continue
        name = top.removesuffix(".py")
        if name in sys.stdlib_module_names or name in _INSTALLED:
            if f"{root}{name}.py" in base_paths or f"{root}{name}/__init__.py" in base_paths:
                continue
            yield finding(
                "path.shadow",
                path,
                f"`import {name}` now finds this file instead of the module everybody expects.",
            )
            return


def judge_collisions(changes: Iterable[FileChange]) -> Iterator[Finding]:
    """Yield new paths of one change that are the same file on a forgiving file system."""
    seen: dict[str, str] = {}
    for change in changes:
        if change.status == "deleted":
            continue
        other = seen.setdefault(folded(change.path), change.path)
        if other != change.path:
            yield finding(
                "path.case",
                change.path,
                f"On some systems this is the same file as {other}, and replaces it.",
            )


def judge_own(changes: Iterable[FileChange]) -> Iterator[Finding]:
    """Yield what Mai's own repository adds: its protected core, and that its code is HIGH."""
    for change in changes:
        for path in filter(None, (change.path, change.old_path)):
            if not own.may_change(path, is_new=change.status == "added" and path == change.path):
                yield finding(
                    "path.protected-core",
                    path,
                    "It belongs to what judges Mai's changes; a person changes it with "
                    "their own editor, and no setting opens it.",
                )
            elif own.is_code(path):
                yield finding(
                    "path.own-code",
                    path,
                    "Mai would change the code it runs on, so a person must look.",
                )


def matches(path: str, globs: Iterable[str]) -> bool:
    """Whether `path` matches one of `globs`, where `*` spans folders."""
    return any(fnmatchcase(path, glob) for glob in globs)
