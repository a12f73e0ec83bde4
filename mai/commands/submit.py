"""`mai submit`, `mai improve`, `mai change`: changes come in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from mai.commands.options import JsonOption, RepoOption

if TYPE_CHECKING:
    from mai.proposal import Proposal


def submit(
    file: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="A diff or edit blocks; - reads stdin.")
    ] = "-",
    title: Annotated[str, typer.Option("--title", metavar="T", help="What it does.")] = "",
    why: Annotated[str, typer.Option("--why", metavar="W", help="Why it should be done.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until a person answered.")] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put any patch through the pipeline. A gate for every agent, not only Mai."""
    from mai.commands.output import answering
    from mai.commands.proposal_json import Seen
    from mai.commands.session import cancellable, opened
    from mai.proposal import Submission

    seen = Seen()
    with answering(as_json, seen.as_json):
        text = _read(file)
        with opened(repo, resume=True, acts=True) as core, cancellable() as cancel:
            core.events.subscribe(seen)
            proposal = core.submit(Submission(text, title, why), cancel)
            if wait and not proposal.state.is_end:
                proposal = core.wait(proposal.id, cancel)
            report(proposal, as_json)


def improve(
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, max=50, help="How many to look for.")
    ] = 1,
    path: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option("--path", metavar="GLOB", help="Only files that match, such as 'src/**'."),
    ] = None,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for improvements of this repo and submit them."""
    from mai.commands.output import answering, line, print_json
    from mai.commands.proposal_json import proposal_json
    from mai.commands.session import cancellable, opened
    from mai.commands.show import row

    made: list[Proposal] = []  # also told when the next one fails: they are kept
    with (
        answering(as_json, lambda: {"proposals": [proposal_json(one) for one in made]}),
        opened(repo, resume=True, acts=True) as core,
        cancellable() as cancel,
    ):
        for proposal in core.improve(rounds, path, cancel):
            made.append(proposal)
            if not as_json:
                line(row(proposal))
        if as_json:
            print_json({"proposals": [proposal_json(one) for one in made], "error": None})
        elif not made:
            line("I found nothing to improve here.")


def change(
    task: Annotated[str, typer.Argument(metavar="TASK", help="What should be different.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not show me the plan first.")] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan a change for one task, show the plan, write and submit it."""
    from mai.cli.planning import ask_plan
    from mai.commands.output import answering, is_terminal
    from mai.commands.proposal_json import Seen
    from mai.commands.session import cancellable, opened

    seen = Seen()
    with (
        answering(as_json, seen.as_json),
        opened(repo, resume=True, acts=True) as core,
        cancellable() as cancel,
    ):
        core.events.subscribe(seen)
        asks = is_terminal() and not yes
        made = core.change(task, cancel, approve_plan=ask_plan if asks else None)
        report(made, as_json)


def report(proposal: Proposal, as_json: bool) -> None:
    """Print a proposal and leave with the exit code that its state asks for."""
    from mai.commands.output import Exit, line, print_json
    from mai.commands.proposal_json import proposal_json
    from mai.commands.show import card
    from mai.errors import exit_code_of
    from mai.proposal import State

    if as_json:
        print_json(proposal_json(proposal))
    else:
        line(card(proposal))
        if proposal.state is State.PENDING:
            line(f"\nmai show {proposal.id[:6]}, then mai approve or mai reject {proposal.id[:6]}")
    if proposal.error is not None:
        raise Exit(exit_code_of(proposal.error.code))


def _read(file: str) -> bytes:
    from mai.errors import UsageError

    if file == "-":
        if sys.stdin.isatty():
            raise UsageError("Give a file, or a patch on standard input.")
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
