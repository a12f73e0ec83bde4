"""The diff on the screen: one widget that draws the lines in view. Protected core."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from mai.console.look import CodeColours
from mai.console.proposal_rows import (
    Block,
    Head,
    Line,
    Row,
    differences,
    parse_diff,
    split_rows,
    unified_rows,
)

#: Two columns of code need this much; below it the view is unified whatever was asked for.
NARROWEST_SPLIT = 84
_NUMBER_CELLS = 4
_BACKGROUNDS = {
    "old": ("on $removed", "on $removed-strong"),
    "new": ("on $added", "on $added-strong"),
}

Drawn = list[Content]


class ProposalDiff(ScrollView, can_focus=True):
    """A unified diff, side by side (`s`) or one below the other (`u`). Long lines are wrapped."""

    DEFAULT_CSS = "ProposalDiff { scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("space", "page_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
        Binding("n", "next_file(1)", "Next file", show=False),
        Binding("N", "next_file(-1)", "Previous file", show=False),
    ]

    def __init__(self, diff: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._parts: list[Head | Block] = []
        self._colours: dict[tuple[str, bool, int], Content] = {}
        self._wants_split = True
        self._lines: list[tuple[Row, int]] = []
        self._drawn: dict[int, Drawn] = {}
        self._files: list[int] = []
        self.show_diff(diff)

    @property
    def is_split(self) -> bool:
        """Whether both sides stand beside each other just now."""
        return self._wants_split and self.size.width >= NARROWEST_SPLIT

    @property
    def text(self) -> str:
        """Everything there is to see, as it reads."""
        return "\n".join(self._line(number).plain for number in range(len(self._lines)))

    def show_diff(self, diff: str) -> None:
        """Show another diff, from its top."""
        self._parts = parse_diff(diff)
        self._colours = {}
        self._layout_lines()
        self.scroll_to(0, 0, animate=False)

    def show_split(self, wants_split: bool) -> None:
        """Show both sides beside each other, or one below the other."""
        self._wants_split = wants_split
        self._layout_lines()

    def action_next_file(self, by: int) -> None:
        """Go to where the next or the previous file begins."""
        here = self.scroll_offset.y
        ahead = [at for at in self._files if (at > here if by > 0 else at < here)]
        if ahead:
            self.scroll_to(0, ahead[0] if by > 0 else ahead[-1], animate=False)

    def on_resize(self) -> None:
        """Fit the new width."""
        self._layout_lines()

    def notify_style_update(self) -> None:
        """Draw anew in the colours of another theme."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        number = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if number >= len(self._lines):
            text = "" if number or self._parts else "The change has no lines to show."
            line = Content.styled(text, "$muted")
        else:
            line = self._line(number)
        strips = Visual.to_strips(self, line, width, 1, self.visual_style, pad=True)
        return strips[0] if strips else Strip.blank(width, self.rich_style)

    # --- layout ------------------------------------------------------------------------------

    def _layout_lines(self) -> None:
        """Find out how many lines each row takes; what is in them is drawn when it is seen."""
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        rows = split_rows(self._parts) if self.is_split else unified_rows(self._parts)
        self._lines, self._files, self._drawn = [], [], {}
        for row in rows:
            if row.head is not None and row.head.kind == "file":
                self._files.append(len(self._lines))
            self._lines += [(row, part) for part in range(self._height(row, width))]
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def _height(self, row: Row, width: int) -> int:
        room = self._room(width)
        if row.head is not None:
            return max(1, -(-_cells(row.head.text) // max(1, width - 2)))
        sides = (row.old, row.new) if self.is_split else (row.new or row.old,)
        return max(1, *(-(-_cells(side.text) // room) for side in sides if side is not None))

    def _room(self, width: int) -> int:
        """Return how many cells of code fit beside the numbers."""
        if self.is_split:
            return max(8, (width - 1) // 2 - _NUMBER_CELLS - 4)
        return max(8, width - 2 * _NUMBER_CELLS - 5)

    # --- drawing -----------------------------------------------------------------------------

    def _line(self, number: int) -> Content:
        row, part = self._lines[number]
        key = number - part
        if key not in self._drawn:
            if len(self._drawn) > 2_000:  # noqa: PLR2004 - a few screens' worth is enough to keep
                self._drawn.clear()
            self._drawn[key] = self._draw(row)
        drawn = self._drawn[key]
        return drawn[part] if part < len(drawn) else Content("")

    def _draw(self, row: Row) -> Drawn:
        width = self.scrollable_content_region.width
        if row.head is not None:
            style = {"file": "bold", "hunk": "$muted", "note": "$muted italic"}[row.head.kind]
            return [
                Content.assemble(" ", (line.plain, style))
                for line in Content(row.head.text).fold(max(2, width - 2))
            ]
        if not self.is_split:
            return self._unified(row, width)
        half = (width - 1) // 2
        old = self._side(row, row.old, "old", half)
        new = self._side(row, row.new, "new", width - half - 1)
        blank_old, blank_new = Content(" " * half), Content(" " * (width - half - 1))
        rule = Content.styled("│", "$frame")
        return [
            Content.assemble(
                old[at] if at < len(old) else blank_old,
                rule,
                new[at] if at < len(new) else blank_new,
            )
            for at in range(max(len(old), len(new)))
        ]

    def _side(self, row: Row, line: Line | None, side: str, width: int) -> Drawn:
        """Return one side of a row: number, sign and code, each line `width` cells wide."""
        if line is None:
            return []
        sign = " " if row.mark == " " else {"old": "-", "new": "+"}[side]
        head = f" {line.number:>{_NUMBER_CELLS}} {sign} "
        return self._coloured(row, line, side, head, width, is_changed=row.mark != " ")

    def _unified(self, row: Row, width: int) -> Drawn:
        old = f"{row.old.number:>{_NUMBER_CELLS}}" if row.old else " " * _NUMBER_CELLS
        new = f"{row.new.number:>{_NUMBER_CELLS}}" if row.new else " " * _NUMBER_CELLS
        line, side = (row.new, "new") if row.new else (row.old, "old")
        if line is None:
            return [Content("")]
        head = f" {old} {new} {row.mark} "
        return self._coloured(row, line, side, head, width, is_changed=row.mark != " ")

    def _coloured(
        self, row: Row, line: Line, side: str, head: str, width: int, *, is_changed: bool
    ) -> Drawn:
        code = self._code(row.path, line, is_new=side == "new")
        background, strong = _BACKGROUNDS[side]
        if is_changed and line.partner is not None:
            pair = (line.partner, line.text) if side == "new" else (line.text, line.partner)
            for start, end in differences(*pair)[1 if side == "new" else 0]:
                code = code.stylize(strong, start, end)
        pieces = code.fold(max(2, width - len(head))) if code.plain else [code]
        drawn = []
        for at, piece in enumerate(pieces):
            gutter = (head if at == 0 else " " * len(head), "$muted")
            whole = Content.assemble(gutter, piece)
            whole = whole.pad_right(max(0, width - whole.cell_length))
            drawn.append(whole.stylize_before(background) if is_changed else whole)
        return drawn

    def _code(self, path: str, line: Line, *, is_new: bool) -> Content:
        """Return a line with its colours, which depend on the lines around it."""
        key = (path, is_new, line.number)
        if key not in self._colours:
            self._colour_file(path, is_new=is_new)
        return self._colours.get(key, Content(line.text))

    def _colour_file(self, path: str, *, is_new: bool) -> None:
        """Colour the lines of one side of a file, hunk by hunk: strings run over several lines."""
        from textual.highlight import highlight

        lines = [
            line
            for part in self._parts
            if isinstance(part, Block) and part.path == path
            for line in (part.new if is_new else part.old)
        ]
        for hunk in _runs(lines):
            coloured = highlight("\n".join(one.text for one in hunk), path=path, theme=CodeColours)
            pieces = coloured.split("\n", allow_blank=True)
            for line, piece in zip(hunk, pieces, strict=False):
                # What is shown must be what the digest covers, whatever a highlighter makes of it.
                same = piece if piece.plain == line.text else Content(line.text)
                self._colours[path, is_new, line.number] = same


def _runs(lines: Sequence[Line]) -> list[list[Line]]:
    """Cut `lines` where numbers are left out."""
    runs: list[list[Line]] = [[line] for line in lines[:1]]
    for before, line in pairwise(lines):
        if line.number == before.number + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    return runs


def _cells(text: str) -> int:
    return len(text) if text.isascii() else Content(text).cell_length
