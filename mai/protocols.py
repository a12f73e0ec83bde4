"""The seams. Everything Mai could be given another one of is a Protocol here, and only here."""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mai.events import Cancel
from mai.jobs import Job, Limits, Prepared, RunResult
from mai.proposal import Level, Proposal, ReviewReport

# --- time ------------------------------------------------------------------------------------


class Clock(Protocol):
    """Says what time it is, so that expiry can be tested without waiting."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...


@runtime_checkable
class KnowsUptime(Protocol):
    """A clock that also says how long the machine has been up, which nobody can set."""

    def uptime(self) -> tuple[str, float] | None:
        """Return which start of the machine this is, and the seconds since; None if unknown."""
        ...


class SystemClock:
    """The machine's own clock."""

    def uptime(self) -> tuple[str, float] | None:
        """Return Linux's boot id and the seconds since, those asleep included; None elsewhere."""
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
            return boot, float(Path("/proc/uptime").read_text("ascii").split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)


# --- thinking --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tool:
    """Something a model may ask for. `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for `name`. The arguments are what it wrote: check them against the schema."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. `role`: system, user, assistant or tool.

    An assistant's may hold `tool_calls`; a tool's names the tool and the call that it answers.
    """

    role: str
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a provider is asked.

    `schema` is a JSON schema the answer must meet; `answer_tokens` is the room kept for the
    answer; `temperature` None leaves the model's own. `tools` are offered natively where the model
    can call them and there is no schema.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    answer_tokens: int = 1024
    temperature: float | None = None
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer as it arrives. The last one has `is_last` and the server's counts.

    `is_cut` on the last one: the answer ended because its room did.
    """

    text: str = ""
    thinking: str = ""
    is_last: bool = False
    prompt_tokens: int = 0
    answer_tokens: int = 0
    tool_calls: tuple[ToolCall, ...] = ()
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step of a model server is. `fraction` from 0 to 1, None if not known."""

    text: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model a provider has. `size_bytes` on disk; `context_length` in tokens, 0 if unknown.

    `kv_bytes_per_token` is what each token of context costs in memory, 0 if unknown. Of the
    capabilities, `completion` can chat, `embedding` can embed, `tools` calls tools natively.
    `content_hash` tells two contents of one name apart, empty where the provider knows none.
    """

    name: str
    provider: str
    size_bytes: int = 0
    context_length: int = 0
    capabilities: tuple[str, ...] = ()
    kv_bytes_per_token: int = 0
    is_loaded: bool = False
    content_hash: str = ""


class Provider(Protocol):
    """Where inference comes from. Errors are `mai.errors.ProviderError` and its children."""

    name: str
    model: str

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """Answer piece by piece. Closing the iterator stops the server's work."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """List what this provider could think with."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class KnowsContext(Protocol):
    """A provider that can say how many tokens its model holds."""

    async def context_length(self) -> int:
        """Return the number of tokens, 0 where it is not known."""
        ...


@runtime_checkable
class CanWeigh(Protocol):
    """A provider that can say how likely its model is to begin an answer with some word."""

    def weigh(
        self, request: ChatRequest, words: Sequence[str]
    ) -> Coroutine[Any, Any, Sequence[float] | None]:
        """Return the natural log-probability of each of `words` as the answer's first token.

        Case and spaces around a word do not count. None: the server gives no probabilities.
        """
        ...


@dataclass(frozen=True, slots=True)
class Expectation:
    """One token of a given text, and the one that the model would rather have written there.

    `start` is where the token begins in the text; the log-probabilities are natural ones.
    """

    start: int
    text: str
    logprob: float
    best: str
    best_logprob: float


@runtime_checkable
class CanExpect(Protocol):
    """A provider that can say how likely its model would have written a given answer."""

    def expect(
        self, request: ChatRequest, answer: str, spans: Sequence[tuple[int, int]]
    ) -> Coroutine[Any, Any, Sequence[Expectation]]:
        """Return what the model expected at each token of `answer` that lies in `spans`.

        A span is a first character and an end. Each token costs a step of the model.
        """
        ...


@runtime_checkable
class CanEmbed(Protocol):
    """A provider whose model turns texts into vectors."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector per text, all of one length."""
        ...


