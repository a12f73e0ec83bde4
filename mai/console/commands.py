"""The slash commands: one ordered table for the console and for `mai --plain`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from mai.errors import UsageError
from mai.text import one_line

MOST_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command.

    `arguments` is shown as it stands; `needs` is how many of them cannot be left out;
    `available_while_busy` is false for what waits in the queue until the work before it is done;
    `handler` is the name of the method that carries it out, the same in every front end.
    """

    name: str
    arguments: str
    help: str
    handler: str
    needs: int = 0
    available_while_busy: bool = True

    @property
    def usage(self) -> str:
        """The command as one types it, such as `/show ID`."""
        return f"/{self.name} {self.arguments}".rstrip()


def _work(name: str, arguments: str, help_text: str, handler: str, needs: int = 0) -> Command:
    """Declare a command that is done one after the other."""
    return Command(name, arguments, help_text, handler, needs, available_while_busy=False)


COMMANDS: tuple[Command, ...] = (
    Command("help", "", "What I can do, and the keys.", "do_help"),
    _work("improve", "[N] [GLOB]", "Look for N improvements and propose them.", "do_improve"),
    _work("change", "TASK", "Plan and propose a change for one task.", "do_change", 1),
    Command("steer", "TEXT", "Tell the change that is under way something.", "do_steer", 1),
    _work("submit", "FILE", "Put a patch through the gate.", "do_submit", 1),
    Command("pending", "", "What waits for you.", "do_pending"),
    Command("show", "ID", "One proposal: why, diff, risk, trial, review.", "do_show"),
    Command("approve", "ID [DIGEST]", "Say yes to it, after one more look.", "do_approve"),
    Command("reject", "ID [REASON]", "Say no. The reason is kept.", "do_reject"),
    Command("history", "", "What landed.", "do_history"),
    _work("rollback", "ID", "Propose to take a landed change back.", "do_rollback", 1),
    Command("doctor", "", "What is installed, reachable or missing.", "do_doctor"),
    Command("model", "", "What I think with, and what else there is.", "do_model"),
    Command("clear", "", "Forget this conversation.", "do_clear"),
    Command("quit", "", "Leave.", "do_quit"),
)
_BY_NAME = {command.name: command for command in COMMANDS}


@dataclass(frozen=True, slots=True)
class Call:
    """A command as somebody typed it. `rest` is what stands after its name, stripped."""

    command: Command
    rest: str


def read_line(line: str) -> Call | None:
    """Return the command that `line` calls, or None where it is something said to Mai.

    A line that begins with two slashes is said, from the second slash on: `//etc is empty`.

    Raises:
        UsageError: there is no such command, or it lacks an argument.
    """
    text = line.strip()
    if not text.startswith("/") or text.startswith("//"):
        return None
    name, _, rest = text[1:].partition(" ")
    command = _BY_NAME.get(name.lower())
    if command is None:
        close = difflib.get_close_matches(name.lower(), _BY_NAME, n=1)
        hint = f" Did you mean /{close[0]}?" if close else " /help lists them."
        raise UsageError(f"There is no command /{one_line(name, 30)}.{hint}")
    if len(rest.split()) < command.needs:
        raise UsageError(f"It lacks something: {command.usage}.")
    return Call(command, rest.strip())


def read_rounds(rest: str) -> tuple[int, str | None]:
    """Return the rounds and the glob of `/improve [N] [GLOB]`.

    Raises:
        UsageError: the number is out of range, or there is more than these two.
    """
    words = rest.split()
    rounds = int(words.pop(0)) if words and words[0].isascii() and words[0].isdigit() else 1
    if not 1 <= rounds <= MOST_ROUNDS:
        raise UsageError(f"/improve takes 1 to {MOST_ROUNDS} rounds.")
    if len(words) > 1:
        raise UsageError(f"One glob at a time: {_BY_NAME['improve'].usage}.")
    return rounds, words[0] if words else None


def read_answer(rest: str) -> tuple[str, str]:
    """Return the id and the reason of `/reject ID [REASON]`, both empty where there is none."""
    proposal_id, _, reason = rest.partition(" ")
    return proposal_id, reason.strip()
