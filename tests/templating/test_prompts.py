"""Every prompt that ships: it renders, it fits, and it drops what it says it drops."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from mai.agent.stages.locate import LocateAnswer
from mai.agent.stages.plan import PlanAnswer
from mai.agent.stages.selfcheck import CheckAnswer
from mai.errors import ContextOverflow
from mai.protocols import Message
from mai.providers.tokens import estimate_messages
from mai.resources import resource
from mai.review.reviewer import ReviewVerdict
from mai.templating.blocks import fenced, trusted
from mai.templating.budget import Part
from mai.templating.templates import load

TASK = fenced("the task", "Name the timeout.")
VALUES: dict[str, dict[str, Any]] = {
    "improve": {},
    "plan": {"task": TASK},
    "locate": {"task": TASK},
    "write": {"task": TASK, "whole": 1, "symbol": 1, "search": 1},
    "code": {"task": TASK, "part": 0, "failing": 1, "minimal": 1, "fresh": 1},
    "brief": {"text": fenced("the person says", "Hello.")},
    "check": {"task": TASK},
    "compress": {},
    "review/review": {},
    "review/rewrite": {},
    "review/unit": {"question": trusted("Is it right? Answer Yes or No.")},
    "chat": {
        "text": fenced("the person says", "Hello."),
        "tools": 1,
        "written": 1,
        "tool_list": trusted("- read_file(path): Read."),
    },
}
SMALL_CONTEXT = 4096
CODE = "def mean(values):\n    return sum(values) / len(values)\n\n\n"


def test_these_are_all_the_prompts() -> None:
    folder = resource("prompts")
    found = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.md")}
    assert found == set(VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_a_prompt_renders_with_what_it_is_given(name: str) -> None:
    request = load(name).request([Part("calc/core.py", CODE, 0)], **VALUES[name])
    assert [message.role for message in request.messages] == ["system", "user"]
    assert "Mai" in request.messages[0].content or name.startswith("review/")
    assert fenced("calc/core.py", CODE) in request.messages[1].content
    for message in request.messages:
        assert "{%" not in message.content
        assert "{{" not in message.content
    assert "data" in request.messages[0].content


@pytest.mark.parametrize("name", VALUES)
def test_a_prompt_with_its_answer_fits_8k_whatever_is_added(name: str) -> None:
    parts = [Part(f"file{at}.py", CODE * 20, importance=1 + at) for at in range(40)]
    request = load(name).request(parts, **VALUES[name])
    size = estimate_messages(request.messages).most
    assert size <= load(name).budget_tokens
    assert size + request.answer_tokens <= 8192 + 512
    assert "file0.py" in request.messages[1].content
    assert "file39.py" not in request.messages[1].content


@pytest.mark.parametrize("name", VALUES)
def test_a_prompt_bare_leaves_most_of_4k(name: str) -> None:
    request = load(name).request([], context_tokens=SMALL_CONTEXT, **VALUES[name])
    assert estimate_messages(request.messages).most < SMALL_CONTEXT / 3


@pytest.mark.parametrize("name", VALUES)
def test_a_small_context_gets_a_smaller_prompt(name: str) -> None:
    parts = [Part(f"file{at}.py", CODE * 5, importance=1 + at) for at in range(40)]
    request = load(name).request(parts, context_tokens=SMALL_CONTEXT, **VALUES[name])
    assert estimate_messages(request.messages).most + request.answer_tokens <= SMALL_CONTEXT
    assert "file0.py" in request.messages[1].content


def test_a_part_that_must_stay_is_never_dropped_in_silence() -> None:
    with pytest.raises(ContextOverflow):
        load("review/review").request([Part("the diff", CODE * 2_000, importance=0)])


def test_old_messages_are_dropped_before_the_question() -> None:
    history = [Message("user", f"{at} {CODE * 30}") for at in range(10)]
    request = load("chat").request([], history=history, **VALUES["chat"])
    kept = [message.content[0] for message in request.messages[1:-1]]
    assert kept
    assert kept == [str(at) for at in range(10 - len(kept), 10)]
    assert "Hello." in request.messages[-1].content


READERS: dict[str, type[BaseModel]] = {
    "plan": PlanAnswer,
    "locate": LocateAnswer,
    "check": CheckAnswer,
}


@pytest.mark.parametrize("name", READERS)
def test_a_stages_schema_and_its_reader_agree(name: str) -> None:
    schema = load(name).answer_schema
    assert schema is not None
    assert set(schema["properties"]) == set(READERS[name].model_fields) == set(schema["required"])
    assert schema["additionalProperties"] is False


def test_the_forms_to_write_in_are_those_asked_for() -> None:
    request = load("write").request([], task=TASK, whole=0, symbol=0, search=1)
    system = request.messages[0].content
    assert "SEARCH" in system
    assert "whole file" not in system
    assert "symbol=" not in system


def test_the_reviews_schema_and_its_reader_agree() -> None:
    schema = load("review/review").answer_schema
    assert schema is not None
    assert set(schema["properties"]) == set(ReviewVerdict.model_fields) == set(schema["required"])
    for verdict in schema["properties"]["verdict"]["enum"]:
        assert ReviewVerdict.model_validate({"verdict": verdict, "concerns": []})
