from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.commands import plain
from mai.console.commands import COMMANDS, MOST_ROUNDS, read_answer, read_line, read_rounds
from mai.console.handlers import Handlers
from mai.errors import UsageError
from mai.text import one_line
from mai.tui.completion import Known, closest, offers

PATHS = ("README.md", "calc/__init__.py", "calc/core.py", "tests/test_core.py")


def test_every_command_has_a_handler_in_every_front_end() -> None:
    for command in COMMANDS:
        assert callable(getattr(Handlers, command.handler)), command.name
        assert callable(getattr(plain._Plain, command.handler)), command.name


def test_names_are_unique_and_told_apart_by_how_they_begin() -> None:
    names = [command.name for command in COMMANDS]
    assert len(set(names)) == len(names)
    assert all(command.help.endswith(".") for command in COMMANDS)


@pytest.mark.parametrize("line", ["hello", "", "  ", "//etc is empty", "what is /help?"])
def test_what_is_no_command_is_said(line: str) -> None:
    assert read_line(line) is None


def test_a_command_keeps_the_rest_as_it_stands() -> None:
    call = read_line("  /Change  make it  quick ")
    assert call is not None
    assert (call.command.name, call.rest) == ("change", "make it  quick")


def test_a_slip_gets_a_hint() -> None:
    with pytest.raises(UsageError, match="Did you mean /approve"):
        read_line("/aprove 7f3a")
    with pytest.raises(UsageError, match="/change TASK"):
        read_line("/change")


@given(st.text())
def test_no_line_does_harm(line: str) -> None:
    sentence = ""
    try:
        call = read_line(line)
    except UsageError as error:
        call, sentence = None, str(error)
    assert call is None or call.command in COMMANDS
    assert one_line(sentence, 1000) == sentence


def test_improve_takes_a_number_and_a_glob() -> None:
    assert read_rounds("") == (1, None)
    assert read_rounds("3") == (3, None)
    assert read_rounds("src/**") == (1, "src/**")
    assert read_rounds("2 calc/*.py") == (2, "calc/*.py")
    for wrong in ("0", str(MOST_ROUNDS + 1), "2 a b"):
        with pytest.raises(UsageError):
            read_rounds(wrong)


def test_a_reason_may_have_several_words() -> None:
    assert read_answer("7f3a it is too early") == ("7f3a", "it is too early")
    assert read_answer("") == ("", "")


def test_commands_complete() -> None:
    assert [one.text for one in offers("/re", Known())] == ["/reject "]
    assert len(offers("/", Known())) == len(COMMANDS)
    assert offers("/clear ", Known()) == ()


def test_ids_complete_to_what_the_command_means() -> None:
    known = Known(
        waiting=(("7f3a00000000", "one"),),
        landed=(("aa0000000000", "two"),),
        all=(("7f3a00000000", "one"), ("aa0000000000", "two")),
    )
    assert [one.text for one in offers("/approve ", known)] == ["7f3a00000000"]
    assert [one.text for one in offers("/rollback a", known)] == ["aa0000000000"]
    assert [one.text for one in offers("/show ", known)] == ["7f3a00000000", "aa0000000000"]


def test_files_complete_in_the_middle_of_a_sentence() -> None:
    (first, *_) = offers("what does @core", Known(PATHS))
    assert first.text == "@calc/core.py "
    assert first.start == len("what does ")
    assert offers("mail me at ana@core", Known(PATHS)) == ()


@given(st.lists(st.text(min_size=1), max_size=30), st.text(max_size=10))
def test_closest_offers_only_what_is_there(paths: list[str], wanted: str) -> None:
    found = closest(wanted, paths)
    assert set(found) <= set(paths)
    for path in found:
        rest = iter(path.lower())
        assert all(one in rest for one in wanted.lower())


def test_the_table_and_plain_load_no_screen() -> None:
    code = (
        "import sys, mai.commands.plain, mai.console.commands\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('textual', 'discord')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
