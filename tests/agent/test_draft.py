from __future__ import annotations

import json
from pathlib import Path

import pytest

from mai.agent.draft import draft_improvement, drafts
from mai.errors import Cancelled, ProviderError
from mai.events import Cancel
from mai.providers.ollama import OllamaProvider
from mai.providers.reflex import ReflexProvider
from mai.providers.scripted import ScriptedProvider
from tests.servers.ollama import OllamaServer, ServedModel
from tests.snapshots import MemorySnapshot

CORE = "def mean(values):\n    return sum(values) / (len(values) - 1)\n"
MENDED = CORE.replace("(len(values) - 1)", "len(values)")
SNAPSHOT = MemorySnapshot(
    {
        "calc/core.py": CORE.encode(),
        "calc/tiny.py": b"x = 1\n",
        "README.md": b"# Calc\n",
        "tests/test_core.py": b"def test(): ...\n",
    }
)
REPLY = (
    "Title: Divide by the count\nWhy: `mean([1, 2, 3])` gives 3.0.\n\n"
    f"calc/core.py\n```python\n{MENDED}```\n"
)
EDITS = f"calc/core.py\n```python\n{MENDED}```\n"


def playing(folder: Path, *texts: str) -> ScriptedProvider:
    path = folder / "demo.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return ScriptedProvider(path)


def test_the_largest_file_that_fits_is_asked_about_first_and_tests_never(tmp_path: Path) -> None:
    with OllamaServer(ServedModel("tiny:latest")) as server:
        server.answers(REPLY, "Title: none")
        provider = OllamaProvider(server.url, "tiny")
        found = list(drafts(provider, SNAPSHOT, avoid=frozenset({"Old idea"}), cancel=Cancel()))
        first, second = (chat["messages"][-1]["content"] for chat in server.chats)
    assert [draft.title for draft in found] == ["Divide by the count"]
    assert found[0].author == "tiny (ollama)"
    assert first.startswith("calc/core.py\n```\ndef mean")
    assert second.startswith("calc/tiny.py\n```\nx = 1")
    assert "Old idea" in first
    # What was found for the first file is not to be found again for the second.
    assert "Divide by the count" in second


def test_a_large_file_is_asked_about_one_definition_at_a_time() -> None:
    body = "    total = 0\n    for x in xs:\n        total += x\n    return total\n"
    functions = [f"@cache\ndef f{at}(xs):\n{body}\n\n" for at in range(200)]
    snapshot = MemorySnapshot({"src/calc/big.py": "".join(functions).encode()})
    with OllamaServer(ServedModel("tiny:latest")) as server:
        server.answers("src/calc/big.py\n```python symbol=calc.big.f0\ndef f0(xs): ...\n```\n")
        provider = OllamaProvider(server.url, "tiny")
        draft = draft_improvement(provider, snapshot, None, frozenset(), Cancel())
        question = server.chats[0]["messages"][-1]["content"]
    assert draft.title == "Improve src/calc/big.py"
    shown = f"src/calc/big.py symbol=calc.big.f0\n```\n@cache\ndef f0(xs):\n{body}```\n"
    assert question.startswith(shown)


def test_what_may_not_be_touched_is_not_asked_about() -> None:
    with OllamaServer(ServedModel("tiny:latest")) as server:
        server.answers("Title: none")
        provider = OllamaProvider(server.url, "tiny")
        found = drafts(provider, SNAPSHOT, cancel=Cancel(), may_touch=lambda path: "tiny" in path)
        assert list(found) == []
        assert len(server.chats) == 1
    assert list(drafts(provider, SNAPSHOT, cancel=Cancel(), may_touch=lambda _path: False)) == []


def test_an_idea_seen_before_is_passed_over(tmp_path: Path) -> None:
    provider = playing(tmp_path, REPLY, EDITS.replace("calc/core.py", "calc/tiny.py"))
    avoid = frozenset({"Divide by the count"})
    found = list(drafts(provider, SNAPSHOT, avoid=avoid, cancel=Cancel()))
    assert [draft.title for draft in found] == ["Improve calc/tiny.py"]


def test_reflexes_improve() -> None:
    snapshot = MemorySnapshot({"a.py": b"import os\n"})
    draft = draft_improvement(ReflexProvider(), snapshot, None, frozenset(), Cancel())
    assert draft.title == "Drop an unused import in a.py"
    with pytest.raises(ProviderError, match=r"nothing to improve in docs/\*\*"):
        draft_improvement(ReflexProvider(), snapshot, "docs/**", frozenset(), Cancel())


def test_a_stop_ends_the_search(tmp_path: Path) -> None:
    cancel = Cancel()
    cancel.set()
    for provider in (playing(tmp_path, REPLY), ReflexProvider()):
        with pytest.raises(Cancelled):
            list(drafts(provider, MemorySnapshot({"a.py": b"import os\n"}), cancel=cancel))


def test_an_edit_that_does_not_apply_is_asked_for_again_with_the_reason() -> None:
    lost = "calc/core.py\n```\n<<<<<<< SEARCH\nnot there\n=======\nx\n>>>>>>> REPLACE\n```\n"
    with OllamaServer(ServedModel("tiny:latest")) as server:
        server.answers(lost, REPLY)
        provider = OllamaProvider(server.url, "tiny")
        draft = draft_improvement(provider, SNAPSHOT, None, frozenset(), Cancel())
        complaint = server.chats[1]["messages"][-1]["content"]
    assert draft.title == "Divide by the count"
    assert complaint.startswith("That does not work: ")
    assert "calc/core.py" in complaint


def test_what_was_refused_stands_before_the_model() -> None:
    with OllamaServer(ServedModel("tiny:latest")) as server:
        server.answers("Title: none", "Title: none")
        provider = OllamaProvider(server.url, "tiny")
        refusal = "The person refused: Rename mean, because: others call it"
        found = drafts(
            provider, SNAPSHOT, avoid=frozenset(), cancel=Cancel(), recall=lambda _text: [refusal]
        )
        assert list(found) == []
        question = server.chats[0]["messages"][-1]["content"]
    assert "what was refused stays refused\n```\n- The person refused: Rename mean" in question


BESIDE = f"calc/tiny.py\n```python\nx = 2\n```\n\n{EDITS}"


def test_an_answer_that_changes_another_file_is_asked_for_again(tmp_path: Path) -> None:
    with OllamaServer(ServedModel("tiny:latest")) as server:
        server.answers(REPLY.replace(EDITS, BESIDE), REPLY)
        provider = OllamaProvider(server.url, "tiny")
        found = draft_improvement(provider, SNAPSHOT, "calc/core.py", frozenset(), Cancel())
        again = server.chats[-1]["messages"][-1]["content"]
    assert "It changes calc/tiny.py. Change only calc/core.py." in again
    assert found.paths == ("calc/core.py",)
    assert "calc/tiny.py" not in found.edits


def test_a_file_that_is_given_back_as_it_was_is_no_change(tmp_path: Path) -> None:
    same = f"calc/tiny.py\n```python\nx = 1\n```\n\n{EDITS}"
    provider = playing(tmp_path, REPLY.replace(EDITS, same))
    found = draft_improvement(provider, SNAPSHOT, None, frozenset(), Cancel())
    assert "calc/tiny.py" in found.edits


def test_a_reflex_names_the_files_that_it_changes() -> None:
    snapshot = MemorySnapshot({"m.py": b"import os\n\n\ndef f(x):\n    return x == None\n"})
    found = list(drafts(ReflexProvider(), snapshot, cancel=Cancel()))
    assert found
    assert {path for draft in found for path in draft.paths} == {"m.py"}
