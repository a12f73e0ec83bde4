"""`mai history` and `mai rollback`: what landed, and taking it back."""

from __future__ import annotations

from typing import Annotated

import typer

from mai.commands.options import IdArgument, JsonOption, NoPagerOption, RepoOption

_SHOWN = 200


def history(
    everything: Annotated[bool, typer.Option("--all", help="Not only the newest 200.")] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
    _no_pager: NoPagerOption = False,
) -> None:
    """List the changes that landed, newest first."""
    from mai.commands.output import answering, line, print_json
    from mai.commands.proposal_json import proposal_json
    from mai.commands.session import fault_of, opened
    from mai.commands.show import mark_of
    from mai.commands.terminal.pager import paged
    from mai.proposal import State
    from mai.words import quoted_title

    with answering(as_json, lambda: {"history": []}), opened(repo) as core:
        entries = core.history(None if everything else _SHOWN)
        older = core.inbox.count(State.LANDED, State.ROLLED_BACK) - len(entries)
        if as_json:
            listed = [proposal_json(one) for one in entries]
            print_json({"history": listed, "older": older, "error": fault_of(core)})
            return
        with paged():
            for one in entries:
                landed = one.landed
                assert landed is not None  # noqa: S101 - history holds nothing else
                when, title = landed.at[:16], quoted_title(one.title)
                line(f"{mark_of(one)} {one.id}  {landed.commit[:10]}  {when}  {title}")
            if not entries:
                line("Nothing has landed yet.")
            if older:
                line(f"… and {older} before these; `mai history --all` has them.")


def rollback(
    proposal_id: IdArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Land it without being asked again.")] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a landed change back: tried, shown, and yours to decide."""
    from mai.commands.approval import check_pin, confirm, require_headless, who
    from mai.commands.output import answering, is_terminal
    from mai.commands.proposal_json import Seen
    from mai.commands.session import cancellable, opened
    from mai.commands.submit import report
    from mai.proposal import Level, State

    seen = Seen()
    with answering(as_json, seen.as_json), opened(repo, resume=True, acts=True) as core:
        if yes and not is_terminal():
            require_headless(core.settings, Level.LOW)
        core.events.subscribe(seen)
        with cancellable() as cancel:
            proposal = core.rollback(proposal_id, cancel)
        by = who()
        if proposal.state is State.PENDING and (yes or is_terminal()):
            if not is_terminal():
                require_headless(core.settings, proposal.level)
                by = f"headless:{by.partition(':')[2]}"
            digest = proposal.digest
            if yes:
                check_pin(core.settings)
            else:
                digest = confirm(core, proposal, None).digest
            proposal = core.approve(proposal.id, digest, by=by)
        report(proposal, as_json)
