"""`python -m mai` is `mai`."""

from __future__ import annotations

from mai.commands import start

start()
