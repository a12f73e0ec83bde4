"""Syntax newer than the Python that runs Mai: which Python reads it, and is that asked for?

ruff's parser knows every Python's grammar and which syntax came with which; it runs in a process of
its own, sees a source under no name and no configuration, and never decides alone: the repo has to
ask for that Python, or the Python in the sandbox has to read the file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from ruff import find_ruff_bin  # type: ignore[import-untyped]  # it has no types

from mai import scratch
from mai.events import Cancel
from mai.jobs import Job, TreeFile
from mai.proposal import Level
from mai.protocols import Sandbox, Snapshot
from mai.source_encoding import declared_encoding

HOST_MINOR = sys.version_info.minor
_TIMEOUT_S = 30
_ADDED = re.compile(r"\(syntax was added in Python 3\.(\d{1,2})\)$")
_MINORS = range(60)
_PARSE = """\
import ast, sys
print(f"Python 3.{sys.version_info.minor}")
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        ast.parse(file.read())
"""
_SAID = re.compile(r"^Python 3\.(\d{1,2})$", re.MULTILINE)


def needed_minor(source: bytes) -> int | None:
    """Return N where Python 3.N is the first to read `source` and newer than the one running.

    None where it is older, or where no Python that ruff knows reads it: a syntax error.
    """
    encoding = declared_encoding(source)
    if encoding is None or b"\0" in source:
        return None
    text = source.decode(encoding, "replace").encode()
    added = [_ADDED.search(message) for message in _complaints(text, HOST_MINOR) or ()]
    minors = [int(match.group(1)) for match in added if match]
    if not minors or len(minors) < len(added):
        return None
    needed = max(minors)
    return needed if needed > HOST_MINOR and _complaints(text, needed) == [] else None


def _complaints(source: bytes, minor: int) -> list[str] | None:
    """Return what ruff's parser says of `source` as Python 3.`minor`, None where it fails."""
    with scratch.folder("syntax") as folder:
        try:
            done = subprocess.run(
                [
                    *(find_ruff_bin(), "check", "--isolated", "--no-cache", "--exit-zero"),
                    *("--quiet", "--ignore-noqa", "--select=E902", "--output-format=json"),
                    *(f"--target-version=py3{minor}", "--stdin-filename=module.py", "-"),
                ],
                input=source,
                cwd=folder,
                env={"HOME": str(folder), "PATH": os.defpath, "NO_COLOR": "1"},
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return None
    if done.returncode:
        return None
    try:
        return [str(each["message"]) for each in json.loads(done.stdout)]
    except (ValueError, TypeError, KeyError):
        return None


def asked_minor(snapshot: Snapshot) -> int:
    """Return N where 3.N is the oldest Python that the project of `snapshot` supports, else 0."""
    asked = _in_pyproject(snapshot.read("pyproject.toml")) or _in_setup(snapshot.read("setup.cfg"))
    try:
        supported = SpecifierSet(re.sub(r"\^", ">=", asked))
    except InvalidSpecifier:
        return 0
    return next((minor for minor in _MINORS if supported.contains(f"3.{minor}.99")), 0)


def _in_pyproject(data: bytes | None) -> str:
    try:
        found = tomllib.loads((data or b"").decode("utf-8"))
        if "requires-python" in found.get("project", {}):
            return str(found["project"]["requires-python"])
        return str(found["tool"]["poetry"]["dependencies"]["python"])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return ""
    except (AttributeError, KeyError, TypeError):
        return ""


def _in_setup(data: bytes | None) -> str:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string((data or b"").decode("utf-8"))
    except (ConfigError, UnicodeDecodeError):
        return ""
    return parser.get("options", "python_requires", fallback="")


def parse_in_sandbox(
    sources: Mapping[str, bytes], sandbox: Sandbox, cancel: Cancel
) -> tuple[bool, int]:
    """Return whether the sandbox's Python parses all `sources`, and its N of 3.N (0 if unknown).

    Raises:
        NoEngine, Undecided: it was not found out.
    """
    files = [
        TreeFile(f"source_{number}", 0o100644, source)
        for number, source in enumerate(sources.values())
    ]
    command = ("python3", "-I", "-c", _PARSE, *(file.path for file in files))
    result = sandbox.run(Job(files, sandbox.limits_for(Level.HIGH), command), cancel)
    said = _SAID.search(result.output)
    return result.is_whole and result.exit_code == 0, int(said.group(1)) if said else 0
