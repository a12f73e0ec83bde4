"""How real projects fare in a trial with the defaults, as a table with a row for each.

    python -m bench.projects [NAME…]

Each NAME is a project of the package index, `NAME==VERSION` for a certain release, or the path of a
source distribution. Each becomes a git repo of its own with an empty configuration. Two changes are
submitted: a comment, which must pass, and an exception in the functions of the name that the tests
call most often, which must fail. The first one makes the image with what the project needs; its
seconds are those of a user's first trial. Needs a container engine and a package index.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Pure Python with the tests inside, of every common build backend, layout and way to name what
#: tests need. None of them is a part of pytest itself.
_NAMES = (
    *(
        "blinker",
        "cachetools",
        "cssselect",
        "environs",
        "h11",
        "humanize",
        "inflection",
        "itsdangerous",
    ),
    *(
        "more-itertools",
        "natsort",
        "oauthlib",
        "outcome",
        "pyflakes",
        "python-dotenv",
        "python-slugify",
        "schema",
        "tabulate",
    ),
    *("tempora", "tenacity", "textdistance", "tinydb", "toolz", "voluptuous", "wsproto"),
)
_MAI = Path(sys.executable).with_name("mai")
_IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
_APART = {"test", "tests", "testing", "doc", "docs", "example", "examples", "bench", "benchmarks"}
_LINE = "# Nothing is changed by this line.\n"
_ERROR = 'raise RuntimeError("broken by the benchmark")\n'
_COLUMNS = ("project", "backend", "comment", "base passed", "s", "broken", "named", "s", "said")


@dataclass(slots=True)
class Tried:
    """What Mai answered to one change."""

    seconds: float
    trial: dict[str, Any] = field(default_factory=dict)
    said: str = ""

    @property
    def verdict(self) -> str:
        """The trial's verdict, or that there was none."""
        return str(self.trial.get("verdict", "none"))


def main() -> None:
    """Print a row for every project that was asked for."""
    print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}", flush=True)
    real = names = 0
    for name in sys.argv[1:] or _NAMES:
        with tempfile.TemporaryDirectory() as folder:
            is_real, row = _try_project(name, Path(folder))
        print(f"| {' | '.join(row)} |", flush=True)
        real, names = real + is_real, names + 1
    print(f"\n{real} of {names} were tried for real.")


def _try_project(name: str, place: Path) -> tuple[bool, list[str]]:
    """Return whether both verdicts are right, and the row."""
    try:
        repo = _unpack(_fetch(name, place), place)
    except (subprocess.CalledProcessError, OSError, tarfile.TarError) as error:
        return False, [name, *[""] * 7, f"cannot be had: {error}"]
    backend = _backend(repo)
    modules, tests = _split(repo)
    largest = max(modules, key=lambda path: path.stat().st_size)
    data = largest.read_bytes()
    harmless = _submit(repo, place, {largest: data.rstrip(b"\n") + b"\n" + _LINE.encode()})
    broken = _submit(repo, place, _break_functions(modules, tests))
    base = harmless.trial.get("base") or {}
    named = list(broken.trial.get("broken") or broken.trial.get("missing") or ())
    is_real = harmless.verdict == "pass" and base.get("passed", 0) > 0
    is_real = is_real and broken.verdict == "fail" and bool(named)
    said = [tried.trial.get("message") or tried.said for tried in (harmless, broken)]
    row = [repo.name, backend, harmless.verdict, str(base.get("passed", 0))]
    row += [f"{harmless.seconds:.0f}", broken.verdict, str(len(named)), f"{broken.seconds:.0f}"]
    row.append(" / ".join(dict.fromkeys(filter(None, said))).replace("|", "\\|"))
    return is_real, row


def _fetch(name: str, place: Path) -> Path:
    """Return the source distribution of a project, downloaded where it is not a path."""
    if name.endswith(".tar.gz"):
        return Path(name)
    bare = re.split(r"[=<>~!\[]", name)[0]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"--no-binary={bare}"]
    subprocess.run([*command, f"--dest={place}", name], check=True, capture_output=True)
    return next(place.glob("*.tar.gz"))


