"""Names such as `open` and `getattr`, which are harmless or not by how they are used."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from mai.risk import namespaces, rungs, sensitive, sinks, unresolved
from mai.risk.aliases import EQUAL_TO_ALL
from mai.risk.calls import first
from mai.risk.methods import BOUND_METHODS, METHODS
from mai.risk.scopes import Scope

if TYPE_CHECKING:
    from mai.risk.capabilities import Collector

_WRITING = frozenset("wax+")
_MODE = frozenset("rwaxbtU+")
_LONGEST_MODE = 4
_WRITE_FLAGS = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
_WRITE_BITS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LONG_CODE = 60
_LEAST_WORD = 4
_LEAST_START, _LEAST_END = 2, 3
_SINK_WORDS = frozenset(
    word for name in sinks.NAMES if len(word := name.rpartition(".")[2]) >= _LEAST_WORD
)
_DECODERS = (
    "base64.b64decode base64.b32decode base64.b16decode base64.b85decode base64.a85decode "
    "base64.urlsafe_b64decode base64.standard_b64decode base64.decodebytes binascii.unhexlify "
    "binascii.a2b_hex binascii.a2b_base64 zlib.decompress codecs.decode marshal.loads "
    "bz2.decompress lzma.decompress gzip.decompress"
)

Look = Callable[["Collector", str, ast.expr, Scope, ast.Call | None], None]


def is_safe_yaml(collector: Collector, call: ast.Call, scope: Scope) -> bool:
    """Whether `yaml.load` is given a loader that builds plain data only."""
    loaders = [keyword.value for keyword in call.keywords if keyword.arg == "Loader"]
    for each in (*loaders, *call.args[1:2]):
        words = [getattr(each, "attr", ""), getattr(each, "id", "")]
        words.extend(collector.resolver.names(each, scope))
        if any("Safe" in word or "Base" in word for word in words):
            return True
    return False


def judge_path_open(
    collector: Collector, node: ast.Attribute, scope: Scope, call: ast.Call
) -> None:
    """Add a write where something unknown is opened in a mode that writes."""
    mode = first(call) if call.args else _keyword(call, "mode")
    text = collector.resolver.constant(mode, scope)
    if isinstance(text, str) and len(text) <= _LONGEST_MODE and set(text) <= _MODE:
        if _WRITING & set(text):
            collector.add("fs-write.write", "….open", call, scope, "", (node.value, *call.args))
        path = unresolved.path_of(collector, node.value, scope)
        collector.judge_target(path, call, scope)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _open(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    del name, node
    if call is None:
        return
    target = collector.target_of(call, scope)
    collector.judge_target(target, call, scope)
    mode = call.args[1] if len(call.args) > 1 else _keyword(call, "mode")
    if mode is None:
        is_hidden = any(isinstance(each, ast.Starred) for each in call.args[:2]) or any(
            keyword.arg is None for keyword in call.keywords
        )
        if not is_hidden:
            return
    text = collector.resolver.constant(mode, scope)
    if not isinstance(text, str) or _WRITING & set(text):
        data = (*call.args, *call.keywords)
        collector.add("fs-write.write", "open", call, scope, target, data)


def _os_open(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    del node
    if call is None:
        return
    given = call.args[1] if len(call.args) > 1 else _keyword(call, "flags")
    flags = ast.dump(given) if given is not None else ""
    bits = collector.resolver.constant(given, scope)
    target = collector.target_of(call, scope)
    collector.judge_target(target, call, scope)
    if not isinstance(bits, int):
        bits = _WRITE_BITS if "'O_" not in flags else 0
    if bits & _WRITE_BITS or any(flag in flags for flag in _WRITE_FLAGS):
        collector.add("fs-write.write", name, call, scope, target, call.args)


def _getattr(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    del name
    if call is None:
        collector.add("dynamic-code.lookup", "getattr", node, scope)
        return
    if len(call.args) < 2:  # noqa: PLR2004 - an object and a name
        return
    key = collector.resolver.text(call.args[1], scope)
    if key is None:
        if not is_narrow(collector, call.args[1], scope):
            collector.add("dynamic-code.lookup", "getattr", call, scope, "", call.args)
        return
    rungs.judge_word(collector, key, call, scope)
    names = collector.resolver.names(call, scope)
    is_known = [collector.judge(found, call, scope, None) for found in names]
    if not any(is_known) and key in BOUND_METHODS:
        collector.add(METHODS[key], f"….{key}", call, scope, "", call.args)


def is_narrow(collector: Collector, node: ast.expr, scope: Scope) -> bool:
    """Whether a partly constant name, such as `f"visit_{x}"`, can be none of those that matter."""
    start, end = collector.resolver.edges(node, scope)
    if len(start) < _LEAST_START and len(end) < _LEAST_END:
        return False
    return not any(word.startswith(start) and word.endswith(end) for word in sinks.LAST_WORDS)


def _setattr(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    del name, node
    if call is None or len(call.args) < 2:  # noqa: PLR2004 - an object and a name
        return
    key = collector.resolver.text(call.args[1], scope)
    namespaces.judge_attribute_store(collector, key, call, scope)
    for owner in collector.resolver.names(call.args[0], scope):
        namespaces.judge_patch(collector, owner, key or "…", call, scope)


def _import(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    text = None if call is None else collector.resolver.text(first(call, "name"), scope)
    if text is None:
        data = () if call is None else call.args
        collector.add("dynamic-code.import", name, call or node, scope, "", data)
    else:
        collector.add_import(text, None, call or node, scope)


def _environ(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    del call
    collector.add("env.secret", name, node, scope)


def _getenv(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    key = collector.resolver.text(first(call, "key"), scope) if call else None
    rule = sensitive.variable_rule(key, is_write=False)
    collector.add(rule, name, call or node, scope, key or "")


def _modules(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    del call
    if isinstance(node, (ast.Attribute, ast.Name)):
        collector.add("reflection.inside", name, node, scope)


def _getter(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    del node
    for argument in call.args if call is not None else ():
        key = collector.resolver.text(argument, scope)
        parts = set(key.split(".")) if key else set()
        if key and rungs.climbs(key):
            collector.add("reflection.ladder", f"….{key}", argument, scope)
        elif key is None or parts & (METHODS.keys() | _SINK_WORDS):
            collector.add("dynamic-code.lookup", name, argument, scope, key or "", (argument,))


def _log_settings(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    """Settings of the log name what is made and called, unless all of it is the log's own."""
    given = first(call, "config") if call else None
    if isinstance(given, ast.Name):
        bound = scope.find(given.id) or []
        given = bound[0][1] if len(bound) == 1 and bound[0][0] == "value" else None
    if isinstance(given, ast.Dict) and all(_is_of_the_log(each) for each in ast.walk(given)):
        return
    collector.add("dynamic-code.load", name, call or node, scope, "", call.args if call else ())


