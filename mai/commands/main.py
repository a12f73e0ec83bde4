"""The `mai` command: registers every command and turns every fault into a sentence."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn, Optional

import typer

from mai import __version__
from mai.cli import doctor, memory, models
from mai.commands import (
    audit,
    calibrate,
    config,
    console,
    history,
    inbox,
    restore,
    risk,
    sandbox,
    serve,
    submit,
)
from mai.commands.options import JsonOption, NoPagerOption, RepoOption
from mai.commands.output import Exit, note, print_json, settle_streams

_USAGE = 2

app = typer.Typer(
    name="mai",
    help="An agent that may change code, because of what stands between its ideas and your branch.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # reading what draws boxes would take longer than all the rest
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    submit.submit,
    submit.improve,
    submit.change,
    console.ask,
    risk.risk,
    inbox.pending,
    inbox.show,
    inbox.approve,
    inbox.reject,
    inbox.withdraw,
    history.history,
    history.rollback,
    restore.restore,
    serve.serve,
    doctor.doctor,
    config.config,
):
    app.command()(command)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(audit.app, name="audit")
app.add_typer(memory.app, name="memory")
models.app.command()(calibrate.calibrate)
app.add_typer(models.app, name="models")


@app.command(name="help")
def show_help(
    context: typer.Context,
    names: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads the annotation at run time
        typer.Argument(metavar="[COMMAND]", help="The command to explain."),
    ] = None,
) -> None:
    """Explain a command, or list them all."""
    found, parent = context.find_root().command, context.find_root()
    for name in names or ():
        below = getattr(found, "commands", {}).get(name)  # only a group has some
        if below is None:
            note(f"There is no command {' '.join(names or ())}; `mai help` lists them all.")
            raise Exit(_USAGE)
        parent = type(context)(below, info_name=name, parent=parent)
        found = below
    typer.echo(found.get_help(parent))


@app.command()
def version(as_json: JsonOption = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": __version__, "error": None})
    else:
        typer.echo(f"mai {__version__}")


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mai {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def mai(
    context: typer.Context,
    plain: Annotated[
        bool, typer.Option("--plain", help="The same conversation line by line, without a screen.")
    ] = False,
    repo: RepoOption = None,
    _no_pager: NoPagerOption = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say it and leave."),
    ] = False,
) -> None:
    """Open the console on the repo of the current folder."""
    if context.invoked_subcommand is None:
        console.open_console(repo, plain=plain)
    elif repo is not None:
        # `mai --repo DIR pending` must not answer for the repo of the current folder instead.
        context.default_map = _defaults(context.command, repo)


def _defaults(command: object, repo: Path) -> dict[str, Any]:
    """Return `--repo` as the default of `command` and all below it, in click's shape."""
    commands = getattr(command, "commands", {})  # only a group has some
    below = {name: _defaults(each, repo) for name, each in commands.items()}
    return {"repo": str(repo), **below}


def run() -> None:
    """Run the command line; the only place that decides what a fault looks like."""
    settle_streams()
    try:
        app(standalone_mode=True)
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            # The reader went away (`mai history | head`). Typer and rich call that a failure; for
            # Mai it is the end of what was wanted.
            _leave_stdout()
            sys.exit(0)
        if ended.code == _USAGE and "--json" in sys.argv:
            print_json({"error": {"code": "usage", "message": "Unfit arguments; stderr has more."}})
        _finish(ended.code)
    except Exit as ended:
        _finish(ended.code)
    except KeyboardInterrupt:
        note("Stopped.")
        _finish(130)
    except BrokenPipeError:
        _leave_stdout()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - a traceback shown to a user is a bug
        sys.exit(_fault(error))


def _finish(code: str | int | None) -> NoReturn:
    """Write what is left in stdout's buffer while a failure can still be said in a sentence."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_stdout()
    except OSError as error:
        sys.exit(_fault(error))
    sys.exit(code)


def _fault(error: Exception) -> int:
    from mai.commands.output import internal_fault

    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        _leave_stdout()
        note(f"I could not write: {error.strerror}.")
        return 1
    return internal_fault(error)


def _leave_stdout() -> None:
    # Python would write what is left at its exit, and complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
