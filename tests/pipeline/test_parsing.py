"""What Python reads goes on, with a finding where Mai's own parsers read it in part."""

from __future__ import annotations

import pytest

from mai.core import Submission
from mai.events import Cancel
from mai.pipeline.assess import assess
from mai.pipeline.check import check
from mai.pipeline.propose import new_id, propose
from mai.pipeline.services import Outcome, Services
from mai.proposal import Level
from tests.surfaces.serving import core_of
from tests.workspace import Workspace

READS_ALL = b"""\
import asyncio

match = case = type = 1


def f(a, /, *, b=(c := 2)):
\tif a:
\t\treturn [*a, f"{a!r:>{b}}" f'{f"{b}":%H:%M}']
\x0c

def g(command):
    match command:
        case {"go": [x, *_], **rest} if (n := len(rest)):
            return x, n
        case -1 + 2j | str() as y:
            return y


async def h():
    try:
        return [x async for x in g(1)]
    except* (OSError, ValueError):
        raise
"""


def addition(data: bytes, name: str = "calc/new.py") -> bytes:
    """Return a patch that adds a file."""
    lines = data.removesuffix(b"\n").split(b"\n")
    head = f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n".encode()
    end = b"" if data.endswith(b"\n") else b"\\ No newline at end of file\n"
    return head + b"".join(b"+" + line + b"\n" for line in lines) + end


def judged(services: Services, patch: bytes) -> Outcome:
    """Return what `check` and, where that goes on, `assess` say of a patch."""
    proposal = propose(Submission(patch, "Add a module", "Missing."), services, new_id())
    checked = check(proposal, services, Cancel())
    return checked if checked.error else assess(proposal, services, Cancel())


def found(outcome: Outcome) -> dict[str, Level]:
    return {each["rule"]: each["level"] for each in outcome.data["risk"]["findings"]}


@pytest.mark.parametrize(
    ("data", "rules"),
    [
        (READS_ALL, {}),
        (b"\xef\xbb\xbfx = 1\n", {}),
        (b"x = 1\ry = 2\r", {"text.unread-syntax": "MEDIUM", "text.line-break": "HIGH"}),
        (b"a = 1\nx: int\n(a): int = 1\n", {"text.unread-syntax": "MEDIUM"}),
        (b"x = 1\ny = f'{x:\\N{DIGIT ONE}}'\n", {"text.unread-syntax": "MEDIUM"}),
        (b"\\\n\\\nx = 1\n", {"text.unread-syntax": "MEDIUM"}),
    ],
    ids=["everyday", "mark", "lone CR", "annotation", "named character", "continued"],
)
def test_what_python_reads_goes_on(
    workspace: Workspace, data: bytes, rules: dict[str, str]
) -> None:
    with core_of(workspace) as core:
        outcome = judged(core._services, addition(data))
    assert outcome.kind == "assessed", outcome.error
    assert found(outcome) == rules
