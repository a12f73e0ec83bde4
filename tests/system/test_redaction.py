from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from mai.settings import load
from mai.system.redaction import HIDDEN, Redactor

DISCORD_TOKEN = "MTAwMDAwMDAwMDAwMDAwMDAw.GabcDE.abcdefghijklmnopqrstuvwxyz0123456789AB"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"


def cleaned(event: Mapping[str, object], *secrets: str) -> str:
    return json.dumps(Redactor(secrets)(None, "info", event), ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"login with {DISCORD_TOKEN} failed", DISCORD_TOKEN),
        ("header Authorization: Bearer abc.def-123", "abc.def-123"),
        ("Authorization: Bot abcdefgh12345678ijkl", "abcdefgh12345678ijkl"),
        ("key sk-proj-abcdefghijklmnop1234", "proj-abcdefghijklmnop1234"),
        ("push with ghp_abcdefghijklmnopqrstuv", "abcdefghijklmnopqrstuv"),
        ("hf_abcdefghijklmnopqrst", "abcdefghijklmnopqrst"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"),
        ("GET http://ann:hunter2@localhost:1/", "hunter2"),
        ("GET http://ann:hun@ter/2@localhost:1/", "hun@ter"),
        ("git clone https://onlytoken@example.org/x", "onlytoken"),
        ("https://discord.com/api/webhooks/123/abc-DEF_1", "abc-DEF_1"),
        ("/callback?access_token=abc123&next=1", "abc123"),
        ('{"password": "pa55"}', "pa55"),
        ("DISCORD_BOT_TOKEN=abc", "abc"),
        ("PIN: 4711", "4711"),
        (f"key {PEM} end", "MIIabc"),
        ("unfinished -----BEGIN PRIVATE KEY-----\nMIIabc", "MIIabc"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, secret: str) -> None:
    out = cleaned({"event": text})
    assert secret not in out
    assert HIDDEN in out


@pytest.mark.parametrize(
    "text",
    [
        "prompt_tokens=812 answer_tokens=40",
        "the bot connected to the gateway",
        "GET http://localhost:11434/api/tags",
        "3d1f0c9ab2e84d0f3d1f0c9ab2e84d0f3d1f0c9a landed on main",
        "mai/sandbox/engine.py:31 pinned a version",
        "Basic checks passed",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert cleaned({"event": text}) == json.dumps({"event": text})


@pytest.mark.parametrize(
    "name",
    ["token", "api_key", "apiKey", "botToken", "APPROVAL_PIN", "Authorization", "client-secret"],
)
def test_what_stands_under_a_secret_name_is_hidden_however_deep(name: str) -> None:
    event = {"event": "x", "request": [{"headers": {name: ["quite", "private"]}}]}
    assert "private" not in cleaned(event)


def test_counts_of_tokens_are_not_secrets() -> None:
    event = {"event": "answered", "prompt_tokens": 812, "max_tokens": 4096, "pinned": True}
    assert Redactor()(None, "info", event) == event


def test_every_secret_setting_is_known_by_value() -> None:
    settings = load(discord_bot_token=SecretStr("tök/en value"), approval_pin=SecretStr("4711"))
    redact = Redactor.for_settings(settings)
    assert redact.text("saw tök/en value") == f"saw {HIDDEN}"
    assert redact.text("GET /?x=t%C3%B6k%2Fen%20value") == f"GET /?x={HIDDEN}"
    assert redact(None, "info", {"typed": 4711, "n": 14711}) == {"typed": HIDDEN, "n": 14711}
    assert redact.text("typed 4711.") == f"typed {HIDDEN}."


def test_an_invisible_character_inside_does_not_save_a_secret() -> None:
    assert "hunter2secret" not in cleaned({"event": "x hunter2\u200bsecret"}, "hunter2secret")


@given(
    secret=st.text(st.characters(categories=["L", "N", "P"]), min_size=8, max_size=40),
    before=st.text(max_size=30),
    after=st.text(max_size=30),
)
def test_a_known_secret_never_survives_wherever_it_stands(
    secret: str, before: str, after: str
) -> None:
    redact = Redactor([secret])
    text = before + secret + after
    event = redact(
        None, "info", {"event": text, "more": [{"deep": (text, text.encode())}], text: 1}
    )
    values = [event["event"], *event["more"][0]["deep"], *event]
    # Hiding writes `[hidden]`, and a secret such as `hidden]x` could only be made up from that.
    assert all(secret not in str(value).replace(HIDDEN, "\n") for value in values)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
        max_leaves=20,
    )
)
def test_any_event_becomes_strict_json_of_plain_text(value: object) -> None:
    event = Redactor(["s3cret-value"])(None, "info", {"event": value})
    text = json.dumps(event, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\x1b" not in text


def test_a_huge_text_is_cut() -> None:
    assert len(Redactor().text("word " * 100_000)) < 25_000


def test_nesting_without_end_is_cut() -> None:
    value: list[object] = []
    value.append(value)
    assert "…" in cleaned({"event": value})
