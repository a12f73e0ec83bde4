"""What Mai can do with no model at all: ruff's fixers, chosen and judged one by one.

Each draft is one idea (a row of `reflex_rules`) over a few files, so that a person can say yes or
no to it at a glance. Files come from the commit, never from the work tree, and go back as a diff.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from itertools import islice

from mai.protocols import ChatRequest, Delta, Draft, ModelInfo, Snapshot
from mai.providers import ruff
from mai.providers.diff import file_diff
from mai.providers.reflex_files import Style, choose, is_python, read_sources, read_style
from mai.providers.reflex_guards import worth_mending
from mai.providers.reflex_rules import REFLEXES, Reflex
from mai.providers.reflex_words import title, why

FILES_PER_DRAFT = 5

NO_MODEL = (
    "No model thinks here: I work on reflexes. I can still find and mend a list of known faults "
    "in Python code; `/improve` starts that. For a conversation, start Ollama and give it a "
    "model, such as with `ollama pull qwen2.5-coder:7b`."
)


class ReflexProvider:
    """Improves Python code without a model; says honestly that it cannot talk."""

    name = "reflex"

    def __init__(self, may_touch: Callable[[str], bool] = lambda _path: True) -> None:
        """Leave alone, beside what the repo itself keeps, every path `may_touch` refuses."""
        self.model = f"ruff {ruff.version()}"
        self._may_touch = may_touch

    def improve(
        self, snapshot: Snapshot, pattern: str | None, avoid: frozenset[str]
    ) -> Iterator[Draft]:
        """Yield improvements, those that mend bugs first.

        Raises:
            ProviderError: ruff is not there, or fails.
        """
        style = read_style(snapshot)
        chosen = choose(snapshot, pattern, style, self._may_touch)
        if not chosen:
            return
        # What else there is may use what a mended file has.
        others = (path for path in snapshot.paths() if is_python(path))
        everything = read_sources(snapshot, dict.fromkeys((*chosen, *others)))
        files = {path: everything[path] for path in chosen if path in everything}
        codes = [code for reflex in REFLEXES for code in (*reflex.codes, *reflex.completes)]
        hits = [hit for hit in ruff.check(files, codes, style) if not _is_ignored(hit.code, style)]
        for reflex in REFLEXES:
            found = worth_mending(reflex, hits, everything)
            while chunk := dict(islice(found, FILES_PER_DRAFT)):
                draft = self._draft(reflex, chunk, hits, files, style)
                if draft is not None and draft.title not in avoid:
                    yield draft

    async def stream(
        self,
        request: ChatRequest,  # noqa: ARG002 - the answer is the same to everything
    ) -> AsyncGenerator[Delta, None]:
        """Say that there is no model here, and what there is."""
        yield Delta(NO_MODEL)
        yield Delta(is_last=True)

    async def models(self) -> Sequence[ModelInfo]:
        """List the reflexes as the one thing there is."""
        return (ModelInfo(self.model, self.name),)

    async def close(self) -> None:
        """Nothing is held open."""

    def _draft(
        self,
        reflex: Reflex,
        found: Mapping[str, Sequence[ruff.Hit]],
        hits: Sequence[ruff.Hit],
        files: Mapping[str, bytes],
        style: Style,
    ) -> Draft | None:
        """Mend `found` and describe it, None where the fix changed nothing."""
        codes = tuple(code for code in reflex.codes if not _is_ignored(code, style))
        mended: dict[str, bytes] = {}
        for path in sorted(found):
            kept_before = tuple(
                code
                for code in reflex.completes
                if not any(hit.path == path and hit.code == code for hit in hits)
            )
            chosen = {path: files[path]}
            mended |= ruff.fix(chosen, codes + kept_before, style, takes_unsafe=reflex.takes_unsafe)
        changed = {path: data for path, data in mended.items() if data != files[path]}
        if not changed:
            return None
        before = sum(hit.path in changed and hit.code in codes for hit in hits)
        count = max(1, before - len(ruff.check(changed, codes, style)))
        return Draft(
            title(reflex, count, list(changed)),
            why(reflex, {path: found[path] for path in changed}),
            "".join(file_diff(path, files[path], data) for path, data in changed.items()),
            f"{self.model} (reflex)",
            tuple(changed),
        )


def _is_ignored(code: str, style: Style) -> bool:
    return code.startswith(style.ignored) if style.ignored else False
