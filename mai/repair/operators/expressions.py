"""Places in sequences, expressions off by something, and look-ups that find nothing."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from mai.repair.source import Change, Source

_MOST_NAMES = 6


def change_slice(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other limits of a slice, and none."""
    if not isinstance(node, cst.Slice):
        return
    start, end = source.spans[node]
    low = source.whole_text(node.lower) if node.lower else ""
    high = source.whole_text(node.upper) if node.upper else ""
    step = source.whole_text(node.step) if node.step else ""
    names = source.scope_of(node).values[:_MOST_NAMES]
    found: dict[tuple[str, str, str], float] = {
        (_shifted(low or "0", 1), high, step): 0.6,
        (_shifted(low, -1) if low else "", high, step): 0.5,
        (low, _shifted(high, 1) if high else "-1", step): 0.6,
        (low, _shifted(high, -1) if high else "", step): 0.5,
        ("", high, step): 0.4,
        (low, "", step): 0.4,
        (high, low, step): 0.15,
        (low, high, "-1" if not step else ""): 0.2,
        (low, high, "2" if not step else ""): 0.05,
    }
    for name in names:
        found.setdefault((name, high, step), 0.2)
        found.setdefault((low, name, step), 0.2)
    for (first, last, pace), prior in found.items():
        if (first, last, pace) != (low, high, step) and (
            first or last or pace or node.lower or node.upper
        ):
            text = f"{first}:{last}" + (f":{pace}" if pace else "")
            yield Change(start, end, text, "slice", prior, f"[{source.text(node)}] → [{text}]")


def _shifted(text: str, by: int) -> str:
    if text.lstrip("-").isdigit():
        return str(int(text) + by)
    return f"{text} {'+' if by > 0 else '-'} 1"


def change_index(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other places, the places of a tuple swapped, and a look-up that may find nothing."""
    if not isinstance(node, cst.Subscript):
        return
    whole = source.whole_text(node.value)
    if len(node.slice) > 1:
        parts = [source.text(one.slice) for one in node.slice]
        start, end = source.spans[node.slice[0]][0], source.spans[node.slice[-1]][1]
        text = ", ".join(reversed(parts))
        yield Change(start, end, text, "swapped places", 0.5, f"{source.text(node)}: [{text}]")
        return
    index = node.slice[0].slice
    if not isinstance(index, cst.Index):
        yield source.put(node, whole, "not sliced", 0.25)
        return
    parent = source.parent(node)
    key = source.text(index.value)
    if isinstance(index.value, cst.Tuple) and len(index.value.elements) > 1:
        parts = [source.whole_text(one.value) for one in index.value.elements]
        yield source.put(index.value, ", ".join(reversed(parts)), "swapped places", 0.5)
    if isinstance(parent, (cst.AssignTarget, cst.AugAssign, cst.Del)):
        return
    for default, prior in (
        ("", 0.4),
        (", 0", 0.35),
        (", []", 0.2),
        (', ""', 0.2),
        (", {}", 0.1),
        (", 1", 0.05),
        (", False", 0.05),
    ):
        yield source.put(node, f"{whole}.get({key}{default})", "look-up", prior)
    yield source.put(node, whole, "not indexed", 0.2)
    start, end = source.spans[index]
    for text in ("0", "-1"):
        if key != text:
            yield Change(start, end, text, "index", 0.3, f"[{key}] → [{text}]")
    yield Change(start, end, f"{key}:", "index", 0.06, f"[{key}] → [{key}:]")


def change_lookup(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield `d[k]` for `d.get(k)`."""
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "get"
        and node.args
    ):
        text = f"{source.whole_text(node.func.value)}[{source.whole_text(node.args[0].value)}]"
        yield source.put(node, text, "look-up", 0.3)