def _unpack(archive: Path, place: Path) -> Path:
    """Return a repo with one commit that has all that the archive has."""
    with tarfile.open(archive) as opened:
        opened.extractall(place / "repo", filter="data")
    repo = next(path for path in (place / "repo").iterdir() if path.is_dir())
    _git(repo, "init", "-q", "-b", "main")
    _git(repo, "add", "-A", "-f")
    _git(repo, "commit", "-q", "-m", "Import")
    return repo


def _backend(repo: Path) -> str:
    try:
        tables = tomllib.loads((repo / "pyproject.toml").read_text("utf-8"))
        backend: str = tables["build-system"]["build-backend"]
    except (OSError, KeyError, ValueError):
        return "setup.py" if (repo / "setup.py").exists() else "setup.cfg"
    return backend.partition(".")[0]


def _split(repo: Path) -> tuple[list[Path], list[Path]]:
    """Return the project's modules and its test files."""
    modules, tests = [], []
    for path in sorted(repo.rglob("*.py")):
        folders = path.relative_to(repo).parts
        if {"test", "tests", "testing"} & set(folders) or path.stem.startswith("test"):
            tests.append(path)
        elif not _APART & set(folders) and not re.match(r"setup|conftest|_version", path.name):
            modules.append(path)
    return modules, tests


def _break_functions(modules: list[Path], tests: list[Path]) -> dict[Path, bytes]:
    """Return the modules in which functions of the name that `tests` have most often fail."""
    words = Counter[str]()
    for path in tests:
        words.update(re.findall(r"[A-Za-z_]\w+(?=\()", path.read_text("utf-8", "replace")))
    found = [(path, node) for path in modules for node in _functions(path)]
    name = max((node.name for _, node in found), key=lambda name: words[name])
    lines = {path: path.read_text("utf-8").splitlines(keepends=True) for path in modules}
    broken = [(path, node) for path, node in found if node.name == name]
    for path, node in sorted(broken, key=lambda entry: -entry[1].lineno):
        first = node.body[0]
        decorators = getattr(first, "decorator_list", ())
        place = min([first.lineno, *(each.lineno for each in decorators)]) - 1
        lines[path].insert(place, lines[path][place][: first.col_offset] + _ERROR)
    return {path: "".join(lines[path]).encode() for path in dict(broken)}


def _functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef) and node.body[0].lineno > node.lineno:
            is_declared = any(
                re.search("overload|abstract", ast.unparse(decorator))
                for decorator in node.decorator_list
            )
            if not is_declared and not isinstance(node.body[-1], (ast.Expr, ast.Pass)):
                yield node


def _submit(repo: Path, place: Path, changed: dict[Path, bytes]) -> Tried:
    """Submit a change as a diff from the command line, and return what was answered."""
    for path, data in changed.items():
        path.write_bytes(data)
    patch = place / "change.patch"
    patch.write_bytes(_git(repo, "diff", "--binary"))
    _git(repo, "checkout", "-q", ".")
    command = [str(_MAI), "submit", str(patch), "--title", "Try it", "--json"]
    started = time.monotonic()
    answer = subprocess.run(
        command, cwd=repo, capture_output=True, check=False, env=_environment(place)
    )
    seconds = time.monotonic() - started
    try:
        report = json.loads(answer.stdout)
        trial = (report.get("proposal") or report).get("trial")
    except ValueError:
        trial = None
    if trial:
        return Tried(seconds, trial)
    said = (answer.stderr + b" " + answer.stdout).decode(errors="replace").split()
    return Tried(seconds, said=f"exit {answer.returncode}: {' '.join(said)[-300:]}")


def _environment(place: Path) -> dict[str, str]:
    """Return an environment in which Mai finds no settings and no data of anybody's."""
    home = place / "home"
    home.mkdir(exist_ok=True)
    folders = {name: str(home / name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    folders |= {name: str(home / name) for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME")}
    return {**os.environ, "HOME": str(home), **folders}


def _git(repo: Path, *words: str) -> bytes:
    return subprocess.check_output(["git", *_IDENTITY, *words], cwd=repo)


if __name__ == "__main__":
    main()
