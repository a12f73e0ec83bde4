"""Small questions: one line of text, or yes and no; and when a key is an answer to one."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Input, Static

#: Longer than between two letters of a word, shorter than it takes to read a question.
REST_S = 0.3


class Question(ModalScreen[ScreenResultType]):
    """Asks something that one key answers, which must be meant for it.

    A key of a word that is still being typed when the question appears, or of many that come at
    once, is not.
    """

    def on_mount(self) -> None:
        """Begin to wait for a rest of the keys."""
        self._last_key_s = time.monotonic()
        self._rest_s = 0.0

    def on_key(self) -> None:
        """Measure the rest before a key. Textual asks for this before it looks at the bindings."""
        now_s = time.monotonic()
        self._rest_s, self._last_key_s = now_s - self._last_key_s, now_s

    def is_meant(self) -> bool:
        """Return whether the key that is being handled came after a rest."""
        return self._rest_s >= REST_S


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


class SureScreen(Question[bool]):
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
        if not is_yes or self.is_meant():
            self.dismiss(is_yes)
