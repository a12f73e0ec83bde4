"""Guards and base cases in front of a function's work, other exceptions, fresh defaults."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from mai.repair.operators.statements import _indent, _lines
from mai.repair.source import Change, Source

_ANSWERS = ("None", "[]", "0", '""', "False", "True", "{}")
_EXCEPTIONS = (
    *(
        "ValueError",
        "TypeError",
        "KeyError",
        "IndexError",
        "AttributeError",
        "LookupError",
        "OSError",
    ),
    *(
        "RuntimeError",
        "NotImplementedError",
        "StopIteration",
        "ZeroDivisionError",
        "FileNotFoundError",
    ),
    *("UnicodeDecodeError", "ImportError", "Exception"),
)
_MOST_PARAMETERS = 5
_EMPTY = {"list": "[]", "dict": "{}", "set": "set()", "str": '""', "int": "0"}


def insert_guard(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a function that answers at once for nothing, or for an empty thing."""
    if not isinstance(node, cst.FunctionDef) or not isinstance(node.body, cst.IndentedBlock):
        return
    body = list(node.body.body)
    if _is_docstring(body[0]) and len(body) > 1:
        body = body[1:]
    place = _lines(source, body[0])
    if place is None:
        return
    indent = _indent(source, place)
    scope = source.scope_of(body[0])
    own = [one for one in scope.parameters if one != scope.self_name][:_MOST_PARAMETERS]
    returned = dict.fromkeys(_returned(source, node))
    simple = [text for text in returned if len(text) < 30][:4]
    step = _step(source, node)
    for name in own:
        answers = dict.fromkeys((*_ANSWERS, name, f"[{name}]", *simple))
        for answer in answers:
            likely = 1.0 if answer in returned or not returned else 0.6
            for test, prior in ((f"not {name}", 0.14), (f"{name} is None", 0.14)):
                text = f"{indent}if {test}:\n{indent}{step}return {answer}\n"
                yield Change(
                    place[0], place[0], text, "guard", prior * likely, f"if {test}: return {answer}"
                )
        for empty, prior in (("[]", 0.2), ("{}", 0.15), ('""', 0.12), ("0", 0.1), ("set()", 0.05)):
            text = f"{indent}if {name} is None:\n{indent}{step}{name} = {empty}\n"
            yield Change(
                place[0], place[0], text, "guard", prior, f"if {name} is None: {name} = {empty}"
            )
        for made, prior in (
            (f"list({name})", 0.12),
            (f"{name}.copy()", 0.12),
            (f"{name}.strip()", 0.06),
            (f"{name}.lower()", 0.06),
            (f"str({name})", 0.06),
            (f"int({name})", 0.05),
            (f"abs({name})", 0.05),
        ):
            text = f"{indent}{name} = {made}\n"
            yield Change(place[0], place[0], text, "converted", prior, f"{name} = {made}")


def guard_statement(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a simple statement that happens only where one of its names has a value."""
    if not isinstance(node, cst.SimpleStatementLine) or source.function_of(node) is None:
        return
    place = _lines(source, node)
    if place is None or not isinstance(node.body[0], (cst.Expr, cst.Assign, cst.AugAssign)):
        return
    indent = _indent(source, place)
    step = _step(source, node)
    line = source.data[place[0] : place[1]].decode()
    line = line if line.endswith("\n") else f"{line}\n"
    if "\n" in line[:-1]:
        return
    for name in dict.fromkeys(_reads(source, node)):
        for test, prior in ((name, 0.12), (f"{name} is not None", 0.12)):
            text = f"{indent}if {test}:\n{step}{line}"
            yield Change(*place, text, "guarded", prior, f"if {test}: {line.strip()}")
        parent = source.parent(source.parent(node) or node)
        if isinstance(parent, (cst.For, cst.While)):
            for test in (f"not {name}", f"{name} is None"):
                text = f"{indent}if {test}:\n{indent}{step}continue\n{line}"
                yield Change(*place, text, "guarded", 0.06, f"if {test}: continue")


def _reads(source: Source, node: cst.CSTNode) -> Iterator[str]:
    values = set(source.scope_of(node).values)
    for child in node.children:
        if isinstance(child, cst.Name) and child.value in values:
            yield child.value
        yield from _reads(source, child)


def change_exception(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other exceptions to raise and to catch; what the tests saw comes first."""
    if isinstance(node, cst.ExceptHandler) and node.type is not None:
        old = source.text(node.type)
        for name in source.hints.errors:
            if name not in old:
                parts = old.strip("()").rstrip(", ")
                yield source.put(node.type, f"({parts}, {name})", "caught", 0.7)
        names: tuple[str, ...] = _EXCEPTIONS
        prior = 0.3
        place: cst.BaseExpression = node.type
    elif isinstance(node, cst.Raise) and node.exc is not None:
        place = node.exc.func if isinstance(node.exc, cst.Call) else node.exc
        if not isinstance(place, cst.Name):
            return
        own = tuple(
            one for one in source.scope_of(node).functions if one.endswith(("Error", "Exception"))
        )
        names, prior = (*own, *_EXCEPTIONS), 0.35
    else:
        return
    old = source.text(place)
    for name in dict.fromkeys((*source.hints.errors, *names)):
        if name != old:
            likely = 0.6 if name in source.hints.errors else prior
            yield source.put(place, name, "exception", likely)


def freshen_default(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a mutable default that is made anew in each call."""
    if not isinstance(node, cst.FunctionDef) or not isinstance(node.body, cst.IndentedBlock):
        return
    body = list(node.body.body)
    first = body[1] if _is_docstring(body[0]) and len(body) > 1 else body[0]
    place = _lines(source, first)
    if place is None:
        return
    indent = _indent(source, place)
    for param in (*node.params.params, *node.params.kwonly_params):
        if param.default is None:
            continue
        text = source.text(param.default)
        if text in {"[]", "{}", "set()", "dict()", "list()"}:
            start, end = source.whole(param.default)
            name = param.name.value
            guard = f"{indent}if {name} is None:\n{indent}{_step(source, node)}{name} = {text}\n"
            yield Change(
                start,
                end,
                "None",
                "fresh default",
                0.9,
                f"{name} = {text} in each call",
                (place[0], place[0], guard),
            )


def change_branch(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield `if` for `elif`, and `elif` for an `if` that follows another."""
    if not isinstance(node, cst.If):
        return
    start, _ = source.spans[node]
    if isinstance(source.parent(node), cst.If) and source.data[start : start + 4] == b"elif":
        yield Change(start, start + 4, "if", "branch", 0.4, "elif → if")
        return
    block = source.parent(node)
    if isinstance(block, (cst.IndentedBlock, cst.Module)):
        number = list(block.body).index(node)
        before = block.body[number - 1] if number else None
        if isinstance(before, cst.If) and source.data[start : start + 2] == b"if":
            yield Change(start, start + 2, "elif", "branch", 0.35, "if → elif")


def _is_docstring(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], cst.Expr)
        and isinstance(node.body[0].value, (cst.SimpleString, cst.ConcatenatedString))
    )


def _returned(source: Source, node: cst.CSTNode) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, cst.Return) and child.value is not None:
            yield source.whole_text(child.value)
        elif not isinstance(child, (cst.FunctionDef, cst.Lambda)):
            yield from _returned(source, child)


def _step(source: Source, node: cst.CSTNode) -> str:
    del node
    return source.module.default_indent


OPERATORS = (insert_guard, guard_statement, change_exception, freshen_default, change_branch)
