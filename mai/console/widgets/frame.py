"""The lines around and between: drawn as text, so that corners and joints meet."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget


class FrameLine(Widget):
    """A horizontal line with words in it: `├ left ──────── right ┤`.

    `ends` are its corners; `joint` is where a vertical line meets it, counted from the right edge,
    and with which sign.
    """

    DEFAULT_CSS = "FrameLine { height: 1; color: $frame; }"

    def __init__(self, ends: str = "├┤", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.ends = ends
        self.joint: tuple[int, str] | None = None
        self._left = Content("")
        self._right = Content("")

    @property
    def words(self) -> str:
        """What stands in the line, for whoever must know."""
        return f"{self._left.plain} {self._right.plain}".strip()

    def join(self, joint: tuple[int, str] | None) -> None:
        """Let a vertical line meet it, or none."""
        if joint != self.joint:
            self.joint = joint
            self.refresh()

    def show(self, left: Content | None = None, right: Content | None = None) -> None:
        """Put words into the line; None leaves a side as it is."""
        left = self._left if left is None else left
        right = self._right if right is None else right
        # Contents of other colours are equal by `==`.
        if not (left.is_same(self._left) and right.is_same(self._right)):
            self._left, self._right = left, right
            self.refresh()

    def render(self) -> Content:
        """Draw the line as wide as there is room; the left words give way first."""
        width = self.size.width - 2
        right = _spaced(self._right).truncate(max(0, width), ellipsis=True)
        left = _spaced(self._left)
        room = max(0, width - right.cell_length - (1 if right.plain else 0))
        if left.cell_length > room:
            left = left.truncate(room, ellipsis=True)
        line = "─" * (width - left.cell_length - right.cell_length)
        if self.joint is not None:
            at = len(line) + right.cell_length - self.joint[0]
            if 0 <= at < len(line):
                line = line[:at] + self.joint[1] + line[at + 1 :]
        return Content.assemble(
            self.ends[0],
            left.stylize_before("$foreground"),
            line,
            right.stylize_before("$foreground"),
            self.ends[1],
        )


class Edge(Widget):
    """A vertical line, one cell wide. `joint` is a row, counted from below, and its sign."""

    DEFAULT_CSS = "Edge { width: 1; height: 1fr; color: $frame; }"

    def __init__(self, joint: tuple[int, str] | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.joint = joint

    def join(self, joint: tuple[int, str] | None) -> None:
        """Let a horizontal line meet it, or none."""
        if joint != self.joint:
            self.joint = joint
            self.refresh()

    def render(self) -> Content:
        """Draw the line as high as there is room."""
        signs = ["│"] * self.size.height
        if self.joint is not None and self.joint[0] < len(signs):
            signs[-1 - self.joint[0]] = self.joint[1]
        return Content("\n".join(signs))


def hints(*pairs: tuple[str, str], width: int = 0) -> Content:
    """Return key hints such as `F1 help   a approve`, as many as `width` cells hold (0: all)."""
    shown: list[Content] = []
    used = 0
    for key, does in pairs:
        used += cell_len(key) + cell_len(does) + 4
        if width and used > width:
            break
        shown.append(Content.assemble((key, "bold"), f" {does}"))
    return Content("   ").join(shown)


def _spaced(words: Content) -> Content:
    return Content.assemble(" ", words, " ") if words.plain else words
