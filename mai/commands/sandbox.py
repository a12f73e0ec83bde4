"""`mai sandbox build | status | run | reap`: the engine room."""

from __future__ import annotations

from typing import Annotated

import typer

from mai.commands.options import JsonOption, RepoOption

app = typer.Typer(help="The engine room: where proposed code runs.", no_args_is_help=True)


@app.command()
def build(as_json: JsonOption = False) -> None:
    """Build the image that trials run in. Brings up an engine where none answers."""
    from mai.commands.output import answering, line, note, print_json
    from mai.sandbox.bootstrap import ensure_engine
    from mai.sandbox.engine import connect
    from mai.sandbox.image import ensure_image
    from mai.settings import load

    with answering(as_json, lambda: {"image": None}):
        settings = load()
        ensure_engine(note)
        image = ensure_image(connect(settings), settings, note)
        if as_json:
            print_json({"image": image, "error": None})
        else:
            line(f"✓ {image}")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show the isolation in force, as seen from inside a container."""
    from mai.commands.output import answering, line, note, print_json
    from mai.sandbox.trial import DockerSandbox
    from mai.settings import load

    with answering(as_json):
        sandbox = DockerSandbox(load(), note)
        try:
            found = sandbox.status()
        finally:
            sandbox.close()
        if as_json:
            print_json({**found, "error": None})
            return
        for name, value in found.items():
            line(f"{name:<20} {_told(value)}")


def _told(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD…", help="What to run.")],
    repo: RepoOption = None,
) -> None:
    """Run a command over the branch's tree inside the sandbox."""
    from mai.commands.output import Exit, answering, note
    from mai.commands.session import opened
    from mai.sandbox.trial import DockerSandbox

    with answering(as_json=False), opened(repo) as core:
        sandbox = core.sandbox()
        assert isinstance(sandbox, DockerSandbox)  # noqa: S101 - there is no other kind yet
        tip = core.repo.tip(core.repo.branch())
        snapshot = core.repo.snapshot(tip)
        prepared = sandbox.prepare(snapshot.read, snapshot.paths())
        for line in prepared.left_out:
            note(f"Left out: {line}")
        if prepared.problem:
            note(f"What the repo needs is not in there: {prepared.problem}")
        files = core.repo.tree_files(tip)
        raise Exit(sandbox.run_command(files, tuple(command), image=prepared.image))


@app.command()
def reap(as_json: JsonOption = False) -> None:
    """Remove containers whose Mai is gone."""
    from mai.commands.output import answering, line, print_json
    from mai.sandbox import reap as reaper
    from mai.sandbox.engine import connect
    from mai.settings import load

    with answering(as_json, lambda: {"removed": 0}):
        removed = reaper.reap(connect(load()))
        if as_json:
            print_json({"removed": removed, "error": None})
        else:
            line(f"{removed} removed.")