def shift_expression(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield an expression off by one or by another name, squared, halved, negated or sliced."""
    if isinstance(node, (cst.ListComp, cst.List)) and _weight(source, node):
        for name in source.scope_of(node).values[: 2 * _MOST_NAMES]:
            for text in (f"{name} + {source.text(node)}", f"{source.text(node)} + {name}"):
                yield source.put(node, text, "shifted", 0.16)
    if not isinstance(
        node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.BinaryOperation)
    ):
        return
    weight = _weight(source, node)
    if not weight or (
        isinstance(node, cst.Name) and node.value in {"True", "False", "None", "self"}
    ):
        return
    bare = source.text(node)
    is_binary = isinstance(node, cst.BinaryOperation)
    text = (
        f"({bare})"
        if isinstance(node, cst.BinaryOperation) and source.text(node.operator) not in "+-"
        else bare
    )
    factor = f"({bare})" if is_binary else bare
    if isinstance(node, cst.BinaryOperation) and (
        isinstance(node.left, (cst.Integer, cst.Float))
        or isinstance(node.right, (cst.Integer, cst.Float))
    ):
        weight *= 0.5  # the number in it is changed by itself
    for new, prior in (
        *((f"{text} + 1", 0.45), (f"{text} - 1", 0.45), (f"-{factor}", 0.15)),
        *((f"{factor} * 2", 0.08), (f"{factor} // 2", 0.08), (f"{factor} ** 2", 0.12)),
        *((f"1 + {text}", 0.03), (f"{factor} % 2", 0.03), (f"{factor} / 2", 0.06)),
    ):
        yield source.put(node, new, "shifted", prior * weight)
    values = source.scope_of(node).values
    names = [name for name in values if name != bare][: 2 * _MOST_NAMES]
    for name in names:
        for operator, prior in (("+", 0.16), ("-", 0.16), ("*", 0.06)):
            yield source.put(
                node,
                f"{text if operator != '*' else factor} {operator} {name}",
                "shifted",
                prior * weight,
            )
        yield source.put(node, f"{name} + {text}", "shifted", 0.12 * weight)
        yield source.put(node, f"{name} - {text}", "shifted", 0.06 * weight)
        yield source.put(node, f"{factor} % {name}", "shifted", 0.05 * weight)
    if is_binary:
        return
    for place, prior in (
        ("1:", 0.3),
        (":-1", 0.2),
        ("0", 0.15),
        ("-1", 0.12),
        (":", 0.12),
        ("::-1", 0.08),
        ("1", 0.05),
    ):
        yield source.put(node, f"{bare}[{place}]", "sliced", prior * weight)
    for name in names[:_MOST_NAMES]:
        for place, prior in ((f"{name}:", 0.14), (f":{name}", 0.12), (name, 0.14)):
            yield source.put(node, f"{bare}[{place}]", "sliced", prior * weight)


def _weight(source: Source, node: cst.CSTNode) -> float:
    """Return how likely a value in this place is to be off, 0 where it is no value."""
    parent = source.parent(node)
    if not source.is_value(node):
        return 0.0
    match parent:
        case cst.Arg() | cst.Return() | cst.Index() | cst.Slice():
            return 1.0
        case cst.ComparisonTarget() | cst.Comparison():
            return 0.6
        case cst.Assign() | cst.For() | cst.CompFor() | cst.Element():
            return 0.8
        case cst.BinaryOperation():
            return 0.5
        case cst.AugAssign():
            return 0.8
        case cst.ListComp() | cst.GeneratorExp() | cst.SetComp():
            return 0.6 if parent.elt is node else 0.0
        case cst.DictElement():
            return 0.5 if parent.value is node else 0.2
    return 0.0


def borrow_expression(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a name, or what is written elsewhere in the function, in place of an expression."""
    if not isinstance(node, (cst.Call, cst.Subscript, cst.BinaryOperation, cst.Comparison)):
        return
    parent = source.parent(node)
    if not source.is_value(node) or not isinstance(
        parent,
        (
            cst.Arg,
            cst.Return,
            cst.Assign,
            cst.BinaryOperation,
            cst.ComparisonTarget,
            cst.Comparison,
            cst.Element,
            cst.Index,
        ),
    ):
        return
    for name in source.scope_of(node).values[: 2 * _MOST_NAMES]:
        yield source.put(node, name, "borrowed", 0.2)
    function = source.function_of(node)
    own, seen = source.text(node), 0
    kind = type(node)
    for other in source.within(function, kind):
        if seen < 8:
            text = source.text(other)
            if text != own and own not in text and text not in own and len(text) < 40:
                seen += 1
                yield source.put(node, text, "borrowed", 0.1)


OPERATORS = (change_slice, change_index, change_lookup, shift_expression, borrow_expression)