def _is_of_the_log(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return False
    if not isinstance(node, ast.Dict):
        return True
    return all(
        getattr(key, "value", None) not in {None, "()", "class"}
        or str(getattr(value, "value", "")).startswith("logging.")
        for key, value in zip(node.keys, node.values, strict=True)
    )


def _decoder(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    collector.add("mark.decode", name, call or node, scope, "", call.args if call else ())
    raw = collector.resolver.constant(first(call), scope) if call else None
    if isinstance(raw, (str, bytes)) and len(raw) >= _LONG_CODE:
        collector.add("dynamic-code.decode", name, call or node, scope)
    if name == "marshal.loads":
        collector.add("dynamic-code.load", name, call or node, scope)


def _equal_to_all(
    collector: Collector, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
) -> None:
    """Add a test's placeholder where no test is: what returns it equals whatever is expected."""
    if not collector.is_test:
        collector.add("test-tampering.equal", name, call or node, scope)


LOOKS: dict[str, Look] = {
    "builtins.open": _open,
    "os.open": _os_open,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.delattr": _setattr,
    "builtins.__import__": _import,
    "importlib.import_module": _import,
    "os.environ": _environ,
    "os.environb": _environ,
    "os.getenv": _getenv,
    "os.getenvb": _getenv,
    "sys.modules": _modules,
    "logging.config.dictConfig": _log_settings,
    "logging.config.dictConfigClass": _log_settings,
    "logging.config.DictConfigurator": _log_settings,
    "logging.config.fileConfig": _log_settings,
    "operator.attrgetter": _getter,
    "operator.methodcaller": _getter,
    "string.Formatter().get_field": _getter,
    **dict.fromkeys(EQUAL_TO_ALL, _equal_to_all),
    **dict.fromkeys(_DECODERS.split(), _decoder),
}
