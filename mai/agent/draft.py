"""From an idea of a model to a draft: what to show it, and what to make of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mai.agent.asking import file_label
from mai.agent.formats import room_for_code
from mai.agent.reply import TITLE_CHARACTERS, Reply, read_reply
from mai.agent.scope import outside
from mai.agent.targets import Target, targets
from mai.edits.apply import apply
from mai.edits.nouns import BaseFile
from mai.edits.parse import parse
from mai.errors import Cancelled, ContextOverflow, EditError, ProviderError
from mai.events import Cancel
from mai.prompting.repomap import repo_map
from mai.protocols import CanImprove, ChatRequest, Draft, Message, Provider, Snapshot
from mai.providers.base import ask, context_tokens, is_smaller, refitted
from mai.templating.budget import Part
from mai.templating.templates import load
from mai.text import one_line
from mai.words import title_line

ROUNDS = 3
MAP_TOKENS = 900
_MAX_AVOIDED = 20


def drafts(
    provider: Provider,
    snapshot: Snapshot,
    *,
    pattern: str | None = None,
    avoid: frozenset[str] = frozenset(),
    cancel: Cancel,
    may_touch: Callable[[str], bool] = lambda _path: True,
    recall: Callable[[str], Sequence[str]] = lambda _path: (),
) -> Iterator[Draft]:
    """Yield improvements to files that match the glob `pattern`, none with a title in `avoid`.

    A provider that finds them itself does, and knows itself what to leave alone; any other is
    asked about one file, or one definition of a large file, after the other.

    Raises:
        ProviderError: the model or its server failed.
        Cancelled: somebody asked to stop.
    """
    if isinstance(provider, CanImprove):
        for draft in provider.improve(snapshot, pattern, avoid):
            if cancel.is_set:
                raise Cancelled("Stopped while looking for improvements.")
            yield draft
        return
    room_tokens = room_for_code(context_tokens(provider))
    for target in targets(snapshot, pattern, may_touch, room_tokens):
        parts = _known(avoid, recall(target.label))
        try:
            draft_of_target = _improve(provider, snapshot, target, parts, cancel)
        except ContextOverflow:
            if not is_smaller(room_for_code(context_tokens(provider)), room_tokens):
                raise
            continue  # chosen for a larger model than the one that took over
        if draft_of_target is not None and draft_of_target.title not in avoid:
            avoid |= {draft_of_target.title}
            yield draft_of_target


def draft_improvement(
    provider: Provider,
    snapshot: Snapshot,
    pattern: str | None,
    avoid: frozenset[str],
    cancel: Cancel,
) -> Draft:
    """Return the first improvement there is.

    Raises:
        ProviderError: there is none, or the model or its server failed.
        Cancelled: somebody asked to stop.
    """
    found = drafts(provider, snapshot, pattern=pattern, avoid=avoid, cancel=cancel)
    draft = next(found, None)
    if draft is None:
        where = f" in {one_line(pattern, 60)}" if pattern else ""
        raise ProviderError(f"I found nothing to improve{where}.")
    return draft


def _known(avoid: frozenset[str], memories: Sequence[str]) -> list[Part]:
    """Return what the model must know so as not to propose again what the person has seen."""
    parts = []
    if avoid:
        titles = "\n".join(sorted(title_line(title) for title in avoid)[:_MAX_AVOIDED])
        parts.append(Part("ideas the person has seen; find another", titles, importance=1))
    if memories:
        text = "\n".join(f"- {one_line(memory, 300)}" for memory in memories)
        parts.append(Part("what you remember; what was refused stays refused", text, importance=1))
    return parts


def _improve(
    provider: Provider, snapshot: Snapshot, target: Target, known: Sequence[Part], cancel: Cancel
) -> Draft | None:
    parts = [
        Part(file_label(target.label), target.text, importance=0),
        Part("a map of the repository", repo_map(snapshot, target.path, MAP_TOKENS), 2),
        *known,
    ]

    def replied(context: int) -> Reply:
        request = load("improve").request(parts, context_tokens=context)
        return _answered(provider, snapshot, request, target.path, cancel)

    reply = refitted(provider, replied)
    if reply.is_nothing:
        return None
    title = reply.title or title_line(f"Improve {target.path}", TITLE_CHARACTERS)
    author = f"{provider.model} ({provider.name})"
    return Draft(title, reply.why, reply.edits, author, (target.path,))


def _answered(
    provider: Provider, snapshot: Snapshot, request: ChatRequest, path: str, cancel: Cancel
) -> Reply:
    """Ask until the answer's edits apply to `path`, or it says there are none, at most three times.

    The last edits are handed on even where they do not apply: whoever submits them says why.
    """
    messages = request.messages
    last: Reply | None = None
    seen: set[str] = set()
    for _ in range(ROUNDS):
        try:
            answer = ask(
                provider,
                ChatRequest(messages, None, request.answer_tokens, request.temperature),
                cancel,
            )
        except ProviderError:
            if last is None:
                raise
            break  # a long exchange may no longer fit; what is there can still be judged
        reply = read_reply(answer)
        fault = "" if reply.is_nothing else _fault(reply.edits, snapshot, path)
        if not fault:
            return reply
        last = reply if reply.edits else last
        if answer in seen:
            break  # the same answer to the same complaint: it will not get better
        seen.add(answer)
        again = f"That does not work: {fault} Answer again in the form I asked for."
        messages = (*request.messages, Message("assistant", answer), Message("user", again))
    if last is None:
        raise ProviderError(f"{provider.model} gave no change in {len(seen)} answers.")
    return last


def _fault(edits: str, snapshot: Snapshot, path: str) -> str:
    """Return in a sentence why `edits` do not apply to `path` alone; empty where they do."""
    if not edits:
        return "There is no fenced file in that answer."

    def read(path: str) -> BaseFile | None:
        data = snapshot.read(path)
        return None if data is None else BaseFile(data)

    try:
        made = apply(parse(edits), read)
    except EditError as error:
        return str(error)
    return outside(made, snapshot, (path,))
