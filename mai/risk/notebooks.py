"""Takes the Python out of notebooks, so that their code cells are judged like any other code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mai.proposal import Finding
from mai.risk.paths import finding

_MAGIC = ("!", "%")


def is_notebook(path: str) -> bool:
    """Whether `path` names a Jupyter notebook."""
    return path.lower().endswith(".ipynb")


def code_of(data: bytes) -> bytes | None:
    """Return the code cells as one Python file, None where `data` is no notebook.

    Lines that IPython would not hand to Python become `pass`, so that line numbers stay.
    """
    cells = _cells(data)
    if cells is None:
        return None
    lines: list[str] = []
    for cell in cells:
        for line in cell.splitlines():
            stripped = line.lstrip()
            if stripped.startswith(_MAGIC) or stripped.endswith("?"):
                lines.append(line[: len(line) - len(stripped)] + "pass")
            else:
                lines.append(line)
    return "\n".join([*lines, ""]).encode()


def judge_magic(path: str, data: bytes, base: bytes | None) -> Iterator[Finding]:
    """Yield new lines that a notebook hands to a shell or to IPython itself."""
    known = {
        line.strip() for cell in (_cells(base) or () if base else ()) for line in cell.splitlines()
    }
    cells = _cells(data)
    if cells is None:
        yield finding(
            "text.unreadable", path, "It is not a notebook's JSON, so its code cannot be judged."
        )
        return
    number = 0
    for cell in cells:
        for line in cell.splitlines():
            number += 1
            stripped = line.strip()
            if (
                stripped.startswith(("!", "%%", "%run", "%sx", "%system", "%load"))
                and stripped not in known
            ):
                yield finding(
                    "notebook.magic",
                    path,
                    f"A cell can now run {stripped[:60]!r} outside Python.",
                    number,
                )


def _cells(data: bytes) -> list[str] | None:
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(notebook, dict):
        return None
    cells: Any = notebook.get("cells")
    if cells is None:
        sheets = notebook.get("worksheets") or [{}]
        cells = (
            sheets[0].get("cells", [])
            if isinstance(sheets, list) and isinstance(sheets[0], dict)
            else []
        )
    if not isinstance(cells, list):
        return None
    return [
        _source(cell)
        for cell in cells
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    ]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    return "".join(str(line) for line in source) if isinstance(source, list) else str(source)
