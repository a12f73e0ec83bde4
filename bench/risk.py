"""How fast the risk scorer is and what it sees, beside Bandit on the same files in the same run.

Speed is lines per CPU second, user and system, parent and children together, over the standard
library of the running Python without its tests. What is seen is the share of files with a finding
of MEDIUM or above. Run with `make bench`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mai.proposal import FileChange, Level
from mai.risk import Change, Policy, score_change, score_paths

CORPORA = Path(__file__).resolve().parent.parent / "tests" / "risk" / "corpora"
SKIPPED = {"test", "tests", "idlelib", "lib2to3", "site-packages", "__pycache__", "idle_test"}
SMALL_CHANGES = 15


def spent_cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def precise_cpu_s() -> float:
    """Return the same in microseconds' steps: `os.times` counts in hundredths of a second."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def standard_library() -> list[Path]:
    """Return the standard library's files, without tests and bundled tools."""
    root = Path(sysconfig.get_path("stdlib"))
    found = sorted(root.rglob("*.py"))
    return [path for path in found if not SKIPPED & set(path.relative_to(root).parts)]


def corpora(folder: Path) -> dict[str, list[Path]]:
    """Write each corpus as one file per program."""
    sources = {
        "misuse": programs("misuse"),
        "high": programs("high"),
        "everyday": programs("everyday"),
        "evasions": [
            line.replace("\\n", "\n")
            for line in (CORPORA / "evasions.txt").read_text("utf-8").splitlines()
        ],
    }
    found: dict[str, list[Path]] = {}
    for name, texts in sources.items():
        for number, text in enumerate(texts):
            path = folder / name / f"program_{number}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text + "\n", "utf-8")
            found.setdefault(name, []).append(path)
    return found


def programs(name: str) -> list[str]:
    """Return the programs of a corpus without their titles."""
    text = (CORPORA / f"{name}.txt").read_text("utf-8")
    return [part.partition("\n")[2] for part in text.split("### ")[1:]]


def mai(paths: list[Path]) -> tuple[float, dict[Path, Level]]:
    """Return the CPU seconds and each file's level."""
    before = spent_cpu_s()
    levels = {report.path: report.level for report in score_paths(paths, Policy())}
    return spent_cpu_s() - before, levels


def bandit(paths: list[Path]) -> tuple[float, set[Path]]:
    """Return the CPU seconds and the files with an issue of medium severity or above."""
    command = [sys.executable, "-m", "bandit", "-q", "-f", "json", "-ll", *map(str, paths)]
    before = spent_cpu_s()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    spent = spent_cpu_s() - before
    return spent, {Path(issue["filename"]) for issue in json.loads(ran.stdout)["results"]}


class OneFile:
    """A tree with one file."""

    commit = "0" * 40

    def __init__(self, text: str) -> None:
        self._data = text.encode()

    def paths(self) -> list[str]:
        """List it."""
        return ["app.py"]

    def read(self, path: str) -> bytes | None:
        """Return its content."""
        return self._data if path == "app.py" else None


def small_change_ms() -> float:
    """Return the median CPU milliseconds, the parser's process included, of scoring a change.

    To a file of 200 lines, after Mai's own start.
    """
    lines = "".join(f"def f{number}(x):\n    return x + {number}\n" for number in range(100))
    base, head = OneFile(lines), OneFile(f"import os\n{lines}os.system('ls')\n")
    change = Change(base, head, (FileChange("app.py", "modified", 1, 1),))
    took = []
    for _ in range(SMALL_CHANGES):
        begin = precise_cpu_s()
        assert score_change(change, Policy(), is_own_repo=False).level is Level.HIGH
        took.append(precise_cpu_s() - begin)
    return statistics.median(took) * 1000


def share(hits: Iterable[bool]) -> str:
    """Write how many of how many, and the share."""
    found = list(hits)
    return f"{sum(found):4d} of {len(found):4d} ({100 * sum(found) / len(found):5.1f} %)"


def main() -> None:
    """Measure and print."""
    files = standard_library()
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    has_bandit = importlib.util.find_spec("bandit") is not None
    cpu, levels = mai(files)
    print(f"standard library: {len(files)} files, {lines} lines")
    print(f"  mai     {lines / cpu:8.0f} lines per CPU second")
    if has_bandit:
        other_cpu, issues = bandit(files)
        print(f"  bandit  {lines / other_cpu:8.0f} lines per CPU second")
        print(f"  bandit  medium or above  {share(path in issues for path in files)}")
    print(f"  mai     MEDIUM or above  {share(levels[path] >= Level.MEDIUM for path in files)}")
    print(f"  mai     HIGH or above    {share(levels[path] >= Level.HIGH for path in files)}")
    print(f"a change to a file of 200 lines: {small_change_ms():.0f} ms of CPU")
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in corpora(Path(folder)).items():
            _, levels = mai(paths)
            print(f"{name}, MEDIUM or above:")
            print(f"  mai     {share(levels[path] >= Level.MEDIUM for path in paths)}")
            if has_bandit:
                _, issues = bandit(paths)
                print(f"  bandit  {share(path in issues for path in paths)}")
    if not has_bandit:
        print("Bandit is not installed, so there is nothing to compare with: pip install bandit.")


if __name__ == "__main__":
    main()
