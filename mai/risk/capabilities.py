"""Finds every use of a capability in one file: each reference to something that can act."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from mai.risk import sensitive, sinks
from mai.risk.facts import Use
from mai.risk.flow import Flow
from mai.risk.names import Names, Resolver, canonical, first
from mai.risk.scopes import Scope, Survey

_WRITING = frozenset("wax+")
_NAMESPACES = (
    "sys.modules",
    "builtins.globals()",
    "builtins.locals()",
    "builtins.vars()",
    "builtins",
)
_HARMLESS_WITH_MODULE = frozenset(
    {
        "hasattr",
        "isinstance",
        "setattr",
        "delattr",
        "getattr",
        "vars",
        "dir",
        "object",
        "dict",
        "multiple",
        "spec",
        "create_autospec",
        "delitem",
        "setitem",
        "issubclass",
        "type",
        "callable",
        "id",
        "reload",
        "raises",
    }
)
_DECODERS = frozenset(
    {
        "base64.b64decode",
        "base64.b32decode",
        "base64.b16decode",
        "base64.b85decode",
        "base64.a85decode",
        "base64.urlsafe_b64decode",
        "base64.standard_b64decode",
        "base64.decodebytes",
        "binascii.unhexlify",
        "binascii.a2b_hex",
        "binascii.a2b_base64",
        "zlib.decompress",
        "codecs.decode",
        "marshal.loads",
        "bz2.decompress",
        "lzma.decompress",
        "gzip.decompress",
    }
)
_LONG_CODE = 60


class Collector:
    """Collects the uses of one surveyed file, each at most once per place and rule."""

    def __init__(self, survey: Survey, resolver: Resolver, *, with_flow: bool) -> None:
        self.survey = survey
        self.resolver = resolver
        self._with_flow = with_flow
        self._found: dict[tuple[str, str, int, int], Use] = {}
        self._consumed: set[ast.AST] = set()
        self._qualified: dict[ast.AST, str] = {}

    def collect(self, *, has_sensitive_text: bool) -> tuple[Use, ...]:
        """Return every use, in the order of the file."""
        self._name_functions()
        for node, scope in self.survey.stores:
            self._store(node, scope)
        for subscript, scope in self.survey.subscripts:
            self._subscript(subscript, scope)
        for call, scope in self.survey.calls:
            self._call_on_namespace(call, scope)
        for node, scope, caller in self.survey.references:
            self._reference(node, scope, caller)
        for word, places in self.survey.names.items():
            self._name(word, places)
        for module, member, statement, scope in self.survey.imports:
            self._import(module, member, statement, scope)
        for function, scope in self.survey.functions:
            if getattr(function, "name", "") in {"__reduce__", "__reduce_ex__"}:
                self.add("reflection.reduce", "__reduce__", function, scope)
        if has_sensitive_text:
            for constant, scope in self.survey.strings:
                self._string(constant, scope)
        return tuple(sorted(self._found.values(), key=lambda use: (use.line, use.column, use.rule)))

    # --- adding ---

    def add(
        self,
        rule: str,
        name: str,
        node: ast.AST,
        scope: Scope,
        target: str = "",
        data: Iterable[ast.AST] = (),
    ) -> None:
        """Add one use of `rule` at `node`; `data` is what reaches it."""
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        key = (rule, name, line, column)
        if key in self._found:
            return
        flow = Flow(self.resolver).of(data, scope) if self._with_flow else ""
        self._found[key] = Use(
            rule, name, target[:200], line, column, self._where(scope), flow, scope.runs_at_import
        )

    def _where(self, scope: Scope) -> str:
        return self._qualified.get(scope.function, "") if scope.function else ""

    def _name_functions(self) -> None:
        for function, scope in self.survey.functions:
            names = [getattr(function, "name", "<lambda>")]
            outer: Scope | None = scope
            while outer is not None and outer.node is not None:
                if isinstance(outer.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    names.append(outer.node.name)
                outer = outer.parent
            self._qualified[function] = ".".join(reversed(names))

    # --- what is where ---

    def _import(self, module: str, name: str | None, node: ast.AST, scope: Scope) -> None:
        full = f"{module}.{name}" if name else module
        for candidate in (full, module):
            rule = sinks.MODULES.get(candidate)
            if rule:
                self.add(rule, candidate, node, scope)
                return
        if name and name != "*":
            rule = self._plain_rule(canonical(full))
            if rule:
                self.add(f"mark.import:{rule}", canonical(full), node, scope)

    @staticmethod
    def _plain_rule(name: str) -> str | None:
        rule = sinks.rule_of(name)
        return None if rule in (None, "test-exit", "env.whole", "env.get") else rule

    def _name(self, name: str, places: list[tuple[ast.Name, Scope, ast.Call | None]]) -> None:
        if name in {"True", "None", "False"}:
            return
        for node, scope, call in places:
            bindings = scope.find(name)
            if bindings is None and name not in sinks.BUILTINS and not self.survey.stars:
                return
            if call is None and node in self._consumed:
                continue
            is_plain = bindings is None or any(how == "import" for how, _, _ in bindings)
            if call is not None or is_plain:
                self._reference(node, scope, call)

    def _reference(self, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if node in self._consumed:
            return
        names = self.resolver.names(node, scope)
        matched = False
        for name in names:
            matched |= self._judge(name, node, scope, call)
        if isinstance(node, ast.Attribute):
            self._attribute(node, names, scope, call, matched=matched)

    def _judge(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> bool:
        special = _SPECIAL.get(name)
        if special is not None:
            special(self, name, node, scope, call)
            return True
        if name in sinks.POWERFUL and call is None and not isinstance(node, ast.Attribute):
            self.add("reflection.module", name, node, scope)
            return True
        rule = sinks.rule_of(name)
        if rule is None:
            if call is not None and name in _DECODERS:
                self._decoder(name, node, scope, call)
            return False
        self._plain(rule, name, node, scope, call)
        return True

    def _plain(
        self, rule: str, name: str, node: ast.expr, scope: Scope, call: ast.Call | None
    ) -> None:
        if rule == "test-exit":
            rule = "mark.exit"
        elif rule == "process.start" and call is not None and self._uses_shell(call, scope):
            rule = "process.shell"
        elif rule == "deserialise.yaml" and call is not None and self._is_safe_yaml(call, scope):
            return
        data = () if call is None else (*call.args, *call.keywords)
        target = self._target(call, scope)
        self.add(rule, name, call or node, scope, target, data)
        self._judge_target(target, call or node, scope)

    def _uses_shell(self, call: ast.Call, scope: Scope) -> bool:
        for keyword in call.keywords:
            if keyword.arg == "shell":
                return self.resolver.constant(keyword.value, scope) is not False
        words = (self._target(call, scope) or "").split()
        return bool(words) and words[0].rpartition("/")[2] in {
            "sh",
            "bash",
            "zsh",
            "cmd",
            "cmd.exe",
            "powershell",
        }

    def _is_safe_yaml(self, call: ast.Call, scope: Scope) -> bool:
        loaders = [keyword.value for keyword in call.keywords if keyword.arg == "Loader"]
        loaders.extend(call.args[1:2])
        return any(
            "Safe" in name or "Base" in name
            for each in loaders
            for name in (
                *self.resolver.names(each, scope),
                getattr(each, "attr", ""),
                getattr(each, "id", ""),
            )
        )

    def _target(self, call: ast.Call | None, scope: Scope) -> str:
        if call is None:
            return ""
        argument = (
            call.args[0]
            if call.args
            else next(
                (
                    k.value
                    for k in call.keywords
                    if k.arg in {"url", "args", "cmd", "path", "file", "host"}
                ),
                None,
            )
        )
        value = self.resolver.constant(argument, scope)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, list):
            value = " ".join(str(item) for item in value)
        if value is None and isinstance(argument, (ast.List, ast.Tuple)) and argument.elts:
            value = self.resolver.text(argument.elts[0], scope)
        return value if isinstance(value, str) else ""

    def _judge_target(self, target: str, node: ast.AST, scope: Scope) -> None:
        for rule in sensitive.rules_of(target):
            self.add(rule, target[:80], node, scope, target)

    # --- attributes nobody could resolve ---

    def _attribute(
        self,
        node: ast.Attribute,
        names: Names,
        scope: Scope,
        call: ast.Call | None,
        *,
        matched: bool,
    ) -> None:
        attribute = node.attr
        if attribute in sinks.STRONG_RUNGS or attribute in sinks.WEAK_RUNGS:
            self._rung(node, scope)
        if call is not None and attribute == "open" and not matched:
            self._method_open(node, scope, call)
        if matched or call is None or attribute not in sinks.METHODS:
            return
        if names and not any("()" in name or name.startswith("@") for name in names):
            return
        if (
            isinstance(node.value, ast.Name)
            and node.value.id in {"self", "cls"}
            and self._defines(attribute)
        ):
            return
        rule = sinks.METHODS[attribute]
        target = self._target(call, scope)
        receiver = self._receiver_text(node.value, scope)
        self.add(
            rule, f"….{attribute}", call, scope, target, (node.value, *call.args, *call.keywords)
        )
        self._judge_target(receiver or target, call, scope)

    def _receiver_text(self, node: ast.expr, scope: Scope) -> str:
        if isinstance(node, ast.Name):
            bound = scope.find(node.id)
            if bound and bound[0][0] == "value":
                node = bound[0][1]
        if isinstance(node, ast.Call) and node.args:
            return self.resolver.text(node.args[0], scope) or ""
        return ""

    def _defines(self, name: str) -> bool:
        return any(
            body.kind == "class" and name in body.bindings for body in self.survey.bodies.values()
        )

    def _rung(self, node: ast.Attribute, scope: Scope) -> None:
        if node.attr in sinks.STRONG_RUNGS:
            self.add("reflection.ladder", f"….{node.attr}", node, scope)
            return
        rungs, root = {node.attr}, node.value
        while isinstance(root, (ast.Attribute, ast.Subscript, ast.Call)):
            if isinstance(root, ast.Attribute) and root.attr in sinks.WEAK_RUNGS:
                rungs.add(root.attr)
            root = root.func if isinstance(root, ast.Call) else root.value
        climbs = rungs & sinks.INSIDE_RUNGS
        is_own = isinstance(root, ast.Name) and root.id in {"self", "cls", "type", "super"}
        if climbs and (not isinstance(root, ast.Name) or (len(rungs) > 1 and not is_own)):
            self.add("reflection.ladder", f"….{node.attr}", node, scope)
        elif climbs:
            self.add("reflection.inside", f"….{node.attr}", node, scope)
        elif node.attr == "__self__" and "builtins" in self.resolver.names(node, scope):
            self.add("reflection.ladder", "builtins.….__self__", node, scope)

    def _method_open(self, node: ast.Attribute, scope: Scope, call: ast.Call) -> None:
        mode = (
            call.args[0]
            if call.args
            else next((k.value for k in call.keywords if k.arg == "mode"), None)
        )
        text = self.resolver.constant(mode, scope)
        if (
            isinstance(text, str)
            and len(text) <= 4
            and _WRITING & set(text)
            and set(text) <= set("rwaxbt+U")
        ):
            self.add("fs-write.write", "….open", call, scope, "", (node.value, *call.args))
            self._judge_target(self._receiver_text(node.value, scope), call, scope)

    # --- special names ---

    def _open(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if call is None:
            return
        target = self._target(call, scope)
        self._judge_target(target, call, scope)
        mode = (
            call.args[1]
            if len(call.args) > 1
            else next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), None)
        )
        if mode is None:
            has_hidden = any(isinstance(each, ast.Starred) for each in call.args[:2]) or any(
                keyword.arg is None for keyword in call.keywords
            )
            if not has_hidden:
                return
        text = self.resolver.constant(mode, scope)
        if isinstance(text, str) and not _WRITING & set(text):
            return
        self.add("fs-write.write", "open", call, scope, target, (*call.args, *call.keywords))

    def _os_open(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if call is None:
            return
        flags = ast.dump(call.args[1]) if len(call.args) > 1 else ""
        self._judge_target(self._target(call, scope), call, scope)
        if not flags or any(
            word in flags for word in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
        ):
            self.add("fs-write.write", name, call, scope, self._target(call, scope), call.args)

    def _getattr(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if call is None:
            self.add("dynamic-code.lookup", "getattr", node, scope)
            return
        if len(call.args) < 2:
            return
        key = self.resolver.text(call.args[1], scope)
        if key is None:
            if not self._is_narrow(call.args[1], scope):
                self.add("dynamic-code.lookup", "getattr", call, scope, "", call.args)
            return
        if key in sinks.STRONG_RUNGS:
            self.add("reflection.ladder", f"….{key}", call, scope)
        elif key in sinks.INSIDE_RUNGS:
            self.add("reflection.inside", f"….{key}", call, scope)
        for found in self.resolver.names(call, scope):
            self._judge(found, call, scope, None)

    def _is_narrow(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a partly constant name can be none of those that matter."""
        start, end = self.resolver.edges(node, scope)
        if len(start) < 2 and len(end) < 3:
            return False
        return not any(word.startswith(start) and word.endswith(end) for word in sinks.LAST_WORDS)

    def _setattr(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if call is None or len(call.args) < 2:
            return
        key = self.resolver.text(call.args[1], scope)
        for owner in self.resolver.names(call.args[0], scope):
            self._patched(owner, key or "…", call, scope)

    def _import_call(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if call is None:
            self.add("dynamic-code.import", name, node, scope)
            return
        text = self.resolver.text(first(call, "name"), scope)
        if text is None:
            self.add("dynamic-code.import", name, call, scope, "", call.args)
        else:
            self._import(text, None, call, scope)

    def _environ(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        self.add("env.secret", "os.environ", node, scope)

    def _getenv(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        key = self.resolver.text(first(call, "key"), scope) if call else None
        self.add(
            sensitive.variable_rule(key, is_write=False),
            "os.getenv",
            call or node,
            scope,
            key or "",
        )

    def _modules(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if isinstance(node, (ast.Attribute, ast.Name)):
            self.add("reflection.inside", name, node, scope)

    def _nothing(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        return

    def _getter(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if call is None or not call.args:
            return
        for argument in call.args:
            key = self.resolver.text(argument, scope)
            if key is None:
                self.add("dynamic-code.lookup", name, call, scope, "", call.args)
                continue
            parts = set(key.split("."))
            if parts & sinks.STRONG_RUNGS:
                self.add("reflection.ladder", f"….{key}", call, scope)
            elif parts & (sinks.METHODS.keys() | _SINK_WORDS):
                self.add("dynamic-code.lookup", f"{name}({key})", call, scope, key)

    def _decoder(self, name: str, node: ast.expr, scope: Scope, call: ast.Call) -> None:
        self.add("mark.decode", name, call, scope, "", call.args)
        value = call.args[0] if call.args else None
        raw = self.resolver.constant(value, scope)
        if isinstance(raw, (str, bytes)) and len(raw) >= _LONG_CODE:
            self.add("dynamic-code.decode", name, call, scope)

    # --- namespaces, stores, strings ---

    def _subscript(self, node: ast.Subscript, scope: Scope) -> None:
        for base in self.resolver.names(node.value, scope):
            if base == "os.environ" or base == "os.environb":
                key = self.resolver.text(node.slice, scope)
                self._consumed.add(node.value)
                self.add(sensitive.variable_rule(key, is_write=False), base, node, scope, key or "")
            elif base in _NAMESPACES or base.endswith(".__dict__"):
                self._consumed.add(node.value)
                self._looked_up(base, node.slice, node, scope)
        for name in self.resolver.names(node, scope):
            self._judge(name, node, scope, None)

    def _looked_up(self, base: str, key: ast.expr, node: ast.expr, scope: Scope) -> None:
        text = self.resolver.text(key, scope)
        if text is None:
            is_own_name = getattr(key, "id", getattr(key, "attr", "")) in {"__name__", "__module__"}
            if not is_own_name and not self._is_narrow(key, scope):
                self.add("dynamic-code.lookup", f"{base}[…]", node, scope, "", (key,))
        elif text in sinks.STRONG_RUNGS:
            self.add("reflection.ladder", text, node, scope)

    def _call_on_namespace(self, call: ast.Call, scope: Scope) -> None:
        function = call.func
        if isinstance(function, ast.Attribute):
            if function.attr in _ON_NAMESPACE:
                for base in self.resolver.names(function.value, scope):
                    self._method_on(base, function, call, scope)
        word = getattr(function, "attr", getattr(function, "id", ""))
        if word in _HARMLESS_WITH_MODULE or word.startswith("assert"):
            self._consumed.update(
                argument for argument in call.args if isinstance(argument, ast.Name)
            )
        for keyword in call.keywords:
            if keyword.arg in {"verify", "check_hostname", "verify_ssl"} and (
                self.resolver.constant(keyword.value, scope) is False
            ):
                self.add("net.unverified", f"{keyword.arg}=False", call, scope)
        if word in {"vars", "dir", "getmembers"} and call.args:
            for base in self.resolver.names(call.args[0], scope):
                if base in sinks.POWERFUL:
                    self.add("dynamic-code.lookup", f"{word}({base})", call, scope)

    def _method_on(self, base: str, function: ast.Attribute, call: ast.Call, scope: Scope) -> None:
        if base in ("os.environ", "os.environb"):
            self._consumed.add(function.value)
            is_write = function.attr in {"update", "pop", "setdefault", "__setitem__", "clear"}
            if function.attr in {"copy", "items", "values", "keys"}:
                self.add("env.secret", "os.environ", call, scope)
                return
            key = self.resolver.text(call.args[0], scope) if call.args else None
            self.add(sensitive.variable_rule(key, is_write=is_write), base, call, scope, key or "")
        elif base in _NAMESPACES or base.endswith(".__dict__"):
            self._consumed.add(function.value)
            if function.attr in {"update", "__setitem__", "setdefault"}:
                self._patched(base, "…", call, scope)
            elif call.args:
                self._looked_up(base, call.args[0], call, scope)

    def _store(self, node: ast.expr, scope: Scope) -> None:
        if not isinstance(node, (ast.Attribute, ast.Subscript)):
            return
        value = node.value
        owners = self.resolver.names(value, scope)
        key = (
            node.attr if isinstance(node, ast.Attribute) else self.resolver.text(node.slice, scope)
        )
        for owner in owners:
            if owner in ("os.environ", "os.environb"):
                self._consumed.add(value)
                self.add(sensitive.variable_rule(key, is_write=True), owner, node, scope, key or "")
            else:
                self._patched(owner, key or "…", node, scope)
        if isinstance(node, ast.Attribute):
            if node.attr in {"__code__", "__globals__", "__builtins__", "__class__", "f_globals"}:
                is_own = isinstance(value, ast.Name) and value.id == "self"
                self.add(
                    "reflection.patch"
                    if is_own or node.attr == "__class__"
                    else "reflection.ladder",
                    f"….{node.attr} =",
                    node,
                    scope,
                )
            elif node.attr in {"check_hostname", "verify_mode", "verify"} and not owners:
                self._unverified_store(node, scope)

    def _unverified_store(self, node: ast.Attribute, scope: Scope) -> None:
        for assigned, where in self.survey.attributes.get(node.attr, ()):
            if assigned.__class__ is ast.Constant and assigned.value is False:
                self.add("net.unverified", f"{node.attr} = False", node, where)

    def _patched(self, owner: str, key: str, node: ast.AST, scope: Scope) -> None:
        base = owner.removesuffix(".__dict__")
        if base in ("builtins", "builtins.globals()") and base == "builtins":
            self.add("reflection.builtins", f"builtins.{key}", node, scope)
        elif base == "sys.modules":
            self.add("reflection.patch", f"sys.modules[{key}]", node, scope)
        elif base == "sys" and key in {
            "stdout",
            "stderr",
            "stdin",
            "argv",
            "path",
            "exitcode",
            "ps1",
            "ps2",
            "dont_write_bytecode",
            "tracebacklimit",
            "last_value",
            "last_traceback",
            "last_type",
            "last_exc",
        }:
            if key == "path":
                self.add("dynamic-code.load", "sys.path", node, scope)
        elif f"{base}.{key}" in sinks.NAMES and sinks.NAMES[f"{base}.{key}"] == "reflection.hook":
            self.add("reflection.hook", f"{base}.{key}", node, scope)
        elif base in sinks.POWERFUL or base in _STANDARD:
            self.add("reflection.builtins", f"{base}.{key}", node, scope)

    def _string(self, node: ast.Constant, scope: Scope) -> None:
        text = node.value if isinstance(node.value, str) else None
        if text is None:
            text = node.value.decode("utf-8", "replace") if isinstance(node.value, bytes) else ""
        if len(text) > 5000:
            return
        if sensitive.is_ladder(text):
            self.add("reflection.ladder", "{….__…__}", node, scope, text[:80])
        elif text in sinks.STRONG_RUNGS:
            self.add("reflection.inside", text, node, scope)
        for rule in sensitive.rules_of(text):
            self.add(rule, text[:80], node, scope, text)


_SINK_WORDS = frozenset(
    name.rpartition(".")[2] for name in sinks.NAMES if len(name.rpartition(".")[2]) > 3
)
_STANDARD = frozenset(
    {
        "io",
        "json",
        "hashlib",
        "hmac",
        "ssl",
        "time",
        "random",
        "secrets",
        "pathlib",
        "tempfile",
        "inspect",
        "types",
        "typing",
        "unittest",
        "pytest",
        "_pytest",
        "logging",
        "threading",
    }
)
_ON_NAMESPACE = frozenset(
    {
        "get",
        "pop",
        "setdefault",
        "update",
        "__getitem__",
        "__setitem__",
        "copy",
        "items",
        "values",
        "keys",
        "clear",
        "__contains__",
    }
)
_SPECIAL: dict[str, Callable[[Collector, str, ast.expr, Scope, ast.Call | None], None]] = {
    "builtins.open": Collector._open,
    "os.open": Collector._os_open,
    "builtins.getattr": Collector._getattr,
    "builtins.setattr": Collector._setattr,
    "builtins.delattr": Collector._setattr,
    "builtins.__import__": Collector._import_call,
    "importlib.import_module": Collector._import_call,
    "os.environ": Collector._environ,
    "os.environb": Collector._environ,
    "os.getenv": Collector._getenv,
    "os.getenvb": Collector._getenv,
    "sys.modules": Collector._modules,
    "operator.attrgetter": Collector._getter,
    "operator.methodcaller": Collector._getter,
}
