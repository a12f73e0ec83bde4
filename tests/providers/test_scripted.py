from __future__ import annotations

from pathlib import Path

import pytest

from mai.errors import ProviderError, SettingsError
from mai.events import Cancel
from mai.protocols import ChatRequest, Message
from mai.providers.base import ask
from mai.providers.scripted import ScriptedProvider

REQUEST = ChatRequest((Message("user", "Go on."),))


def transcript(folder: Path, text: str) -> Path:
    path = folder / "demo.jsonl"
    path.write_text(text, "utf-8")
    return path


def test_each_request_plays_one_line_and_a_new_provider_starts_over(tmp_path: Path) -> None:
    path = transcript(tmp_path, '{"text": "one"}\n\n{"text": "two"}\n')
    for _ in range(2):
        provider = ScriptedProvider(path)
        assert [ask(provider, REQUEST, Cancel()) for _ in range(2)] == ["one", "two"]
        with pytest.raises(ProviderError, match="The transcript is at its end"):
            ask(provider, REQUEST, Cancel())


async def test_a_line_streams_thinking_then_text_then_the_end(tmp_path: Path) -> None:
    text = "A line that is longer than one piece, so that it streams."
    path = transcript(tmp_path, f'{{"thinking": "hm", "text": "{text}", "delay_ms": 3}}\n')
    deltas = [delta async for delta in ScriptedProvider(path).stream(REQUEST)]
    assert deltas[0].thinking == "hm"
    assert "".join(delta.text for delta in deltas) == text
    assert len(deltas) > 3
    assert deltas[-1].is_last


def test_an_error_comes_after_its_text(tmp_path: Path) -> None:
    path = transcript(tmp_path, '{"text": "half", "error": "the model died"}\n')
    with pytest.raises(ProviderError, match="the model died"):
        ask(ScriptedProvider(path), REQUEST, Cancel())


@pytest.mark.parametrize("line", ["nonsense", '{"txt": "a"}', "[]", '{"text": 3}', '{"text":'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = transcript(tmp_path, f'{{"text": "fine"}}\n{line}\n')
    with pytest.raises(SettingsError, match=r"Line 2 of the transcript .*demo\.jsonl"):
        ScriptedProvider(path)


def test_no_transcript_and_a_missing_one_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MAI_TRANSCRIPT"):
        ScriptedProvider(None)
    with pytest.raises(SettingsError, match="No such file"):
        ScriptedProvider(tmp_path / "none.jsonl")
