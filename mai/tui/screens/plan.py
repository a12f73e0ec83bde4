"""A plan in front of the person, before any code is written: go on, change it, or stop."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static, TextArea

from mai.agent.task import Plan
from mai.console.screens.question import Question
from mai.errors import UsageError
from mai.text import plain


class PlanScreen(Question[Plan | None]):
    """Ends with the plan, changed or not, on `y`; with None on `n` or Esc. `e` changes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "if_meant('agree')", show=False),
        Binding("e", "if_meant('edit')", show=False),
        Binding("n", "if_meant('leave')", show=False),
        Binding("escape", "leave", show=False),
        Binding("ctrl+s", "agree", show=False, priority=True),
    ]

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def compose(self) -> ComposeResult:
        """Show the plan, its keys, and a line for what is wrong with a changed one."""
        with Vertical(classes="card"):
            yield TextArea(plain(self._plan.as_text()), read_only=True, id="plan")
            yield Static(self._keys(), id="plan-keys")

    def on_mount(self) -> None:
        """Put the keys with the screen: the text is only read until somebody changes it."""
        self.query_one(TextArea).can_focus = False

    async def action_if_meant(self, action: str) -> None:
        """Do it, unless the key belongs to something else: a plan comes while one may be typing."""
        if self.is_meant():
            await self.run_action(action)

    def action_agree(self) -> None:
        """Go on with what stands there."""
        area = self.query_one(TextArea)
        if area.read_only:
            self.dismiss(self._plan)
            return
        try:
            self.dismiss(Plan.from_text(area.text))
        except UsageError as error:
            self.query_one("#plan-keys", Static).update(Content(error.sentence))

    def action_edit(self) -> None:
        """Let the text be changed."""
        area = self.query_one(TextArea)
        area.read_only = False
        area.can_focus = True
        area.focus()
        self.query_one("#plan-keys", Static).update(self._keys(is_edited=True))

    def action_leave(self) -> None:
        """Stop: nothing is written."""
        self.dismiss(None)

    @staticmethod
    def _keys(*, is_edited: bool = False) -> Content:
        if is_edited:
            return Content.assemble(("Ctrl+S", "bold"), " goes on, ", ("Esc", "bold"), " stops")
        return Content.assemble(
            ("y", "bold"), " goes on, ", ("e", "bold"), " changes it, ", ("n", "bold"), " stops"
        )
