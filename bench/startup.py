"""What it costs to say `mai --help`, beside the least a Typer program can cost.

Prints the median CPU time (user and system) of both and their ratio. Run with `make bench`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

RUNS = 15
LEAST = (
    "import typer\n"
    "app = typer.Typer()\n"
    "@app.command()\n"
    "def one(text: str = 'x') -> None: 'Say it.'\n"
    "@app.command()\n"
    "def two(text: str = 'x') -> None: 'Say it twice.'\n"
    "app(['--help'])\n"
)


def cpu_ms(command: list[str]) -> float:
    """Return the median CPU time of `command` in milliseconds."""
    spent = []
    for _ in range(RUNS):
        before = os.times()
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        after = os.times()
        assert "help" in ran.stdout
        spent.append(
            after.children_user + after.children_system
            - before.children_user - before.children_system
        )  # fmt: skip
    return statistics.median(spent) * 1000


def main() -> None:
    """Measure and print."""
    mai = cpu_ms([str(Path(sys.executable).with_name("mai")), "--help"])
    least = cpu_ms([sys.executable, "-c", LEAST])
    print(f"mai --help            {mai:7.0f} ms CPU")
    print(f"least Typer --help    {least:7.0f} ms CPU")
    print(f"ratio                 {mai / least:7.2f}")


if __name__ == "__main__":
    main()
