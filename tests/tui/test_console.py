from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mai.console.app import MaiApp
from mai.console.screens.console import ConsoleScreen
from mai.console.widgets.frame import FrameLine
from mai.console.widgets.proposal_diff import ProposalDiff
from mai.console.widgets.proposals import ProposalList
from mai.errors import UnsuitableRepo
from mai.proposal import Level, State
from mai.tui.widgets.conversation import MOST_APART
from mai.tui.widgets.machine import Machine
from mai.tui.widgets.prompt import Prompt
from tests.tui.console import Console, Desktop, pend
from tests.workspace import BREAK, COMMENT

HOSTILE = "[red]x[/red] \x1b[31mred\x1b[0m \u202egnol [@click=app.quit]quit[/]"


def words(console: Console, selector: str) -> str:
    return console.app.screen.query_one(selector, FrameLine).words


def listed(console: Console) -> str:
    return console.app.console_screen.query_one(ProposalList).text


def scripted(desktop: Desktop, *answers: dict[str, object]) -> None:
    transcript = desktop.workspace.folder / "demo"
    transcript.write_text("\n".join(json.dumps(answer) for answer in answers), encoding="utf-8")
    desktop.set(MAI_PROVIDER="scripted", MAI_TRANSCRIPT=str(transcript))


async def test_it_opens_with_where_it_is_and_what_waits(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.until(lambda: "reflexes" in words(console, "#top"), "the model's name")
        assert words(console, "#top").startswith("mai ── repo ⎇ main ── reflexes")
        assert "● 1 waits for you" in words(console, "#top")
        assert f"● {proposal.short_id} Divide by the count" in listed(console)
        assert "✓check ✓assess ✓trial ✓review" in listed(console)
        await console.hears("1 proposal waits for you")


async def test_the_machine_is_shown(desktop: Desktop) -> None:
    async with desktop.console() as console:
        machine = console.app.console_screen.query_one(Machine)
        await console.until(
            lambda: "mem" in machine.summary and "…" not in machine.summary, "a sample"
        )
        shown = machine.render().plain
        assert "GB" in shown
        assert "discord off" in shown


async def test_tab_goes_to_the_proposals_and_back(desktop: Desktop) -> None:
    desktop.pending()
    async with desktop.console() as console:
        screen = console.app.console_screen
        assert screen.query_one(Prompt).has_focus
        await console.press("tab")
        assert screen.query_one(ProposalList).has_focus
        assert "a approve" in words(console, "#keys")
        await console.press("tab")
        assert screen.query_one(Prompt).has_focus
        assert "a approve" not in words(console, "#keys")


async def test_letters_in_the_prompt_are_letters(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.type("arjk")
        assert console.app.console_screen.query_one(Prompt).text == "arjk"
        assert isinstance(console.app.screen, ConsoleScreen)
    assert desktop.state(proposal) is State.PENDING


async def test_j_and_k_move_through_the_list(desktop: Desktop) -> None:
    with desktop.core() as core:
        older = pend(core, COMMENT, title="Say what it is")
        newer = pend(core)
    async with desktop.console() as console:
        await console.chooses(newer)
        screen = console.app.console_screen
        assert screen.chosen == newer
        await console.press("j")
        assert screen.chosen == older
        await console.press("k", "k")
        assert screen.chosen == newer


def chosen_id(screen: ConsoleScreen) -> str:
    """Return whose row the cursor is on; the row itself may still show an earlier state."""
    return screen.chosen.id if screen.chosen else ""


async def test_the_cursor_waits_on_the_first_and_stays_on_the_chosen(desktop: Desktop) -> None:
    with desktop.core() as core:
        first = pend(core, COMMENT, title="Say what it is")
        async with desktop.console() as console:
            await console.hears("1 proposal waits")
            second = pend(core)
            await console.chooses(second)
            screen = console.app.console_screen
            assert chosen_id(screen) == second.id
            await console.press("j")
            assert chosen_id(screen) == first.id
            core.reject(second.id, "no", "test")
            await console.hears("was rejected")
            assert chosen_id(screen) == first.id


async def test_f1_and_help_list_every_command(desktop: Desktop) -> None:
    async with desktop.console() as console:
        await console.press("f1")
        await console.shows("HelpScreen")
        await console.press("escape")
        await console.say("/help")
        await console.shows("HelpScreen")
        await console.press("f1")
        await console.shows("ConsoleScreen")


async def test_ctrl_p_offers_the_commands(desktop: Desktop) -> None:
    async with desktop.console() as console:
        await console.press("ctrl+p")
        await console.shows("CommandPalette")
        titles = [one.title for one in console.app.get_system_commands(console.app.screen)]
        assert "/improve" in titles
        await console.press("escape")


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c"])
async def test_quit_leaves_at_once_where_nothing_runs(desktop: Desktop, key: str) -> None:
    async with desktop.console() as console:
        await console.until(lambda: not console.app.desk.holds_up)
        await console.press(key)
        await console.until(lambda: not console.app.is_running or console.app._exit, "the end")
        assert console.app.return_code == 0


async def test_quit_asks_while_work_runs_and_esc_stops_the_work(desktop: Desktop) -> None:
    scripted(desktop, {"text": "one two three", "delay_ms": 600_000})
    async with desktop.console() as console:
        await console.say("tell me everything")
        await console.until(lambda: console.app.desk.current == "answer", "the answer to begin")
        await console.press("ctrl+q")
        await console.shows("SureScreen")
        await console.press("escape")
        await console.shows("ConsoleScreen")
        await console.say("and this")
        await console.until(lambda: "queued: answer" in words(console, "#middle"), "the queue")
        await console.press("escape")
        await console.hears("Stopped.")
        assert not console.app.desk.queued


async def test_an_answer_is_streamed_and_kept(desktop: Desktop) -> None:
    scripted(
        desktop,
        {"text": "It divides by **one** too few.\n\n```python\nlen(xs)\n```", "thinking": "hmm"},
        {"text": "As I said."},
    )
    async with desktop.console() as console:
        await console.say("why?")
        await console.hears("len(xs)")
        await console.say("sure?")
        await console.hears("As I said.")
        assert console.transcript.index("why?") < console.transcript.index("one")
        assert "hmm" not in console.transcript


async def test_a_model_that_fails_gives_a_sentence(desktop: Desktop) -> None:
    scripted(desktop, {"text": "I", "error": "The server [red]went[/red] away."})
    async with desktop.console() as console:
        await console.say("why?")
        await console.hears("The server [red]went[/red] away.")


async def test_a_long_conversation_stays_whole_and_is_few_widgets(desktop: Desktop) -> None:
    async with desktop.console() as console:
        conversation = console.app.console_screen.conversation
        for number in range(3 * MOST_APART):
            conversation.say("you", f"question {number}")
            block = conversation.begin("mai")
            conversation.grow(block, f"*answer* {number}", is_live=False)
        await console.pilot.pause()
        assert len(conversation.children) < 2 * MOST_APART
        assert f"question {3 * MOST_APART - 1}" in console.transcript
        assert console.transcript.count("question") == 3 * MOST_APART
        assert conversation.scroll_y == conversation.max_scroll_y
        conversation.scroll_to(0, 0, animate=False)
        await console.pilot.pause()
        conversation.say("mai", "something new")
        await console.pilot.pause()
        assert conversation.scroll_y == 0


async def test_what_was_said_can_be_selected(desktop: Desktop) -> None:
    async with desktop.console() as console:
        conversation = console.app.console_screen.conversation
        conversation.clear()
        conversation.say("you", "The mean is wrong.")
        await console.pilot.pause()
        (block,) = conversation.children
        await console.pilot.mouse_down(block, offset=(6, 1))
        await console.pilot.hover(block, offset=(9, 1))
        await console.pilot.mouse_up(block, offset=(9, 1))
        assert console.app.screen.get_selected_text() == "mean"
        await console.press("ctrl+c")
        assert console.app.clipboard == "mean"


async def test_a_fault_of_the_screen_ends_with_a_sentence(desktop: Desktop) -> None:
    app = MaiApp(desktop.workspace.repo.root)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the app raises it again as it ends
        async with app.run_test(size=(100, 28)) as pilot:
            app.call_later(lambda: 1 / 0)
            await Console(app, pilot).until(lambda: app.fault is not None, "the fault")
    assert "This is a fault of mine: ZeroDivisionError" in str(app.fault)
    assert not app._exit_renderables


async def test_reflexes_excuse_themselves_once(desktop: Desktop) -> None:
    async with desktop.console() as console:
        await console.say("hello")
        await console.hears("I work on reflexes")
        await console.say("hello again " * 9000)
        await console.hears("Still no model here")
        assert console.transcript.count("I work on reflexes") == 1


async def test_a_slip_gets_a_sentence(desktop: Desktop) -> None:
    async with desktop.console() as console:
        await console.say("/aprove")
        await console.hears("Did you mean /approve?")
        await console.say("/show ffff")
        await console.hears("There is no proposal ffff")
        await console.say("/submit /nowhere/at/all")
        await console.hears("cannot be read")


async def test_looking_commands_answer(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.say("/pending")
        await console.hears(f"● {proposal.short_id}  LOW")
        await console.say("/history")
        await console.hears("Nothing has landed yet.")
        await console.say("/model")
        await console.hears("I think with reflexes.")
        await console.say("/doctor")
        await console.hears("python")
        await console.say("/clear")
        await console.until(lambda: console.transcript == "", "an empty conversation")


async def test_what_nobody_answers_is_mentioned_again(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.hears("1 proposal waits for you")
        assert "still waits" not in console.transcript
        console.app.board.waiting_since_s[proposal.id] = time.monotonic() - 301
        await console.hears(f"{proposal.short_id} still waits for you.")


@pytest.mark.docker
async def test_a_machine_without_the_image_says_so(desktop: Desktop) -> None:
    desktop.set(SANDBOX_DOCKER_IMAGE="mai.example/none:none")
    async with desktop.console() as console:
        machine = console.app.console_screen.query_one(Machine)
        await console.until(lambda: "no image" in machine.render().plain, "no image")


async def test_a_machine_without_an_engine_says_so(desktop: Desktop) -> None:
    desktop.set(DOCKER_HOST=f"unix://{desktop.workspace.folder}/nobody.sock")
    async with desktop.console() as console:
        machine = console.app.console_screen.query_one(Machine)
        await console.until(lambda: "absent" in machine.render().plain, "no engine")


async def test_what_another_process_does_is_seen(desktop: Desktop) -> None:
    async with desktop.console() as console:
        with desktop.core() as core:
            proposal = pend(core)
            await console.hears(f"{proposal.short_id} “Divide by the count” waits for you")
            core.reject(proposal.id, "not now", "discord:1")
        await console.hears("was rejected")


async def test_a_branch_that_moved_is_followed(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.hears("1 proposal waits")
        desktop.workspace.repo.commit({"calc/core.py": "def mean(xs):\n    return 0\n"}, "By hand")
        await console.hears("no longer fits its branch")
    assert desktop.state(proposal) is State.CONFLICTED


async def test_a_branch_that_is_gone_is_noticed(desktop: Desktop) -> None:
    proposal = desktop.pending()
    desktop.workspace.git("checkout", "--quiet", "-b", "other")
    desktop.workspace.git("branch", "--quiet", "--delete", "--force", "main")
    async with desktop.console() as console:
        await console.hears("The branch main is gone")
        assert "⎇ other" in words(console, "#top")
    assert desktop.state(proposal) is State.CONFLICTED


async def test_hostile_words_are_shown_as_they_are_and_do_nothing(desktop: Desktop) -> None:
    with desktop.core() as core:
        proposal = pend(core, title=HOSTILE, why=HOSTILE, level=Level.HIGH)
    async with desktop.console(140, 40) as console:
        await console.chooses(proposal)
        assert "[red]x[/red]" in listed(console)
        await console.press("enter")
        await console.shows("ProposalScreen")
        head = words(console, "#proposal-top").replace("\u200b", "")
        assert "[red]x[/red] red gnol [@\u200bclick=app.quit]quit[/]".replace("\u200b", "") in head
        for key in "2345":
            await console.press(key)
        await console.press("a")
        await console.shows("ApprovalScreen")
        svg = console.app.export_screenshot()
        assert "[red]x[/red]" in svg.replace("&#160;", " ")
        assert "\x1b" not in svg
        assert "\u202e" not in svg


@pytest.mark.parametrize(("width", "is_split"), [(100, True), (80, False)])
async def test_the_diff_is_split_where_there_is_room(
    desktop: Desktop, width: int, is_split: bool
) -> None:
    proposal = desktop.pending()
    async with desktop.console(width, 28) as console:
        await console.chooses(proposal)
        await console.press("enter")
        await console.shows("ProposalScreen")
        diff = console.app.screen.query_one(ProposalDiff)
        await console.until(lambda: "calc/core.py" in diff.text, "the diff")
        assert diff.is_split is is_split
        assert "sum(xs) / (len(xs) - 1)" in diff.text
        assert "sum(xs) / len(xs)" in diff.text
        await console.press("u")
        assert not diff.is_split
        assert "+     return sum(xs) / len(xs)" in diff.text
        await console.press("s")
        assert diff.is_split is is_split


async def test_the_pages_of_a_proposal(desktop: Desktop) -> None:
    proposal = desktop.pending(level=Level.HIGH)
    async with desktop.console() as console:
        await console.say(f"/show {proposal.short_id}")
        await console.shows("ProposalScreen")
        screen = console.app.screen
        text = {
            name: str(screen.query_one(f"#{name}-page").render())
            for name in ("findings", "trial", "review", "story")
        }
        assert "[red]anywhere[/red]" in text["findings"]
        assert "tests/test_core.py::test_mean" in text["trial"]
        assert "llama3.1:8b (ollama) agrees" in text["review"]
        assert "proposed" in text["story"]
        assert proposal.digest in text["story"]
        await console.press("tab", "tab")
        assert screen.query_one("#trial").display
        tabs = screen.query_one("#proposal-tabs", FrameLine).render()
        shown = [
            tabs.plain[one.start : one.end] for one in tabs.spans if one.style == "bold reverse"
        ]
        assert shown == [" Trial "]
        await console.press("escape")
        await console.shows("ConsoleScreen")


async def test_long_lines_are_wrapped_not_cut(desktop: Desktop) -> None:
    long_line = "# " + " ".join(f"word{number}" for number in range(60))
    patch = f"--- a/README.md\n+++ b/README.md\n@@ -1 +1,2 @@\n # calc\n+{long_line}\n"
    with desktop.core() as core:
        proposal = pend(core, patch)
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("enter")
        await console.shows("ProposalScreen")
        diff = console.app.screen.query_one(ProposalDiff)
        await console.until(lambda: "word0" in diff.text, "the diff")
        halves = [line.partition("│")[2][8:] for line in diff.text.splitlines()]
        assert "".join(half.rstrip() for half in halves).replace(" ", "").endswith("word59")
        for number in range(60):
            assert f"word{number}" in "".join(halves).replace(" ", "")


async def test_a_narrow_screen_has_one_line_for_the_right_side(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console(80, 24) as console:
        screen = console.app.console_screen
        assert not screen.query_one("#side").display
        await console.until(lambda: proposal.short_id in words(console, "#middle"), "the strip")
        await console.until(lambda: "cpu" in words(console, "#middle"), "the load")
        await console.press("tab")
        assert screen.query_one("#side").display
        assert not screen.query_one("#conversation").display
        await console.press("escape")
        assert screen.query_one("#conversation").display
        await console.pilot.resize_terminal(120, 30)
        await console.until(lambda: screen.query_one("#side").display, "the side to come back")


async def test_history_and_completion_in_the_prompt(desktop: Desktop) -> None:
    async with desktop.console() as console:
        prompt = console.app.console_screen.query_one(Prompt)
        await console.until(lambda: prompt.known.paths, "the tracked paths")
        await console.say("/pending")
        await console.say("/history")
        await console.press("up")
        assert prompt.text == "/history"
        await console.press("escape", "up")
        assert prompt.text == "/pending"
        await console.press("escape", "down", "escape", "down")
        assert prompt.text == ""
        await console.type("/imp")
        assert prompt.is_offering
        await console.press("tab")
        assert prompt.text == "/improve "
        prompt.put("read @core")
        await console.until(lambda: prompt.is_offering, "offers")
        await console.press("tab")
        assert prompt.text in {"read @calc/core.py ", "read @tests/test_core.py "}


async def test_what_is_typed_before_the_core_is_there_is_kept(desktop: Desktop) -> None:
    app = MaiApp(desktop.workspace.repo.root)
    async with app.run_test(size=(100, 28)) as pilot:
        console = Console(app, pilot)
        await console.say("/history")
        await console.hears("Nothing has landed yet.")


async def test_a_pasted_text_keeps_its_lines(desktop: Desktop) -> None:
    scripted(desktop, {"text": "Seen."})
    async with desktop.console() as console:
        prompt = console.app.console_screen.query_one(Prompt)
        prompt.insert("one\ntwo\x1b[31m")
        await console.press("enter")
        await console.hears("Seen.")
        assert "you: one\ntwo\n" in console.transcript


def test_no_repo_ends_with_the_sentence(tmp_path: Path, desktop: Desktop) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    app = MaiApp(empty)
    app.run(headless=True)
    assert isinstance(app.fault, UnsuitableRepo)


def test_a_spoilt_database_ends_with_the_sentence(desktop: Desktop) -> None:
    spoilt = desktop.workspace.folder / "data" / "mai.db"
    spoilt.parent.mkdir()
    spoilt.write_bytes(b"this is no database" * 100)
    app = MaiApp(desktop.workspace.repo.root)
    app.run(headless=True)
    assert app.fault is not None
    assert "mai.db" in str(app.fault)


async def test_breaking_a_test_is_not_offered(desktop: Desktop) -> None:
    with desktop.core() as core:
        waiting = pend(core, BREAK)
        core.inbox.withdraw(waiting.id, "test")
    async with desktop.console() as console:
        await console.chooses(waiting)
        await console.press("a")
        await console.hears("does not wait for an answer")
