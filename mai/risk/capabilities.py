"""Finds every use of a capability in one file: each reference to something that can act."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable

from mai.risk import (
    aliases,
    calls,
    namespaces,
    rungs,
    sensitive,
    sinks,
    special,
    unresolved,
)
from mai.risk.aliases import canonical
from mai.risk.facts import Use
from mai.risk.flow import Budget, Flow
from mai.risk.names import Names, Resolver
from mai.risk.scopes import Reference, Scope, Survey, is_bound

_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "cmd", "cmd.exe", "powershell", "pwsh"})
_TARGETS = ("url", "args", "cmd", "path", "file", "host", "filename")
_LONGEST_STRING = 5000
_LONGEST_PATH = 300
# More than any file that a person wrote; a report could not show them anyway.
_MAXIMUM_USES = 20_000


# A rule, where, and by what name.
Agreement = tuple[str, ast.AST, str]


class TooManyUsesError(Exception):
    """A file uses capabilities in more places than are told apart."""


class Collector:
    """Collects the uses of one surveyed file, each at most once per place and rule.

    `in_full` also fingerprints what reaches each use, and keeps calls into the project itself.
    """

    def __init__(
        self, survey: Survey, resolver: Resolver, *, in_full: bool, is_test: bool = False
    ) -> None:
        self.survey = survey
        self.resolver = resolver
        self.consumed: set[ast.AST] = set()
        self.calls: list[Use] = []
        self._in_full = in_full
        # Measured: a step takes about 5 µs.
        self._budget, self._budget_of_calls = Budget(400_000), Budget(100_000)
        self.is_test = is_test  # what tests do to the run is told with the tests
        self._found: dict[tuple[str, str, int, int], Use] = {}
        self._qualified: dict[ast.AST, str] = {}
        self._runs_at_import: set[ast.AST] = set()
        self._imported: list[tuple[str, str, ast.AST, Scope]] = []

    def collect(
        self, *, has_telling_text: bool, agreements: Iterable[Agreement] = ()
    ) -> tuple[Use, ...]:
        """Return every use, in the order of the file; `agreements` are what agrees with all."""
        self._name_functions()
        if self._in_full:
            self._runs_at_import = self._called_at_import()
        # First what belongs together, such as `os.environ["X"]`; the rest is judged alone.
        namespaces.judge(self)
        for reference in self.survey.references:
            self._reference(*reference)
        for name, places in self.survey.names.items():
            self._name(name, places)
        self._search_path()
        for module, member, statement, scope in self.survey.imports:
            self.add_import(module, member, statement, scope)
        for function, scope in self.survey.functions:
            self._definition(function, scope)
        for rule, node, name in agreements:
            self.add(rule, name, node, Scope("module", None, None))
        if has_telling_text:
            for constant, scope in self.survey.strings:
                self._string(constant, scope)
        self._judge_imported()
        return tuple(sorted(self._found.values(), key=lambda use: (use.line, use.column, use.rule)))

    def _search_path(self) -> None:
        """Add where a package says for itself in which folders its modules are looked for."""
        for how, value, scope in self.survey.module.bindings.get("__path__", ()):
            # `extend_path` only adds folders of the same name, as namespace packages do.
            if how == "value" and "pkgutil.extend_path()" not in self.resolver.names(value, scope):
                self.add("dynamic-code.load", "__path__", value, scope, "", (value,))

    def _definition(self, function: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        if function.name in {"__reduce__", "__reduce_ex__"}:
            self.add("reflection.reduce", function.name, function, scope)
        elif function.name.startswith("pytest_") and not self.is_test:
            self.add("test-tampering.hook", function.name, function, scope)

    # --- adding ---

    def add(  # noqa: PLR0917 - what, where and with what, always in this order
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
        if key not in self._found:
            if len(self._found) >= _MAXIMUM_USES:
                raise TooManyUsesError
            self._found[key] = self._use(rule, name, node, scope, target, data)

    def _use(  # noqa: PLR0917 - as `add`
        self,
        rule: str,
        name: str,
        node: ast.AST,
        scope: Scope,
        target: str,
        data: Iterable[ast.AST],
    ) -> Use:
        fingerprint, is_fed = "", False
        if self._in_full:
            flow = Flow(self.resolver, self._budget if rule != "call" else self._budget_of_calls)
            fingerprint, is_fed = flow.of(data, scope), flow.has_parameter
        return Use(
            rule,
            name,
            target[:200],
            getattr(node, "lineno", 0),
            getattr(node, "col_offset", 0),
            self._qualified.get(scope.function, "") if scope.function else "",
            fingerprint,
            is_fed,
            scope.runs_at_import or scope.function in self._runs_at_import,
        )

    def add_import(self, module: str, member: str | None, node: ast.AST, scope: Scope) -> None:
        """Add what importing `module`, or its `member`, says by itself."""
        top = module.partition(".")[0]
        # A package's own modules import each other; that hands nothing to anybody.
        if top in sinks.FROM_ELSEWHERE and top == _top_of(self.survey.package):
            return
        full = canonical(f"{module}.{member}" if member else module)
        # `import ctypes.util` binds `ctypes`.
        for candidate in (full, module, module.partition(".")[0]):
            rule = sinks.MODULES.get(candidate)
            if rule:
                self.add(rule, candidate, node, scope)
                return
        rule = sinks.rule_of(full) if member else None
        if rule and rule not in {"mark.exit", "env.whole", "env.get"}:
            self._imported.append((rule, full, node, scope))

    def _judge_imported(self) -> None:
        """Add what is imported by name and not used here: another file can take it from here."""
        used = {use.name for use in self._found.values()}
        for rule, name, node, scope in self._imported:
            owner, _, member = name.rpartition(".")
            is_a_type = owner == "types" and member in self.survey.annotated
            if name not in used and not is_a_type:
                self.add(rule, name, node, scope)

    def _name_functions(self) -> None:
        for function, scope in self.survey.functions:
            names, outer = [function.name], scope
            while outer.parent is not None:
                names.append(getattr(outer.node, "name", "<lambda>"))
                outer = outer.parent
            self._qualified[function] = ".".join(reversed(names))

    def _called_at_import(self) -> set[ast.AST]:
        """Return the functions that importing the file calls, directly or through each other."""
        by_name: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        for function, _ in self.survey.functions:
            by_name.setdefault(function.name, []).append(function)
        callers: dict[ast.AST | None, set[str]] = {}
        for name, places in self.survey.local_calls.items():
            if name in by_name:
                for _, scope in places:
                    if scope.function or scope.runs_at_import:
                        callers.setdefault(scope.function, set()).add(name)
        reached: set[ast.AST] = set()
        due = list(callers.get(None, ()))
        while due:
            for called in by_name[due.pop()]:
                if called not in reached:
                    reached.add(called)
                    due.extend(callers.get(called, ()))
        return reached

    # --- what is where ---

    def _name(self, name: str, places: list[Reference]) -> None:
        known: dict[int, bool] = {}
        for node, scope, call in places:
            bindings = scope.find(name)
            if not is_bound(bindings):
                bindings = None
            if bindings is None and name not in aliases.BUILTINS and not self.survey.stars:
                return
            # An alias made by assignment counts where it was made, and again where it is called.
            is_direct = bindings is None or known.get(id(bindings))
            if is_direct is None:
                is_direct = any(how == "import" for how, _, _ in bindings or ())
                known[id(bindings)] = is_direct
            if call is not None or is_direct:
                self._reference(node, scope, call)

    def _reference(self, node: ast.expr, scope: Scope, call: ast.Call | None) -> None:
        if node in self.consumed:
            return
        names = self.resolver.names(node, scope)
        is_known = False
        for name in names:
            is_known |= self.judge(name, node, scope, call)
        if isinstance(node, ast.Attribute):
            rungs.judge_attribute(self, node, scope)
            if not is_known:
                unresolved.judge_method(self, node, names, scope, call)
        if call is not None:
            unresolved.judge_arguments(self, names, call, scope)
            if self._in_full and not is_known:
                self._call_into_project(names, call, scope)

    def judge(self, name: str, node: ast.expr, scope: Scope, call: ast.Call | None) -> bool:
        """Add what a resolved name says; return whether it says anything."""
        look = special.LOOKS.get(name)
        if look is not None:
            look(self, name, node, scope, call)
            return True
        if name in aliases.POWERFUL:
            if call is None and not isinstance(node, ast.Attribute):
                self.add("reflection.module", name, node, scope)
            return True
        if name.endswith(".__dict__") and name.removesuffix(".__dict__") in aliases.POWERFUL:
            self.add("dynamic-code.lookup", name, node, scope)
            return True
        rule = sinks.rule_of(name)
        if rule is None:
            return False
        if rule == "process.start" and call is not None and self._uses_shell(call, scope):
            rule = "process.shell"
        elif (
            rule == "deserialise.yaml"
            and call is not None
            and special.is_safe_yaml(self, call, scope)
        ):
            return True
        data = () if call is None else calls.telling(name, rule, call)
        target = self.target_of(call, scope)
        self.add(rule, name, call or node, scope, target, data)
        self.judge_target(target, call or node, scope)
        return True

    def _uses_shell(self, call: ast.Call, scope: Scope) -> bool:
        for keyword in call.keywords:
            if keyword.arg == "shell":
                return self.resolver.constant(keyword.value, scope) is not False
        words = self.target_of(call, scope).split()
        return bool(words) and words[0].rpartition("/")[2] in _SHELLS

    def target_of(self, call: ast.Call | None, scope: Scope) -> str:
        """Return the constant that `call` is given first: a path, a URL, a command."""
        argument = calls.first(call, *_TARGETS) if call else None
        value = self.resolver.constant(argument, scope)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, list):
            value = " ".join(str(item) for item in value)
        if value is None and isinstance(argument, (ast.List, ast.Tuple)) and argument.elts:
            value = self.resolver.text(argument.elts[0], scope)
        return value if isinstance(value, str) else ""

    def judge_target(self, target: str, node: ast.AST, scope: Scope) -> None:
        """Add what a path or another constant names."""
        for rule in sensitive.rules_of(target):
            self.add(rule, target[:80], node, scope, target)

    def _call_into_project(self, names: Names, call: ast.Call, scope: Scope) -> None:
        for name in names:
            top = name.partition(".")[0]
            # A method of a class of the project's own is `util.Store().read`.
            if "." in name and name.count("()") < 2 and top not in sys.stdlib_module_names:  # noqa: PLR2004 - one instance
                data = (*call.args, *call.keywords)
                called = name.replace("()", "")
                self.calls.append(self._use("call", called, call, scope, "", data))

    def _string(self, node: ast.Constant, scope: Scope) -> None:
        value = node.value
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if len(text) > _LONGEST_STRING:
            return
        if sensitive.is_ladder(text):
            self.add("reflection.ladder", "{….__…__}", node, scope, text[:80])
        elif len(text) <= _LONGEST_PATH and " " not in text and rungs.climbs(text):
            self.add("reflection.inside", text, node, scope)
        self.judge_target(text, node, scope)


def _top_of(package: str) -> str:
    parts = package.split(".")
    return parts[1] if parts[0] in {"src", "lib"} and len(parts) > 1 else parts[0]
