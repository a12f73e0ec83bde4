"""The kinds of edits that are tried, one module for each family."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import libcst as cst

from mai.repair.operators import (
    calls,
    comparisons,
    conditions,
    constants,
    expressions,
    guards,
    names,
    statements,
)
from mai.repair.source import Change, Source

Operator = Callable[[Source, cst.CSTNode], Iterator[Change]]

OPERATORS: tuple[Operator, ...] = (
    *comparisons.OPERATORS,
    *constants.OPERATORS,
    *names.OPERATORS,
    *calls.OPERATORS,
    *conditions.OPERATORS,
    *expressions.OPERATORS,
    *statements.OPERATORS,
    *guards.OPERATORS,
)
