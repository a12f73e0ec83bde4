"""Measure how many bugs are fixed without a model: `python bench/repair.py FOLDER [NAME…]`.

FOLDER holds one folder for each case: a small project in which a test fails. Prints for each the
edit that ranks first, how many candidates were tried in how many seconds, and the rates at the end.
A mended case is one where all tests of the project pass; whether the edit is the right one a person
must judge.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from mai.events import Cancel
from mai.jobs import TreeFile
from mai.proposal import Level
from mai.repair.runner import Runner
from mai.repair.search import Budget, search
from mai.sandbox.limits import limits_for
from mai.sandbox.trial import DockerSandbox
from mai.settings import load

_BUDGET_S = float(os.environ.get("BUDGET_S", "60"))


def mend(box: DockerSandbox, folder: Path) -> tuple[bool, float]:
    """Search for the repair of one project and print what was found."""
    started = time.monotonic()
    texts = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    tests = [path for path in texts if Path(path).name.startswith("test_")]
    files = [TreeFile(path, 0o100644, data) for path, data in texts.items()]
    runner = Runner(box, lambda: files, limits_for(Level.LOW, load()), Cancel())
    measured = runner.measure(tests)
    measured_s = time.monotonic() - started
    found = search(
        texts.get, runner, tests, measured, lambda path: path not in tests, Budget(_BUDGET_S)
    )
    seconds = time.monotonic() - started
    best = found.survivors[0].candidate if found.survivors else None
    shown = f"{best.path}:{best.line} {best.operator}: {best.what}" if best else "-"
    each_ms = 1000 * found.tried_s / found.cursor if found.cursor else 0.0
    print(
        f"{folder.name:28} {'yes' if best else 'no ':3} {seconds:6.1f} s ({measured_s:.1f} of it) "
        f"{found.cursor:6}/{found.all} tried, {each_ms:.1f} ms each, "
        f"{len(found.survivors)} pass; {shown}",
        flush=True,
    )
    for one in found.survivors[1:4]:
        print(f"{'':33}{one.likelihood:.3f} {one.candidate.operator}: {one.candidate.what}")
    return best is not None, seconds


def main() -> None:
    """Mend every case of the folder."""
    root, names = Path(sys.argv[1]), sys.argv[2:]
    box = DockerSandbox(load())
    try:
        cases = [one for one in sorted(root.iterdir()) if one.is_dir()]
        results = [mend(box, one) for one in cases if not names or one.name in names]
    finally:
        box.close()
    mended = [seconds for is_mended, seconds in results if is_mended]
    middle = statistics.median(seconds for _, seconds in results)
    print(f"{len(mended)} of {len(results)} mended; median {middle:.1f} s")


if __name__ == "__main__":
    main()
