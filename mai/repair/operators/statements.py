"""Statements left out, moved, put in or made to do something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from mai.repair.source import Change, Source

_STEP = "    "
_MOST_NAMES = 8


def change_small_statement(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield `return` before an expression, a value that is kept, and other ways out of a loop."""
    start, end = source.spans.get(node, (0, 0))
    match node:
        case cst.Expr(value=cst.Call() as call):
            yield Change(start, start, "return ", "return", 0.45, f"return {source.text(call)}")
            for name in _receivers(source, call):
                yield Change(
                    start, start, f"{name} = ", "kept value", 0.35, f"{name} = {source.text(call)}"
                )
            if (
                isinstance(call.func, cst.Attribute)
                and len(call.args) == 1
                and source.function_of(node)
            ):
                place = source.whole_text(call.func.value)
                text = f"{place} = {source.whole_text(call.args[0].value)}"
                yield Change(start, end, text, "assignment", 0.15, text)
                yield Change(start, end, text.replace(" = ", " += ", 1), "assignment", 0.06, text)
        case cst.Expr(value=cst.Yield() as given) if given.value is not None:
            value = source.text(node)[len("yield") :]
            yield Change(start, end, f"return{value}", "return", 0.15, f"return{value}")
            yield Change(start, end, f"yield from{value}", "yield", 0.5, f"yield from{value}")
        case cst.Assign() if isinstance(node.value, cst.Call) and isinstance(
            node.value.func, cst.Attribute
        ):
            text = source.text(node.value)
            yield Change(start, end, text, "value not kept", 0.25, text)
        case cst.Break():
            yield from _one_of(source, node, ("continue", "pass", "return"))
        case cst.Continue():
            yield from _one_of(source, node, ("break", "pass", "return"))
        case cst.Pass():
            yield from _one_of(source, node, ("break", "continue", "return", "raise"))


def _one_of(source: Source, node: cst.CSTNode, words: Sequence[str]) -> Iterator[Change]:
    start, end = source.spans[node]
    for word in words:
        yield Change(start, end, word, "way out", 0.5, f"{source.text(node)} → {word}")


def _receivers(source: Source, call: cst.Call) -> list[str]:
    found = []
    if isinstance(call.func, cst.Attribute):
        found.append(source.whole_text(call.func.value))
    found += [one.value.value for one in call.args if isinstance(one.value, cst.Name)]
    return list(dict.fromkeys(found))


