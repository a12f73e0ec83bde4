"""How Discord's side of the inbox holds under load: many cards, kills, cuts, and contested answers.

    python bench/discord_inbox.py [PROPOSALS] [YESES] [CONTESTS]

60, 12 and 40 where they are not given; YESES may be all of them.

Puts PROPOSALS before the owner, lets strangers press everything, kills `mai serve` and cuts its
connection meanwhile, and approves YESES of them: exactly those must land, each once. Then answers
CONTESTS more from the terminal and from Discord at the same instant: one winner each, and both
must agree on who. Needs a container engine, since each landing moves the branch under the next.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path

from mai.core import Core, Submission
from mai.errors import Conflict, Declined
from mai.events import Cancel
from mai.pipeline.approve import ask
from mai.pipeline.assess import assess
from mai.pipeline.propose import new_id, propose
from mai.proposal import Proposal, State, TrialReport, Verdict
from tests.servers.discord import GENERAL, OTHER_BOT, OWNER, SECOND, STRANGER, DiscordServer, Posted
from tests.surfaces.serving import Serving, core_of, new_file
from tests.workspace import Workspace

PROPOSALS, YESES, CONTESTS = 60, 12, 40
_FILES = {
    "calc/__init__.py": "",
    "calc/core.py": "def double(x):\n    return 2 * x\n",
    "tests/test_core.py": (
        "from calc.core import double\n\n\ndef test_double():\n    assert double(4) == 8\n"
    ),
}
#: What the sandbox finds for a file that nothing uses: a digest that holds when judged again.
_TRIAL = TrialReport(Verdict.PASS)
_PATIENCE_S = 3600.0
#: How likely a cut and a kill are, about twice a second, while answers are carried out.
_CUT_SHARE, _KILL_SHARE = 0.05, 0.03


def waiting(core: Core, number: int) -> Proposal:
    """Put a proposal before the owner, judged in earnest but for the trial, which is known."""
    services = core._services  # noqa: SLF001 - a bench may look
    patch = new_file(f"calc/part{number}.py", f"VALUE = {number}\n")
    submission = Submission(patch, f"Add part {number}", "It is missing.", "bench (person)")
    proposal_id = new_id()
    with core.repo.claim(proposal_id):  # a `mai serve` beside this would go on with it
        return _judged(core, propose(submission, services, proposal_id))


def _judged(core: Core, proposal: Proposal) -> Proposal:
    services, inbox, cancel = core._services, core.inbox, Cancel()  # noqa: SLF001 - likewise
    core.repo.keep(proposal.ref, proposal.commit)
    proposal = inbox.record(proposal.id, "checked", {})
    found = assess(proposal, services, cancel)
    proposal = inbox.record(proposal.id, found.kind, found.data)
    assert proposal.risk is not None
    tried = {"trial": asdict(_TRIAL), "risk": asdict(proposal.risk)}
    inbox.record(proposal.id, "tried", tried)
    proposal = inbox.record(
        proposal.id, "reviewed", {"review": {"verdict": "none", "reviewer": "", "concerns": []}}
    )
    asked = ask(proposal, services, cancel)
    return inbox.record(proposal.id, asked.kind, asked.data)


def cards_of(serving: Serving, proposals: list[Proposal]) -> dict[str, Posted]:
    """Wait until every proposal has its card with 👍 and 👎, and return them by id."""
    wanted = {proposal.id for proposal in proposals}

    def found() -> dict[str, Posted]:
        cards = {
            card.embeds[0]["footer"]["text"].partition(" ")[0]: card
            for card in serving.cards()
            if {"👍", "👎"} <= card.reactions.keys()
        }
        return cards if wanted <= cards.keys() else {}

    return serving.server.until(found, "every card", _PATIENCE_S)


def many(serving: Serving, core: Core, count: int, yeses: int) -> None:
    """Approve some of many, with strangers, kills and cuts in between; check what landed."""
    server, chance = serving.server, random.Random(7)  # noqa: S311 - to be the same every time
    began = time.monotonic()
    proposals = [waiting(core, number) for number in range(count)]
    print(f"{count} proposals wait                {time.monotonic() - began:8.1f} s")
    began = time.monotonic()
    serving.start()
    cards = cards_of(serving, proposals)
    print(f"{count} cards posted                  {time.monotonic() - began:8.1f} s")
    for card in cards.values():
        server.reacts(chance.choice([STRANGER, SECOND, OTHER_BOT]), card.id, "👍")
    chosen = chance.sample(proposals, yeses)
    others = [one for one in proposals if one not in chosen]
    refused = chance.sample(others, min(len(others), yeses // 3))
    began = time.monotonic()
    for number, proposal in enumerate(chosen):
        server.reacts(OWNER, cards[proposal.id].id, chance.choice(["👍", "👍🏽"]))
        if number % 7 == 0:
            server.cut()
    for proposal in refused:
        server.reacts(OWNER, cards[proposal.id].id, "👎")

    def done() -> bool:
        states = {one.id: one.state for one in core.inbox.all()}
        return all(states[one.id] is State.LANDED for one in chosen) and all(
            states[one.id] is State.REJECTED for one in refused
        )

    said, until_s, cuts, kills = 0, time.monotonic() + _PATIENCE_S, 0, 0
    while not done():
        assert time.monotonic() < until_s, serving.log[-2000:]
        time.sleep(chance.uniform(0.0, 1.0))
        if chance.random() < _CUT_SHARE:
            cuts += 1
            server.cut()
        elif chance.random() < _KILL_SHARE:
            kills += 1
            serving.kill()
            serving.start()
        landed = sum(one.state is State.LANDED for one in core.inbox.all())
        if landed >= said + 10:
            said = landed
            print(f"  {landed} landed after {time.monotonic() - began:.1f} s", flush=True)
    seconds = time.monotonic() - began
    each_s = seconds / yeses
    print(f"{yeses} landed, {len(refused)} refused {seconds:8.1f} s, {each_s:.2f} s each")
    print(f"killed {kills} times, cut {cuts} times meanwhile")
    landed_ids = {one.id for one in core.inbox.all() if one.state is State.LANDED}
    assert landed_ids == {one.id for one in chosen}
    titles = serving.workspace.git("log", "--format=%s").splitlines()
    assert sorted(titles) == sorted(["Start", *(one.title for one in chosen)])
    assert len(serving.cards()) == count, "one card for each digest"
    assert core.verify().ok


def contested(serving: Serving, core: Core, count: int) -> None:
    """Answer from both sides at the same instant, over and over; check that both agree."""
    server = serving.server
    proposals = [waiting(core, 100_000 + number) for number in range(count)]
    cards = cards_of(serving, proposals)
    won = {"terminal": 0, "Discord": 0}
    began = time.monotonic()
    terminal: dict[str, bool] = {}
    for number, proposal in enumerate(proposals):
        card, start = cards[proposal.id], threading.Barrier(2)

        def react(message: int = card.id, start: threading.Barrier = start) -> None:
            start.wait()
            server.reacts(OWNER, message, "👎")

        thread = threading.Thread(target=react)
        thread.start()
        start.wait()
        # Discord's way is longer; some of the time the terminal must come later to meet it.
        time.sleep((number % 20) * 0.001)
        try:
            core.reject(proposal.id, "from the terminal", by="terminal:ana")
            terminal[proposal.id] = True
        except (Conflict, Declined):
            terminal[proposal.id] = False
        thread.join()
    for proposal in proposals:
        said = "in the terminal by ana" if terminal[proposal.id] else "on Discord"
        won["terminal" if terminal[proposal.id] else "Discord"] += 1
        server.until(
            lambda one=proposal, said=said: (
                said in getattr(server.message(cards[one.id].id), "text", "")
            ),  # type: ignore[misc] # bound now
            f"the card of {proposal.title} to agree",
        )
        error = core.get(proposal.id).error
        assert error is not None
        assert ("terminal" in error.message) is terminal[proposal.id]
    print(f"{count} contested answers            {time.monotonic() - began:8.1f} s, won: {won}")
    assert core.verify().ok


def main() -> None:
    """Run both and print."""
    count, yeses, contests = (
        int(given) if given else usual
        for given, usual in zip(
            [*sys.argv[1:], "", "", ""], (PROPOSALS, YESES, CONTESTS), strict=False
        )
    )
    with tempfile.TemporaryDirectory() as folder, DiscordServer() as server:
        workspace = Workspace.make(Path(folder), _FILES)
        serving = Serving(workspace, server, {"MAI_DISCORD_CHANNEL": str(GENERAL)})
        with core_of(workspace) as core:
            try:
                many(serving, core, count, yeses)
                contested(serving, core, contests)
                assert serving.stop() == 0
            finally:
                if serving.process is not None:
                    serving.kill()


if __name__ == "__main__":
    main()
