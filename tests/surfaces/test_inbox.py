"""One inbox, many surfaces: the first answer wins, every card follows, silence is a no."""

from __future__ import annotations

import threading

import pytest

from mai.core import Core, Submission
from mai.errors import Conflict, Declined
from mai.events import Event, Said
from mai.proposal import Finding, Level, Opinion, ReviewReport, RiskReport, State
from mai.surfaces.host import Host
from tests.servers.discord import OWNER, DiscordServer
from tests.surfaces.serving import Serving, core_of, hosting, new_file, until, waiting
from tests.workspace import FIX

ROUNDS = 6


def _made(patch: str, title: str) -> Submission:
    return Submission(patch, title, "It is missing.")


def test_an_answer_in_the_terminal_shows_on_the_card(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    one, two = waiting(core, FIX, "One"), waiting(core, new_file("a.py"), "Two")
    serving.start()
    first, second = serving.card_of(one), serving.card_of(two)
    core.reject(two.id, "not needed", by="terminal:ana")
    core.approve(one.id, one.digest, by="terminal:ana")
    shown = serving.until_shown(first, "Landed on")
    assert "in the terminal by ana" in shown.text
    assert shown.buttons == []
    assert "not needed" in serving.until_shown(second, "Refused in the terminal by ana").text
    server.reacts(OWNER, second.id, "👍")
    assert server.until(lambda: server.posted_by_mai("Too late"), "a word")[0].reply_to == second.id
    assert core.get(two.id).state is State.REJECTED


@pytest.mark.parametrize("thumb", ["👎", "👍"])
def test_answered_from_both_at_once_one_wins_and_both_agree(
    serving: Serving, server: DiscordServer, core: Core, thumb: str
) -> None:
    proposals = [
        waiting(core, new_file(f"file{number}.py"), f"Number {number}") for number in range(ROUNDS)
    ]
    serving.start()
    cards = [serving.card_of(proposal) for proposal in proposals]
    won: list[bool] = []
    for proposal, card in zip(proposals, cards, strict=True):
        start = threading.Barrier(2)

        def react(message: int = card.id, start: threading.Barrier = start) -> None:
            start.wait()
            server.reacts(OWNER, message, thumb)

        thread = threading.Thread(target=react)
        thread.start()
        start.wait()
        try:
            core.reject(proposal.id, "from the terminal", by="terminal:ana")
        except (Conflict, Declined):
            won.append(False)
        else:
            won.append(True)
        thread.join()
        until(lambda one=proposal: core.get(one.id).state.is_end, "an end")  # type: ignore[misc] # bound now
    for proposal, card, terminal_won in zip(proposals, cards, won, strict=True):
        ended = core.get(proposal.id)
        if terminal_won:
            assert ended.reason == "from the terminal"
            serving.until_shown(card, "Refused in the terminal by ana")
        else:
            assert "terminal" not in (ended.error.message if ended.error else "")
            serving.until_shown(card, "on Discord")
    assert core.verify().ok


def test_silence_is_a_no_and_is_announced(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    with core_of(serving.workspace, MAI_EXPIRY_HOURS="0.005") as quick:  # 18 seconds
        proposal = waiting(quick, FIX)
    with hosting(serving):
        card = serving.card_of(proposal)
        told = server.until(lambda: server.posted_by_mai("No answer is a no."), "a reminder")
        assert told[0].reply_to == card.id
        shown = serving.until_shown(card, "Nobody answered in time, which is a no.")
        assert shown.buttons == []
        assert core.get(proposal.id).state is State.EXPIRED
        server.reacts(OWNER, card.id, "👍")
        server.until(lambda: server.posted_by_mai("Too late: it is expired"), "a word")
    assert len(server.posted_by_mai("No answer is a no.")) == 1
    assert serving.workspace.git("log", "--format=%s") == "Start"


def test_the_terminal_is_asked_too_after_a_while(serving: Serving, core: Core) -> None:
    proposal = waiting(core, FIX, "Divide by the count")
    said: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Said):
            said.append(event.text)

    core.events.subscribe(hear)
    host = Host(core, asks_after_s=0.5)
    host.start()
    until(lambda: said, "a question")
    assert host.stop(60)
    name = proposal.short_id
    asked = f"still waits for you: `mai approve {name}` or `mai reject {name}`."
    assert said == [f"{name}, “Divide by the count”, {asked}"]


def test_stopped_as_soon_as_it_began_it_ends(serving: Serving) -> None:
    with hosting(serving):
        pass  # the end of this asserts that everything ended


@pytest.mark.docker
def test_what_changed_since_is_a_new_card_and_a_late_yes_is_refused(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    lines = [f"line {number}" for number in range(12)]
    serving.workspace.repo.commit({"notes.md": "\n".join(lines) + "\n"}, "Take notes")
    patch = "--- a/notes.md\n+++ b/notes.md\n@@ -9 +9 @@\n-line 8\n+line eight\n"
    proposal = core.submit(_made(patch, "Spell it out"))
    assert proposal.state is State.PENDING
    serving.start()
    card = serving.card_of(proposal)
    # A line nearby moves on: what would land, as a person sees it, is something else now.
    lines[5] = "line five"
    serving.workspace.repo.commit({"notes.md": "\n".join(lines) + "\n"}, "Spell another one")
    serving.until_shown(card, "superseded")
    newer = core.get(proposal.id)
    assert newer.digest != proposal.digest
    second = serving.card_of(newer)
    assert second.id != card.id
    # The new question was there before the old card closed.
    asked = [(one.method, one.path) for one in server.asked]
    posts = [place for place, (method, _) in enumerate(asked) if method == "POST"]
    closing = asked.index(("PATCH", f"/channels/{card.channel}/messages/{card.id}"))
    assert sum(place < closing for place in posts if asked[place][1].endswith("/messages")) == 2
    server.reacts(OWNER, card.id, "👍")
    server.until(lambda: server.posted_by_mai("Too late"), "a word")
    assert core.get(proposal.id).state is State.PENDING
    # Moved back, the first question is asked again, in a message without the late yes.
    lines[5] = "line 5"
    serving.workspace.repo.commit({"notes.md": "\n".join(lines) + "\n"}, "Spell it as before")
    serving.until_shown(second, "superseded")
    assert core.get(proposal.id).digest == proposal.digest
    third = server.until(
        lambda: [one for one in server.posted_by_mai("👍 lands it") if one.id > second.id],
        "the first question again",
    )[0]
    server.until(lambda: {"👍", "👎"} <= (server.message(third.id) or third).reactions.keys(), "👍")
    assert core.get(proposal.id).state is State.PENDING
    server.reacts(OWNER, third.id, "👍")
    serving.until_shown(third, "Landed on")
    assert len(serving.cards()) == 3


@pytest.mark.docker
def test_several_yeses_land_one_after_the_other_each_tried_on_the_last(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposals = [
        core.submit(_made(new_file(f"file{number}.py"), f"Number {number}")) for number in range(4)
    ]
    serving.start()
    cards = [serving.card_of(proposal) for proposal in proposals]
    for card in cards[:3]:
        server.reacts(OWNER, card.id, "👍")
    for card in cards[:3]:
        serving.until_shown(card, "Landed on")
    assert core.get(proposals[3].id).state in {State.PENDING, State.PROPOSED, State.ASSESSED}
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "4"
    assert core.verify().ok


def test_a_hostile_proposal_forges_nothing_on_its_card(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    evil = "@everyone <@200> ||hidden|| [click](https://e.example) ```\n👍 lands it · `aaaaaa`"
    risk = RiskReport(
        Level.MEDIUM,
        3,
        tuple(
            Finding(f"r{n}", "net", Level.MEDIUM, "`x`](http://e)\n.py", n, 0, f"{evil}\u202e")
            for n in range(40)
        ),
    )
    review = ReviewReport(Opinion.OBJECT, f"bot {evil}", tuple(evil * 20 for _ in range(30)))
    text = "```\n@here\n# Approved\n" * 3
    proposal = waiting(
        core, new_file("evil.py", text), evil * 3, why=evil * 200, risk=risk, review=review
    )
    serving.start()
    card = serving.card_of(proposal)
    before, _, rest = card.text.partition("```diff")
    _, _, after = rest.partition("```")
    for forbidden in ("@everyone", "<@200>", "||hidden||", "](http", "\u202e", "@here", "```"):
        assert forbidden not in before + after
    assert "\u202e" not in rest
    assert card.allowed_mentions == {"parse": []}
    *_, how, until_when = card.embeds[0]["description"].splitlines()
    assert how == "👍 lands it · 👎 refuses it"
    assert until_when.startswith("ends <t:")
    assert until_when.endswith(f"digest `{proposal.digest.removeprefix('sha256:')[:6]}`")
    assert card.files[0][0] == f"{proposal.short_id}.diff"
    assert "evil.py" in card.files[0][1].decode()


def test_many_files_and_a_large_diff_still_fit_one_message(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    patch = "".join(new_file(f"{'deep/' * 15}file{n}.py", "x = 1\n" * 40) for n in range(60))
    proposal = waiting(core, patch, "Add sixty files", why="Why. " * 500)
    serving.start()
    card = serving.card_of(proposal)
    assert "60 files, +2400 −0 in all" in card.text
    assert "The diff is in the attachment." in card.text
    assert card.files[0][1].decode().count("+x = 1") == 2400
