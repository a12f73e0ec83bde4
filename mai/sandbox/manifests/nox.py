"""What the sessions of a `noxfile.py` that run tests install. The script itself is never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mai.sandbox.manifests.collector import Collector, Project
from mai.sandbox.manifests.requirement_files import entries_of_line, requirement_lines
from mai.sandbox.manifests.tables import is_for_tests, parse_script

_TAKE_A_VALUE = frozenset({"-r", "--requirement", "-c", "--constraint", "-e", "--editable"})


def of_noxfile(collector: Collector, path: str) -> None:
    """Collect the literals that sessions for tests give to `session.install`."""
    text = collector.text(path)
    tree = parse_script(collector, path, text) if text is not None else None
    if tree is None:
        return
    own = collector.project(path.rpartition("/")[0])
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and any(map(is_for_tests, _names(function))):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _is_install(node):
                    _take(collector, own, node, path)


def _names(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the names that a session goes by."""
    yield function.name
    for decorator in function.decorator_list:
        for word in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if word.arg == "name" and isinstance(word.value, ast.Constant):
                yield str(word.value.value)


def _is_install(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "install"


def _take(collector: Collector, own: Project, call: ast.Call, path: str) -> None:
    """Collect the arguments of one call, which are those of `pip install`."""
    option = ""
    for argument in call.args:
        if isinstance(argument, ast.Starred):
            # `*nox.project.dependency_groups(pyproject, "test")`
            for name in _literals(argument.value):
                collector.take(own.group_entries(name))
            continue
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            option = ""
            continue
        word, line = argument.value.strip(), argument.lineno
        name, _, value = word.partition("=")
        if word in {*_TAKE_A_VALUE, "--group"}:
            option = word
        elif option == "--group" or name == "--group":
            collector.take(own.group_entries(value or word))
            option = ""
        elif option or not word.startswith("-") or name in _TAKE_A_VALUE:
            for entry in requirement_lines(f"{option} {word}".strip(), path, line):
                collector.take(entries_of_line(collector, entry))
            option = ""


def _literals(node: ast.expr) -> Iterator[str]:
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("dependency_groups"):
        return
    for argument in node.args:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value
