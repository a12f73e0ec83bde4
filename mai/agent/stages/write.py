"""The code: fenced blocks, never JSON, for as many places at once as fit one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mai.agent.asking import Repeats, answer_text, request
from mai.agent.formats import Form, View, room_for_code, view
from mai.agent.reply import read_reply
from mai.agent.stages.plan import context_parts, memory_parts
from mai.agent.task import Fault, Means, Work
from mai.templating.budget import Part

_NO_BLOCK = "There is no fenced file in that answer."


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
    written = []
    for views, old in zip(groups, before, strict=True):
        if is_aligned and old and work.fault and not _is_about(views, work.fault):
            written.append(old)
        else:
            written.append(_written(work, means, views, old, repeats))
    fault = None if all(written) else Fault("apply", _NO_BLOCK)
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
    parts: list[Part] = []
    if work.fault is not None:
        parts.append(Part(f"what went wrong ({work.fault.stage})", work.fault.text, 0))
    parts += [Part(one.label, one.text, importance=0) for one in views]
    if work.plan is not None and work.plan.steps:
        parts.append(Part("the plan", work.plan.as_text(), importance=0))
    if old and work.fault is not None:
        parts.append(Part("your last change", old, importance=1))
    parts += memory_parts(work, importance=2) if views else context_parts(work, means)
    forms = {one.form for one in views} or set(Form)
    flags = {form.value: int(form in forms) for form in Form}
    wanted = request("write", means, work, parts, **flags)
    return read_reply(answer_text(means, wanted, repeats)).edits
