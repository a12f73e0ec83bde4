"""What the console knows of the proposals, from events and from the database, and tells of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mai.console.proposal_news import end_line, step_line, waiting_line
from mai.console.proposal_words import Progress
from mai.events import Event, ProposalChanged, Said, StageFinished, StageStarted
from mai.proposal import Proposal, State
from mai.tui.completion import Known
from mai.tui.widgets.prompt import Prompt
from mai.words import title_line

if TYPE_CHECKING:
    from mai.console.inbox_app import InboxApp

#: A proposal nobody answered for so long is mentioned once more.
ASK_AGAIN_S = 300.0


class ProposalBoard:
    """The proposals as this process knows them. Says each step of each of them once."""

    def __init__(self, app: InboxApp) -> None:
        self._app = app
        self.proposals: dict[str, Proposal] = {}
        self.progress: dict[str, Progress] = {}
        self.waiting_since_s: dict[str, float] = {}
        self._told: set[tuple[str, ...]] = set()
        self._said: set[str] = set()
        self._paths: tuple[str, ...] = ()

    def begin(self, proposals: Sequence[Proposal]) -> None:
        """Take over what there was before the console opened; it is no news."""
        self._told |= {_key(proposal) for proposal in proposals}
        self.listed(proposals)
        waiting = sum(one.state is State.PENDING for one in proposals)
        if waiting:
            self._app.say(waiting_line(waiting))

    def happened(self, event: Event) -> None:
        """Show an event of the core's."""
        match event:
            case StageStarted(proposal_id, stage):
                progress = self.progress.setdefault(proposal_id, Progress())
                progress.stage, progress.started_s = stage, time.monotonic()
                self._show()
            case StageFinished(proposal_id, stage, _, seconds):
                progress = self.progress.setdefault(proposal_id, Progress())
                progress.stage = ""
                progress.seconds[stage] = seconds
            case ProposalChanged(proposal):
                if proposal.id not in self.proposals:
                    self.proposals = {proposal.id: proposal, **self.proposals}
                self.proposals[proposal.id] = proposal
                self._show()
                self._tell(proposal)
            case Said(text):
                self.say_once(text)

    def listed(self, proposals: Sequence[Proposal]) -> None:
        """Take over the inbox as the database has it, newest first."""
        self.proposals = {proposal.id: proposal for proposal in proposals}
        self._show()
        for proposal in reversed(proposals):
            # Steps on the way are told by the process that makes them.
            if end_line(proposal) is not None:
                self._tell(proposal)

    def ask_again(self) -> None:
        """Mention what nobody answered for five minutes."""
        now_s = time.monotonic()
        for proposal in self.proposals.values():
            if proposal.state is not State.PENDING:
                self.waiting_since_s.pop(proposal.id, None)
            elif now_s - self.waiting_since_s.setdefault(proposal.id, now_s) > ASK_AGAIN_S:
                self.waiting_since_s[proposal.id] = float("inf")
                self._app.say(f"{proposal.short_id} still waits for you.")
                self._app.bell()

    def say_once(self, text: str) -> None:
        """Say what was not said since the person last spoke: a poll repeats itself."""
        if text not in self._said:
            self._said.add(text)
            self._app.say(text)

    def spoken_to(self) -> None:
        """The person spoke; what was said before may be said again."""
        self._said.clear()

    def tracked(self, paths: Sequence[str]) -> None:
        """Know what `@` may complete to."""
        self._paths = tuple(paths)
        self._show_known()

    def _tell(self, proposal: Proposal) -> None:
        if _key(proposal) in self._told:
            return
        self._told.add(_key(proposal))
        conversation = self._app.console_screen.conversation
        line = end_line(proposal)
        if line is not None:
            conversation.note(line, sign="")
            if proposal.state is State.PENDING:
                self._app.bell()
        else:
            step = step_line(proposal, self.progress.get(proposal.id))
            if step is not None:
                conversation.note(step)
        self._app.update_proposal(proposal.id)

    def _show(self) -> None:
        self._app.console_screen.show_proposals(tuple(self.proposals.values()), self.progress)
        self._show_known()

    def _show_known(self) -> None:
        proposals = self.proposals.values()
        self._app.console_screen.query_one(Prompt).known = Known(
            self._paths,
            tuple(
                (one.id, title_line(one.title)) for one in proposals if one.state is State.PENDING
            ),
            tuple(
                (one.id, title_line(one.title)) for one in proposals if one.state is State.LANDED
            ),
            tuple((one.id, title_line(one.title)) for one in proposals),
        )


def _key(proposal: Proposal) -> tuple[str, ...]:
    return proposal.id, proposal.state, proposal.digest, proposal.tip
