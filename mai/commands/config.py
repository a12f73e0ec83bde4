"""`mai config`: every setting, its value, where it came from."""

from __future__ import annotations

from mai.commands.options import JsonOption


def config(as_json: JsonOption = False) -> None:
    """Show every setting, its value and its source. Secrets are only told as `set`."""
    from dataclasses import asdict

    from mai.commands.output import answering, line, print_json
    from mai.settings import explain, load

    with answering(as_json, lambda: {"settings": []}):
        explained = explain(load())
        if as_json:
            settings = [{**asdict(one), "value": _value(one.value)} for one in explained]
            print_json({"settings": settings, "error": None})
            return
        width = max(len(one.variable) for one in explained)
        for one in explained:
            line(f"{one.variable:<{width}}  {one.value or '–'}  ({one.source})", "verbatim")


def _value(shown: str) -> str | None:
    return None if shown in {"", "–"} else shown
