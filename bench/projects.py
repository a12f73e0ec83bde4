"""Tries a harmless change to real projects with the defaults, and prints one row a project.

    python bench/projects.py FOLDER

FOLDER holds source distributions, `pip download --no-binary :all: --no-deps NAME` each. Every one
becomes a git repo of its own; a comment is added to its largest module outside of the tests.
Needs a container engine and a package index.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

_MAI = Path(sys.executable).with_name("mai")
_IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")


def main(folder: Path) -> None:
    """Print a row for every source distribution in `folder`."""
    for archive in sorted(folder.glob("*.tar.gz")):
        with tempfile.TemporaryDirectory() as place:
            print(_row(archive, Path(place)), flush=True)


def _row(archive: Path, place: Path) -> str:
    with tarfile.open(archive) as opened:
        opened.extractall(place, filter="data")
    repo = next(path for path in place.iterdir() if path.is_dir())
    modules = [
        path
        for path in repo.rglob("*.py")
        if not {"test", "tests", "testing", "docs"} & set(path.relative_to(repo).parts)
        and not path.name.startswith(("test_", "setup", "conftest", "_version"))
    ]
    largest = max(modules, key=lambda path: path.stat().st_size)
    _git(repo, "init", "-q", "-b", "main")
    _git(repo, "add", "-A", "-f")
    _git(repo, "commit", "-q", "-m", "Import")
    with largest.open("a", encoding="utf-8") as file:
        file.write("\n# Nothing is changed by this line.\n")
    patch = place / "change.patch"
    patch.write_bytes(_git(repo, "diff"))
    _git(repo, "checkout", "-q", ".")
    started = time.monotonic()
    command = [str(_MAI), "submit", str(patch), "--title", "Add a comment", "--json"]
    answer = subprocess.run(command, cwd=repo, capture_output=True, check=False)
    seconds = time.monotonic() - started
    try:
        report = json.loads(answer.stdout)
        trial = (report.get("proposal") or report)["trial"]
    except (ValueError, KeyError, TypeError):
        trial = None
    if not trial:
        said = answer.stderr.decode(errors="replace")[-300:] or answer.stdout.decode()[-300:]
        return f"{archive.name}\texit {answer.returncode}\t{seconds:.0f} s\t{said.strip()}"
    counts = " ".join(f"{name} {number}" for name, number in trial["head"].items())
    return f"{archive.name}\t{trial['verdict']}\t{counts}\t{seconds:.0f} s\t{trial['message']}"


def _git(repo: Path, *words: str) -> bytes:
    return subprocess.check_output(["git", *_IDENTITY, *words], cwd=repo)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
