"""The first signal stops at a safe point, a later one at once."""

from __future__ import annotations

import signal
import time

import pytest

from mai.commands.session import cancellable


def test_two_signals_at_once_are_one_wish_and_a_later_one_interrupts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with cancellable() as cancel:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert cancel.is_set
        time.sleep(0.6)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert capsys.readouterr().err.count("Once more to stop at once.") == 1
