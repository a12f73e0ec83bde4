"""The code: fenced blocks, never JSON, for as many places at once as fit one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mai.agent.asking import Repeats, answer_text, file_label, request
from mai.agent.evidence import spelled
from mai.agent.formats import Form, View, room_for_code, view
from mai.agent.known.read import as_edit, fitted
from mai.agent.known.splice import UnfitError
from mai.agent.mentions import mentioned
from mai.agent.reply import read_reply
from mai.agent.stages.plan import context_parts, memory_parts
from mai.agent.task import Fault, Means, Work
from mai.edits.apply import apply
from mai.edits.nouns import BaseFile
from mai.edits.parse import parse
from mai.errors import EditError
from mai.templating.budget import Part

_NO_BLOCK = "There is no fenced file in that answer."
#: The first answer is the likeliest one, each further one is drawn more freely.
_TEMPERATURES = (0.0, 0.4, 0.8)
_TEST_BYTES = 6_000


def write(work: Work, means: Means, repeats: Repeats) -> Work:
    """Have every place written, or after a fault those again that it speaks of.

    Raises:
        ProviderError: the model or its server failed, or it goes round in circles.
        ContextOverflow: a place alone does not fit.
        Cancelled: somebody asked to stop.
    """
    groups = _groups(work, means)
    is_aligned = len(work.edits) == len(groups) > 1
    before = work.edits if is_aligned else (work.text,) * len(groups)
    written, reason = [], ""
    for views, old in zip(groups, before, strict=True):
        if is_aligned and old and work.fault and not _is_about(views, work.fault):
            written.append(old)
            continue
        try:
            written.append(_written(work, means, views, old, repeats))
        except UnfitError as error:
            written.append("")
            reason = f"{views[0].place.path}: {error}."
    fault = None if all(written) else Fault("apply", reason or _NO_BLOCK)
    return replace(work, edits=tuple(written), fault=fault, rounds=work.rounds + 1)


def _groups(work: Work, means: Means) -> list[list[View]]:
    """Put what fits one answer together: what is written at once agrees with itself."""
    if not work.places:
        return [[]]
    room = room_for_code(means.context_tokens)
    about = f"{work.task}\n{work.plan.as_text() if work.plan else ''}"
    groups: list[list[View]] = []
    left = -1
    for place in work.places:
        shown = view(place, means.snapshot.read(place.path), about, room)
        # What is new has no size yet; half an answer is a fair share.
        cost = shown.tokens or room // 2
        left -= cost
        if left < 0 or shown.place.action == "delete":
            groups.append([])
            left = room - cost
        groups[-1].append(shown)
    return groups


def _is_about(views: Sequence[View], fault: Fault) -> bool:
    # Only these two name the file at fault; a test or a second look may mean any of them.
    is_named = fault.stage in {"apply", "check"}
    return not is_named or any(one.place.path in fault.text for one in views)


def _written(work: Work, means: Means, views: Sequence[View], old: str, repeats: Repeats) -> str:
    if len(views) == 1 and views[0].place.action == "delete" and views[0].form is Form.SYMBOL:
        # Taking a symbol out needs no words of a model's.
        return f"{views[0].place.path}\n```python {views[0].label.partition(' ')[2]}\n```\n"
    is_one = len(views) == 1 and views[0].place.action == "replace"
    # What stays the same from round to round comes first: a model need not read that again.
    parts = [Part(one.label, one.text, importance=0) for one in views]
    parts += _tests(work, means, importance=1)
    shown = {one.place.path for one in views}
    parts += [
        Part(file_label(path), text, importance=1)
        for path, text in mentioned(work.task, means.snapshot)
        if views and path not in shown
    ]
    parts += memory_parts(work, importance=2) if views else context_parts(work, means)
    if work.plan is not None and work.plan.steps and not work.is_of_one_file:
        parts.append(Part("the plan", work.plan.as_text(), importance=0))
    if old and work.fault is not None:
        parts.append(Part("your last change", work.diff if is_one else old, importance=1))
    if work.fault is not None:
        parts.append(Part(f"what went wrong ({work.fault.stage})", work.fault.text, 0))
    elif work.evidence is not None and work.evidence.failing:
        parts.append(Part("what the tests say", work.evidence.report, 0))
    if is_one:
        return _fitted(work, means, views[0], parts, repeats)
    forms = {one.form for one in views} or set(Form)
    flags = {form.value: int(form in forms) for form in Form}
    wanted = request("write", means, work, parts, **flags)
    return read_reply(answer_text(means, wanted, repeats)).edits


def _fitted(work: Work, means: Means, view: View, parts: Sequence[Part], repeats: Repeats) -> str:
    """Return an edit of the one place that was asked for, in whatever form the answer is.

    Raises:
        UnfitError: there is no such code in the answer.
    """
    path, is_python = view.place.path, view.place.path.endswith(".py")
    turn = work.rounds % len(_TEMPERATURES)
    if is_python and view.form is not Form.SEARCH:
        part = int(view.form is Form.SYMBOL)
        failing = int(work.evidence is not None and bool(work.evidence.failing))
        hints = {"part": part, "failing": failing}
        hints |= {"minimal": int(turn == 1), "fresh": int(turn > 1)}
        wanted = request("code", means, work, parts, **hints)
    else:
        flags = {form.value: int(form is view.form) for form in Form}
        wanted = request("write", means, work, parts, **flags)
    wanted = replace(wanted, temperature=_TEMPERATURES[turn])
    answer = answer_text(means, wanted, repeats)
    data = means.snapshot.read(path)
    old = (data or b"").decode("utf-8", "replace").replace("\r\n", "\n")
    known = frozenset(means.snapshot.paths())

    def is_other(named: str) -> bool:
        found = spelled(named, known)
        return found is not None and found != path

    try:
        return as_edit(path, fitted(answer, path, old, work.task, is_other))
    except UnfitError:
        # What is no code for that place may still be an edit that says all by itself.
        edits = read_reply(answer).edits
        if not edits or not _applies(edits, means):
            raise
        return edits


def _applies(edits: str, means: Means) -> bool:
    def read(path: str) -> BaseFile | None:
        data = means.snapshot.read(path)
        return None if data is None else BaseFile(data)

    try:
        return bool(apply(parse(edits), read))
    except EditError:
        return False


def _tests(work: Work, means: Means, importance: int) -> list[Part]:
    """Return the sources of the tests that fail, as parts."""
    evidence = work.evidence
    if evidence is None or not evidence.failing:
        return []
    failing = {test.partition("::")[0] for test in evidence.failing}
    found = [(path, means.snapshot.read(path)) for path in evidence.files if path in failing]
    return [
        Part(file_label(path), data.decode("utf-8", "replace"), importance)
        for path, data in found
        if data is not None and len(data) <= _TEST_BYTES
    ]
