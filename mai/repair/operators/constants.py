"""Other constants: off by one, the usual initial values, texts that nearly fit."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from mai.repair.source import Change, Source

_WORDS: dict[str, dict[str, float]] = {
    "True": {"False": 0.9, "None": 0.2},
    "False": {"True": 0.9, "None": 0.3},
    "None": {"[]": 0.3, "0": 0.3, '""': 0.3, "False": 0.3, "True": 0.2, "{}": 0.2, "1": 0.05},
}
_LONGEST_TEXT = 60
_MOST_TEXTS = 6


def change_number(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a number one larger or smaller, and the usual ones."""
    if isinstance(node, cst.Integer):
        value = node.evaluated_value
        near = {value + 1: 0.7, value - 1: 0.7, 0: 0.4, 1: 0.4, -1: 0.3, 2: 0.25}
        if value > 9:
            near |= {value * 10: 0.15, value // 10: 0.15}
        is_operand = isinstance(source.parent(node), cst.BinaryOperation)
        for new, prior in near.items():
            if new != value:
                likely = 0.3 if is_operand and new == 0 else 1.0  # then it were better left out
                yield source.put(node, str(new), "constant", prior * likely)
        yield source.put(node, f"{value}.0", "constant", 0.03)
        if value == 0:
            for text in ("float('inf')", "float('-inf')", "None", "[]"):
                yield source.put(node, text, "constant", 0.08)
    elif isinstance(node, cst.Float):
        real = node.evaluated_value
        for other in (0.0, 1.0, 0.5, 2.0, real * 10, real / 10, real + 1, real - 1):
            if other != real:
                yield source.put(node, repr(other), "constant", 0.25)
    elif (
        isinstance(node, cst.UnaryOperation)
        and isinstance(node.operator, cst.Minus)
        and isinstance(node.expression, cst.Integer)
    ):
        value = -node.expression.evaluated_value
        for new in (value + 1, value - 1, 0, 1):
            yield source.put(node, str(new), "constant", 0.4)


def change_word(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other values for True, False and None."""
    if isinstance(node, cst.Name) and node.value in _WORDS:
        for new, prior in _WORDS[node.value].items():
            yield source.put(node, new, "constant", prior)


def change_text(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield texts near to one, and others of this file that look alike."""
    if not isinstance(node, cst.SimpleString) or isinstance(source.parent(node), cst.Expr):
        return
    value, quote = node.evaluated_value, node.quote
    if (
        isinstance(value, bytes)
        or len(value) > _LONGEST_TEXT
        or len(quote) > 1
        or "r" in node.prefix
    ):
        return
    near: dict[str, float] = {}
    if "{" in value and not node.prefix:
        yield source.put(node, f"f{source.text(node)}", "f-string", 0.5)
    for new, prior in (
        *((value.strip(), 0.3), (f"{value} ", 0.3), (f" {value}", 0.25), (f"{value}\n", 0.25)),
        *((value.lower(), 0.3), (value.upper(), 0.25), (value.title(), 0.1), ("", 0.3)),
        *((value[:-1], 0.2), (value[1:], 0.2), (value.rstrip("s"), 0.15), (f"{value}s", 0.15)),
        *((value.replace("-", "_"), 0.2), (value.replace("_", "-"), 0.2), (f"{value}=", 0.02)),
        *((value.replace(",", ", "), 0.15), (value.replace(", ", ","), 0.15)),
        (value.replace(" ", ""), 0.1),
    ):
        near.setdefault(new, prior)
    if not value:
        near |= {" ": 0.4, "\n": 0.3, ",": 0.15, ", ": 0.15, "0": 0.1}
    elif len(value) == 1:
        near |= {
            " ": 0.2,
            "\n": 0.15,
            ",": 0.15,
            ".": 0.1,
            "-": 0.1,
            "_": 0.1,
            "0": 0.05,
            "1": 0.05,
        }
    near |= {mode: 0.3 for mode in _MODES if value in _MODES}
    for other in _texts_like(source, value):
        near.setdefault(other, 0.25)
    for new, prior in near.items():
        if new != value:
            yield source.put(node, f"{node.prefix}{_quoted(new, quote)}", "text", prior)


_MODES = ("r", "w", "a", "rb", "wb")


def change_collection(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other empty collections, and those that hold one thing more."""
    text = source.text(node)
    if isinstance(node, cst.List) and not node.elements:
        for new, prior in (
            ("[[]]", 0.4),
            ("{}", 0.2),
            ("set()", 0.2),
            ("None", 0.2),
            ("[0]", 0.2),
            ('""', 0.1),
        ):
            yield source.put(node, new, "collection", prior)
        for name in source.scope_of(node).values[:8]:
            yield source.put(node, f"[{name}]", "collection", 0.3)
    elif isinstance(node, cst.Dict) and not node.elements:
        for new, prior in (("[]", 0.2), ("set()", 0.3), ("None", 0.2)):
            yield source.put(node, new, "collection", prior)
    elif text == "set()":
        for new, prior in (("[]", 0.3), ("{}", 0.2)):
            yield source.put(node, new, "collection", prior)
    elif (
        isinstance(node, (cst.List, cst.Tuple))
        and len(node.elements) > 1
        and (not isinstance(node, cst.Tuple) or node.lpar)
    ):
        elements = [
            source.text(one)
            if isinstance(one, cst.StarredElement)
            else source.whole_text(one.value)
            for one in node.elements
        ]
        for number in range(len(elements)):
            kept = elements[:number] + elements[number + 1 :]
            yield _listed(source, node, kept, 0.2)
            if number:
                swapped = [*elements]
                swapped[number - 1], swapped[number] = swapped[number], swapped[number - 1]
                yield _listed(source, node, swapped, 0.35)


def _listed(
    source: Source, node: cst.List | cst.Tuple, elements: list[str], prior: float
) -> Change:
    start, end = source.whole(node)
    inner = ", ".join(elements)
    text = (
        f"[{inner}]"
        if isinstance(node, cst.List)
        else f"({inner}{',' if len(elements) == 1 else ''})"
    )
    return Change(start, end, text, "collection", prior, f"{source.whole_text(node)} → {text}")


def _texts_like(source: Source, value: str) -> list[str]:
    """Return other short texts of the file that begin or end alike."""
    found = [one for one in source.texts() if one != value]
    found.sort(key=lambda one: (one[:2] != value[:2], abs(len(one) - len(value))))
    return found[:_MOST_TEXTS]


def _quoted(value: str, quote: str) -> str:
    shown = repr(value)[1:-1]
    if quote == '"':
        shown = shown.replace("\\'", "'")
        if '"' in shown:
            return repr(value)
    elif "'" in shown and "\\'" not in shown:
        return repr(value)
    return f"{quote}{shown}{quote}"


OPERATORS = (change_number, change_word, change_text, change_collection)
