"""Namespaces as data: `sys.modules["os"]`, `os.environ["X"]`, `__dict__`, and changes to them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from mai.risk import sensitive, sinks, special
from mai.risk.aliases import POWERFUL, STRONG_RUNGS
from mai.risk.scopes import Scope

if TYPE_CHECKING:
    from mai.risk.capabilities import Collector

_ENVIRONMENTS = ("os.environ", "os.environb")
_SPACES = frozenset(
    {"sys.modules", "builtins.globals()", "builtins.locals()", "builtins.vars()", "builtins"}
)
_METHODS = frozenset(
    {
        *("get", "pop", "setdefault", "update", "__getitem__", "__setitem__", "copy", "items"),
        *("values", "keys", "clear", "__contains__"),
    }
)
_WRITES = frozenset({"update", "pop", "setdefault", "__setitem__", "clear"})
_WHOLE = frozenset({"copy", "items", "values", "keys"})
# Calls that look at a module without handing it on: they get no finding of their own.
_LOOKERS = frozenset(
    {
        *(
            "hasattr",
            "isinstance",
            "setattr",
            "delattr",
            "getattr",
            "vars",
            "dir",
            "object",
            "dict",
        ),
        *("multiple", "spec", "create_autospec", "delitem", "setitem", "issubclass", "type"),
        *("callable", "id", "reload", "raises"),
    }
)
_EVERYTHING = POWERFUL | {"sys.modules"}
_ALL_LOOKED_AT = frozenset(
    {
        *("isinstance", "issubclass", "assertIs", "assertIsInstance", "assertIsNot"),
        *("assertEqual", "assertNotEqual", "assertIn", "assertNotIn"),
    }
)
_VERIFIES = frozenset({"verify", "check_hostname", "verify_ssl", "verify_certs", "ssl_verify"})
# Standard modules that other code relies on to tell the truth.
_RELIED_ON = frozenset(
    {
        *("io", "json", "hashlib", "hmac", "ssl", "time", "random", "secrets", "pathlib", "types"),
        *("tempfile", "inspect", "typing", "unittest", "pytest", "_pytest", "logging", "threading"),
    }
)
# Whoever changes these decides what a test's outcome is; two of their values are only looks.
_TEST_RUNNERS = frozenset({"pytest", "_pytest", "pluggy", "unittest"})
_TEST_SETTINGS = frozenset({"maxDiff", "longMessage"})
_OWN_OF_SYS = frozenset(
    {
        *("stdout", "stderr", "stdin", "argv", "exitcode", "ps1", "ps2", "dont_write_bytecode"),
        *("tracebacklimit", "last_value", "last_traceback", "last_type", "last_exc"),
    }
)
_CODE_ATTRIBUTES = frozenset({"__code__", "__globals__", "__builtins__", "f_globals"})


def judge(collector: Collector) -> None:
    """Add what the file does with namespaces, and consume the nodes that this explains."""
    for store, scope in collector.survey.stores:
        judge_store(collector, store, scope)
    for subscript, scope in collector.survey.subscripts:
        judge_subscript(collector, subscript, scope)
    for call, scope in collector.survey.calls:
        judge_call(collector, call, scope)


def judge_subscript(collector: Collector, node: ast.Subscript, scope: Scope) -> None:
    """Add what reading `base[key]` says, for a base that is a namespace or the environment."""
    resolver = collector.resolver
    for base in resolver.names(node.value, scope):
        if base in _ENVIRONMENTS:
            key = resolver.text(node.slice, scope)
            rule = sensitive.variable_rule(key, is_write=False)
            collector.consumed.add(node.value)
            collector.add(rule, base, node, scope, key or "")
        elif base in _SPACES or base.endswith(".__dict__"):
            collector.consumed.add(node.value)
            _judge_lookup(collector, base, node.slice, node, scope)
    for name in resolver.names(node, scope):
        collector.judge(name, node, scope, None)


def _judge_lookup(
    collector: Collector, base: str, key: ast.expr, node: ast.expr, scope: Scope
) -> None:
    text = collector.resolver.text(key, scope)
    if text is None:
        is_itself = getattr(key, "id", getattr(key, "attr", "")) in {"__name__", "__module__"}
        if not is_itself and not special.is_narrow(collector, key, scope):
            collector.add("dynamic-code.lookup", f"{base}[…]", node, scope, "", (key,))
    elif text in STRONG_RUNGS:
        collector.add("reflection.ladder", text, node, scope)


def judge_call(collector: Collector, call: ast.Call, scope: Scope) -> None:
    """Add what a method of a namespace does, and note modules that are only looked at."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr in _METHODS:
        for base in collector.resolver.names(function.value, scope):
            _judge_method(collector, base, function, call, scope)
    word = getattr(function, "attr", getattr(function, "id", ""))
    if word in _LOOKERS or word.startswith("assert"):
        looked_at = call.args if word in _ALL_LOOKED_AT else call.args[:1]
        collector.consumed.update(each for each in looked_at if isinstance(each, ast.Name))
    if word in {"vars", "dir", "getmembers"} and call.args:
        for base in collector.resolver.names(call.args[0], scope):
            if base in POWERFUL:
                collector.add("dynamic-code.lookup", f"{word}({base})", call, scope)
    for keyword in call.keywords:
        if keyword.arg is None and isinstance(keyword.value, ast.Dict):
            for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                text = collector.resolver.text(key, scope)
                _judge_keyword(collector, word, ast.keyword(text, value), call, scope)
        _judge_keyword(collector, word, keyword, call, scope)


