from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from mai.errors import ProviderError
from mai.events import Cancel
from mai.protocols import ChatRequest, Message
from mai.providers.base import ask, ask_json, parse_json
from mai.providers.scripted import ScriptedProvider
from mai.providers.thinking import without_thinking

REQUEST = ChatRequest((Message("user", "What do you think?"),))


class Verdict(BaseModel):
    verdict: Literal["approve", "object"]
    score: Annotated[int, Field(ge=0, le=10)] = 0


def playing(folder: Path, *texts: str) -> ScriptedProvider:
    path = folder / "transcript.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return ScriptedProvider(path)


@pytest.mark.parametrize(
    "text",
    [
        '{"verdict": "object", "score": 3}',
        ' {"verdict": "object",\n "score": 3}\n',
        '```json\n{"verdict": "object", "score": 3}\n```',
        'Here it is:\n```\n{"verdict": "object", "score": 3}\n```\nI hope it helps.',
        'I think {"verdict": "object", "score": 3} is right.',
        '<think>Is it {"verdict": "approve"}?</think>{"verdict": "object", "score": 3}',
    ],
)
def test_json_is_found_where_models_put_it(tmp_path: Path, text: str) -> None:
    answer = ask_json(playing(tmp_path, text), REQUEST, Verdict, Cancel())
    assert answer == Verdict(verdict="object", score=3)


def test_raw_control_characters_in_strings_are_read() -> None:
    assert parse_json('{"a": "one\ntwo\tthree"}') == {"a": "one\ntwo\tthree"}


def test_what_a_grammar_lets_through_is_asked_for_again(tmp_path: Path) -> None:
    provider = playing(
        tmp_path, '{"verdict": "approve", "score": 99}', "no", '{"verdict": "object"}'
    )
    assert ask_json(provider, REQUEST, Verdict, Cancel()).verdict == "object"


def test_three_bad_answers_are_a_stop_that_says_why(tmp_path: Path) -> None:
    provider = playing(tmp_path, "maybe", '{"verdict": "perhaps"}', "[]", '{"verdict": "object"}')
    with pytest.raises(ProviderError, match="no usable answer in 3 tries"):
        ask_json(provider, REQUEST, Verdict, Cancel())


def test_the_same_answer_three_times_is_a_loop(tmp_path: Path) -> None:
    provider = playing(tmp_path, *["maybe"] * 8, '{"verdict": "object"}')
    with pytest.raises(ProviderError, match="in 3 tries"):
        ask_json(provider, REQUEST, Verdict, Cancel(), rounds=9)


def test_an_answer_without_end_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="had no end"):
        ask(playing(tmp_path, "la" * 300_000), REQUEST, Cancel())
    transcript = tmp_path / "thinking.jsonl"
    transcript.write_text(json.dumps({"text": "Yes.", "thinking": "Hm. " * 150_000}) + "\n")
    with pytest.raises(ProviderError, match="had no end"):
        ask(ScriptedProvider(transcript), REQUEST, Cancel())


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>hm</think>\n\nyes", "yes"),
        ("  <thinking>a\nb</thinking>yes", "yes"),
        ("<think>never ends", ""),
        ("yes <think>no</think>", "yes <think>no</think>"),
        ("It is small, so:\n</think>\n\nyes", "yes"),
        ("[THINK]hm[/THINK]yes", "yes"),
        ("<reasoning>\nhm\n</reasoning>\nyes", "yes"),
        ("<|begin_of_thought|>hm<|end_of_thought|>\nyes", "yes"),
        ("The tag `</think>`\nends it.", "The tag `</think>`\nends it."),
        ("```\n</think>\n```\n", "```\n</think>\n```\n"),
        ("I thought about it.\nyes", "I thought about it.\nyes"),
        (
            (
                "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final"
                "<|message|>yes<|return|>"
            ),
            "yes",
        ),
        ("<|channel|>analysis<|message|>hm, not over", ""),
        (
            (
                "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary "
                'to=functions.read_file <|constrain|>json<|message|>{"path": "a.py"}<|call|>'
            ),
            '{"name": "read_file", "arguments": {"path": "a.py"}}',
        ),
        ("yes", "yes"),
    ],
)
def test_leading_thoughts_are_dropped(text: str, answer: str) -> None:
    assert without_thinking(text) == answer


@given(st.text() | st.text(alphabet='{}[]":,`\n 0truefalsn', max_size=60))
def test_parsing_gives_a_value_or_a_reason(text: str) -> None:
    try:
        json.dumps(parse_json(text))
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


def test_deep_nesting_is_a_reason_not_a_crash() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 200_000)
