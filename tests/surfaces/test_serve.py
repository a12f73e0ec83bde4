"""`mai serve` as a process: it keeps the inbox with or without Discord, and ends cleanly."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from mai.core import Core, Submission
from mai.proposal import State
from tests.servers.discord import DiscordServer
from tests.surfaces.serving import Serving, core_of, new_file, until, waiting
from tests.workspace import COMMENT, FIX, Workspace

NO_DISCORD = {"DISCORD_BOT_TOKEN": "", "DISCORD_USER_ID": ""}


def test_without_discord_it_keeps_the_inbox(serving: Serving, core: Core) -> None:
    serving.start(NO_DISCORD)
    serving.until_said("discord: off")
    with core_of(serving.workspace, MAI_EXPIRY_HOURS="0.0002") as quick:
        proposal = waiting(quick, FIX)
    until(lambda: core.get(proposal.id).state is State.EXPIRED, "the end of it")
    assert serving.stop() == 0
    assert serving.log.rstrip().endswith("Stopped.")


@pytest.mark.parametrize("missing", sorted(NO_DISCORD))
def test_half_set_up_is_a_sentence_and_not_served(serving: Serving, missing: str) -> None:
    environment = {**serving.server.environment, missing: ""}
    ran = serving.workspace.mai("serve", environment=environment)
    assert ran.code == 2
    assert ran.err.startswith(f"{missing} is not set although ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(
    serving: Serving, server: DiscordServer, number: signal.Signals
) -> None:
    serving.start()
    server.until(lambda: server.gateway.identified, "a connection")
    serving.until_said("Ctrl-C ends it.")
    assert serving.process is not None
    serving.process.send_signal(number)
    assert serving.died() == 0
    assert "Traceback" not in serving.log
    server.until(lambda: not server.gateway.links, "the connection to end")


def test_where_there_is_no_repo_it_says_so(workspace: Workspace) -> None:
    ran = workspace.mai("serve", "--repo", str(workspace.folder))
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_json_lines_are_all_that_is_on_stdout(workspace: Workspace) -> None:
    process = workspace.start("serve", "--json")
    assert process.stderr is not None
    while b"Ctrl-C" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = out.decode().splitlines()
    assert json.loads(lines[0])["text"] == "discord: off"
    assert json.loads("\n".join(lines[1:])) == {"stopped": True, "error": None}


@pytest.mark.docker
def test_what_a_killed_process_left_is_finished(serving: Serving, core: Core) -> None:
    killed = serving.workspace.submit(FIX, environment={"MAI_CRASH_AT": "check:recorded"})
    assert killed.code == -signal.SIGKILL
    serving.start(NO_DISCORD)
    until(core.inbox.pending, "the rest of the pipeline")
    assert core.inbox.pending()[0].trial is not None
    assert serving.stop() == 0


@pytest.mark.docker
def test_what_waits_is_judged_again_when_the_branch_moves(serving: Serving, core: Core) -> None:
    proposal = core.submit(Submission(COMMENT, "Say what it does", "It is missing."))
    serving.start(NO_DISCORD)
    tip = serving.workspace.repo.commit({"other.txt": "x\n"}, "Move on")
    until(
        lambda: core.get(proposal.id).tip == tip and core.get(proposal.id).state is State.PENDING,
        "another look",
    )
    assert core.get(proposal.id).digest == proposal.digest
    assert serving.stop() == 0


@pytest.mark.docker
def test_ended_in_the_middle_of_a_trial_it_loses_nothing(serving: Serving, core: Core) -> None:
    slow = {"tests/test_slow.py": "import time\n\ndef test_slow():\n    time.sleep(20)\n"}
    serving.workspace.repo.commit(slow, "Slow")
    serving.workspace.submit(FIX, environment={"MAI_CRASH_AT": "assess:recorded"})
    serving.start(NO_DISCORD)
    mine = ["docker", "ps", "--quiet", "--filter", f"label=mai.owner={_pid(serving)}"]
    until(lambda: subprocess.run(mine, capture_output=True, check=True).stdout, "a container")
    assert serving.stop() == 0
    assert "goes on at the next start" in serving.log
    assert core.inbox.all()[0].state is State.ASSESSED
    left = subprocess.run(mine, capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["docker", "rm", "--force", *left], capture_output=True, check=False)
    core.reject(core.inbox.all()[0].id, "enough", by="terminal:ana")


def test_a_proposal_that_comes_later_gets_its_card(serving: Serving, core: Core) -> None:
    serving.start()
    serving.until_said("discord: connected")
    serving.card_of(waiting(core, new_file("a.py"), "Came later"))


def _pid(serving: Serving) -> int:
    assert serving.process is not None
    return serving.process.pid