def change_return(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other things to return."""
    if not isinstance(node, cst.Return):
        return
    scope = source.scope_of(node)
    names = [*scope.values, *(f"{scope.self_name}.{one}" for one in scope.attributes[:6])]
    start, end = source.spans[node]
    if node.value is None:
        for text in (*names, "None", "False", "True", "[]", "0", scope.self_name):
            if text:
                yield Change(start, end, f"return {text}", "return", 0.2, f"return {text}")
        return
    old = source.whole_text(node.value)
    found: dict[str, float] = {}
    if not isinstance(node.value, cst.Name) or old in {"True", "False", "None"}:
        found |= dict.fromkeys(names, 0.3)
    is_word = old in {"True", "False", "None"}
    for name in names[: 2 * _MOST_NAMES]:
        if is_word:
            found |= {
                f"{name} == 0": 0.25,
                f"not {name}": 0.25,
                f"{name} is None": 0.1,
                f"{name} > 0": 0.1,
            }
            found |= {f"len({name}) == 0": 0.05, f"{name} is not None": 0.1, f"bool({name})": 0.05}
        if old in {"[]", "()", "None"}:
            found |= {f"[{name}]": 0.3}
    found |= {
        "None": 0.15,
        "[]": 0.08,
        "0": 0.08,
        "True": 0.08,
        "False": 0.08,
        '""': 0.06,
        "{}": 0.03,
        f"[{old}]": 0.1,
    }
    if scope.self_name:
        found[scope.self_name] = 0.15
    for text, prior in found.items():
        if text != old:
            yield source.put(node.value, text, "return", prior, f"return {text}")
    if isinstance(node.value, cst.Tuple):
        return
    for name in names[:_MOST_NAMES]:
        if name != old:
            yield source.put(node.value, f"{source.text(node.value)}, {name}", "return", 0.06)


def change_block(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a block with one statement left out, moved or put in."""
    if not isinstance(node, (cst.IndentedBlock, cst.Module)):
        return
    body = list(node.body)
    lines = [_lines(source, one) for one in body]
    for number, one in enumerate(body):
        place = lines[number]
        if place is None or isinstance(one, (cst.FunctionDef, cst.ClassDef)):
            continue
        yield from _removed(source, one, place, is_only=len(body) == 1)
        following = lines[number + 1] if number + 1 < len(body) else None
        if following is not None:
            yield _swapped(source, place, following)
        if isinstance(node, cst.IndentedBlock):
            yield from _moved_out(source, node, number, lines)
            if number:
                yield from _moved_in(source, body[number - 1], place)
    if isinstance(node, cst.IndentedBlock) and source.function_of(node) is not None:
        yield from _put_in(source, node, lines)


def _lines(source: Source, node: cst.CSTNode) -> tuple[int, int] | None:
    """Return a statement's span with its indentation and line end, None where it shares a line."""
    start, end = source.spans[node]
    first = source.line_start(source.line_at(start))
    if source.data[first:start].strip():
        return None
    last = source.line_start(source.line_at(max(start, end - 1)) + 1)
    return first, last


def _indent(source: Source, place: tuple[int, int]) -> str:
    line = source.data[place[0] : place[1]].decode()
    return line[: len(line) - len(line.lstrip(" \t"))]


def _removed(
    source: Source, node: cst.CSTNode, place: tuple[int, int], *, is_only: bool
) -> Iterator[Change]:
    first = source.data[place[0] : place[1]].decode().strip().partition("\n")[0]
    if isinstance(node, cst.SimpleStatementLine) and isinstance(
        node.body[0], (cst.Import, cst.ImportFrom)
    ):
        return
    prior = (
        0.12
        if isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], (cst.Return, cst.Raise, cst.Assert))
        else 0.25
    )
    if is_only:
        text = f"{_indent(source, place)}pass\n"
        yield Change(*place, text, "removed", 0.5 * prior, f"without {first}")
    else:
        yield Change(*place, "", "removed", prior, f"without {first}")
    if (
        isinstance(node, cst.If)
        and node.orelse is None
        and isinstance(node.body, cst.IndentedBlock)
    ):
        inner = _lines(source, node.body.body[0])
        if inner is not None:
            text = _reindented(
                source, (inner[0], place[1]), _indent(source, inner), _indent(source, place)
            )
            yield Change(*place, text, "unconditional", 0.15, f"without {first}")


def _swapped(source: Source, one: tuple[int, int], other: tuple[int, int]) -> Change:
    between = source.data[one[1] : other[0]].decode()
    text = f"{_text(source, other)}{between}{_text(source, one)}"
    what = f"{_text(source, other).strip().splitlines()[0]} comes first"
    return Change(one[0], other[1], text, "moved", 0.35, what)


def _text(source: Source, place: tuple[int, int]) -> str:
    text = source.data[place[0] : place[1]].decode()
    return text if text.endswith("\n") else f"{text}\n"


def _reindented(source: Source, place: tuple[int, int], old: str, new: str) -> str:
    lines = _text(source, place).splitlines(keepends=True)
    return "".join(new + line.removeprefix(old) if line.strip() else line for line in lines)


def _moved_out(
    source: Source, block: cst.IndentedBlock, number: int, lines: Sequence[tuple[int, int] | None]
) -> Iterator[Change]:
    """Yield the last statement of a block one level further out."""
    place = lines[number]
    owner = source.parent(block)
    if place is None or number == 0 or number != len(lines) - 1:
        return
    if not isinstance(
        owner, (cst.For, cst.While, cst.If, cst.With, cst.Else, cst.Try, cst.ExceptHandler)
    ):
        return
    indent = _indent(source, place)
    outer_place = _lines(source, owner)
    if outer_place is None:
        return
    outer = _indent(source, outer_place)
    if isinstance(owner, (cst.If, cst.Try)) and getattr(owner, "orelse", None) is not None:
        return
    text = _reindented(source, place, indent, outer)
    yield Change(*place, text, "outdented", 0.4, f"{text.strip().splitlines()[0]} one level out")


