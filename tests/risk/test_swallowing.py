"""Code that swallows the failure of a test that is run in it."""

from __future__ import annotations

import pytest

from mai.proposal import Level
from tests.risk.conftest import Score, rules

ENTER = "class Session:\n    def __enter__(self):\n        return self\n\n"
MANAGER = "import contextlib\n\n\n@contextlib.contextmanager\ndef session():\n"


@pytest.mark.parametrize(
    "code",
    [
        ENTER + "    def __exit__(self, *error):\n        return True\n",
        ENTER
        + "    def __exit__(self, *error):\n        self.done = True\n        return self.done\n",
        ENTER + "    def __exit__(self, kind, error, trace):\n        return kind is not None\n",
        ENTER + "    def __exit__(self, kind, error, trace):\n"
        "        return isinstance(error, Exception)\n",
        MANAGER + "    try:\n        yield\n    except AssertionError:\n        pass\n",
        MANAGER + "    try:\n        yield\n    except Exception:\n        return\n",
        MANAGER + "    try:\n        yield\n    finally:\n        return\n",
        "import contextlib\n\n\ndef session():\n    return contextlib.suppress(Exception)\n",
        "import contextlib\n\n\nclass Session(contextlib.suppress):\n    pass\n",
        "def retry(call):\n    try:\n        call()\n    except AssertionError:\n        pass\n",
    ],
)
def test_what_swallows_a_tests_failure_is_medium(score: Score, code: str) -> None:
    assert rules(score({}, {"app.py": code}), Level.MEDIUM) == {"test-tampering.swallow"}
    head = {"tests/helpers.py": code, "tests/test_x.py": "import helpers\n"}
    assert score({}, head).level is Level.LOW


@pytest.mark.parametrize(
    "code",
    [
        ENTER + "    def __exit__(self, *error):\n        self.close()\n",
        ENTER + "    def __exit__(self, *error):\n        return self.inner.__exit__(*error)\n",
        ENTER
        + "    def __exit__(self, *error):\n        end = self.close(*error)\n        return end\n",
        ENTER + "    def __exit__(self, kind, error, trace):\n        return kind is KeyError\n",
        ENTER + "    def __exit__(self, kind, error, trace):\n        return kind is None\n",
        ENTER + "    def __exit__(self, kind, error, trace):\n"
        "        return isinstance(error, self.kinds)\n",
        MANAGER + "    try:\n        yield\n    except KeyError:\n        pass\n",
        MANAGER + "    try:\n        yield\n    except Exception:\n        log()\n        raise\n",
        (
            "import contextlib\n\n\ndef end(it):\n    with contextlib.suppress(Exception):\n"
            "        it.close()\n"
        ),
    ],
)
def test_what_asks_which_failure_it_is_is_low(score: Score, code: str) -> None:
    assert score({}, {"app.py": code}).level is Level.LOW
