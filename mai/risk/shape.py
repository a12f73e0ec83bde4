"""Fingerprints function bodies, so that a move is no gain, and counts the checks they make."""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef

_SAFEGUARDS = re.compile(
    r"^(?:timeout|.*_timeout|max_\w+|limit|.*_limit|verify|maxsize|check|strict)$"
)
_LISTS = re.compile(
    r"^_?(?=[A-Z0-9_]+$)(?:.*_)?(?:ALLOW|DENY|DENIED|SAFE|TRUST|BLOCK|FORBID|PERMI|WHITELIST|"
    r"BLACKLIST|PROTECT|SECUR|SENSITIV|PRIVILEG|ROLES?\b)"
)
_CHECKS = re.compile(
    r"permi|allowed|authori[sz]|authenticat|\bauth\b|valid|verif|saniti[sz]|escape|digest|signature|"
    r"is_admin|is_staff|csrf|forbid|trusted|is_safe|safe_|login_required|require|owner|credential|"
    r"password|is_relative_to|realpath|traversal|quote",
    re.IGNORECASE,
)


def functions_of(
    body: list[ast.stmt], prefix: str = "", *, in_class: bool = False
) -> Iterator[tuple[str, Function]]:
    """Yield every function with its qualified name, in the order of the file."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + statement.name, statement
            yield from functions_of(statement.body, f"{prefix}{statement.name}.")
        elif isinstance(statement, ast.ClassDef):
            yield from functions_of(statement.body, f"{prefix}{statement.name}.", in_class=True)
        else:
            for field in ("body", "orelse", "finalbody", "handlers"):
                inner = getattr(statement, field, None)
                if isinstance(inner, list):
                    for each in inner:
                        statements = each.body if isinstance(each, ast.ExceptHandler) else [each]
                        yield from functions_of(statements, prefix, in_class=in_class)


def print_of(function: Function) -> str:
    """Return 16 hex digits over a function without its name, docstring and the names it chose."""
    body = function.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    own = {
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    own |= {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    numbers: dict[str, str] = {}
    pieces: list[str] = []
    for part in (*function.decorator_list, function.args, *body):
        _write(part, own, numbers, pieces)
    return hashlib.sha256("\x1f".join(pieces).encode("utf-8", "replace")).hexdigest()[:16]


def _write(node: ast.AST, own: set[str], numbers: dict[str, str], pieces: list[str]) -> None:
    pieces.append(node.__class__.__name__)
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            _write(value, own, numbers, pieces)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, ast.AST):
                    _write(item, own, numbers, pieces)
                else:
                    pieces.append(str(item))
        elif name in {"id", "arg"} and value in own and not isinstance(node, ast.keyword):
            pieces.append(numbers.setdefault(str(value), f"${len(numbers)}"))
        elif value is not None and name not in {"kind", "type_comment"}:
            pieces.append(repr(value)[:2000])


def print_of_file(tree: ast.Module) -> str:
    """Return 16 hex digits over a whole file, in whatever order its functions stand."""
    pieces = sorted(f"{name} {print_of(function)}" for name, function in functions_of(tree.body))
    blocks: list[ast.Module | ast.ClassDef] = [tree]
    for block in blocks:
        pieces.extend(ast.dump(statement) for statement in _outside(block.body))
        blocks.extend(each for each in block.body if isinstance(each, ast.ClassDef))
        if isinstance(block, ast.ClassDef):
            heads = (*block.bases, *block.keywords, *block.decorator_list)
            pieces.extend((block.name, *map(ast.dump, heads)))
    return hashlib.sha256("\x1f".join(pieces).encode("utf-8", "replace")).hexdigest()[:16]


def bodies_of(tree: ast.Module) -> dict[str, str]:
    """Return the fingerprint of each function by its qualified name."""
    return {name: print_of(function) for name, function in functions_of(tree.body)}


def guards_of(tree: ast.Module) -> Mapping[str, Mapping[str, int]]:
    """Count the checks of each function: `assert`, `except X`, `raise X`, `timeout=`, `check x`."""
    found = {"": Counter(_guards(_outside(tree.body)))}
    for name, function in functions_of(tree.body):
        counted = Counter(_guards([*function.decorator_list, *_outside(function.body)]))
        if _CHECKS.search(name.rpartition(".")[2]):
            counted.update(_refusals(function))
        found.setdefault(name, Counter()).update(counted)
    return {name: dict(counts) for name, counts in found.items()}


def _refusals(function: Function) -> Iterator[str]:
    """Yield where a function that decides about access, by its name, says no."""
    for node in ast.walk(function):
        is_no = isinstance(node, ast.Return) and (
            node.value is None or (isinstance(node.value, ast.Constant) and not node.value.value)
        )
        if is_no or isinstance(node, ast.Raise):
            yield "check refusal"


def limits_of(tree: ast.Module) -> dict[str, str]:
    """Return the values of constants that say what is allowed, as source, by qualified name."""
    found: dict[str, str] = {}
    blocks: list[tuple[str, list[ast.stmt]]] = [("", tree.body)]
    for prefix, body in blocks:
        for statement in body:
            if isinstance(statement, ast.ClassDef):
                blocks.append((f"{prefix}{statement.name}.", statement.body))
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
                targets = (
                    statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                )
                for target in targets:
                    if isinstance(target, ast.Name) and _LISTS.search(target.id):
                        found[prefix + target.id] = ast.dump(statement)[:4000]
    return found


def _outside(body: Sequence[ast.stmt]) -> list[ast.AST]:
    """Return the statements that belong to this block itself, not to functions in it."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [statement for statement in body if not isinstance(statement, kinds)]


def _guards(nodes: list[ast.AST]) -> Iterator[str]:
    for root in nodes:
        if isinstance(root, ast.expr):  # a decorator
            yield from (f"check {word}" for word in _check_words(root))
        for node in ast.walk(root):
            if isinstance(node, ast.Assert):
                yield "assert"
            elif isinstance(node, ast.ExceptHandler):
                yield f"except {_name_of(node.type)}"
            elif isinstance(node, ast.Raise):
                yield f"raise {_name_of(node.exc)}"
            elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
                yield from (f"check {word}" for word in _check_words(node.test))
            elif isinstance(node, ast.Call):
                yield from _call_guards(node)


def _call_guards(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg and _SAFEGUARDS.match(keyword.arg):
            value = keyword.value
            if not (isinstance(value, ast.Constant) and value.value in (None, False)):
                yield f"{keyword.arg}="
    word = _name_of(call.func)
    if word in {"wait_for", "timeout", "compare_digest", "setrlimit", "alarm", "escape", "quote"}:
        yield f"{word}()"


def _check_words(test: ast.AST) -> set[str]:
    words: set[str] = set()
    if isinstance(test, ast.BoolOp) and any(isinstance(v, ast.Constant) for v in test.values):
        return words  # `check(x) or True` checks nothing
    for node in ast.walk(test):
        word = getattr(node, "id", getattr(node, "attr", None))
        if isinstance(word, str) and _CHECKS.search(word):
            words.add(word)
    return words


def _name_of(node: ast.AST | None) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Tuple):
        return ",".join(sorted(_name_of(each) for each in node.elts))
    return getattr(node, "attr", getattr(node, "id", ""))
