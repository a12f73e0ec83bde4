"""Mai's colours. The accent is for what waits for you and for nothing else."""

from __future__ import annotations

from pygments.token import Token
from textual.highlight import HighlightTheme
from textual.theme import Theme

DARK = Theme(
    name="mai-dark",
    dark=True,
    primary="#8b949e",
    secondary="#8b949e",
    accent="#6cb6ff",
    foreground="#d7dce2",
    background="#0e1116",
    surface="#0e1116",
    panel="#171b22",
    success="#5bb974",
    warning="#dcb340",
    error="#ef6a62",
    variables={
        "muted": "#7f8893",
        "frame": "#363d47",
        "removed": "#3a1d20",
        "removed-strong": "#6e2b2e",
        "added": "#14301f",
        "added-strong": "#22573a",
        "code-keyword": "#c99bd8",
        "code-string": "#a3c48b",
        "code-number": "#d8a36c",
        "code-name": "#d9c58b",
        "cursor-row": "#1d232c",
    },
)
LIGHT = Theme(
    name="mai-light",
    dark=False,
    primary="#57606a",
    secondary="#57606a",
    accent="#0a63c9",
    foreground="#1f2328",
    background="#fbfbfa",
    surface="#fbfbfa",
    panel="#eff0ee",
    success="#1a7f37",
    warning="#8a6100",
    error="#c62828",
    variables={
        "muted": "#6a727b",
        "frame": "#c9ced4",
        "removed": "#fde7e5",
        "removed-strong": "#f7bdb8",
        "added": "#e2f4e6",
        "added-strong": "#aee0ba",
        "code-keyword": "#8a3fa0",
        "code-string": "#3f7a2a",
        "code-number": "#a35a12",
        "code-name": "#7a5c00",
        "cursor-row": "#e9ebe8",
    },
)
#: What the styles below need where a theme of somebody else's is chosen.
DEFAULTS = dict(DARK.variables)


class CodeColours(HighlightTheme):
    """Quiet colours for code: the change must stand out, not the language."""

    STYLES = {  # noqa: RUF012 - declared so by the class it extends
        Token.Comment: "$muted italic",
        Token.Keyword: "$code-keyword",
        Token.Keyword.Constant: "$code-number",
        Token.Operator.Word: "$code-keyword",
        Token.Literal.Number: "$code-number",
        Token.Literal.String: "$code-string",
        Token.Literal.String.Doc: "$code-string italic",
        Token.Name.Function: "$code-name",
        Token.Name.Class: "$code-name",
        Token.Name.Decorator: "$code-name",
        Token.Name.Tag: "$code-keyword",
        Token.Name.Attribute: "$code-name",
    }
