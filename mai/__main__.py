"""`python -m mai` is `mai`."""

from __future__ import annotations

from mai.cli.main import run

run()
