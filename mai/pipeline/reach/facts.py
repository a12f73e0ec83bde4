"""Read from a Python file what it may load: its imports, and strings that name modules or files.

Nothing is resolved here, so that the facts depend on the file's content alone and can be kept by
the id of its blob.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: A larger file is generated, and is not read: it may load anything.
_LARGEST_BYTES = 1 << 20
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_FILE = re.compile(r"[\w./-]*\w\.py")
_MOST_CHARACTERS = 200
#: What starts another program, which may be a module or a script of the repo.
_STARTERS = frozenset(
    {"Popen", "check_call", "check_output", "create_subprocess_exec", "create_subprocess_shell"}
    | {"pexpect", "pty", "run_module", "run_path", "runpy", "spawn", "subprocess", "testdir"}
    | {"pytester", "system", "execv", "execve", "execvp", "posix_spawn"}
)
_ASKING = frozenset({"usefixtures", "getfixturevalue"})
_IMPORTERS = frozenset({"import_module", "__import__", "importorskip", "iter_modules", "find_spec"})


@dataclass(frozen=True, slots=True)
class Import:
    """`from ...module import name`; without a name `import module`, with `*` all of it.

    `level` counts the leading dots. A lazy one is inside a function, and runs when that is called.
    """

    module: str
    level: int = 0
    name: str = ""
    is_lazy: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What one Python file may load.

    `modules` are dotted names in strings, `packages` those whose modules are imported by a name
    that is put together, `files` names of Python files in strings, and `words` single words in the
    strings of a file that starts programs or imports by name. A file that `loads_anything` imports
    what is only known when it runs; one that is not `is_readable` may load anything at any time.
    `fixtures` are the names that tests can ask for where this is a `conftest.py`, `arguments` those
    that functions here ask for, and `tests` counts those that are named as tests.
    """

    imports: tuple[Import, ...] = ()
    modules: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    loads_anything: bool = False
    is_readable: bool = True
    fixtures: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    tests: int = 0


def read_facts(data: bytes) -> Facts:
    """Return what the Python file with this content may load."""
    if len(data) > _LARGEST_BYTES:
        return Facts(is_readable=False)
    try:
        tree = ast.parse(data)
        return _collect(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Facts(is_readable=False)


def _collect(tree: ast.Module) -> Facts:
    imports: set[Import] = set()
    modules: set[str] = set()
    packages: set[str] = set()
    files: set[str] = set()
    words: set[str] = set()
    fixtures: set[str] = set()
    arguments: set[str] = set()
    is_starter = loads_anything = False
    tests = 0
    for node, is_lazy in _walk(tree):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and len(node.value) <= _MOST_CHARACTERS:
                modules.update(_DOTTED.findall(node.value))
                files.update(_FILE.findall(node.value))
                words.update(_WORD.findall(node.value) if " " not in node.value else ())
        elif isinstance(node, ast.Import):
            imports.update(Import(alias.name, is_lazy=is_lazy) for alias in node.names)
            is_starter |= any(alias.name in _STARTERS for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imports.update(
                Import(node.module or "", node.level, alias.name, is_lazy) for alias in node.names
            )
            fixtures.update(alias.asname or alias.name for alias in node.names)
            is_starter |= node.module in _STARTERS
        elif isinstance(node, ast.Call):
            name = _last_name(node.func)
            is_starter |= name in _STARTERS or name in _IMPORTERS
            arguments.update(_asked_for(node) if name in _ASKING else ())
            prefix = _first_text(node) if name in _IMPORTERS else "-"
            packages.update([prefix.rstrip(".")] if prefix.endswith(".") else ())
            loads_anything |= not prefix
        elif isinstance(node, ast.arg):
            is_starter |= node.arg in _STARTERS  # a fixture
            arguments.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            tests += node.name.startswith("test")
            fixtures.add(node.name)
            fixtures.update(word for each in node.decorator_list for word in _texts(each))
    return Facts(
        tuple(sorted(imports, key=lambda one: (one.module, one.level, one.name, one.is_lazy))),
        tuple(sorted(modules)),
        tuple(sorted(packages)),
        tuple(sorted(files)),
        tuple(sorted(words)) if is_starter or loads_anything else (),
        loads_anything,
        fixtures=tuple(sorted(fixtures)),
        arguments=tuple(sorted(arguments)),
        tests=tests,
    )


def _walk(tree: ast.Module) -> Iterator[tuple[ast.AST, bool]]:
    """Yield each node that can run, and whether it stands in a function.

    What stands under `if TYPE_CHECKING:` never runs.
    """
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, is_lazy = waiting.pop()
        yield node, is_lazy
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            waiting.extend((child, is_lazy) for child in node.orelse)
            continue
        inside = is_lazy or (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            and not _is_automatic(node)
        )
        waiting.extend((child, inside) for child in ast.iter_child_nodes(node))


def _is_automatic(node: ast.AST) -> bool:
    """Whether pytest calls a function without being asked: a hook, or a fixture for every test."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return node.name.startswith("pytest_") or any(
        keyword.arg == "autouse"
        for each in node.decorator_list
        if isinstance(each, ast.Call)
        for keyword in each.keywords
    )


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _asked_for(call: ast.Call) -> Iterator[str]:
    """Yield the fixtures that `usefixtures` or `getfixturevalue` names."""
    for argument in call.args:
        yield from _texts(argument)


def _texts(node: ast.expr) -> Iterator[str]:
    for child in ast.walk(node):
        value = child.value if isinstance(child, ast.Constant) else None
        if isinstance(value, str) and value.isidentifier():
            yield value


def _first_text(call: ast.Call) -> str:
    """Return the text that the first argument is or begins with, "" where there is none."""
    first = next(iter(call.args), None)
    if isinstance(first, ast.JoinedStr):
        first = next(iter(first.values), None)
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
