"""From an idea of a model to a draft: what to show it, and what to make of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from mai.agent.reply import TITLE_CHARACTERS, Reply, read_reply
from mai.errors import Cancelled, ProviderError
from mai.events import Cancel
from mai.prompting.blocks import fenced
from mai.prompting.budget import Part
from mai.prompting.repomap import repo_map, words
from mai.prompting.templates import load
from mai.protocols import CanImprove, ChatRequest, Draft, Message, Provider, Snapshot
from mai.providers.base import ask, context_tokens
from mai.providers.reflex_files import Style, candidates
from mai.text import one_line, title_line

ROUNDS = 3
MAX_WHOLE_FILE_BYTES = 12_000
MAP_TOKENS = 900
_MAX_TASK_FILES = 3
_MAX_AVOIDED = 20


def drafts(
    provider: Provider,
    snapshot: Snapshot,
    *,
    pattern: str | None = None,
    avoid: frozenset[str] = frozenset(),
    cancel: Cancel,
) -> Iterator[Draft]:
    """Yield improvements to files that match the glob `pattern`, none with a title in `avoid`.

    A provider that finds them itself does; any other is asked about one file after the other.

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
    for path in _worth_reading(snapshot, pattern):
        draft_of_path = _improve(provider, snapshot, path, avoid, cancel)
        if draft_of_path is not None:
            avoid |= {draft_of_path.title}
            yield draft_of_path


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


def draft_change(provider: Provider, snapshot: Snapshot, task: str, cancel: Cancel) -> Draft:
    """Return the change that carries out `task`.

    Raises:
        ProviderError: there is no model, its answer is no change, or it or its server failed.
        Cancelled: somebody asked to stop.
    """
    if isinstance(provider, CanImprove):
        raise ProviderError(
            "No model thinks here, so I cannot carry out a task; `mai improve` works without one."
        )
    parts = [
        Part(path, _text(snapshot, path), importance=1 + rank)
        for rank, path in enumerate(_for_task(snapshot, task))
    ]
    parts.append(Part("a map of the repository", repo_map(snapshot, task, MAP_TOKENS), 5))
    request = load("change").request(
        parts, context_tokens=context_tokens(provider), task=fenced("the task", task)
    )
    reply = _answered(provider, request, cancel)
    if reply.is_nothing:
        raise ProviderError(f"{provider.model} sees nothing to change for this task.")
    return _draft(provider, reply, title_line(task, TITLE_CHARACTERS))


def _improve(
    provider: Provider, snapshot: Snapshot, path: str, avoid: frozenset[str], cancel: Cancel
) -> Draft | None:
    parts = [
        Part(path, _text(snapshot, path), importance=0),
        Part("a map of the repository", repo_map(snapshot, path, MAP_TOKENS), importance=2),
    ]
    if avoid:
        known = "\n".join(sorted(one_line(title) for title in avoid)[:_MAX_AVOIDED])
        parts.append(Part("ideas the person has seen; find another", known, importance=1))
    request = load("improve").request(parts, context_tokens=context_tokens(provider))
    reply = _answered(provider, request, cancel)
    if reply.is_nothing or reply.title in avoid:
        return None
    return _draft(provider, reply, title_line(f"Improve {path}", TITLE_CHARACTERS))


def _answered(provider: Provider, request: ChatRequest, cancel: Cancel) -> Reply:
    """Ask until the answer holds edits or says there are none, three times at most."""
    messages = request.messages
    for _ in range(ROUNDS):
        answer = ask(
            provider,
            ChatRequest(messages, None, request.answer_tokens, request.temperature),
            cancel,
        )
        reply = read_reply(answer)
        if reply.edits or reply.is_nothing:
            return reply
        again = "There is no fenced file in that answer. Answer again in the form I asked for."
        messages = (*request.messages, Message("assistant", answer), Message("user", again))
    raise ProviderError(f"{provider.model} gave no change in {ROUNDS} answers.")


def _draft(provider: Provider, reply: Reply, title: str) -> Draft:
    author = f"{provider.model} ({provider.name})"
    return Draft(reply.title or title, reply.why, reply.edits, author)


def _worth_reading(snapshot: Snapshot, pattern: str | None) -> list[str]:
    """Return the files to ask about: code of some substance that fits a prompt, largest first."""
    files = candidates(snapshot, pattern, Style(), lambda _path: True)
    fitting = [path for path, data in files.items() if len(data) <= MAX_WHOLE_FILE_BYTES]
    return sorted(fitting, key=lambda path: (-len(files[path]), path))


def _for_task(snapshot: Snapshot, task: str) -> Sequence[str]:
    """Return the files a task is most likely about: those it names, then those that share words."""
    wanted = words(task)
    scored = []
    for path in snapshot.paths():
        if not path.endswith((".py", ".md", ".toml", ".txt", ".cfg")):
            continue
        is_named = path in task or PurePosixPath(path).name in task
        score = 10 * is_named + len(wanted & words(path))
        data = snapshot.read(path) if score else None
        if data is not None and len(data) <= MAX_WHOLE_FILE_BYTES:
            scored.append((-score, path))
    return [path for _, path in sorted(scored)[:_MAX_TASK_FILES]]


def _text(snapshot: Snapshot, path: str) -> str:
    return (snapshot.read(path) or b"").decode("utf-8", "replace")