def _judge_keyword(
    collector: Collector, word: str, keyword: ast.keyword, call: ast.Call, scope: Scope
) -> None:
    value = collector.resolver.constant(keyword.value, scope)
    if keyword.arg in _VERIFIES and value is False:
        collector.add("net.unverified", f"{keyword.arg}=False", call, scope)
    elif keyword.arg == "filename" and word == "basicConfig":
        collector.add("fs-write.write", "logging.basicConfig", call, scope, "", (keyword,))
    elif keyword.arg == "allow_pickle" and value is not False:
        collector.add("deserialise.pickle", "allow_pickle", call, scope)
    elif keyword.arg == "trust_remote_code" and value is not False:
        collector.add("dynamic-code.load", "trust_remote_code", call, scope)
    elif keyword.arg == "eval_str" and value is not False:
        collector.add("dynamic-code.run", "eval_str", call, scope)
    elif keyword.arg == "typ" and value == "unsafe":
        collector.add("deserialise.yaml", "typ='unsafe'", call, scope)
    elif keyword.arg == "no_network" and value is False:
        collector.add("net.http", "no_network=False", call, scope)


def _judge_method(
    collector: Collector, base: str, function: ast.Attribute, call: ast.Call, scope: Scope
) -> None:
    if base in _ENVIRONMENTS:
        collector.consumed.add(function.value)
        key = collector.resolver.text(call.args[0], scope) if call.args else None
        rule = sensitive.variable_rule(key, is_write=function.attr in _WRITES)
        if function.attr in _WHOLE:
            rule, key = "env.secret", ""
        collector.add(rule, base, call, scope, key or "")
    elif base in _SPACES or base.endswith(".__dict__"):
        collector.consumed.add(function.value)
        if function.attr in _WRITES - {"pop"}:
            judge_patch(collector, base, "…", call, scope)
        elif call.args:
            _judge_lookup(collector, base, call.args[0], call, scope)
        elif function.attr in _WHOLE and base.removesuffix(".__dict__") in _EVERYTHING:
            collector.add("dynamic-code.lookup", f"{base}.{function.attr}", call, scope)


def judge_store(collector: Collector, node: ast.Attribute | ast.Subscript, scope: Scope) -> None:
    """Add what assigning to `node`, or deleting it, changes for other code."""
    value = node.value
    owners = collector.resolver.names(value, scope)
    if isinstance(node, ast.Attribute):
        key: str | None = node.attr
    else:
        key = collector.resolver.text(node.slice, scope)
    for owner in owners:
        if owner in _ENVIRONMENTS:
            collector.consumed.add(value)
            rule = sensitive.variable_rule(key, is_write=True)
            collector.add(rule, owner, node, scope, key or "")
        else:
            judge_patch(collector, owner, key or "…", node, scope)
    if isinstance(node, ast.Subscript):
        return
    judge_attribute_store(collector, key, node, scope)
    if key in {"check_hostname", "verify_mode", "verify"}:
        _judge_verification(collector, str(key), node, scope)


def judge_attribute_store(
    collector: Collector, key: str | None, node: ast.AST, scope: Scope
) -> None:
    """Add what it says that an attribute of this name is replaced, whatever object it is on."""
    if key in _CODE_ATTRIBUTES:
        collector.add("reflection.ladder", f"….{key} =", node, scope)
    elif key == "__class__":
        collector.add("reflection.patch", "….__class__ =", node, scope)


def _judge_verification(collector: Collector, key: str, node: ast.expr, scope: Scope) -> None:
    for assigned, _ in collector.survey.attributes.get(key, ()):
        if isinstance(assigned, ast.Constant) and assigned.value is False:
            collector.add("net.unverified", f"{key} = False", node, scope)


def judge_patch(collector: Collector, owner: str, key: str, node: ast.AST, scope: Scope) -> None:
    """Add what replacing `key` of the namespace `owner` does to code that relies on it."""
    base = owner.removesuffix(".__dict__")
    name = f"{base}.{key}"
    if base == "builtins":
        collector.add("reflection.builtins", name, node, scope)
    elif base == "sys.modules":
        collector.add("reflection.patch", f"sys.modules[{key}]", node, scope)
    elif "sys.path" in {name, base}:
        collector.add("dynamic-code.load", "sys.path", node, scope)
    elif sinks.NAMES.get(name) == "reflection.hook":
        collector.add("reflection.hook", name, node, scope)
    elif base == "sys" and key in _OWN_OF_SYS:
        return
    elif base in {"sys.stdout", "sys.stderr", "sys.stdin"}:
        collector.add("reflection.patch", name, node, scope)
    elif base in POWERFUL or base in _RELIED_ON:
        collector.add("reflection.builtins", name, node, scope)
    elif key not in _TEST_SETTINGS and _is_of_a_test_runner(base):
        collector.add("test-tampering.hook", name, node, scope)
    elif not isinstance(node, ast.Subscript) and _is_from_elsewhere(base):
        collector.add("reflection.patch", name, node, scope)


def _is_of_a_test_runner(base: str) -> bool:
    """Whether a dotted name is a test runner's own, and no mock, which is made to be changed."""
    is_a_mock = base.startswith("unittest.mock.") and "()" in base
    return base.partition(".")[0] in _TEST_RUNNERS and not is_a_mock


def _is_from_elsewhere(base: str) -> bool:
    """Whether a dotted name is an imported module or class, not an instance or the file's own."""
    return "()" not in base and not base.startswith(("@", "builtins.", "sys."))
