"""Endpoints, globs, diffs and the count of tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.errors import SettingsError
from mai.globs import matches
from mai.protocols import Message
from mai.providers.diff import file_diff
from mai.providers.endpoint import Endpoint
from mai.providers.tokens import estimate, estimate_messages
from tests.gitrepo import make_repo

LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=8)
    | st.sampled_from(["same", "same\r", "", "-x", "+y", "@@ -1 +1 @@", "\\ No newline"]),
    max_size=12,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:11434", "http://localhost:11434"),
        ("localhost", "http://localhost:11434"),
        ("box.lan:8080/ollama/", "http://box.lan:8080/ollama"),
        ("https://mai:s%40fe@box.lan", "https://box.lan:443"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_an_endpoint_is_shown_without_credentials(text: str, url: str) -> None:
    endpoint = Endpoint.parse(text, 11434)
    assert endpoint.url == url == str(endpoint)
    assert "s@fe" not in repr(endpoint)


@pytest.mark.parametrize("text", ["", "ftp://box", "http://", "http://a:b@:1", "http://box:99999"])
def test_a_bad_endpoint_is_a_settings_error(text: str) -> None:
    with pytest.raises(SettingsError):
        Endpoint.parse(text, 11434)


@pytest.mark.parametrize(
    ("path", "pattern", "is_match"),
    [
        ("calc/core.py", "calc/*.py", True),
        ("calc/deep/core.py", "calc/*.py", False),
        ("calc/deep/core.py", "calc/**/*.py", True),
        ("calc/core.py", "calc/**/*.py", True),
        ("calc/deep/core.py", "calc", True),
        ("calc/core.py", "calc/", True),
        ("src/calc/core.py", "core.py", True),
        ("src/calc/core.py", "./src/calc", True),
        ("src/calc.py", "cal[c-d].py", True),
        ("src/calc.py", "cal[!c].py", False),
        ("core.py", "", False),
    ],
)
def test_globs_mean_what_gitignore_means(path: str, pattern: str, *, is_match: bool) -> None:
    assert matches(path, pattern) is is_match


@given(st.text(max_size=30), st.text(alphabet="*?[]!/\\a-z.()+", max_size=12))
def test_no_glob_is_an_error(path: str, pattern: str) -> None:
    assert matches(path, pattern) in {True, False}


@settings(max_examples=40, deadline=None)
@given(before=LINES, after=LINES, ends=st.tuples(st.booleans(), st.booleans()))
def test_git_turns_one_side_into_the_other(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[str],
    after: list[str],
    ends: tuple[bool, bool],
) -> None:
    old, new = (_content(lines, ends=end) for lines, end in zip((before, after), ends, strict=True))
    repo = make_repo(tmp_path_factory.mktemp("repo"))
    repo.write({"a b.py": old})
    diff = file_diff("a b.py", old, new)
    assert bool(diff) is (old != new)
    if diff:
        repo.git("apply", "--whitespace=nowarn", "-", data=diff.encode())
    assert (repo.root / "a b.py").read_bytes() == new


def _content(lines: list[str], *, ends: bool) -> bytes:
    # A diff that only modifies needs both sides to be there; one line at least.
    return ("\n".join([*lines, "last"]) + ("\n" if ends else "")).encode()


def test_the_floor_is_under_and_the_ceiling_over_what_tokenizers_count() -> None:
    source = (Path(__file__).parents[2] / "mai" / "text.py").read_text("utf-8")
    found = estimate(source)
    # Real tokenizers (cl100k, Llama 3, Qwen 2.5) take 3 to 4.5 bytes of Python for one token.
    assert found.fewest <= len(source.encode()) / 4.5
    assert found.most >= len(source.encode()) / 4


@given(st.text(max_size=300))
def test_the_floor_is_never_over_the_ceiling(text: str) -> None:
    found = estimate(text)
    assert 0 <= found.fewest <= found.most


def test_a_message_costs_its_frame() -> None:
    assert estimate_messages([Message("user", "")]).most > 0
