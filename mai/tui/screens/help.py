"""F1: the keys and the commands."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mai.console.commands import COMMANDS

_KEYS = (
    ("Enter", "say it; on a proposal: open it"),
    ("Ctrl+J", "begin another line"),
    ("↑ ↓", "what was said before; in a list: move (also j, k)"),
    ("Tab", "complete; else to the proposals and back"),
    ("a", "approve the proposal under the cursor, after one more look"),
    ("r", "reject it, with a reason"),
    ("s  u", "diff side by side, or unified"),
    ("1 … 5", "the tabs of a proposal; n, N the next or previous file"),
    ("Esc", "back; else stop the work"),
    ("Ctrl+P", "commands, themes"),
    ("Ctrl+C", "copy what is selected; else leave"),
    ("Ctrl+Q", "leave"),
)


class HelpScreen(ModalScreen[None]):
    """Shows what there is; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q,enter", "leave", "Back", show=False)
    ]

    def compose(self) -> ComposeResult:
        """Show keys and commands."""
        with VerticalScroll(classes="card", id="help"):
            yield Static(_table("Keys", _KEYS))
            yield Static("")
            yield Static(_table("Commands", tuple((one.usage, one.help) for one in COMMANDS)))
            yield Static("")
            yield Static(
                Content.styled("Anything else is said to the model. Esc closes this.", "$muted")
            )

    def action_leave(self) -> None:
        """Close it."""
        self.dismiss()


def _table(title: str, pairs: tuple[tuple[str, str], ...]) -> Content:
    width = max(len(name) for name, _ in pairs) + 2
    lines = [Content.styled(title, "bold")]
    lines += [Content.assemble(f"  {name:<{width}}", (does, "$muted")) for name, does in pairs]
    return Content("\n").join(lines)
