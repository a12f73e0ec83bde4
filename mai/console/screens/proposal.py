"""One proposal in full: why, what, risk, trial, review, the diff. Protected core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static

from mai.console.messages import Answering
from mai.console.proposal_pages import findings_page, review_page, story_page, trial_page
from mai.console.proposal_words import head_lines, on_screen, short_digest, state_line
from mai.console.widgets.frame import Edge, FrameLine, hints
from mai.console.widgets.proposal_diff import ProposalDiff
from mai.proposal import Json, Level, Proposal, State
from mai.words import by, quoted_title

TABS = ("diff", "findings", "trial", "review", "story")
_BASE_DIGITS = 7


class ProposalScreen(Screen[None]):
    """Shows one proposal as it was when it was read; `show` brings it up to date."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back"),
        Binding("a", "approve", "Approve"),
        Binding("r", "reject", "Reject"),
        Binding("s", "split(True)", "Side by side"),
        Binding("u", "split(False)", "Unified"),
        Binding("tab,right,l", "turn(1)", "Next tab"),
        Binding("shift+tab,left,h", "turn(-1)", "Previous tab"),
        *(Binding(str(at + 1), f"tab('{name}')", show=False) for at, name in enumerate(TABS)),
    ]

    def __init__(self, proposal: Proposal, diff: str, story: Sequence[Json]) -> None:
        super().__init__()
        self.proposal = proposal
        self._diff = diff
        self._story = story
        self._tab = TABS[0]

    def compose(self) -> ComposeResult:
        """Lay out head, tabs, pages and the line of keys."""
        yield FrameLine("┌┐", id="proposal-top")
        with Horizontal(id="proposal-head-row"):
            yield Edge()
            yield Static("", id="proposal-head")
            yield Edge()
        yield FrameLine("├┤", id="proposal-tabs")
        with Horizontal(id="proposal-body"):
            yield Edge()
            with ContentSwitcher(initial="diff", id="proposal-pages"):
                yield ProposalDiff(self._diff, id="diff")
                for name in TABS[1:]:
                    with VerticalScroll(id=name):
                        yield Static("", id=f"{name}-page")
            yield Edge()
        yield FrameLine("├┤", id="proposal-base")
        yield FrameLine("└┘", id="proposal-keys")

    def on_mount(self) -> None:
        """Fill it."""
        self._fill()
        self.query_one(ProposalDiff).focus()

    def on_resize(self) -> None:
        """Fit the lines that hold words to the new width."""
        self._draw_head()
        self._draw_lines()

    def show(self, proposal: Proposal, diff: str, story: Sequence[Json]) -> None:
        """Show the proposal as it is now; another diff begins at its top again."""
        if diff != self._diff:
            self.query_one(ProposalDiff).show_diff(diff)
        self.proposal, self._diff, self._story = proposal, diff, story
        self._fill()

    def action_leave(self) -> None:
        """Go back to the conversation."""
        self.dismiss()

    def action_approve(self) -> None:
        """Ask for a yes to what is on this screen."""
        self.app.post_message(Answering(self.proposal, is_yes=True))

    def action_reject(self) -> None:
        """Ask for a reason and reject it."""
        self.app.post_message(Answering(self.proposal, is_yes=False))

    def action_split(self, wants_split: bool) -> None:
        """Show the diff side by side, or unified."""
        self.query_one(ProposalDiff).show_split(wants_split)
        self._draw_lines()

    def action_turn(self, by: int) -> None:
        """Go to the next or the previous tab."""
        self.action_tab(TABS[(TABS.index(self._tab) + by) % len(TABS)])

    def action_tab(self, name: str) -> None:
        """Go to a tab."""
        self._tab = name
        self.query_one(ContentSwitcher).current = name
        self.query_one(f"#{name}").focus()
        self._draw_lines()

    def _fill(self) -> None:
        proposal = self.proposal
        self._draw_head()
        self.query_one("#findings-page", Static).update(findings_page(proposal))
        self.query_one("#trial-page", Static).update(trial_page(proposal))
        self.query_one("#review-page", Static).update(review_page(proposal))
        self.query_one("#story-page", Static).update(story_page(proposal, self._story))
        self._draw_lines()

    def _draw_head(self) -> None:
        head = head_lines(self.proposal, max(20, self.size.width - 4))
        self.query_one("#proposal-head", Static).update(head)

    def _draw_lines(self) -> None:
        proposal = self.proposal
        title = Content.assemble(
            (f"{proposal.short_id}  ", "$muted"), (on_screen(quoted_title(proposal.title)), "bold")
        )
        self.query_one("#proposal-top", FrameLine).show(title, state_line(proposal))
        self.query_one("#proposal-tabs", FrameLine).show(self._tab_words(), self._view_words())
        digest = f"digest {short_digest(proposal)} · " if proposal.digest else ""
        base = f"{digest}base {proposal.tip[:_BASE_DIGITS]} · {by(proposal.author)}"
        self.query_one("#proposal-base", FrameLine).show(Content.styled(base, "$muted"))
        keys = [
            ("r", "reject with a reason"),
            ("Esc", "back"),
            ("Tab", "next page"),
            ("n", "next file"),
        ]
        if proposal.state is State.PENDING and proposal.level is not Level.BLOCKED:
            keys.insert(0, ("a", "approve"))
        elif proposal.state.is_end:
            keys.pop(0)
        width = max(0, self.size.width - 4)
        self.query_one("#proposal-keys", FrameLine).show(hints(*keys, width=width))

    def _tab_words(self) -> Content:
        count = len(self.proposal.risk.findings) if self.proposal.risk else 0
        names = {name: name.capitalize() for name in TABS} | {"findings": f"Findings {count}"}
        parts = [
            Content.styled(f" {names[name]} ", "bold reverse" if name == self._tab else "")
            for name in TABS
        ]
        return Content.styled("─", "$frame").join(parts)

    def _view_words(self) -> Content:
        if self._tab != TABS[0]:
            return Content("")
        is_split = self.query_one(ProposalDiff).is_split
        return Content.assemble(
            ("s", "bold"),
            (" split", "" if is_split else "$muted"),
            "  ",
            ("u", "bold"),
            (" unified", "$muted" if is_split else ""),
        )
