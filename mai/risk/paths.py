"""Judges a change by its paths and modes alone, before anything of it is parsed.

Names are compared as a careless file system would: case-folded, Unicode-normalised, without the
characters that HFS+ and NTFS ignore, so that a look-alike of `.git` is `.git`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from mai.proposal import Finding
from mai.risk.rules import RULE
from mai.text import one_line

MAXIMUM_MESSAGE = 400

# HFS+ ignores these (Apple TN1150, and git's own list in utf8.c's `next_hfs_char`).
_IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
_SHORT_GIT_NAME = re.compile(r"git~\d+", re.IGNORECASE)
# `nul.tar.gz` is the device as well (Win32 naming conventions).
_DEVICE = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[1-9])(?:\..*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_STARTUP = ("sitecustomize.", "usercustomize.")
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
        "entry_points.txt",
        "cmakelists.txt",
        "meson.build",
        "manifest.in",
        "package.json",
        "build.gradle",
        "rakefile",
        ".envrc",
        "procfile",
        "sconstruct",
        "binding.gyp",
    }
)
_TOP_BUILD = frozenset({"build.py", "tasks.py", "fabfile.py", "dodo.py"})
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
        "action.yml",
        "action.yaml",
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
_AGENT_FILES = frozenset(
    {
        *("agents.md", "claude.md", "claude.local.md", "gemini.md", "opencode.json", ".mcp.json"),
        *("mcp.json", ".cursorrules", ".windsurfrules", ".clinerules", ".aider.conf.yml"),
    }
)
_AGENT_FOLDERS = frozenset({".claude", ".cursor", ".codex", ".gemini", ".opencode"})
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
    *(".so", ".pyd", ".dll", ".dylib", ".pyc", ".pyo", ".exe", ".whl", ".egg", ".jar", ".a", ".o"),
    *(".node", ".wasm"),
)
_TEMPLATES = (".example", ".sample", ".template", ".dist")
# Loading one of these runs what it holds; the oldest kind of pickle is even plain text.
_PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".dill", ".pt", ".marshal")


def folded(path: str) -> str:
    """Return `path` as the most forgiving file system compares it."""
    if path.isascii():
        return path.lower()
    stripped = path.translate(_IGNORED_BY_HFS)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", stripped).casefold())


def finding(rule: str, path: str, message: str, line: int = 0, column: int = 0) -> Finding:
    """Return a finding of `rule` at the level the rule asks for.

    `message` may quote what somebody else wrote; it is made safe to show here.
    """
    found = RULE[rule]
    shown = one_line(message, MAXIMUM_MESSAGE)
    return Finding(rule, found.capability, found.level, path, line, column, shown)


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
        or any(unicodedata.category(each) == "Cf" for each in path if not each.isascii())
        or path != path.encode("utf-8", "replace").decode()
    )


def _judge_folded(path: str, names: list[str]) -> Iterator[Finding]:
    name = names[-1]
    joined = "/".join(names)
    if name == "mai.toml":
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
        name.startswith(_STARTUP)
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
            name in _BUILD or joined in _TOP_BUILD or name.endswith((".mk", ".spec")),
            "It runs when the project is built, installed or worked on.",
        ),
        (
            "path.ci",
            name in _CI_FILES or any(f"/{folder}" in f"/{joined}" for folder in _CI_FOLDERS),
            "It runs, or steers what runs, on other machines with their secrets.",
        ),
        (
            "path.agents",
            name in _AGENT_FILES or not _AGENT_FOLDERS.isdisjoint(names[:-1]),
            "Coding agents, a reviewing one too, do what it says and start what it names.",
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
        (
            "path.binary",
            name.endswith(_PICKLE_SUFFIXES),
            "Loading it runs what it holds, and nobody reads that in a diff.",
        ),
        (
            "path.device",
            any(_DEVICE.fullmatch(part) for part in names),
            "Windows takes this name for a device, so nobody can check the tree out there.",
        ),
        (
            "path.environment",
            name == ".env" or (name.startswith(".env.") and not name.endswith(_TEMPLATES)),
            "It sets the environment of what is started here, secrets and search paths included.",
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
