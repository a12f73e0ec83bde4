"""A model of 4,096 tokens on a repo of 500 files: every stage fits, and finds its place."""

from __future__ import annotations

import ast
import json

import pytest

from mai.agent.draft import drafts
from mai.agent.loop import carry_out
from mai.agent.task import Means
from mai.errors import ContextOverflow
from mai.events import Cancel
from mai.proposal import State
from mai.providers.tokens import estimate_request
from mai.templating.templates import load
from tests.agent.gate import Gate, Watched, judged
from tests.agent.test_loop import made
from tests.snapshots import MemorySnapshot

CONTEXT = 4096
AREAS = ("billing", "search", "mail", "auth", "report")


def generated() -> dict[str, bytes]:
    """Return 500 modules: most small, and one of a thousand lines that the task is about."""
    files = {}
    for number in range(498):
        area = AREAS[number % len(AREAS)]
        body = "\n\n\n".join(
            f"def {area}_{verb}_{number}(items, limit={at}):\n"
            f'    """{verb} the {area} items."""\n'
            f"    return [item for item in items if item > limit]"
            for at, verb in enumerate(("read", "write", "merge"))
        )
        files[f"src/app/{area}/part_{number}.py"] = f"{body}\n".encode()
    body = "        rows = list(rows)\n" * 12 + "        return rows\n"
    methods = "\n".join(f"    def step_{at}(self, rows):\n{body}" for at in range(70))
    total = "    def total_price(self, rows):\n        return sum(rows) - 1\n"
    invoice = f"class Invoice:\n{methods}\n{total}"
    files["src/app/billing/invoice.py"] = invoice.encode()
    files["README.md"] = ("# App\n\n" + "It bills. " * 2_000).encode()
    return files


FILES = generated()
SNAPSHOT = MemorySnapshot(FILES)
PATH = "src/app/billing/invoice.py"
TASK = "The total price of an Invoice is one too low; mend it."
PLAN = {
    "title": "Sum every row of an invoice",
    "why": "The total was one too low.",
    "steps": [{"path": PATH, "what": "do not subtract one in Invoice.total_price"}],
}
PLACES = {"places": [{"path": PATH, "symbol": "Invoice.total_price", "action": "replace"}]}
CODE = (
    f"{PATH}\n```python symbol=Invoice.total_price\n"
    "def total_price(self, rows):\n    return sum(rows)\n```\n"
)
WRONG = CODE.replace("sum(rows)", "sum(rows, 1)")
FINE = {"is_done": True, "problem": ""}


def test_there_are_five_hundred_files_and_they_parse() -> None:
    assert len(FILES) == 500
    assert len(FILES[PATH].splitlines()) > 1_000
    for path, data in FILES.items():
        if path.endswith(".py"):
            ast.parse(data)


@pytest.mark.parametrize("context", [CONTEXT, 8192])
def test_a_task_goes_through_every_stage_within_the_context(context: int) -> None:
    failed = judged(State.FAILED, broken=("tests/t.py::test_a",), output="E  assert\n" * 4_000)
    doubt = {"is_done": False, "problem": "It still adds one. " * 15}
    provider = Watched(
        ["Let me see.", PLAN, PLACES, WRONG, FINE, WRONG + "\n", doubt, CODE, FINE], context
    )
    gate = Gate([failed])
    gate.steering.say("Keep the method's name. " * 10)
    memories = [f"2026-01-0{at} said: {'words about invoices ' * 40}" for at in range(1, 7)]
    means = Means(provider, SNAPSHOT, context_tokens=context, recall=lambda _task: memories)
    proposal = carry_out(TASK, means, gate.hooks)
    assert proposal.state is State.PENDING
    # `Watched` refuses what does not fit; and each stage keeps to its own budget as well.
    names = ["plan", "plan", "locate", "code", "check", "code", "check", "code", "check"]
    assert len(provider.requests) == len(names)
    for name, request in zip(names, provider.requests, strict=True):
        prompt_tokens = estimate_request(request).most
        assert prompt_tokens <= load(name).budget_tokens
        assert prompt_tokens + request.answer_tokens <= context
        assert TASK in request.messages[-1].content
    planning, _, locating, writing = provider.prompts[:4]
    assert "invoice.py" in planning
    assert "def Invoice.total_price" in locating
    assert "return sum(rows) - 1" in writing
    assert "step_3" not in writing
    text = made(gate.drafts[-1], FILES)[PATH] or ""
    assert "def total_price(self, rows):\n        return sum(rows)\n" in text
    assert text.count("def step_") == 70


def test_a_task_that_cannot_fit_is_refused_and_nothing_is_cut() -> None:
    provider = Watched([PLAN], CONTEXT)
    means = Means(provider, SNAPSHOT, context_tokens=CONTEXT)
    with pytest.raises(ContextOverflow, match="room for"):
        carry_out("Mend it. " * 3_000, means, Gate().hooks)
    assert provider.requests == []


def test_a_second_model_does_not_need_the_first_ones_form() -> None:
    """A model that knows no symbols answers with search/replace; that is as good."""
    search = (
        f"{PATH}\n<<<<<<< SEARCH\n        return sum(rows) - 1\n=======\n"
        "        return sum(rows)\n>>>>>>> REPLACE\n"
    )
    provider = Watched([json.dumps(PLAN), PLACES, search, FINE], CONTEXT)
    gate = Gate()
    carry_out(TASK, Means(provider, SNAPSHOT, context_tokens=CONTEXT), gate.hooks)
    assert "return sum(rows)\n" in (made(gate.drafts[0], FILES)[PATH] or "")


def test_improving_fits_too() -> None:
    code = "def f(xs):\n" + "    xs = [x + 1 for x in xs if x]\n" * 120 + "    return xs\n"
    snapshot = MemorySnapshot({"a.py": code.encode(), "b.py": b"def g():\n    return 1\n"})
    provider = Watched(["Title: none"], CONTEXT)
    assert list(drafts(provider, snapshot, avoid=frozenset({"Old"}), cancel=Cancel())) == []
    # The long one could not be written back within the context, so it is not asked about.
    assert "def g()" in provider.prompts[0]