@runtime_checkable
class CanLoad(Protocol):
    """A provider that can put its model into memory and take it out again."""

    async def load(self, context_tokens: int = 0) -> None:
        """Load the model, with this context or its own choice of one."""
        ...

    async def unload(self) -> None:
        """Free the model's memory; harmless where it is not loaded."""
        ...


@runtime_checkable
class CanPull(Protocol):
    """A provider whose server can fetch its model."""

    def pull(self) -> AsyncIterator[Progress]:
        """Fetch the model, telling how far it is. Closing the iterator stops the download."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A change somebody would like made, before any of it was applied.

    `edits` is text as `mai.edits.parse` reads it: a diff or edit blocks. `author` is what wrote
    it, such as `ruff (reflex)`. `paths` are the only ones that it may change; empty: any.
    """

    title: str
    why: str
    edits: str
    author: str
    paths: tuple[str, ...] = ()


class Snapshot(Protocol):
    """The tracked files of one commit, read as data. Never the work tree."""

    commit: str

    def paths(self) -> Sequence[str]:
        """List every regular file's path, sorted, `/`-separated, relative to the root."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return a file's content, or None where the commit has no such regular file."""
        ...


@runtime_checkable
class KnowsBlobs(Protocol):
    """A snapshot that can say which content a file has without reading it."""

    def blob_id(self, path: str) -> str | None:
        """Return git's id of the file's content, None where there is no such regular file."""
        ...


@runtime_checkable
class ReadsMany(Protocol):
    """A snapshot that reads many files quicker than one by one."""

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of those `paths` that are regular files."""
        ...


@runtime_checkable
class CanImprove(Protocol):
    """A provider that finds improvements by itself, without being prompted."""

    def improve(
        self, snapshot: Snapshot, pattern: str | None, avoid: frozenset[str]
    ) -> Iterator[Draft]:
        """Yield improvements, best first, to files that match the glob `pattern`.

        Drafts whose title is in `avoid` were made before and are not made again.
        """
        ...


class Reviewer(Protocol):
    """The second agent."""

    name: str

    def review(self, proposal: Proposal, diff: str, cancel: Cancel) -> ReviewReport:
        """Judge a proposal from its diff, risk and trial, never from its author's reasoning."""
        ...


# --- running ---------------------------------------------------------------------------------


class Sandbox(Protocol):
    """Where code that a model wrote may run. No other place may run it."""

    @property
    def image(self) -> str:
        """The id of the image that runs happen in, `sha256:…`."""
        ...

    def run(self, job: Job, cancel: Cancel) -> RunResult:
        """Run `job` in a fresh container. Raises NoEngine or SandboxError, never falls back."""
        ...

    def prepare(
        self, read: Callable[[str], bytes | None], paths: Sequence[str] | None = None
    ) -> Prepared:
        """Return the image for the tree of `paths` that `read` reads, made if need be."""
        ...

    def limits_for(self, level: Level) -> Limits:
        """Return the limits that a change of this risk level gets."""
        ...

    def close(self) -> None:
        """Remove what this process has running."""
        ...


@runtime_checkable
class CanWait(Protocol):
    """A sandbox that can have containers ready before there is a job for them."""

    def keep_warm(self) -> None:
        """Have some wait from here on, in the background."""
        ...


# --- meeting people --------------------------------------------------------------------------


class Surface(Protocol):
    """Where a person meets Mai: terminal, Discord, later others."""

    name: str

    async def show(self, proposal: Proposal, diff: str) -> None:
        """Show a proposal that waits, or the new state of one shown before."""
        ...


@runtime_checkable
class CanEdit(Protocol):
    """A surface that can change what it showed."""

    async def edit(self, proposal: Proposal) -> None:
        """Bring what was shown up to date."""
        ...


@runtime_checkable
class CanReact(Protocol):
    """A surface where a yes is a reaction."""

    async def offer(self, proposal: Proposal) -> None:
        """Put the reactions there for the person to press."""
        ...


@runtime_checkable
class CanType(Protocol):
    """A surface that can show that Mai is at work."""

    async def typing(self) -> None:
        """Show it for a while."""
        ...


@runtime_checkable
class CanAttach(Protocol):
    """A surface that takes files."""

    async def attach(self, name: str, data: bytes) -> None:
        """Send a file."""
        ...
