"""SIGKILL at random instants of every command: nothing lost, nothing double, the ledger right.

`KILLS` says how many processes are killed, 300 without it. Each part has a machine of its own.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest

from mai.core import Core
from mai.proposal import Proposal, State
from tests.gitrepo import GitRepo
from tests.surfaces.serving import core_of, new_file
from tests.workspace import CALC, Workspace

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(7200)]

PARTS = 4
KILLS = int(os.environ.get("KILLS", "300"))
MOST_TRIES = 5
#: How often each command is begun, of so many.
COMMANDS = {
    "submit": 6,
    "approve": 6,
    "rollback": 4,
    "improve": 3,
    "change": 2,
    "refresh": 3,
    "reject": 2,
    "withdraw": 2,
    "restore": 2,
    "verify": 1,
}


@dataclass
class Machine:
    """One workspace, what its ledger was seen to say, and how long its commands take."""

    workspace: Workspace
    chance: random.Random
    seconds: dict[str, float] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    killed: Counter[str] = field(default_factory=Counter)
    dead: set[str] = field(default_factory=set)
    count: int = 0

    def arguments(self, command: str, core: Core) -> tuple[list[str], str] | None:
        """Return a command line and its input; None where there is nothing to use it on."""
        self.count += 1
        waiting = core.inbox.pending()
        landed = [one for one in core.history() if one.state is State.LANDED and not one.rolls_back]
        data = ""
        match command:
            case "submit":
                words, data = ["submit", "-"], new_file(f"file{self.count}.py")
            case "approve" | "reject" | "withdraw" if waiting:
                one = self.chance.choice(waiting)
                more = ["--digest", one.digest] if command == "approve" else []
                words = [command, one.id, *more]
            case "rollback" if landed:
                words = ["rollback", self.chance.choice(landed).id, "--yes"]
            case "improve" | "change":
                words = self._thinking(command, core)
            case "refresh":
                self.workspace.repo.commit({f"by-hand{self.count}.md": "x\n"}, "By hand")
                words = ["pending", "--refresh"]
            case "restore":
                words = ["restore", str(core._database.backup())]
            case "verify":
                words = ["audit", "verify"]
            case _:
                return None
        return [*words, "--json"], data

    def _thinking(self, command: str, core: Core) -> list[str]:
        snapshot = core.repo.snapshot(core.repo.tip("main"))
        text = (snapshot.read("calc/core.py") or b"").decode() + f"# Note {self.count}.\n"
        code = f"calc/core.py\n```python\n{text}```\n"
        title = f"Note {self.count}"
        plan = {
            "title": title,
            "why": "It helps.",
            "steps": [{"path": "calc/core.py", "what": "x"}],
        }
        answers = [f"Title: {title}\nWhy: It helps.\n\n{code}"]
        if command == "change":
            answers = [json.dumps(plan), code, json.dumps({"is_done": True, "problem": ""})]
        path = self.workspace.folder / "transcript.jsonl"
        path.write_text("".join(json.dumps({"text": one}) + "\n" for one in answers))
        if command == "change":
            return ["change", f"Write note {self.count}", "--yes"]
        return ["improve", "--path", "calc/core.py"]

    def run(self, command: str, arguments: list[str], data: str) -> bool:
        """Run a command and kill it at a random instant; return whether it was alive then."""
        usual_s = self.seconds.get(command)
        started_s = time.monotonic()
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("mai")), *arguments],
            cwd=self.workspace.repo.root,
            env={
                **self.workspace.environment,
                "MAI_PROVIDER": "scripted",
                "MAI_TRANSCRIPT": str(self.workspace.folder / "transcript.jsonl"),
                "MAI_REVIEWER": "none",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        # The first of each kind is let go to its end, to know how long it takes. A process spends
        # its first half on starting, so most are killed later; some end before that.
        share = self.chance.betavariate(4.0, 1.5) * 1.15
        wait_s = None if usual_s is None else share * usual_s
        try:
            out, _ = process.communicate(data.encode(), timeout=wait_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            if process.returncode == -signal.SIGKILL:  # else it had ended by itself just before
                self.killed[command] += 1
                self.dead.add(str(process.pid))
                return True
        took_s = time.monotonic() - started_s
        self.seconds[command] = took_s if usual_s is None else 0.7 * usual_s + 0.3 * took_s
        told = json.loads(out)
        told_of = told.get("proposals", [told])
        self.answered.update(one["id"] for one in told_of if one.get("id"))
        return False

    def check(self) -> None:
        """Let the next start finish what is due, and compare everything with everything."""
        with core_of(self.workspace, MAI_PROVIDER="reflex", MAI_REVIEWER="none") as core:
            found = core.verify()
            assert found.ok, found.problems
            for _ in range(MOST_TRIES):  # a trial without evidence, as on a busy machine, is kept
                core.resume()
                if not core.inbox.working():
                    break
            proposals = {one.id: one for one in core.inbox.all()}
            kept = core.repo.refs.kept()
            commits = core.repo.landed_trailers("main", 10_000)
            assert core.verify().ok
        self._compare(proposals)
        assert {one.id: one.commit for one in proposals.values()} == kept
        assert not [one.short_id for one in proposals.values() if one.state.is_working]
        on_branch = Counter(one.trailers["Mai-Proposal"] for one in commits)
        assert set(on_branch.values()) <= {1}, on_branch
        landed = {one.id for one in proposals.values() if one.landed and not one.landed.is_beside}
        assert landed == set(on_branch)
        for one in proposals.values():
            if one.rolls_back and one.landed and not one.landed.is_beside:
                assert proposals[one.rolls_back].state is State.ROLLED_BACK
        self._compare_files(proposals)

    def _compare(self, proposals: dict[str, Proposal]) -> None:
        """Whether nothing that was ever seen or answered is gone, and no end was undone."""
        assert self.states.keys() | self.answered <= proposals.keys()
        for proposal_id, before in self.states.items():
            now = proposals[proposal_id].state
            is_taken_back = before is State.LANDED and now is State.ROLLED_BACK
            assert not before.is_end or now is before or is_taken_back, (proposal_id, before, now)
        self.states = {one.id: one.state for one in proposals.values()}

    def _compare_files(self, proposals: dict[str, Proposal]) -> None:
        repo: GitRepo = self.workspace.repo
        assert repo.git("status", "--porcelain") == ""
        assert repo.git("fsck", "--strict", "--no-dangling") == ""
        assert not (repo.root / ".git" / "index.lock").exists()
        for one in proposals.values():
            (path, *_) = [change.path for change in one.files]
            if path.startswith("file") and one.rolls_back is None and not _is_beside(one):
                assert (repo.root / path).exists() == (one.state is State.LANDED), one


def _is_beside(proposal: Proposal) -> bool:
    return proposal.landed is not None and proposal.landed.is_beside


@pytest.mark.parametrize("part", range(PARTS))
def test_random_kills_lose_nothing_and_double_nothing(tmp_path: Path, part: int) -> None:
    seed = int(os.environ.get("SEED", "1")) * 1000 + part
    machine = Machine(Workspace.make(tmp_path, CALC), random.Random(seed))  # noqa: S311 - a test
    names, weights = list(COMMANDS), list(COMMANDS.values())
    while machine.killed.total() < (KILLS + PARTS - 1) // PARTS:
        (command,) = machine.chance.choices(names, weights)
        with core_of(machine.workspace) as core:
            line = machine.arguments(command, core)
        if line is not None:
            machine.run(command, *line)
            machine.check()
    states = Counter(state.value for state in machine.states.values())
    sys.stdout.write(f"part {part}: {dict(machine.killed)} killed; {dict(states)}\n")
    assert machine.killed.keys() <= COMMANDS.keys()
    client = docker.from_env()
    try:
        left = client.containers.list(all=True, filters={"label": "mai.owner"})
        assert not [one.id for one in left if one.labels["mai.owner"] in machine.dead]
    finally:
        client.close()
