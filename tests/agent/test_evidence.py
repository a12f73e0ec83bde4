"""The tests that a task names are run first, lead the prompt, and decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from mai.agent.evidence import evidence_of, frames, named
from mai.agent.loop import carry_out
from mai.agent.task import Means
from mai.errors import ProviderError
from mai.events import Said, StageStarted
from mai.jobs import NewFile, RunResult, TestOutcome
from mai.proposal import State
from mai.protocols import Draft
from tests.agent.gate import Gate, Watched, judged
from tests.agent.test_loop import CODE, CORE, MENDED, PLAN, made
from tests.snapshots import MemorySnapshot

TEST = "tests/test_core.py"
ID = f"{TEST}::test_mean"
SNAPSHOT = MemorySnapshot(
    {
        "calc/core.py": CORE.encode(),
        "calc/tiny.py": b"x = 1\n",
        TEST: b"from calc.core import mean\n\ndef test_mean():\n    assert mean([1, 2, 3]) == 2\n",
        "tests/test_tiny.py": b"import calc.tiny\n",
    }
)
OUTPUT = """\
=================================== FAILURES ===================================
__________________________________ test_mean ___________________________________

    def test_mean():
>       assert mean([1, 2, 3]) == 2
E       assert 3.0 == 2

tests/test_core.py:5: AssertionError
=========================== short test summary info ============================
FAILED tests/test_core.py::test_mean - assert 3.0 == 2
"""
TASK = f"{TEST} fails"


@dataclass
class Suite:
    """Runs nothing: a test passes where the file has the text that it wants."""

    wants: str = "sum(values) / len(values)"
    runs: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, tests: Sequence[str], changes: Mapping[str, NewFile | None]) -> RunResult:
        self.runs.append(tuple(tests))
        new = changes.get("calc/core.py")
        text = new.data.decode() if new else CORE
        passes = self.wants in text
        outcome = TestOutcome.PASSED if passes else TestOutcome.FAILED
        return RunResult(outcomes={ID: outcome}, output="" if passes else OUTPUT)


def test_a_failing_test_leads_to_its_file_and_into_the_prompt() -> None:
    provider, gate, tests = Watched([CODE]), Gate(), Suite()
    proposal = carry_out(TASK, Means(provider, SNAPSHOT, run_tests=tests), gate.hooks)
    assert proposal.state is State.PENDING
    assert made(gate.drafts[0], SNAPSHOT.files) == {"calc/core.py": MENDED}
    (prompt,) = provider.prompts
    assert "E       assert 3.0 == 2" in prompt
    assert "assert mean([1, 2, 3]) == 2" in prompt
    assert f"calc/core.py\n```\n{CORE}```" in prompt
    assert len(tests.runs) == 2
    stages = [event.stage for event in gate.events if isinstance(event, StageStarted)]
    assert stages == ["recall", "look", "locate", "write", "self-check", "tests"]
    said = [event.text for event in gate.events if isinstance(event, Said)]
    assert f"I ran {TEST}: 1 of 1 tests fail." in said


def test_what_leaves_the_test_failing_is_not_proposed() -> None:
    wrong = [f"```python\n{CORE.replace('1', str(at))}```" for at in (2, 3, 4)]
    provider, gate = Watched(wrong), Gate()
    with pytest.raises(ProviderError, match="still fails; nothing is proposed"):
        carry_out(TASK, Means(provider, SNAPSHOT, run_tests=Suite()), gate.hooks)
    assert gate.drafts == []
    assert [request.temperature for request in provider.requests] == [0.0, 0.4, 0.8]
    assert len(set(provider.prompts)) == 3
    assert "what went wrong (tests)" in provider.prompts[1]


def test_a_wrong_change_is_followed_by_a_better_one() -> None:
    wrong = f"```python\n{CORE.replace('1', '2')}```"
    provider, gate = Watched([wrong, CODE]), Gate()
    carry_out(TASK, Means(provider, SNAPSHOT, run_tests=Suite()), gate.hooks)
    assert made(gate.drafts[0], SNAPSHOT.files) == {"calc/core.py": MENDED}


def test_a_test_that_is_to_pass_is_no_place_to_change() -> None:
    weakened = f"{TEST}\n```python\ndef test_mean():\n    assert True\n```"
    provider, gate = Watched([weakened, weakened + "\n", CODE]), Gate()
    carry_out(TASK, Means(provider, SNAPSHOT, run_tests=Suite()), gate.hooks)
    assert made(gate.drafts[0], SNAPSHOT.files) == {"calc/core.py": MENDED}


def test_a_plan_that_changes_existing_tests_loses_those_steps() -> None:
    steps = [*PLAN["steps"], {"path": "tests/test_tiny.py", "what": "expect 3"}]
    provider, gate = Watched([{**PLAN, "steps": steps}, CODE, {"is_done": True}]), Gate()
    carry_out("The mean is wrong.", Means(provider, SNAPSHOT), gate.hooks)
    assert "tests/test_tiny.py\n```" not in provider.prompts[1]
    only_tests = {**PLAN, "steps": steps[1:]}
    with pytest.raises(ProviderError, match="no file that it may change"):
        carry_out("The mean is wrong.", Means(Watched([only_tests]), SNAPSHOT), Gate().hooks)


def test_a_search_that_finds_an_edit_asks_no_model() -> None:
    draft = Draft("Fix mean", "", CODE, "search (reflex)", ("calc/core.py",))
    asked: list[str] = []

    def search(task: str, _seconds: float) -> list[Draft]:
        asked.append(task)
        return [draft]

    provider, gate = Watched([]), Gate()
    means = Means(provider, SNAPSHOT, run_tests=Suite(), search=search)
    assert carry_out(TASK, means, gate.hooks).state is State.PENDING
    assert (gate.drafts, asked) == ([draft], [TASK])


def test_a_search_that_finds_none_or_the_wrong_one_leaves_it_to_the_model() -> None:
    def search(_task: str, _seconds: float) -> list[Draft]:
        raise ProviderError("I tried 900 edits in 3 s, and with none of them the tests pass.")

    provider, gate = Watched([CODE]), Gate()
    carry_out(TASK, Means(provider, SNAPSHOT, run_tests=Suite(), search=search), gate.hooks)
    said = [event.text for event in gate.events if isinstance(event, Said)]
    assert any("tried 900 edits" in text for text in said)
    refused = judged(State.FAILED, broken=("tests/test_tiny.py::test_x",))
    gate = Gate([refused])
    draft = Draft("Fix mean", "", CODE, "search (reflex)", ("calc/core.py",))
    means = Means(Watched([CODE]), SNAPSHOT, run_tests=Suite(), search=lambda *_: [draft])
    assert carry_out(TASK, means, gate.hooks).state is State.PENDING
    assert len(gate.drafts) == 2


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (f"{TEST} fails", (TEST,)),
        (f"make {ID} pass.", (ID,)),
        ("test_core.py fails", (TEST,)),
        ("calc/core.py is slow", ()),
        (f"{TEST} and test_tiny.py fail", (TEST, "tests/test_tiny.py")),
        ("tests/test_none.py fails", ()),
    ],
)
def test_names_of_tests_in_a_task(task: str, names: tuple[str, ...]) -> None:
    assert named(task, SNAPSHOT) == names


def test_a_report_has_values_lines_and_frames() -> None:
    run = RunResult(outcomes={ID: TestOutcome.FAILED}, output=OUTPUT)
    evidence = evidence_of((TEST,), run)
    assert evidence.failing == {ID}
    assert not evidence.is_done
    assert frames(evidence.report) == [(TEST, 5)]
    assert "short test summary" not in evidence.report
    assert not evidence_of((TEST,), RunResult()).is_done