def _moved_in(source: Source, before: cst.CSTNode, place: tuple[int, int]) -> Iterator[Change]:
    """Yield a statement as the last of the block before it."""
    block = getattr(before, "body", None)
    if isinstance(before, cst.If) and before.orelse is not None:
        block = before.orelse.body
    if not isinstance(before, (cst.For, cst.While, cst.If, cst.With)) or not isinstance(
        block, cst.IndentedBlock
    ):
        return
    inner = _lines(source, block.body[0])
    if inner is None:
        return
    text = _reindented(source, place, _indent(source, place), _indent(source, inner))
    yield Change(*place, text, "indented", 0.4, f"{text.strip().splitlines()[0]} one level in")


def _put_in(
    source: Source, block: cst.IndentedBlock, lines: Sequence[tuple[int, int] | None]
) -> Iterator[Change]:
    """Yield further statements: those nearby with another name, and steps of counters."""
    places = [one for one in lines if one is not None]
    if len(places) != len(lines):
        return
    indent = _indent(source, places[0])
    positions = [*(one[0] for one in places), places[-1][1]]
    is_loop = isinstance(source.parent(block), (cst.For, cst.While))
    is_body = isinstance(source.parent(block), cst.FunctionDef)
    scope = source.scope_of(block.body[0])
    new: dict[str, float] = {}
    for line in _nearby(source, block):
        new.setdefault(line, 0.12)
    for name in scope.local[:_MOST_NAMES]:
        new.setdefault(f"{name} += 1", 0.08 if is_loop else 0.03)
        new.setdefault(f"{name} -= 1", 0.05 if is_loop else 0.02)
    if is_loop or not is_body:
        new |= {"continue": 0.1, "break": 0.1}
    names = scope.values[: 2 * _MOST_NAMES]
    new |= {f"{one} = {other}": 0.06 for one in scope.local for other in names if one != other}
    ends = {f"return {name}": 0.35 if is_body else 0.15 for name in names}
    if scope.self_name and is_body:
        ends[f"return {scope.self_name}"] = 0.2
    own = {
        source.text(one).strip() for one in block.body if isinstance(one, cst.SimpleStatementLine)
    }
    starts = [source.spans[one][0] for one in block.body]
    for position, near in zip(positions, (starts[0], *starts), strict=True):
        is_end = position == positions[-1]
        lead = "" if not is_end or source.data[:position].endswith(b"\n") else "\n"
        for text, prior in new.items():
            if text not in own or text.endswith("= 1"):
                yield _inserted(position, f"{lead}{indent}{text}\n", prior, near)
        if is_end and not _leaves(block.body[-1]):
            for text, prior in ends.items():
                yield _inserted(position, f"{lead}{indent}{text}\n", prior, near)


def _inserted(position: int, text: str, prior: float, near: int) -> Change:
    return Change(position, position, text, "inserted", prior, text.strip(), beside=near)


def _leaves(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.SimpleStatementLine) and isinstance(
        node.body[-1], (cst.Return, cst.Raise, cst.Continue, cst.Break)
    )


def _nearby(source: Source, block: cst.IndentedBlock) -> Iterator[str]:
    """Yield the function's short statements, each also with one name exchanged for another."""
    function = source.function_of(block)
    assert function is not None  # noqa: S101 - asked before
    names = source.scope_of(block.body[0]).values[: 2 * _MOST_NAMES]
    seen: set[str] = set()
    for one in source.within(function, cst.SimpleStatementLine):
        assert isinstance(one, cst.SimpleStatementLine)  # noqa: S101 - what was asked for
        small = one.body[0]
        is_call = isinstance(small, cst.Expr) and isinstance(small.value, cst.Call)
        if len(one.body) > 1 or not (is_call or isinstance(small, (cst.Assign, cst.AugAssign))):
            continue
        text = source.text(small)
        if "\n" in text or len(text) > 60 or text in seen:
            continue
        seen.add(text)
        yield text
        if len(seen) > 10:
            return
        for used in _names(small):
            start, end = (place - source.spans[small][0] for place in source.spans[used])
            raw = text.encode()
            for name in names:
                if name != used.value:
                    yield (raw[:start] + name.encode() + raw[end:]).decode()


def _names(node: cst.CSTNode) -> Iterator[cst.Name]:
    if isinstance(node, cst.Name):
        yield node
    elif isinstance(node, cst.Attribute):
        yield from _names(node.value)
    else:
        for child in node.children:
            yield from _names(child)


OPERATORS = (change_small_statement, change_return, change_block)
