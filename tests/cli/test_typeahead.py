"""An answer at a terminal is what was typed after the question."""

from __future__ import annotations

import io
import os
import pty
import sys

import pytest

from mai.commands.output import ask


def test_what_was_typed_before_the_question_answers_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main, other = pty.openpty()

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            os.write(main, b"n\n")  # the person reads the question and answers
            return super().write(text)

    with os.fdopen(other, "r", encoding="utf-8") as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        monkeypatch.setattr(sys, "stderr", Screen())
        os.write(main, b"y\ny\n")
        assert ask("Land it? ") == "n"
    os.close(main)
