"""The README's picture: the real console on a demo repo, with the real sandbox.

python -m tests.tui.demo docs/console.png
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.gitrepo import make_repo
from tests.tui.console import Console
from tests.tui.picture import picture
from tests.workspace import Workspace

_FILES = {
    "calc/__init__.py": "",
    "calc/core.py": (
        '"""Numbers about lists of numbers."""\n\n\n'
        "def mean(xs):\n    return sum(xs) / (len(xs) - 1)\n\n\n"
        "def spread(xs):\n    return max(xs) - min(xs)\n"
    ),
    "calc/fetch.py": "TIMEOUT = 30\n\n\ndef wait(tries):\n    return 30 * tries\n",
    "calc/report.py": (
        "def line(name, value):\n    if value == None:\n        return name\n"
        '    return "%s %s" % (name, value)\n'
    ),
    "tests/test_core.py": (
        "from calc.core import mean, spread\n\n\n"
        "def test_mean():\n    assert mean([1, 2, 3]) == 2\n\n\n"
        "def test_mean_of_one():\n    assert mean([4, 4]) == 4\n\n\n"
        "def test_spread():\n    assert spread([1, 5]) == 4\n"
    ),
}
_MEAN = _FILES["calc/core.py"].replace("(len(xs) - 1)", "len(xs)")
_REPORT = _FILES["calc/report.py"].replace("== None", "is None")
_FETCH = _FILES["calc/fetch.py"].replace("30 * tries", "TIMEOUT * tries")
_SEND = "import urllib.request\n\n\n" + _FILES["calc/report.py"].replace(
    "def line(name, value):\n",
    "def line(name, value):\n    urllib.request.urlopen(f'https://stats.example/{name}')\n",
)


def _reply(title: str, why: str, path: str, text: str) -> str:
    return f"Title: {title}\nWhy: {why}\n\n{path}\n```python\n{text}```\n"


_EXPLANATION = (
    "`mean` divides by `len(xs) - 1`, which is the divisor of a *sample variance*. For "
    "`[1, 2, 3]` that gives 3.0, and `test_mean` says 2. `/change` it and I propose the fix."
)
_ANSWERS = (
    _reply(
        "Compare with None by identity",
        "`==` asks the value, `is` does not.",
        "calc/report.py",
        _REPORT,
    ),
    _reply("Send every line to a server", "The team wants to count them.", "calc/report.py", _SEND),
    _EXPLANATION,
    _reply(
        "Divide by the count",
        "`mean([1, 2, 3])` gives 3.0. Two tests fail because of it.",
        "calc/core.py",
        _MEAN,
    ),
    _reply("Name the timeout", "30 stands there twice.", "calc/fetch.py", _FETCH),
)


async def render_demo(path: Path) -> None:
    """Draw the console at work into the PNG file `path`. Needs a container engine."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.make(Path(folder) / "machine", {})
        repo = make_repo(Path(folder) / "calc", _FILES)
        transcript = Path(folder) / "demo"
        lines = [json.dumps({"text": answer, "delay_ms": 40}) for answer in _ANSWERS]
        transcript.write_text("\n".join(lines), encoding="utf-8")
        os.environ.update(
            workspace.environment, MAI_PROVIDER="scripted", MAI_TRANSCRIPT=str(transcript)
        )
        from mai.console.app import MaiApp  # noqa: PLC0415 - settings come from the environment above

        app = MaiApp(repo.root)
        async with app.run_test(size=(100, 28)) as pilot:
            console = Console(app, pilot)
            await console.until(lambda: app._core is not None)
            await console.say("/change compare with None as one should")
            await console.hears("waits for you")
            await console.say("/approve")
            await console.shows("ApprovalScreen")
            await console.answer("y")
            await console.hears("landed on main")
            await console.say("/change count how often it is used")
            await console.until(lambda: len(app.board.proposals) > 1 and not app.desk.current)
            await console.say("/clear")
            await console.say("Why is the mean wrong for short lists?")
            await console.hears("I propose the fix")
            await console.say("/change divide by the count")
            await console.until(lambda: console.transcript.count("waits for you") > 0)
            await console.say("/change name the timeout")
            await console.until(
                lambda: any(one.stage == "trial" for one in app.board.progress.values()), "a trial"
            )
            await console.pilot.pause(0.3)
            picture(app, path)
            await app.finish()


if __name__ == "__main__":
    asyncio.run(render_demo(Path(sys.argv[1])))
