"""Is a trial ever wrong? Functions that others wrote, broken one place at a time, and mended again.

Takes the sources and tests of a published package (`algorithms`, with pip, from its sdist), breaks
one expression in one function, asks pytest itself on this machine which tests fail for it, and
then has Mai try the change in both directions: breaking it must be `fail` with exactly those tests
broken, mending it `pass` with exactly those fixed; where no test notices, both pass. The package's
code runs on this machine as well, without a sandbox, to know the truth: run it where you may.

`python bench/verdicts.py [NUMBER]`, 40 unless told.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mai.core import Core
from mai.proposal import Submission, TrialReport

PACKAGE = "algorithms==1.0.1"
LOOP_S = 25
#: Comparison and arithmetic, and what each becomes.
OTHER = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+"}
OTHER |= {"*": "+", "//": "*", "%": "//"}
TRUTH = """\
import json, os
seen = {}
def pytest_runtest_logreport(report):
    if report.failed or report.when == "call":
        seen[report.nodeid] = seen.get(report.nodeid, False) or report.failed
        with open(os.environ["TRUTH"], "w") as file:
            json.dump(seen, file)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One function broken in one place. `failing` is None where a loop kept pytest from ending."""

    tests: str
    path: str
    good: str
    bad: str
    failing: list[str] | None


def sources(folder: Path) -> Path:
    """Fetch the package and return the folder of its sources and tests."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    subprocess.run([*pip, "--dest", str(folder), PACKAGE], check=True, stderr=subprocess.DEVNULL)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


def broken(source: str) -> Iterator[str]:
    """Yield `source` with one place in one function changed."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            place = node.test if isinstance(node, ast.While) else node
            text = ast.get_source_segment(source, place) or ""
            new = ""
            if isinstance(node, ast.Compare | ast.BinOp):
                found = next((sign for sign in OTHER if f" {sign} " in text), None)
                new = text.replace(f" {found} ", f" {OTHER[found]} ", 1) if found else ""
            elif isinstance(node, ast.Constant) and type(node.value) is int:
                new = str(node.value + 1)
            elif isinstance(node, ast.Return) and node.value is not None:
                new = "return None"
            elif isinstance(node, ast.While):
                new = "True"
            if new and new != text:
                yield _spliced(source, place, new)


def _spliced(source: str, node: ast.AST, new: str) -> str:
    if not isinstance(node, ast.expr | ast.stmt):
        return source
    lines = source.encode().splitlines(keepends=True)
    first = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    last = sum(map(len, lines[: (node.end_lineno or 0) - 1])) + (node.end_col_offset or 0)
    whole = b"".join(lines)
    return (whole[:first] + new.encode() + whole[last:]).decode()


def failing(root: Path, tests: str, place: Path) -> list[str] | None:
    """Return the tests that fail by pytest's own account; None where it did not end."""
    (place / "truth_of_it.py").write_text(TRUTH)
    told = place / "truth.json"
    told.unlink(missing_ok=True)
    environment = {**os.environ, "TRUTH": str(told), "PYTHONPATH": f"{place}:{root}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "truth_of_it", "-p", "no:randomly"]
    try:
        subprocess.run(
            [*command, "-p", "no:cacheprovider", tests],
            cwd=root,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
            capture_output=True,
            timeout=LOOP_S,
        )
    except subprocess.TimeoutExpired:
        return None
    outcomes = json.loads(told.read_text()) if told.exists() else {}
    return sorted(name for name, is_bad in outcomes.items() if is_bad)


def cases(root: Path, place: Path, number: int) -> list[Case]:
    """Return broken functions whose tests are known to be good without the break."""
    chance = random.Random(7)  # noqa: S311 - the same choice each time
    everything: list[tuple[str, Path, str]] = []
    for tests in sorted((root / "tests").glob("test_*.py")):
        name = f"tests/{tests.name}"
        paths = sorted((root / "algorithms" / tests.stem.removeprefix("test_")).rglob("*.py"))
        if paths and failing(root, name, place) == []:
            everything += [(name, path, bad) for path in paths for bad in broken(path.read_text())]
    found = []
    for name, path, bad in chance.sample(everything, min(number, len(everything))):
        good = path.read_text()
        path.write_text(bad)
        found.append(Case(name, str(path.relative_to(root)), good, bad, failing(root, name, place)))
        path.write_text(good)
    return found


def repository(root: Path, tests: str, place: Path) -> Path:
    """Return a repo with the package and one file of its tests, the same each time."""
    repo = place / "repos" / Path(tests).stem
    if not repo.exists():
        shutil.copytree(root / "algorithms", repo / "algorithms")
        (repo / "tests").mkdir()
        shutil.copy(root / tests, repo / tests)
        git(repo, "init", "-q", "-b", "main")
        git(repo, "add", ".")
    return repo


def git(repo: Path, *arguments: str) -> None:
    """Run git in `repo`."""
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", *who, *arguments], cwd=repo, check=True, capture_output=True)


def tried(repo: Path, path: str, old: str, new: str) -> TrialReport | None:
    """Put a change through the pipeline and return its trial."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    patch = "".join(difflib.unified_diff(before, after, f"a/{path}", f"b/{path}"))
    with Core.open(repo) as core:
        return core.submit(Submission(patch, "Change a place", "To measure", "bench")).trial


def is_right(trial: TrialReport | None, failing: list[str] | None, *, mends: bool) -> bool:
    """Whether a trial says what pytest says."""
    if trial is None:
        return False
    ids, others = (trial.fixed, trial.broken) if mends else (trial.broken, trial.fixed)
    says_no = not mends and failing != []
    is_same = bool(ids) if failing is None else sorted(ids) == failing
    return trial.verdict == ("fail" if says_no else "pass") and is_same and not others


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with tempfile.TemporaryDirectory(prefix="mai-bench-") as name:
        place = Path(name)
        root = sources(place)
        os.environ |= {
            "MAI_CONFIG_DIR": str(place / "config"),
            "MEMORY_DB_PATH": str(place / "data" / "mai.db"),
            "MAI_LOG_DIR": str(place / "logs"),
            "MAI_PROVIDER": "reflex",
        }
        known = cases(root, place, number)
        wrong, started = 0, time.monotonic()
        for case in known:
            repo = repository(root, case.tests, place)
            for old, new in ((case.good, case.bad), (case.bad, case.good)):
                (repo / case.path).write_text(old)
                git(repo, "commit", "-q", "--all", "--allow-empty", "-m", "base")
                trial = tried(repo, case.path, old, new)
                if not is_right(trial, case.failing, mends=new == case.good):
                    wrong += 1
                    print(f"WRONG {case.path}: {trial and (trial.verdict, trial.message)}")
            (repo / case.path).write_text(case.good)
        loops = sum(case.failing is None for case in known)
        unnoticed = sum(case.failing == [] for case in known)
        print(f"functions broken and mended      {len(known):7d}, {loops} of them loops")
        print(f"of them no test notices          {unnoticed:7d}")
        print(f"verdicts that were wrong         {wrong:7d} of {2 * len(known)}")
        each = (time.monotonic() - started) / (2 * len(known))
        print(f"time for each verdict            {each:7.1f} s")


if __name__ == "__main__":
    main()
