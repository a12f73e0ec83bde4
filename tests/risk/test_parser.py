"""The parser's process: what kills it is blocked, and takes nothing else with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.proposal import Level
from mai.risk import Policy, score_paths
from mai.risk.parser import Parser
from mai.risk.worker import cpu_s
from tests.risk.conftest import Score


@pytest.fixture(scope="module")
def shared_parser() -> Iterator[Parser]:
    with Parser() as parser:
        yield parser


HOSTILE = {
    "brackets": "(" * 10_000 + ")" * 10_000,
    "minuses": "x = " + "-" * 100_000 + "1",
    "attributes": "x" + ".a" * 40_000,
    "calls": "f" + "()" * 20_000,
    "sum": "x = " + "+".join(["1"] * 60_000),
    "lambdas": "x = " + "lambda: " * 20_000 + "1",
    "nested": "\n".join(" " * n + "if x:" for n in range(99)) + "\n" + " " * 99 + "x",
    "f-strings": 'x = f"{' * 300 + "1" + '}"' * 300,
    "subscripts": "x = a" + "[0]" * 30_000,
    "ors": "x = " + " or ".join(f"a{n}" for n in range(30_000)),
    "doubling": "a0 = 'x'\n"
    + "".join(f"a{n} = a{n - 1} + a{n - 1}\n" for n in range(1, 60))
    + "exec(a59)",
    "aliases": "".join(f"a{n} = a{n - 1} or a{n - 1} or b{n}\n" for n in range(1, 400))
    + "a399.system()",
    "product": "x = ['a'] * 10 ** 9\neval('a' * 10 ** 12)",
    "format": "exec('%999999999d' % 1)\nexec('{:>999999999}'.format(1))",
    "power": "eval(str(2 ** 10 ** 9))",
    "surrogates": "x = '\\ud800'\nopen('\\ud800', 'w')\n",
    "rebound": "a = b; b = a\n" * 5_000 + "exec(a)",
    "stars": "".join(f"from a{n} import *\n" for n in range(3_000)) + "x()\n" * 3_000,
    "elements": "".join(f"l{n} = [l{n - 1}, l{n - 1}, l{n - 1}]\n" for n in range(1, 200))
    + "l199[0][0].run()",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_judged_or_blocked_and_the_next_one_is_not(
    tmp_path: Path, name: str
) -> None:
    bad, good = tmp_path / "bad.py", tmp_path / "good.py"
    bad.write_text(HOSTILE[name] + "\n")
    good.write_text("x = 1\n")
    first, second = score_paths([bad, good], Policy())
    assert second.level is Level.LOW
    if any(word in HOSTILE[name] for word in ("eval(", "exec(", ".system(", "open(")):
        assert first.level >= Level.MEDIUM
    for finding in first.findings:
        assert finding.message.endswith(".")


@pytest.mark.host
def test_a_file_that_kills_the_parser_is_blocked_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A real interpreter that dies on a signal as soon as it is asked, as libcst once did.
    wrapper = tmp_path / "python"
    wrapper.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import os; os.read(0, 1); os.abort()"\n'
    )
    wrapper.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(wrapper))
    with Parser() as parser:
        facts = parser.facts("a.py", b"x = 1\n", in_full=False)
    assert facts.problem is not None
    assert facts.problem[0] == "text.hostile"
    assert "signal 6" in facts.problem[1]


@pytest.mark.host
def test_a_file_that_takes_too_much_cpu_time_is_blocked_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrapper = tmp_path / "python"
    wrapper.write_text("#!/bin/sh\nread -r line\nkill -XCPU $$\n")
    wrapper.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(wrapper))
    with Parser() as parser:
        facts = parser.facts("a.py", b"x = 1\n", in_full=False)
    assert facts.problem is not None
    assert "more CPU time" in facts.problem[1]


def test_a_small_file_gets_seconds_and_a_large_one_more() -> None:
    assert cpu_s(0) < 5
    assert cpu_s(0) < cpu_s(2_000_000) < 20


def test_a_file_with_more_uses_than_anybody_can_read_is_blocked(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = [" + '"/etc/passwd",' * 30_000 + "]\n")
    (report,) = score_paths([path], Policy())
    assert {finding.rule for finding in report.findings} == {"text.hostile"}


@pytest.mark.host
def test_a_file_that_hangs_the_parser_is_blocked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrapper = tmp_path / "python"
    wrapper.write_text("#!/bin/sh\nexec sleep 60\n")
    wrapper.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(wrapper))
    with Parser(timeout_s=0.2) as parser:
        facts = parser.facts("a.py", b"x = 1\n", in_full=False)
    assert facts.problem is not None
    assert "longer than 0.2 seconds" in facts.problem[1]


def test_a_worker_that_died_between_files_is_replaced() -> None:
    with Parser() as parser:
        assert parser.facts("a.py", b"x = 1\n", in_full=False).problem is None
        process = parser._process
        assert process is not None
        process.kill()
        process.wait()
        facts = parser.facts("b.py", b"import os\nos.system('x')\n", in_full=False)
    assert [use.rule for use in facts.uses] == ["process.shell"]


def test_nothing_of_the_folder_or_the_environment_is_imported(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "ast", "struct", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    assert score({}, {"a.py": "x = 1\n"}).level is Level.LOW
    assert not (tmp_path / "ran").exists()


def test_what_is_judged_is_never_run(tmp_path: Path) -> None:
    source = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    path = tmp_path / "a.py"
    path.write_text(source)
    assert next(score_paths([path], Policy())).level >= Level.MEDIUM
    assert not (tmp_path / "ran").exists()


def test_the_process_ends_with_the_parser() -> None:
    with Parser() as parser:
        parser.facts("a.py", b"x = 1\n", in_full=False)
        process = parser._process
        assert process is not None
    assert process.poll() is not None


def test_the_package_is_light_enough_for_the_process_to_start_at_once() -> None:
    code = (
        "import sys, mai.risk.worker\n"
        "heavy = {'pydantic', 'git', 'libcst', 'rich', 'asyncio', 'mai.settings', 'mai.proposal'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert answer.stdout.strip() == "[]"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(shared_parser: Parser, data: bytes) -> None:
    facts = shared_parser.facts("a.py", data, in_full=True)
    assert facts.problem is None or facts.problem[1]
