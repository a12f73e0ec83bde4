"""What a model may ask for in a conversation. It can look, run the tests, and remember.

Nothing here writes to the repo: a change is a proposal, and a proposal takes `/change`. Reads see
tracked blobs of one commit, no link is followed, files that hold secrets by their name are as good
as absent, and what comes back is bounded and fenced as data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mai.agent.feedback import clipped
from mai.agent.mentions import is_secret
from mai.edits.paths import checked_path
from mai.errors import EditError, MaiError
from mai.globs import matches
from mai.protocols import Snapshot, Tool, ToolCall
from mai.templating.blocks import Block, fenced
from mai.text import one_line

MOST_CHARACTERS = 6_000
_MOST_LINES = 400
_MOST_PATHS = 200
_MOST_HITS = 40
_MOST_FILES_SEARCHED = 4_000
_LARGEST_BYTES = 1_000_000


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Read(_Arguments):
    path: str = Field(description="The file's path, or its unique name.")
    first_line: int = Field(1, ge=1, description="Where to begin, from 1.")
    last_line: int = Field(_MOST_LINES, ge=1, description="Where to end.")


class _Search(_Arguments):
    text: str = Field(min_length=1, max_length=200, description="What to find; upper case counts.")
    path: str = Field("", description="A glob, such as src/*.py; empty for all files.")


class _List(_Arguments):
    path: str = Field("", description="A folder or a glob; empty for all files.")


class _Show(_Arguments):
    id: str = Field(description="The proposal's id, or its first digits.")


class _Run(_Arguments):
    tests: list[str] = Field(
        default_factory=list, max_length=20, description="Test ids; empty for all."
    )


class _Remember(_Arguments):
    text: str = Field(min_length=1, max_length=2_000, description="One fact, in a sentence or two.")


class _Recall(_Arguments):
    text: str = Field(min_length=1, max_length=500, description="What it is about.")


@dataclass(frozen=True, slots=True)
class Services:
    """What the tools reach beyond the commit. Each returns text, and may raise a MaiError."""

    show_proposal: Callable[[str], str]
    run_tests: Callable[[Sequence[str]], str]
    remember: Callable[[str], str]
    recall: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Found:
    """What a call came to. `text` is a block, fit for a prompt; `summary` is for the person."""

    text: Block
    summary: str


class Toolbox:
    """The tools over one commit."""

    def __init__(
        self, snapshot: Snapshot, services: Services, most_characters: int = MOST_CHARACTERS
    ) -> None:
        self._snapshot = snapshot
        self._services = services
        self._most = most_characters
        self._table: dict[str, tuple[str, type[_Arguments], Callable[[Any], str]]] = {
            "read_file": ("Read a tracked file, or some lines of it.", _Read, self._read),
            "search": ("Find lines that hold a text, in all tracked files.", _Search, self._search),
            "list_files": ("List tracked files.", _List, self._list),
            "show_proposal": (
                "Show a proposal: why, risk, trial, diff.",
                _Show,
                self._show,
            ),
            "run_tests": ("Run the repo's tests in the sandbox.", _Run, self._run),
            "remember": ("Write down a fact for later.", _Remember, self._remember),
            "recall": ("Search what was remembered before.", _Recall, self._recall),
        }

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What is offered, as a provider wants it."""
        return tuple(
            Tool(name, text, _schema(kind)) for name, (text, kind, _) in self._table.items()
        )

    def with_room(self, most_characters: int) -> Toolbox:
        """Return the same tools with answers of at most so many characters."""
        return Toolbox(self._snapshot, self._services, most_characters)

    def run(self, call: ToolCall) -> Found:
        """Carry out a call. What goes wrong with it is its answer, never an exception."""
        entry = self._table.get(call.name)
        name = one_line(call.name, 40)
        if entry is None:
            known = ", ".join(self._table)
            return _answer(name, f"There is no tool {name}; there are {known}.", self._most)
        _, kind, action = entry
        try:
            text = action(kind.model_validate(dict(call.arguments)))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            text = f"The arguments do not fit: {where}: {first['msg']}."
        except MaiError as error:
            text = error.sentence
        return _answer(_said(call), text, self._most)

    # --- looking -----------------------------------------------------------------------------

    def _read(self, wanted: _Read) -> str:
        path = self._path(wanted.path)
        if path is None:
            return f"There is no tracked file {one_line(wanted.path)} that I may read."
        data = self._snapshot.read(path)
        if data is None or b"\0" in data or len(data) > _LARGEST_BYTES:
            return f"{one_line(path)} is binary or too large to read."
        lines = data.decode("utf-8", "replace").splitlines()
        last = min(wanted.last_line, wanted.first_line + _MOST_LINES - 1, len(lines))
        shown = lines[wanted.first_line - 1 : last]
        head = f"{path}, lines {wanted.first_line} to {last} of {len(lines)}\n"
        return head + "\n".join(shown)

    def _search(self, wanted: _Search) -> str:
        hits: list[str] = []
        for path in self._matching(wanted.path)[:_MOST_FILES_SEARCHED]:
            data = self._snapshot.read(path)
            if data is None or b"\0" in data[:8_000] or len(data) > _LARGEST_BYTES:
                continue
            text = data.decode("utf-8", "replace")
            if wanted.text not in text:
                continue
            for number, line in enumerate(text.splitlines(), 1):
                if wanted.text in line:
                    hits.append(f"{path}:{number}: {one_line(line, 160)}")
                if len(hits) == _MOST_HITS:
                    return "\n".join([*hits, "… and perhaps more; search for something longer."])
        return "\n".join(hits) or f"Nothing has {one_line(wanted.text, 60)} in it."

    def _list(self, wanted: _List) -> str:
        paths = self._matching(wanted.path)
        more = len(paths) - _MOST_PATHS
        tail = [f"… and {more} more."] if more > 0 else []
        return "\n".join([*paths[:_MOST_PATHS], *tail]) or "There are none."

    def _path(self, path: str) -> str | None:
        try:
            wanted = checked_path(path.strip().removeprefix("./"))
        except EditError:
            return None
        paths = self._snapshot.paths()
        if wanted not in paths:
            named = [one for one in paths if one.endswith(f"/{wanted}")]
            wanted = named[0] if len(named) == 1 else ""
        return None if not wanted or is_secret(wanted) else wanted

    def _matching(self, glob: str) -> list[str]:
        wanted = glob.strip().removeprefix("./").rstrip("/")
        return [
            path
            for path in self._snapshot.paths()
            if not is_secret(path)
            and (wanted in {"", "."} or path == wanted or matches(path, wanted))
        ]

    # --- beyond the commit -------------------------------------------------------------------

    def _show(self, wanted: _Show) -> str:
        return self._services.show_proposal(wanted.id)

    def _run(self, wanted: _Run) -> str:
        return self._services.run_tests(wanted.tests)

    def _remember(self, wanted: _Remember) -> str:
        return self._services.remember(wanted.text)

    def _recall(self, wanted: _Recall) -> str:
        return self._services.recall(wanted.text)


def described(tools: Sequence[Tool]) -> str:
    """Return the tools as lines for a system prompt. All of it is Mai's own words."""
    return "\n".join(
        f"- {tool.name}({', '.join(tool.parameters['properties'])}): {tool.description}"
        for tool in tools
    )


def _schema(kind: type[BaseModel]) -> Mapping[str, Any]:
    schema = kind.model_json_schema()
    properties = {
        name: {key: value for key, value in facts.items() if key != "title"}
        for name, facts in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
    }


def _said(call: ToolCall) -> str:
    return f"{one_line(call.name, 40)}({', '.join(_values(call.arguments))})"


def _values(arguments: Mapping[str, Any]) -> Iterator[str]:
    for value in arguments.values():
        yield one_line(str(value), 60)


def _answer(label: str, text: str, most: int) -> Found:
    return Found(fenced(f"what {label} found", clipped(text, most)), label)
