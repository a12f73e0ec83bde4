"""A screen as a picture: Textual's own SVG, drawn with an installed font, cell by cell."""

from __future__ import annotations

import re
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cairosvg

if TYPE_CHECKING:
    from textual.app import App

_FONT = "DejaVu Sans Mono"
_CELL_PX, _LINE_PX, _FONT_PX = 12.2, 24.4, 20
#: DejaVu is a little narrower than the font that the SVG was laid out for.
_SIZE_PX = 20.26
_TEXT = re.compile(
    r'<text class="(?P<cls>[^"]*-r\d+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)"[^>]*>'
    r"(?P<text>[^<]*)</text>"
)
_LEFT, _RIGHT, _UP, _DOWN = 1, 2, 4, 8
_LINES = {
    "─": _LEFT | _RIGHT, "│": _UP | _DOWN, "┌": _RIGHT | _DOWN, "┐": _LEFT | _DOWN,
    "└": _RIGHT | _UP, "┘": _LEFT | _UP, "├": _UP | _DOWN | _RIGHT, "┤": _UP | _DOWN | _LEFT,
    "┬": _LEFT | _RIGHT | _DOWN, "┴": _LEFT | _RIGHT | _UP, "╭": _RIGHT | _DOWN,
    "╮": _LEFT | _DOWN, "╰": _RIGHT | _UP, "╯": _LEFT | _UP,
}  # fmt: skip


def picture(app: App[Any], path: Path, scale: float = 1.0) -> None:
    """Draw what `app` shows into the PNG file `path`."""
    svg = re.sub(r"@font-face \{.*?\}", "", app.export_screenshot(), flags=re.DOTALL)
    svg = svg.replace("Fira Code", _FONT).replace(
        f"font-size: {_FONT_PX}px", f"font-size: {_SIZE_PX}px"
    )
    colours = dict(re.findall(r"\.([\w-]+-r\d+) \{ fill: (#\w+)", svg))
    svg = _TEXT.sub(lambda found: _drawn(found, colours), svg)
    cairosvg.svg2png(bytestring=svg.encode(), write_to=str(path), scale=scale)


def _drawn(found: re.Match[str], colours: dict[str, str]) -> str:
    """Place every character on its cell, and draw lines as lines, so that they meet."""
    name, left, base = found["cls"], float(found["x"]), float(found["y"])
    colour = colours.get(name, "#888888")
    out, cells = [], list(unescape(found["text"]).replace("\xa0", " "))
    for at, character in enumerate(cells):
        x, y = left + at * _CELL_PX, base - 18.5
        if character in _LINES:
            out.append(_line(_LINES[character], x, y, colour))
        elif "\u2800" <= character <= "\u28ff":  # not in the font, like the next
            out.append(_dots(ord(character) - 0x2800, x, y, colour))
        elif character == "⎇":
            out.append(_branch(x, y, colour))
        elif character != " ":
            out.append(f'<text class="{name}" x="{x:.2f}" y="{base}">{escape(character)}</text>')
    return "".join(out)


def _line(sides: int, x: float, y: float, colour: str) -> str:
    middle_x, middle_y = x + _CELL_PX / 2, y + _LINE_PX / 2
    ends = {_LEFT: (x, middle_y), _RIGHT: (x + _CELL_PX, middle_y),
            _UP: (middle_x, y), _DOWN: (middle_x, y + _LINE_PX)}  # fmt: skip
    path = "".join(
        f"M{middle_x:.2f} {middle_y:.2f}L{to_x:.2f} {to_y:.2f}"
        for side, (to_x, to_y) in ends.items()
        if sides & side
    )
    return f'<path d="{path}" stroke="{colour}" stroke-width="1.4" fill="none"/>'


def _dots(pattern: int, x: float, y: float, colour: str) -> str:
    """Draw a Braille sign: dots 1 to 3 and 7 stand left, 4 to 6 and 8 right."""
    places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    centres = [
        (x + 3.6 + 5 * column, y + 5 + 5 * row)
        for bit, (column, row) in enumerate(places)
        if pattern >> bit & 1
    ]
    return "".join(
        f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="1.5" fill="{colour}"/>'
        for at_x, at_y in centres
    )


def _branch(x: float, y: float, colour: str) -> str:
    path = f"M{x + 1:.1f} {y + 16:.1f}h3l5 -8h3M{x + 4:.1f} {y + 16:.1f}h8"
    return f'<path d="{path}" stroke="{colour}" stroke-width="1.5" fill="none"/>'
