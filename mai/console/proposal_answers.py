"""Asks the person for a yes or a no, and carries it out. Protected core.

What is asked about is the proposal that the screen showed when the key was pressed; the yes carries
its digest, so whatever changed meanwhile makes it void.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from mai.console.screens.approval import ApprovalScreen, Yes, carry_out, refusal, who
from mai.console.screens.question import LineScreen
from mai.console.work import Job
from mai.errors import StaleDigest
from mai.events import Cancel
from mai.proposal import Proposal
from mai.words import quoted_title

if TYPE_CHECKING:
    from mai.console.app import MaiApp
    from mai.core import Core


class ProposalAnswers:
    """Lives on the screen's thread; what blocks becomes a job that nothing waits in line for."""

    def __init__(self, app: MaiApp, core: Core) -> None:
        self._app = app
        self._core = core
        # What is being landed is not asked about again, though the screen still shows it waiting.
        self._agreed_to: set[Yes] = set()

    def ask(self, proposal: Proposal, *, is_yes: bool) -> None:
        """Ask for the yes, or for the reason of the no."""
        if isinstance(self._app.screen, ApprovalScreen | LineScreen):
            return
        if is_yes:
            self._ask_yes(proposal)
        elif proposal.state.is_end:
            state = str(proposal.state).replace("_", " ")
            self._app.say(f"{proposal.short_id} is {state} already.")
        else:
            self._ask_reason(proposal)

    def reject(self, proposal_id: str, reason: str) -> None:
        """Say no. Blocks: for a thread. Raises what `Core.reject` raises."""
        self._core.reject(proposal_id, reason, who())

    def _ask_yes(self, proposal: Proposal) -> None:
        if Yes(proposal.id, proposal.digest, who()) in self._agreed_to:
            return
        if sentence := refusal(proposal):
            self._app.say(sentence)
        else:
            screen = ApprovalScreen(proposal, self._core.settings)
            self._app.push_screen(screen, self._agreed)

    def _agreed(self, yes: Yes | None) -> None:
        if yes is not None:
            self._agreed_to.add(yes)
            self._app.desk.at_once(Job("land", partial(self._land, yes), holds_up=True))

    def _land(self, yes: Yes, _: Cancel) -> None:
        """Carry out a yes. Neither Esc nor leaving stops it on the way."""
        try:
            carry_out(self._core, yes, Cancel())
        except BaseException as error:
            self._agreed_to.discard(yes)
            if isinstance(error, StaleDigest):
                self._app.open_proposal(yes.proposal_id)
            raise

    def _ask_reason(self, proposal: Proposal) -> None:
        question = Content.assemble("Why not ", (quoted_title(proposal.title), "bold"), "?\n")
        hint = "a reason, kept and learnt from; Enter refuses, Esc leaves"
        screen = LineScreen(question, hint)
        self._app.push_screen(screen, partial(self._refused, proposal.id))

    def _refused(self, proposal_id: str, reason: str | None) -> None:
        if reason is not None:
            job = Job("reject", lambda _: self.reject(proposal_id, reason))
            self._app.desk.at_once(job)
