"""What Python reads goes on, with a finding where Mai's own parsers read it in part."""

from __future__ import annotations

from pathlib import Path

import pytest

from mai.core import Submission
from mai.events import Cancel
from mai.pipeline.assess import assess
from mai.pipeline.check import check
from mai.pipeline.newer_syntax import HOST_MINOR, asked_minor, needed_minor, parse_in_sandbox
from mai.pipeline.propose import new_id, propose
from mai.pipeline.services import Outcome, Services
from mai.proposal import Level
from mai.risk.unread import judge_newer
from tests.snapshots import MemorySnapshot
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


NEWER = (
    b"def f(x):\n    try:\n        return x\n    except ValueError, OSError:\n        return 0\n"
)
ASKING = {"pyproject.toml": '[project]\nname = "calc"\nrequires-python = ">=3.14"\n'}
older_than_it = pytest.mark.skipif(HOST_MINOR >= 14, reason="this Python reads the syntax")


@older_than_it
@pytest.mark.parametrize(
    ("data", "rules"),
    [
        (NEWER, {"text.unread-syntax": "MEDIUM"}),
        (
            NEWER + b"\n\ndef g(x):\n    return eval(x)\n",
            {
                "text.unread-syntax": "MEDIUM",
                "text.unread-words": "HIGH",
                "dynamic-code.run": "HIGH",
            },
        ),
        (
            NEWER + "\n\ng = ｅｖａｌ\n".encode(),
            {
                "text.unread-syntax": "MEDIUM",
                "text.unread-words": "HIGH",
                "dynamic-code.run": "HIGH",
            },
        ),
    ],
)
def test_a_newer_python_that_the_repo_asks_for_is_believed_and_not_trusted(
    tmp_path: Path, data: bytes, rules: dict[str, str]
) -> None:
    workspace = Workspace.make(tmp_path, ASKING)
    with core_of(workspace) as core:
        outcome = judged(core._services, addition(data))
    assert outcome.kind == "assessed", outcome.error
    assert found(outcome) == rules


@older_than_it
def test_what_was_in_newer_syntax_before_may_be_changed(tmp_path: Path) -> None:
    workspace = Workspace.make(tmp_path, {"m.py": NEWER})
    patch = (
        b"--- a/m.py\n+++ b/m.py\n@@ -2,2 +2,2 @@\n"
        b"     try:\n-        return x\n+        return 2 * x\n"
    )
    with core_of(workspace) as core:
        outcome = judged(core._services, patch)
    assert outcome.kind == "assessed", outcome.error
    assert found(outcome) == {"text.unread-syntax": "MEDIUM"}


@pytest.mark.parametrize(
    "data",
    [NEWER + b"def g(:\n", b"print 'x'\n", b"x = 1 +\n", NEWER + b"# coding: \0\n"],
)
def test_a_syntax_error_is_refused_whatever_the_repo_asks_for(tmp_path: Path, data: bytes) -> None:
    workspace = Workspace.make(tmp_path, ASKING)
    with core_of(workspace) as core:
        outcome = judged(core._services, addition(data))
    assert outcome.kind == "failed"
    assert outcome.error is not None
    assert outcome.error.exit_code == 5


@older_than_it
@pytest.mark.docker
def test_a_newer_python_that_is_nowhere_asked_for_is_named(workspace: Workspace) -> None:
    with core_of(workspace) as core:
        outcome = judged(core._services, addition(NEWER))
    assert outcome.kind == "failed"
    assert outcome.error is not None
    assert "needs Python 3.14: Python 3." in outcome.error.sentence


@pytest.mark.docker
def test_the_sandbox_parses_what_it_can_and_says_its_version(workspace: Workspace) -> None:
    sound = {"a.py": b"x = 1\n", "b.py": b"# coding: latin-1\ny = '\xe9'\n"}
    with core_of(workspace) as core:
        sandbox = core._services.sandbox()
        is_read, minor = parse_in_sandbox(sound, sandbox, Cancel())
        broken = parse_in_sandbox({**sound, "c.py": b"def"}, sandbox, Cancel())
    assert is_read
    assert minor >= 11
    assert broken == (False, minor)


@pytest.mark.parametrize(
    ("source", "minor"),
    [
        ("type X = int\n", 12),
        ("def f[T](x: T) -> T:\n    return x\n", 12),
        ("x = f'{a['b']}'\n", 12),
        ("# coding: latin-1\nx = f'{a['\xe9']}'\n", 12),
        ("class A[T = int]:\n    pass\n", 13),
        ("x = t'{1}'\n", 14),
        ("type X = int\nx = t'{1}'  # noqa\n", 14),
        (NEWER.decode(), 14),
        ("x = 1\n", None),
        ("print 'x'\n", None),
        ("type X = int\ndef f(:\n", None),
        ("x = " + "(" * 3000 + ")" * 3000 + "\n", None),
    ],
)
def test_the_python_that_first_reads_a_source(source: str, minor: int | None) -> None:
    is_newer = minor is not None and minor > HOST_MINOR
    assert needed_minor(source.encode("latin-1")) == (minor if is_newer else None)


@pytest.mark.parametrize(
    ("files", "minor"),
    [
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.12,<4"'}, 12),
        ({"pyproject.toml": '[project]\nrequires-python = "~=3.13.2"'}, 13),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.12"'}, 12),
        ({"setup.cfg": "[options]\npython_requires = >= 3.14\n"}, 14),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.8"'}, 8),
        ({"pyproject.toml": "[project]\nrequires-python = 3"}, 0),
        ({"pyproject.toml": "project = 1"}, 0),
        ({"pyproject.toml": "]"}, 0),
        ({"pyproject.toml": '[project]\nrequires-python = "new"'}, 0),
        ({"setup.cfg": "python_requires"}, 0),
        ({}, 0),
    ],
)
def test_the_oldest_python_that_a_project_supports(files: dict[str, str], minor: int) -> None:
    snapshot = MemorySnapshot({path: text.encode() for path, text in files.items()})
    assert asked_minor(snapshot) == minor


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        ("assert x == 3", "assert x == 4", {"test-tampering.weaker"}),
        ("assert x == 3", "pass", {"test-tampering.weaker"}),
        ("x = 3", "x = pytest.skip()", {"test-tampering.weaker"}),
        ("x = 3", "x = 4", set()),
        ("x = 3", "x = o.__class__", {"text.unread-words"}),
        ("# no exec", "exec(x)", {"text.unread-words"}),
        ("x = 3", "from os import system as s", {"text.unread-words"}),
    ],
)
def test_tests_that_were_not_read_may_not_promise_less(old: str, new: str, rules: set[str]) -> None:
    before = f"def test_x():\n    # no exec\n    x = 3\n    assert x == 3\n{NEWER.decode()}"
    findings = judge_newer(
        "test_a.py",
        "Python 3.14",
        before.encode(),
        before.replace(old, new, 1).encode(),
        is_test=True,
    )
    assert {each.rule for each in findings} - {"text.unread-syntax"} == rules
