"""The plain prompt: the files, the failing test if there is one, the task, and nothing else.

Its answer is read as a kind person would: one with a single block is the file that was asked for,
one with several is as many files as it names. Nothing is forgiven that is not there: code that is
left out is left out.
"""

from __future__ import annotations

import re

from bench.solving.tasks import Task
from mai.protocols import ChatRequest, Message

ANSWER_TOKENS = 1_400
_SYSTEM = "You are a helpful assistant that writes Python."
_BLOCK = re.compile(
    r"^(?P<marks>`{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)(?:^(?P=marks)|\Z)", re.MULTILINE | re.DOTALL
)


def shown(task: Task) -> list[str]:
    """Return the paths that the prompt shows: all code, what the task names, and its tests."""
    return [path for path, text in sorted(task.files.items()) if text.strip()]


def plain_request(task: Task, temperature: float = 0.0) -> ChatRequest:
    """Return the plain prompt for `task`."""
    parts = [f"{path}\n```\n{task.files[path].rstrip()}\n```" for path in shown(task)]
    one = task.targets[0] if len(task.targets) == 1 else ""
    wanted = (
        f"Reply with the whole new content of {one} in one code block."
        if one
        else "Reply with the whole new content of each file that changes, one code block for each, "
        "with its path on the line before the block."
    )
    text = "\n\n".join([*parts, task.task, wanted])
    messages = (Message("system", _SYSTEM), Message("user", text))
    return ChatRequest(messages, None, ANSWER_TOKENS, temperature)


def plain_reading(task: Task, answer: str) -> dict[str, str]:
    """Return the files that an answer to the plain prompt makes, by path; empty where none."""
    blocks = list(_BLOCK.finditer(answer.replace("\r\n", "\n")))
    texts = [match["text"] for match in blocks]
    if not blocks and len(task.targets) == 1:
        # Bare code is code.
        return {task.targets[0]: answer} if "def " in answer or "import " in answer else {}
    if len(task.targets) == 1:
        path = task.targets[0]
        is_code = path.endswith(".py")
        usable = [text for text in texts if not is_code or _is_python(text)]
        return {path: max(usable, key=len)} if usable else {}
    made: dict[str, str] = {}
    for match, text in zip(blocks, texts, strict=True):
        before = answer[: match.start()].rstrip().rpartition("\n")[2]
        told = f"{before} {match['info']} {text.partition(chr(10))[0]}"
        named = [path for path in task.targets if path in told]
        if len(named) == 1:
            made[named[0]] = text
    return made


def _is_python(text: str) -> bool:
    try:
        compile(text, "answer", "exec")
    except (SyntaxError, ValueError):
        return False
    return True
