"""Where a plan is carried out: small files whole, of long ones the symbols that the model names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mai.agent.asking import decide, request
from mai.agent.evidence import frames
from mai.agent.formats import is_small, room_for_code
from mai.agent.mentions import is_secret
from mai.agent.outline import Symbol, outline, symbols
from mai.agent.stages.look import is_held
from mai.agent.task import MOST_STEPS, Means, Place, Plan, Work
from mai.edits.nouns import SymbolEdit
from mai.edits.parse import parse
from mai.edits.paths import checked_path
from mai.edits.resolve import names_inside
from mai.errors import EditError, ProviderError
from mai.protocols import ChatRequest
from mai.templating.budget import Part

_OUTLINE_TOKENS = 1200
_LIKE = 0.85
_WORD = re.compile(r"[A-Za-z_][\w.]*\w")


class _Place(BaseModel):
    model_config = ConfigDict(extra="ignore")

    path: str
    symbol: str = ""
    action: Literal["replace", "insert-after", "delete"] = "replace"


class LocateAnswer(BaseModel):
    """What the model answers."""

    model_config = ConfigDict(extra="ignore")

    places: list[_Place]


def locate(work: Work, means: Means) -> Work:
    """Turn each step's path into places. The model is asked only where a file is too long.

    Raises:
        ProviderError: no step can be carried out, or the model or its server failed.
        Cancelled: somebody asked to stop.
    """
    plan = work.plan or Plan("", "", ())
    room = room_for_code(means.context_tokens)
    whole: list[str] = []
    long: dict[str, tuple[Symbol, ...]] = {}
    for step in plan.steps:
        path = resolved(step.path, means)
        if path is None or path in whole or path in long or is_held(path, work, means):
            continue
        data = means.snapshot.read(path)
        found = symbols(data) if data is not None and path.endswith(".py") else ()
        if data is None or is_small(data, room) or not found:
            whole.append(path)
        else:
            long[path] = found
    places = [Place(path) for path in whole]
    for path in list(long):
        if named := _named(work, path, long[path]):
            places += [Place(path, one.name) for one in named]
            del long[path]
    if long:
        places += _asked(work, means, plan, long)
    if not places:
        raise ProviderError(f"{means.provider.model} names no file that it may change.")
    return replace(work, places=tuple(places))


def places_of(edits: str) -> tuple[Place, ...]:
    """Return the places that edits which are written already speak of; none if they do not read."""
    try:
        found = parse(edits)
    except EditError:
        return ()
    places = [
        Place(edit.path or "", edit.symbol, edit.action)
        if isinstance(edit, SymbolEdit)
        else Place(edit.path or "")
        for edit in found
    ]
    return tuple(dict.fromkeys(place for place in places if place.path))[:MOST_STEPS]


def resolved(path: str, means: Means) -> str | None:
    """Return the tracked path, or the path of a new file, that a model means by `path`.

    None where it may not be touched: outside the tree, secret, protected, or not a plain file.
    """
    paths = means.snapshot.paths()
    try:
        wanted = checked_path(path.removeprefix("./"))
    except EditError:
        return None
    if wanted not in paths:
        named = [one for one in paths if one.endswith("/" + wanted)]
        like = difflib.get_close_matches(wanted, paths, n=1, cutoff=_LIKE)
        is_same_kind = like and PurePosixPath(like[0]).suffix == PurePosixPath(wanted).suffix
        is_same_folder = like and PurePosixPath(like[0]).parent == PurePosixPath(wanted).parent
        if len(named) == 1:
            wanted = named[0]
        elif like and is_same_kind and not is_same_folder:
            # `calc/core.py` for `src/calc/core.py`; beside a file, a like name is a new one.
            wanted = like[0]
    return None if is_secret(wanted) or not means.may_touch(wanted) else wanted


def _named(work: Work, path: str, found: Sequence[Symbol]) -> list[Symbol]:
    """Return the functions of a file that a failing test ended in, or that the task names."""
    functions = [one for one in found if not one.is_class]
    report = work.evidence.report if work.evidence else ""
    lines = [line for at, line in frames(report) if at == path]
    ended = [one for line in lines for one in functions if one.first <= line <= one.last]
    if ended:
        return ended[-1:]
    words = set(_WORD.findall(work.task))
    named = [one for one in functions if one.name in words or one.name.rpartition(".")[2] in words]
    return named if len(named) == 1 else []


def _asked(
    work: Work, means: Means, plan: Plan, long: dict[str, tuple[Symbol, ...]]
) -> list[Place]:
    about = f"{work.task}\n{plan.as_text()}"
    room = min(_OUTLINE_TOKENS, room_for_code(means.context_tokens)) // len(long)
    parts = [Part("the plan", plan.as_text(), importance=0)]
    parts += [
        Part(path, outline(found, about, room), importance=1 + rank)
        for rank, (path, found) in enumerate(long.items())
    ]

    def render(more: Sequence[Part]) -> ChatRequest:
        return request("locate", means, work, [*more, *parts])

    answer = decide(means, render, LocateAnswer)
    named = [] if isinstance(answer, str) else answer.places
    places = []
    for one in named:
        path = one.path if one.path in long else next(iter(long), "")
        known = {symbol.name for symbol in long[path]}
        inside = [".".join(name) for name in names_inside(path, one.symbol)]
        symbol = next((name for name in inside if name in known), "")
        places.append(Place(path, symbol, one.action if symbol else "replace"))
    # A file that no answer speaks of is still in the plan: its best lines are shown instead.
    spoken_of = {place.path for place in places}
    places += [Place(path) for path in long if path not in spoken_of]
    return list(dict.fromkeys(places))
