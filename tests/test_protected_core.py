"""What Mai may change holds nothing that judges, asks or lands: read from the code itself.

The rules below say what deciding looks like in a syntax tree. They must find the modules that are
known to decide, and none of those may lie in a folder that Mai may change.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import mai
from mai import proposal as nouns
from mai.core import Core
from mai.proposal import FileChange
from mai.risk.own import ALLOWED, may_change
from mai.risk.tree import judge_own

ROOT = Path(mai.__file__).parent.parent
#: What says yes, no or "take it back": the core's methods that record who did it, and rollback.
ANSWERS = {
    name
    for name, method in inspect.getmembers(Core, inspect.isfunction)
    if "by" in inspect.signature(method).parameters
} | {"rollback"}
#: Making one of these is giving a judgement, or carrying one out.
JUDGEMENTS = {"RiskReport", "TrialReport", "ReviewReport", "Approval", "Landing", "Shown"}
#: Rooms that judge, keep or land. No module that Mai may change may use one.
GATE = (
    "mai.pipeline",
    "mai.repo.",
    "mai.risk",
    "mai.sandbox",
    "mai.review",
    "mai.surfaces",
    "mai.digest",
    "mai.store.answers",
    "mai.store.cards",
    "mai.store.fold",
    "mai.store.inbox",
    "mai.store.ledger",
    "mai.store.witness",
)
#: What the open parts of the console and of the command line may take from the protected ones.
PLAIN_PARTS = {
    "mai.commands.options",
    "mai.commands.output",
    "mai.commands.session",
    "mai.console.answers",
    "mai.console.commands",
    "mai.console.messages",
    "mai.console.screens.question",
}
CARDS = {"card", "print_card"}
KNOWN_TO_DECIDE = (
    "mai/commands/approval.py",
    "mai/commands/audit.py",
    "mai/commands/history.py",
    "mai/commands/inbox.py",
    "mai/commands/plain.py",
    "mai/console/proposal_answers.py",
    "mai/console/screens/approval.py",
    "mai/console/screens/console.py",
    "mai/console/screens/proposal.py",
    "mai/core.py",
    "mai/mind.py",
    "mai/pipeline/land.py",
    "mai/pipeline/verdict.py",
    "mai/repo/landing.py",
    "mai/review/reviewer.py",
    "mai/risk/report.py",
    "mai/surfaces/discord/answers.py",
)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def modules() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "mai").rglob("*.py"))


def imports(path: str) -> Iterator[tuple[str, str]]:
    """Yield what a module imports, in functions and for type checking too: module and name."""
    for node in ast.walk(tree(ROOT / path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}", alias.name) for alias in node.names)


def decisions(path: str) -> set[str]:
    """Return what in the module at `path` judges, asks or lands."""
    found = set()
    for node in ast.walk(tree(ROOT / path)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in ANSWERS:
                found.add(f"{name}() is called")
            case ast.Call(func=ast.Name(id=name)) if name in JUDGEMENTS:
                found.add(f"{name} is made")
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in JUDGEMENTS:
                found.add(f"{name} is made")
            case ast.Attribute(value=ast.Name(id="Verdict" | "Opinion"), attr="PASS" | "APPROVE"):
                found.add("a good verdict is given or asked for")
            case ast.Attribute(attr="digest"):
                found.add("the digest of a proposal is read")
            case _:
                pass
    for module, name in imports(path):
        if f"{module}.{name}.".startswith(GATE):
            found.add(f"{module} is used")
        if name in {"Answering", "ApprovalScreen", "ProposalScreen", "Yes", "confirm"} | CARDS:
            found.add(f"{name} asks or shows what is asked about")
    return found


def allowed() -> list[str]:
    return [path for path in modules() if may_change(path)]


def test_the_list_names_folders_that_are_there_and_no_patterns() -> None:
    for folder in ALLOWED:
        assert (ROOT / folder).is_dir()
        assert not set(folder) & set("*?[]")
    assert len(ALLOWED) <= 10
    assert {"mai/agent/turn.py", "mai/tui/talk.py", "mai/cli/doctor.py"} <= set(allowed())


def test_the_nouns_of_a_judgement_are_these() -> None:
    made = {name for name in vars(nouns) if name.endswith(("Report", "Approval", "Landing"))}
    assert made <= JUDGEMENTS
    assert {"approve", "reject", "withdraw", "accept_loss"} <= ANSWERS


@pytest.mark.parametrize("path", KNOWN_TO_DECIDE)
def test_what_is_known_to_decide_is_seen_and_protected(path: str) -> None:
    assert decisions(path)
    assert not may_change(path)


def test_nothing_that_mai_may_change_judges_asks_or_lands() -> None:
    wrong = {path: found for path in allowed() if (found := decisions(path))}
    assert wrong == {}


def test_the_open_parts_of_the_screens_never_hold_a_proposal() -> None:
    wrong = [
        (path, module, name)
        for path in allowed()
        if path.startswith(("mai/tui/", "mai/cli/"))
        for module, name in imports(path)
        if module == "mai.proposal"
        or (module.startswith(("mai.commands", "mai.console")) and module not in PLAIN_PARTS)
    ]
    assert wrong == []


def test_what_thinks_and_edits_reaches_nothing_that_decides() -> None:
    """Neither by itself nor through what it imports; the screens reach the core, to talk to it."""
    files = {name_of(path): path for path in modules()}
    for start in allowed():
        if start.startswith(("mai/tui/", "mai/cli/")):
            continue
        seen, due = {name_of(start)}, [name_of(start)]
        while due:
            module = due.pop()
            assert not f"{module}.".startswith((*GATE, "mai.core.", "mai.mind.")), (start, module)
            for target, name in imports(files[module]):
                for each in (target, f"{target}.{name}"):
                    if each in files and each not in seen:
                        seen.add(each)
                        due.append(each)


@pytest.mark.parametrize("folder", [folder for folder in ALLOWED if folder.startswith("mai/")])
def test_moving_what_decides_into_an_open_folder_is_blocked(folder: str) -> None:
    for path in modules():
        if not decisions(path):
            continue
        new = f"{folder}/{path.rpartition('/')[2]}"
        for change in (
            FileChange(new, "renamed", old_path=path),
            FileChange(path, "modified"),
            FileChange(path, "deleted"),
        ):
            assert "path.protected-core" in {found.rule for found in judge_own([change])}, change


def name_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
