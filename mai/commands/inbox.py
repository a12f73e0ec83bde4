"""`mai pending`, `show`, `approve`, `reject`, `withdraw`: a person answers."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mai.commands.options import IdArgument, JsonOption, NoPagerOption, RepoOption


def pending(
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="First finish, and judge again, what is due: trials."),
    ] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
    _no_pager: NoPagerOption = False,
) -> None:
    """List what waits for you."""
    from mai.commands.output import answering, line, note, print_json
    from mai.commands.proposal_json import proposal_json
    from mai.commands.session import fault_of, opened
    from mai.commands.show import row, time_left, unfinished
    from mai.commands.terminal.pager import paged

    with (
        answering(as_json, lambda: {"proposals": []}),
        opened(repo, resume=refresh, follow_branch=refresh) as core,
    ):
        core.settle_clock()
        waiting, fault = core.inbox.pending(), fault_of(core)
        late = core.outdated(waiting)
        if as_json:
            listed = [{**proposal_json(one), "outdated": one.id in late} for one in waiting]
            print_json({"proposals": listed, "error": fault})
        else:
            with paged():
                for proposal in waiting:
                    line(f"{row(proposal, is_outdated=proposal.id in late)}  {time_left(proposal)}")
            if not waiting:
                none_left = "Nothing of what is left waits for you."
                line(none_left if fault else "Nothing waits for you.")
        if sentence := unfinished(core.inbox.working()):
            note(sentence)


def show(
    proposal_id: IdArgument,
    story: Annotated[bool, typer.Option("--story", help="Every ledger entry of it.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="First judge it again if its branch moved: a trial.")
    ] = False,
    repo: RepoOption = None,
    as_json: JsonOption = False,
    _no_pager: NoPagerOption = False,
) -> None:
    """Show one proposal: why, diff, risk, trial, review."""
    from mai.commands.output import answering, line, note, print_json
    from mai.commands.proposal_json import no_proposal, proposal_json
    from mai.commands.session import opened
    from mai.commands.show import print_card
    from mai.commands.terminal.pager import paged
    from mai.errors import GitError

    with answering(as_json, no_proposal), opened(repo) as core:
        proposal = core.refresh(proposal_id) if refresh else core.get(proposal_id)
        is_outdated = proposal.id in core.outdated([proposal])
        diff: str | None = None
        try:
            diff = core.diff(proposal)
        except GitError as error:
            if not proposal.state.is_end:
                raise
            note(f"Its diff cannot be shown any more: {error}")
        if as_json:
            more = {"diff": diff, **({"story": core.story(proposal)} if story else {})}
            print_json({**proposal_json(proposal), "outdated": is_outdated, **more})
            return
        with paged():
            print_card(proposal, diff, is_outdated=is_outdated, most=None)
            for entry in core.story(proposal) if story else []:
                line(f"{entry['at']}  {entry['kind']:<11} {entry['hash'][:12]}")


def approve(
    proposal_id: IdArgument,
    digest: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option("--digest", metavar="PREFIX", help="The digest of what you saw, six digits."),
    ] = None,
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say yes to exactly what you were shown, and land it."""
    from mai.commands.approval import confirm
    from mai.commands.output import answering
    from mai.commands.proposal_json import Seen
    from mai.commands.session import opened
    from mai.commands.submit import report

    seen = Seen()
    with answering(as_json, seen.as_json), opened(repo, acts=True) as core:
        core.events.subscribe(seen)
        proposal = core.get(proposal_id)
        seen.proposal = proposal
        core.require_ledger()  # before anybody reads a card that cannot be answered
        agreed = confirm(core, proposal, digest)
        report(core.approve(proposal.id, agreed.digest, by=agreed.by), as_json)


def reject(
    proposal_id: IdArgument,
    reason: Annotated[
        str, typer.Option("--reason", metavar="R", help="Kept and learnt from.")
    ] = "",
    repo: RepoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say no."""
    _end("reject", proposal_id, reason, repo, as_json)


def withdraw(proposal_id: IdArgument, repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Take a proposal out of the inbox."""
    _end("withdraw", proposal_id, "", repo, as_json)


def _end(verb: str, proposal_id: str, reason: str, repo: RepoOption, as_json: bool) -> None:
    from mai.commands.approval import who
    from mai.commands.output import answering, line, print_json
    from mai.commands.proposal_json import no_proposal, proposal_json
    from mai.commands.session import opened
    from mai.commands.show import row

    with answering(as_json, no_proposal), opened(repo, acts=True) as core:
        if verb == "reject":
            proposal = core.reject(proposal_id, reason, by=who())
        else:
            proposal = core.withdraw(proposal_id, by=who())
        if as_json:  # the command did what it was asked to; the no is the state, not an error
            print_json({**proposal_json(proposal), "error": None})
        else:
            line(row(proposal))
