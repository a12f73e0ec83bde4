"""The sides: the plain prompt, Mai with a model, and Mai's search without one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.solving.judge import Judge
from bench.solving.plain import plain_reading, plain_request
from bench.solving.recorder import Recorder
from bench.solving.tasks import Task
from mai.core import Core
from mai.errors import MaiError
from mai.events import Cancel, Event, StageStarted
from mai.proposal import Proposal, State
from mai.protocols import Provider
from mai.providers.base import ask
from mai.text import one_line

_TOLD_CHARACTERS = 160
_RETRY_TEMPERATURE = 0.8
#: What Mai says of an answer that it could read and that does nothing.
_UNCHANGED = ("leaves the file as it is", "changes nothing but")


@dataclass(slots=True)
class Row:
    """What one side made of one task. `lost` says where, empty where the task is solved."""

    task: str
    kind: str
    side: str
    is_solved: bool = False
    lost: str = ""
    told: str = ""
    asked: int = 0
    read: int = 0
    written: int = 0
    model_s: float = 0.0
    first_words_s: float | None = None
    seconds: float = 0.0
    files: dict[str, str] = field(default_factory=dict)


def counted(row: Row, recorder: Recorder, seconds: float) -> Row:
    """Return `row` with what the model cost."""
    taken = recorder.taken
    return replace(
        row,
        asked=len(taken),
        read=sum(one.read for one in taken),
        written=sum(one.written for one in taken),
        model_s=round(sum(one.seconds for one in taken), 1),
        first_words_s=recorder.first_words_s and round(recorder.first_words_s, 1),
        seconds=round(seconds, 1),
    )


def plain(task: Task, provider: Provider, recorder: Recorder, judge: Judge, budget: int) -> Row:
    """Ask the plain prompt once; then, while fewer than `budget` tokens were written, again.

    A further answer is drawn freely and counts where the ones before solve nothing that is shown:
    with a failing test at hand a person would see that and ask again, without one they would not.
    """
    recorder.about(task.name, "plain")
    row = Row(task.name, task.kind, "plain")
    started_s = time.monotonic()
    shown = replace(task, hidden={}) if task.kind == "bug" else None
    temperature, files, told = 0.0, dict[str, str](), ""
    try:
        while True:
            wanted = plain_request(task, temperature)
            files = plain_reading(task, ask(provider, wanted, Cancel()))
            written = sum(one.written for one in recorder.taken)
            if shown is None or written >= budget or judge.solves(shown, files):
                break
            temperature = _RETRY_TEMPERATURE
    except MaiError as error:
        told = one_line(error.sentence, _TOLD_CHARACTERS)
    seconds = time.monotonic() - started_s
    is_solved = judge.solves(task, files)
    lost = "" if is_solved else "write-content" if files else "write-form"
    row = replace(row, is_solved=is_solved, lost=lost, told=told, files=files)
    return counted(row, recorder, seconds)


def mai(
    task: Task,
    side: str,
    folder: Path,
    recorder: Recorder,
    judge: Judge,
    *,
    over: Mapping[str, Any],
) -> Row:
    """Carry the task out with Mai in a repository made in `folder`; `over` are its settings."""
    recorder.about(task.name, side)
    row = Row(task.name, task.kind, side)
    _make_repo(folder / "repo", task.files)
    stages: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, StageStarted):
            stages.append(event.stage)
            recorder.stage = event.stage

    data = {"memory_db_path": folder / "data" / "mai.db", "log_dir": folder / "logs"}
    settings: dict[str, Any] = {**over, **data}
    started_s = time.monotonic()
    with Core.open(folder / "repo", tells_stderr=False, **settings) as core:
        core.events.subscribe(hear)
        proposal, error = None, None
        try:
            proposal = core.change(task.task)
        except MaiError as fault:
            error = fault
        seconds = time.monotonic() - started_s
        files = _changed(core, proposal, task) if proposal is not None else {}
    is_right = judge.solves(task, files)
    is_proposed = proposal is not None and proposal.state in {State.PENDING, State.LANDED}
    lost = _lost(proposal, error, stages, is_proposed=is_proposed, is_right=is_right)
    told = error.sentence if error is not None else "" if proposal is None else proposal.title
    told = one_line(told, _TOLD_CHARACTERS)
    is_solved = is_right and is_proposed
    row = replace(row, is_solved=is_solved, lost=lost, told=told, files=files)
    return counted(row, recorder, seconds)


def _lost(
    proposal: Proposal | None,
    error: MaiError | None,
    stages: list[str],
    *,
    is_proposed: bool,
    is_right: bool,
) -> str:
    if proposal is not None and not is_proposed:
        return f"gate ({proposal.state}{', a right change' if is_right else ''})"
    if proposal is not None:
        return "" if is_right else "write-content"
    last = stages[-1] if stages else "search"
    told = error.sentence if error is not None else ""
    if any(words in told for words in _UNCHANGED):
        return "write-content"
    if "gave no change" in told or (last in {"write", "self-check"} and "test" not in told):
        return "write-form"
    return last


def _changed(core: Core, proposal: Proposal, task: Task) -> dict[str, str]:
    """Return the files of a proposal that differ from the task's, those it took away as empty."""
    snapshot = core.repo.snapshot(proposal.tree or proposal.commit)
    made = {
        path: (snapshot.read(path) or b"").decode("utf-8", "replace") for path in snapshot.paths()
    }
    gone = {path: "" for path in task.files if path not in made}
    return {path: text for path, text in {**made, **gone}.items() if task.files.get(path) != text}


def _make_repo(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")

    def git(*words: str) -> None:
        name = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
        subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    git("config", "user.name", "Bench")
    git("config", "user.email", "bench@example.org")
    git("add", "--all")
    git("commit", "--quiet", "--message=Start")
