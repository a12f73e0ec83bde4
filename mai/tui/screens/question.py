"""Small questions: one line of text, or yes and no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class LineScreen(ModalScreen[str | None]):
    """Asks for one line, which may be empty. Ends with it, or with None on Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it", show=False)]

    def __init__(self, question: Content, placeholder: str) -> None:
        super().__init__()
        self._question = question
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        """Show the question and a line to answer in."""
        with Vertical(classes="card"):
            yield Static(self._question)
            yield Input(placeholder=self._placeholder, id="line")

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the answer."""
        event.stop()
        self.dismiss(event.value.strip())


class SureScreen(ModalScreen[bool]):
    """Asks whether to go on. Ends with True on `y`, with False on Esc or `n`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("escape,n", "answer(False)", show=False),
    ]

    def __init__(self, question: Content) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Show the question."""
        with Vertical(classes="card"):
            yield Static(self._question)

    def action_answer(self, is_yes: bool) -> None:
        """Take the answer."""
        self.dismiss(is_yes)
