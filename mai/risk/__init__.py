"""Says what a change gains: what it could do to the world that the code before it could not.

The front door is `score_change`, `score_paths` and `score_hunks`; `RULES` is every rule there is.
Nothing here runs, imports or writes what it judges.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mai.risk.policy import Policy as Policy
    from mai.risk.report import FileReport as FileReport
    from mai.risk.rules import RULES as RULES
    from mai.risk.rules import Rule as Rule
    from mai.risk.score import Change as Change
    from mai.risk.score import score_change as score_change
    from mai.risk.score import score_hunks as score_hunks
    from mai.risk.score import score_paths as score_paths

_HOMES = {
    "Policy": "policy",
    "FileReport": "report",
    "RULES": "rules",
    "Rule": "rules",
    "Change": "score",
    "score_change": "score",
    "score_hunks": "score",
    "score_paths": "score",
}
__all__ = [
    "RULES",
    "Change",
    "FileReport",
    "Policy",
    "Rule",
    "score_change",
    "score_hunks",
    "score_paths",
]


def __getattr__(name: str) -> Any:
    # The parser's process imports this package too and has to start in milliseconds, so nothing is
    # loaded before it is asked for.
    if name not in _HOMES:
        raise AttributeError(f"mai.risk has no {name}")
    return getattr(importlib.import_module(f"mai.risk.{_HOMES[name]}"), name)
