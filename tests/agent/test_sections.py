"""Part of a document is an answer too: the sections that it leaves out stay."""

from __future__ import annotations

import pytest

from mai.agent.known.read import fitted
from mai.agent.known.splice import UnfitError

_OLD = """\
# Changes

## 1.1.0

### Added

- the function `upper`

```
# no heading
```

## 1.0.0

### Added

- everything
"""


def _read(answer: str, task: str = "Add version 1.2.0 on top.", old: str = _OLD) -> str:
    return fitted(f"````markdown\n{answer}\n````", "CHANGELOG.md", old, task)


@pytest.mark.parametrize(
    "answer",
    [
        "# Changes\n\n## 1.2.0\n\n### Added\n\n- more",
        "# Changes\n\n## 1.2.0\n\n### Added\n\n- more\n\n## 1.0.0\n\n### Added\n\n- everything",
    ],
)
def test_sections_that_are_left_out_stay_in_their_order(answer: str) -> None:
    new = "# Changes\n\n## 1.2.0\n\n### Added\n\n- more\n\n"
    assert _read(answer) == new + _OLD.partition("# Changes\n\n")[2]


def test_section_alone_is_put_in_the_place_of_its_namesake() -> None:
    old = "# tool\n\nPrints.\n\n## Options\n\n- `--a`: first\n\n## Licence\n\nMIT\n"
    made = _read("## Options\n\n- `--a`: first\n- `--b`: second", "Add --b.", old)
    assert made == old.replace("first\n", "first\n- `--b`: second\n")


def test_heading_that_was_changed_does_not_come_back() -> None:
    made = _read(_OLD.replace("## 1.0.0", "## 1.0.0 (2020)"), "Add the year of 1.0.0.")
    assert made == _OLD.replace("## 1.0.0", "## 1.0.0 (2020)")


def test_what_the_task_takes_away_stays_away() -> None:
    answer = _OLD.partition("## 1.0.0")[0].strip()
    assert "1.0.0" not in _read(answer, "Remove version 1.0.0.")


def test_line_without_a_heading_is_no_document() -> None:
    with pytest.raises(UnfitError, match="less than half"):
        _read("- more")
