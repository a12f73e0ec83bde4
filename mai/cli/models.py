"""`mai models`: what can think here, what each would need, and which one is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mai.commands.options import JsonOption

if TYPE_CHECKING:
    from mai.protocols import ModelInfo
    from mai.providers.catalog import Place
    from mai.providers.fit import Fit, Machine

app = typer.Typer(help="What can think here, and what fits this machine.")


@app.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show each model with what it would need and whether it fits this machine."""
    if context.invoked_subcommand is not None:
        return
    from mai.commands.output import answering, print_json
    from mai.providers.catalog import chat_models, survey
    from mai.providers.fit import fit
    from mai.providers.select import choose, this_machine, wanted_models
    from mai.settings import load

    with answering(as_json, lambda: {"machine": None, "places": [], "models": [], "use": []}):
        settings = load()
        places = survey(settings)
        machine = this_machine(settings)
        wanted = wanted_models(settings)
        use = choose(chat_models(places), wanted, machine)
        rows = [
            (model, fit(model, machine), model in use, place.answers)
            for place in places
            for model in place.models
        ]
        if as_json:
            print_json(_as_json(places, machine, rows, [model.name for model in use]))
            return
        _show(places, machine, rows, use, wanted)


@app.command()
def use(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The model, such as qwen2.5-coder:7b; `auto` forgets."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Think with NAME from now on. It is written to the user's config.toml."""
    from mai.commands.output import answering, line, note, print_json
    from mai.config_file import put
    from mai.errors import ModelNotFound
    from mai.providers.catalog import chat_models, survey
    from mai.providers.fit import can_chat, fit
    from mai.providers.select import named, this_machine
    from mai.settings import explain, load
    from mai.text import one_line

    with answering(as_json, lambda: {"model": None, "file": None}):
        settings = load()
        found = None
        if name != "auto":
            known = [model for model in chat_models(survey(settings)) if can_chat(model)]
            found = named(name, known)
            if found is None:
                there = ", ".join(model.name for model in known) or "none"
                raise ModelNotFound(
                    f"There is no model {one_line(name, 60)} here that can chat; "
                    f"there are: {one_line(there, 300)}."
                )
        path = put("model", None if found is None else name)
        source = next(one.source for one in explain(load()) if one.name == "model")
        if as_json:
            print_json({"model": None if found is None else name, "file": path, "error": None})
        else:
            line(f"I choose the model myself again; {path} says so." if found is None
                 else f"I think with {found.name} ({found.provider}); {path} says so.")  # fmt: skip
        if found is not None and not fit(found, this_machine(settings)).fits:
            note(f"{found.name} is larger than this machine's memory; it may be slow or fail.")
        if source not in {str(path), "default"}:
            note(f"MAI_MODEL is also set in the {source}, which is stronger.")


Row = tuple["ModelInfo", "Fit", bool, bool]


def _as_json(
    places: tuple[Place, ...], machine: Machine, rows: list[Row], use: list[str]
) -> dict[str, Any]:
    from dataclasses import asdict

    from mai.providers.fit import can_chat, tier_of

    return {
        "machine": {**asdict(machine), "tier": tier_of(machine).name},
        "places": [
            {
                "provider": place.provider,
                "where": place.where,
                "answers": place.answers,
                "note": place.note,
            }
            for place in places
        ],
        "models": [
            {
                **asdict(model),
                "can_chat": can_chat(model),
                "usable": is_there,
                "needed_bytes": found.needed_bytes,
                "fits": found.fits,
                "runs_on": found.where,
                "fitting_context": found.context_length,
                "in_use": is_used,
            }
            for model, found, is_used, is_there in rows
        ],
        "use": use,
        "error": None,
    }


def _show(
    places: tuple[Place, ...],
    machine: Machine,
    rows: list[Row],
    use: tuple[ModelInfo, ...],
    wanted: tuple[str, ...],
) -> None:
    from mai.commands.output import line
    from mai.providers.fit import GIB, tier_of
    from mai.text import one_line

    tier = tier_of(machine)
    gpu = f"{machine.vram_bytes / GIB:.0f} GiB VRAM" if machine.vram_bytes else "no GPU known"
    line(f"This machine: {machine.memory_bytes / GIB:.0f} GiB memory, {gpu}; tier {tier.name}.")
    for place in places:
        if place.answers and (place.models or place.provider != "gguf"):
            line(f"✓ {place.provider:<9} {one_line(place.where)}: {_count(len(place.models))}")
        elif not place.answers:
            line(f"– {place.provider:<9} {one_line(place.where)}: {one_line(place.note)}")
    if rows:
        width = max(len(one_line(model.name, 60)) for model, *_ in rows)
        line()
        line(f"  {'model':<{width}}  {'where':<9} {'size':>8} {'needs':>8}  fits")
        for model, found, is_used, _ in rows:
            mark = "▶" if use and model == use[0] else "↓" if is_used else " "
            line(
                f"{mark} {one_line(model.name, 60):<{width}}  {model.provider:<9} "
                f"{_size(model.size_bytes):>8} {_size(found.needed_bytes):>8}  {_fits(found)}"
            )
    line()
    if use:
        chosen = "as MAI_MODEL says" if wanted else "chosen by what fits"
        then = ", then " + ", ".join(one_line(model.name, 60) for model in use[1:])
        line(f"I think with {one_line(use[0].name, 60)}, {chosen}{then if use[1:] else ''}.")
    else:
        line("No model thinks here: I work on reflexes.")
        line(f"`ollama pull {tier.suggestion}` gets one that suits this machine.")


def _fits(found: Fit) -> str:
    if not found.fits:
        return "no"
    if found.where == "unknown":
        return "not known"
    return f"yes, {found.where}, {found.context_length} tokens"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes else "–"


def _count(number: int) -> str:
    return "1 model" if number == 1 else f"{number} models"
