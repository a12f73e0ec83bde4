from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.text import (
    chat,
    chat_line,
    for_model,
    from_model,
    inside_fence,
    one_line,
    path_line,
    plain,
    prose,
)

anything = st.text(st.characters(), max_size=300)


@given(anything)
def test_plain_leaves_no_control_and_no_invisible_character(text: str) -> None:
    shown = plain(text)
    assert all(
        character in "\n\t"
        or character.isprintable()
        or character == " "
        or not character.isascii()
        for character in shown
    )
    assert not set(shown) & set("\x1b\x9b\r\x07\x00\u202e\u2066\u200b\u2028")


@given(anything)
def test_a_path_shows_all_that_is_in_it(text: str) -> None:
    shown = path_line(text, 4000)
    assert shown.isprintable()
    assert len(shown) >= len(text)
    assert path_line(shown, 4000) == shown
    assert len(path_line(text, 20)) <= 20


@given(anything)
def test_one_line_is_one_line_within_its_limit(text: str) -> None:
    assert len(one_line(text, 20)) <= 20
    assert "\n" not in one_line(text)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("a\u202eb", "ab"),
        ("one\rtwo", "one\ntwo"),
    ],
)
def test_terminal_tricks_are_gone(hostile: str, shown: str) -> None:
    assert plain(hostile) == shown


def test_mentions_and_fences_are_broken() -> None:
    assert "<@1" not in prose("hi <@184>")
    assert "```" not in prose("```diff\n-x\n```")


@given(anything | st.text("`|~[](<>@#-abc \n", max_size=60))
def test_a_chat_shows_text_as_it_stands(text: str) -> None:
    shown = chat(text, 200)
    assert len(shown) <= 200
    for hidden in ("||", "~~", "](", "<@", "<#", "<:", "```"):
        assert hidden not in shown
    assert not any(line.lstrip().startswith(("# ", "> ", "-# ")) for line in shown.splitlines())
    assert "\n" not in chat_line(text, 80)
    assert len(chat_line(text, 80)) <= 80
    assert "://" not in chat_line(text)


@given(anything | st.text("`a\n", max_size=60))
def test_nothing_inside_a_fence_closes_it(text: str) -> None:
    assert "```" not in inside_fence(text)


def test_code_lists_and_bold_stay_in_a_chat() -> None:
    assert chat("`mean` is **wrong**:\n- one") == "`mean` is **wrong**:\n- one"


CONTROL_TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|endoftext|>", "<|end|>",
    "<|channel|>", "<\uff5cUser\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>",
    "<s>", "</s>", "<bos>",
    "<start_of_turn>", "<end_of_turn>", "<fim_prefix>", "<<SYS>>", "<</SYS>>", "[INST]", "[/INST]",
    "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "<think>", "</think>", "<tool_call>", "</tool_response>",
)  # fmt: skip


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_what_sets_messages_apart_is_broken_for_a_model_and_whole_again_after(token: str) -> None:
    text = f"a {token}{token}b"
    broken = for_model(text)
    assert token not in broken
    assert for_model(broken) == broken
    assert from_model(broken) == text
    assert from_model(text) == text


@pytest.mark.parametrize("text", ["a <b> [c] |d| <e|f>", "x[INST", "if a<s and b>c:", "<|", "|>"])
def test_other_text_reaches_a_model_as_it_is(text: str) -> None:
    assert for_model(text) == text


@given(
    st.lists(st.sampled_from([*CONTROL_TOKENS, "<", "|", ">", "[", "]", "a", "\n"]), max_size=12)
)
def test_no_sequence_of_pieces_leaves_a_token_whole(pieces: list[str]) -> None:
    broken = for_model("".join(pieces))
    assert not any(token in broken for token in CONTROL_TOKENS)
    assert from_model(broken) == "".join(pieces)
