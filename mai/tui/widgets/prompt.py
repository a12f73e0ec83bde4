"""Where one types: history, completion, several lines where they are pasted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import TextArea

from mai.text import plain
from mai.tui.completion import Known, Offer, offers

_MOST_REMEMBERED = 500
_ROWS = 9


class Prompt(TextArea):
    """One line that grows when it must. Enter says it, Ctrl+J or Shift+Enter begins a line."""

    DEFAULT_CSS = """
    Prompt {
        height: auto; max-height: 6; width: 1fr; border: none; padding: 0;
        background: transparent; scrollbar-size-vertical: 1;
    }
    Prompt:focus { border: none; }
    Prompt .text-area--placeholder { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,shift+enter", "newline", "New line", show=False),
    ]

    class Submitted(Message):
        """Something was said."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Offered(Message):
        """What completes the prompt changed; `chosen` is the index of the one that Tab takes."""

        def __init__(self, found: Sequence[Offer], chosen: int) -> None:
            super().__init__()
            self.found = found
            self.chosen = chosen

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            compact=True,
            highlight_cursor_line=False,
            placeholder="ask, @file, or /command",
        )
        self.known = Known()
        self.remembered: list[str] = []
        self._at = 0
        self._unsaid = ""
        self._offers: tuple[Offer, ...] = ()
        self._chosen = 0

    @property
    def is_offering(self) -> bool:
        """Whether completions are on the screen."""
        return bool(self._offers)

    async def _on_key(self, event: events.Key) -> None:
        keys = {"enter": self._enter, "tab": self._tab, "escape": self._escape}
        act = keys.get(event.key)
        if act is not None and act():
            event.stop()
            event.prevent_default()
            return
        if act is None:
            await super()._on_key(event)

    def _enter(self) -> bool:
        offer = self._offers[self._chosen] if self._offers else None
        if offer is not None and self.text[offer.start :].strip() != offer.text.strip():
            return self._tab()
        text = plain(self.text).strip()
        if text:
            if not self.remembered or self.remembered[-1] != text:
                self.remembered = [*self.remembered, text][-_MOST_REMEMBERED:]
            self._at = len(self.remembered)
            self._unsaid = ""
            self.load_text("")
            self.post_message(self.Submitted(text))
        return True

    def _tab(self) -> bool:
        if not self._offers:
            return False
        offer = self._offers[self._chosen]
        row, column = self.cursor_location
        start = column - (len(self._before_cursor()) - offer.start)
        self.replace(offer.text, (row, start), (row, column))
        return True

    def _escape(self) -> bool:
        if not self._offers:
            return False
        self._offer(())
        return True

    def action_newline(self) -> None:
        """Begin another line."""
        self.insert("\n")

    def action_cursor_up(self, select: bool = False) -> None:
        """Choose the completion above, or go back in what was said before."""
        if self._offers:
            self._offer(self._offers, (self._chosen - 1) % len(self._offers))
        elif self.cursor_at_first_line and not select:
            self._recall(-1)
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Choose the completion below, or come forward in what was said before."""
        if self._offers:
            self._offer(self._offers, (self._chosen + 1) % len(self._offers))
        elif self.cursor_at_last_line and not select:
            self._recall(1)
        else:
            super().action_cursor_down(select)

    def on_text_area_changed(self) -> None:
        """Look what would complete the text."""
        self._offer(offers(self._before_cursor(), self.known))

    def put(self, text: str) -> None:
        """Replace what stands in the prompt, the cursor at its end."""
        self.load_text(text)
        self.move_cursor(self.document.end)

    def _recall(self, by: int) -> None:
        at = self._at + by
        if not 0 <= at <= len(self.remembered):
            return
        if self._at == len(self.remembered):
            self._unsaid = self.text
        self._at = at
        self.put(self.remembered[at] if at < len(self.remembered) else self._unsaid)

    def _before_cursor(self) -> str:
        row, column = self.cursor_location
        text = self.document.get_line(row)[:column]
        # A command stands at the very beginning; on a later line a slash is only a slash.
        return text if row == 0 else " " + text

    def _offer(self, found: tuple[Offer, ...], chosen: int = 0) -> None:
        if found or self._offers:
            self._offers, self._chosen = found, chosen
            self.post_message(self.Offered(found, chosen))


class Offers(Widget):
    """The completions, above the prompt."""

    DEFAULT_CSS = """
    Offers {
        overlay: screen; constrain: none inside; width: 100%; height: auto; max-height: 9;
        display: none; padding: 0 1; margin: 0 1; background: $panel;
    }
    Offers.-open { display: block; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._found: Sequence[Offer] = ()
        self._chosen = 0

    def show(self, found: Sequence[Offer], chosen: int) -> None:
        """Show `found`, or nothing."""
        self._found, self._chosen = found, chosen
        self.set_class(bool(found), "-open")
        # It lies over the conversation, which would move with every letter otherwise.
        self.styles.offset = (0, -min(_ROWS, len(found)))
        self.refresh(layout=True)

    def render(self) -> Content:
        """Draw them, the chosen one marked."""
        first = max(0, min(self._chosen - _ROWS // 2, len(self._found) - _ROWS))
        shown = self._found[first : first + _ROWS]
        width = max((len(one.label) for one in shown), default=0)
        lines = []
        for at, one in enumerate(shown, first):
            line = Content.assemble(f"{plain(one.label):<{width}}  ", (plain(one.help), "$muted"))
            room = max(1, self.content_size.width - 2)
            line = line.truncate(room, ellipsis=True, pad=True)
            is_chosen = at == self._chosen
            sign = Content.styled("› " if is_chosen else "  ", "bold")
            line = Content.assemble(sign, line)
            lines.append(line.stylize_before("on $cursor-row bold") if is_chosen else line)
        return Content("\n").join(lines)
