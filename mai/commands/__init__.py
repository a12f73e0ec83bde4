"""The command line. One module per group of commands; heavy imports stay inside the commands."""

from __future__ import annotations


def start() -> None:
    """Run `mai`; Ctrl-C ends it quietly even while its modules are still being read."""
    try:
        from mai.commands.main import run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()
