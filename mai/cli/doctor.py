"""`mai doctor`: what is installed, reachable or missing, and the one command that mends it."""

from __future__ import annotations

from pathlib import Path

from mai.commands.options import JsonOption, RepoOption


def doctor(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Say what is installed, reachable or missing, and what mends it."""
    from dataclasses import asdict

    from mai.commands.output import Exit, answering, line, print_json
    from mai.doctor import diagnose
    from mai.settings import load

    with answering(as_json, lambda: {"ok": False, "checks": []}):
        checks = diagnose(load(), repo or Path.cwd())
        is_ok = all(check.status != "fail" for check in checks)
        if as_json:
            print_json({"ok": is_ok, "checks": [asdict(one) for one in checks], "error": None})
        else:
            marks = {"ok": "✓", "warn": "▲", "fail": "✗"}
            for check in checks:
                line(f"{marks[check.status]} {check.name:<18} {check.text}")
                if check.mend:
                    line(f"  {'':<18} {check.mend}", "verbatim")
        if not is_ok:
            raise Exit(1)
