"""The benchmark of small tasks: how it reads, judges and sums up, and a few with a real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.solve import summary
from bench.solving.plain import plain_reading, plain_request
from bench.solving.sides import Row
from bench.solving.tasks import Fix, Task, tasks
from mai.providers.gguf_engine import is_installed

_TASKS = ("feature-stack-peek", "told-division", "bug-retry")
_ONE = Task("t", "feature", "Do it.", {"a.py": "A = 1\n"}, {}, (Fix("a.py", "1", "2"),))
_TWO = Task(
    "t",
    "feature",
    "Do it.",
    {"a.py": "1\n", "b.py": "2\n"},
    {},
    (Fix("a.py", "1", "2"), Fix("b.py", "2", "3")),
)


@pytest.mark.parametrize(
    ("task", "answer", "files"),
    [
        (_ONE, "Sure.\n```python\nA = 2\n```\nDone.", {"a.py": "A = 2\n"}),
        (_ONE, "```python\nA = 2\n", {"a.py": "A = 2\n"}),
        (_ONE, "```bash\npytest -q tests\n```\n```python\nA = 2\n```", {"a.py": "A = 2\n"}),
        (_ONE, "import os\nA = os.sep", {"a.py": "import os\nA = os.sep"}),
        (_ONE, "I cannot do that.", {}),
        (_ONE, "```python\nA = (\n```", {}),
        (_TWO, "a.py\n```\n2\n```\n**b.py**\n```\n3\n```", {"a.py": "2\n", "b.py": "3\n"}),
        (_TWO, "```python\n2\n```", {}),
    ],
)
def test_plain_answer_is_read_as_a_kind_person_would(
    task: Task, answer: str, files: dict[str, str]
) -> None:
    assert plain_reading(task, answer) == files


def test_no_prompt_shows_what_decides() -> None:
    for task in tasks():
        text = "\n".join(one.content for one in plain_request(task).messages)
        assert task.task in text
        assert not any(hidden.strip() in text for hidden in task.hidden.values())


def test_sums_say_what_the_plain_prompt_wins() -> None:
    rows = [
        Row("a", "bug", "plain", is_solved=True, asked=1, read=10, written=20, model_s=2.0),
        Row("a", "bug", "mai", lost="tests", asked=3, read=30, written=60, model_s=6.0),
        Row("b", "docs", "plain", lost="write-content", asked=1, written=20, model_s=2.0),
        Row("b", "docs", "mai", is_solved=True, asked=1, written=20, model_s=2.0),
        Row("a", "bug", "search", is_solved=True),
    ]
    told = summary(rows)
    assert "plain   1 of 2 solved; tokens 10 read, 40 written, 10.0 written a second" in told
    assert "mai     1 of 2 solved" in told
    assert "lost at tests 1" in told
    assert "the plain prompt solves and Mai does not: a\n" in told
    assert "either way of Mai: 2" in told


@pytest.mark.model
@pytest.mark.docker
@pytest.mark.timeout(1800)
def test_real_model_solves_a_few_tasks_and_what_it_wrote_is_read(tmp_path: Path) -> None:
    folder = Path(os.environ.get("MODEL_CACHE_DIR", ""))
    if not is_installed() or not list(folder.glob("*.gguf")) or folder == Path():
        pytest.skip("MODEL_CACHE_DIR names no folder with a GGUF file, or llama.cpp is not there")
    only = [word for name in _TASKS for word in ("--only", name)]
    command = [sys.executable, "-m", "bench.solve", "--out", str(tmp_path), *only]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    lines = (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()
    rows = [Row(**json.loads(line)) for line in lines]
    assert {(row.task, row.side) for row in rows} >= {
        (name, side) for name in _TASKS for side in ("plain", "mai")
    }
    by_mai = [row for row in rows if row.side == "mai"]
    assert any(row.is_solved for row in by_mai), ran.stdout
    assert not any(row.lost == "write-form" for row in by_mai), ran.stdout
    assert (tmp_path / "talk.jsonl").stat().st_size > 0
