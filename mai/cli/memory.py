"""`mai memory`: what Mai remembers of a repo, and having it forget."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mai.commands.options import JsonOption, RepoOption

_SHOWN = 20

app = typer.Typer(help="What I remember of this repo.")


@app.callback(invoke_without_command=True)
def memory(
    context: typer.Context,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is remembered, the newest notes last."""
    if context.invoked_subcommand is not None:
        if repo is not None:  # `mai memory --repo DIR search` is about DIR as well
            names = getattr(context.command, "commands", {})
            context.default_map = {name: {"repo": str(repo)} for name in names}
        return
    from dataclasses import asdict

    from mai.commands.output import answering, line, print_json
    from mai.commands.session import opened

    with answering(as_json, lambda: {"notes": []}), opened(repo) as core:
        core.mind.learn()
        notes = core.mind.notes.all()
        if as_json:
            print_json({"notes": [asdict(note) for note in notes], "error": None})
            return
        for note in notes[-_SHOWN:]:
            line(f"{note.id:>5}  {_told(note)}")
        if len(notes) > _SHOWN:
            line(f"{len(notes) - _SHOWN} older notes: `mai memory search TEXT` finds them.")
        if not notes:
            line("I remember nothing of this repo yet.")


@app.command(name="import")
def import_notes(
    file: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="Notes: JSON lines, or plain paragraphs.")
    ] = "-",
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take over notes. What `export` gave, or a text, a note per paragraph."""
    from mai.commands.output import answering, line, print_json
    from mai.commands.session import opened

    with answering(as_json, lambda: {"imported": 0}):
        rows = list(_rows(_read(file)))
        with opened(repo) as core:
            count = core.mind.notes.load(rows)
        if as_json:
            print_json({"imported": count, "error": None})
        else:
            line(f"{count} new of {len(rows)} notes.")


@app.command()
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it is about.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 20,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search the notes by words. Old ones that a summary stands for too."""
    from dataclasses import asdict

    from mai.commands.output import answering, line, print_json
    from mai.commands.session import opened

    with answering(as_json, lambda: {"notes": []}), opened(repo) as core:
        core.mind.learn()
        found = core.mind.notes.search(text, limit)
        if as_json:
            print_json({"notes": [asdict(note) for note in found], "error": None})
            return
        for note in found:
            line(f"{note.id:>5}  {_told(note)}")
        if not found:
            line("I remember nothing about that.")


@app.command()
def stats(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Count what is remembered."""
    from dataclasses import asdict

    from mai.commands.output import answering, line, print_json
    from mai.commands.session import opened

    with answering(as_json), opened(repo) as core:
        core.mind.learn()
        counted = core.mind.notes.stats()
        if as_json:
            print_json({**asdict(counted), "error": None})
            return
        line(f"{counted.notes} notes, {counted.characters} characters.")
        for kind, count in counted.kinds.items():
            line(f"  {count:>5}  {kind}")
        if counted.covered:
            line(f"{counted.covered} of them are old talk that a summary stands for.")


@app.command(name="export")
def export_notes(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Print every note, a JSON object a line. With --json as one object."""
    import json

    from mai.commands.output import answering, line, print_json
    from mai.commands.session import opened

    with answering(as_json, lambda: {"notes": []}), opened(repo) as core:
        core.mind.learn()
        if as_json:
            print_json({"notes": list(core.mind.notes.export()), "error": None})
            return
        for row in core.mind.notes.export():
            line(json.dumps(row, ensure_ascii=False, default=str), "verbatim")


@app.command()
def forget(
    ids: Annotated[
        Optional[list[int]],  # noqa: UP045 - typer reads the annotation at run time
        typer.Argument(metavar="ID…", help="The notes, as `search` numbers them."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every note of this repo.")] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take notes away, with every summary that knows of them. The ledger stays as it is."""
    from mai.commands.output import answering, line, print_json
    from mai.commands.session import opened
    from mai.errors import UsageError

    with answering(as_json, lambda: {"forgotten": 0}):
        if bool(ids) == everything:
            raise UsageError("Say which: the ids that `mai memory search` shows, or --all.")
        with opened(repo) as core:
            notes = core.mind.notes
            core.mind.learn()
            count = notes.forget([note.id for note in notes.all()] if everything else ids or [])
        if as_json:
            print_json({"forgotten": count, "error": None})
        else:
            line(f"{count} forgotten.")


@app.command()
def compress(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Put old talk together into short notes. Nothing is lost.

    By the model, where there is one.
    """
    from mai.commands.output import answering, line, print_json
    from mai.commands.session import cancellable, opened

    with answering(as_json, lambda: {"compressed": 0}), opened(repo) as core:
        with cancellable() as cancel:
            count = core.mind.compress(cancel)
        if as_json:
            print_json({"compressed": count, "error": None})
        else:
            line(f"{count} notes have a summary now; they are still there.")


def _rows(text: str) -> Iterator[Any]:
    """Yield notes of JSON lines, or of paragraphs where the first line is no JSON object."""
    import json

    from mai.errors import UsageError

    if not text.lstrip().startswith("{"):
        for paragraph in text.replace("\r\n", "\n").split("\n\n"):
            if paragraph.strip():
                yield {"kind": "noted", "text": paragraph.strip()}
        return
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip():
            continue
        try:
            yield json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"Line {number} is not JSON.") from error


def _read(file: str) -> str:
    from mai.errors import UsageError

    if file == "-" and sys.stdin.isatty():
        raise UsageError("Give a file, or notes on standard input.")
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text.") from error


def _told(note: Any) -> str:
    from mai.memory.recall import told

    return told(note)
