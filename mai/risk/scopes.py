"""Walks a tree once: who binds which name where, and which places are worth resolving later."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mai.risk.sinks import BUILTINS, LAST_WORDS

_NOT_NODES = frozenset(
    {
        "ctx",
        "id",
        "attr",
        "op",
        "ops",
        "lineno",
        "kind",
        "type_comment",
        "names",
        "level",
        "module",
        "simple",
        "conversion",
        "arg",
        "rest",
        "kwd_attrs",
        "is_async",
        "tag",
        "type_ignores",
    }
)
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


def fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields of a node class that can hold other nodes."""
    found = _FIELDS.get(kind)
    if found is None:
        found = tuple(name for name in kind._fields if name not in _NOT_NODES)
        _FIELDS[kind] = found
    return found


class Scope:
    """A block that binds names. `bindings` maps a name to `(how, what, scope)` tuples.

    `how` is `import` (what: a dotted name), `value` (an expression), `item` (an expression whose
    elements it takes), `call` (whatever entering or calling the expression gives), `function`,
    `class`, `parameter` (its position) or `element` (something put into the container).
    """

    __slots__ = ("bindings", "function", "globals", "kind", "node", "parent", "runs_at_import")

    def __init__(self, kind: str, parent: Scope | None, node: ast.AST | None) -> None:
        self.kind = kind
        self.parent = parent
        self.node = node
        self.bindings: dict[str, list[tuple[str, Any, Scope]]] = {}
        self.globals: set[str] = set()
        self.function: ast.AST | None = parent.function if parent else None
        self.runs_at_import: bool = parent.runs_at_import if parent else True

    def find(self, name: str) -> list[tuple[str, Any, Scope]] | None:
        """Return what `name` is bound to as seen from here, None where nothing binds it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings and (scope.kind != "class" or scope is self):
                return scope.bindings[name]
            scope = scope.parent
        return None

    def add(self, name: str, how: str, what: Any, where: Scope) -> None:
        """Bind `name` here, or where `global` sends it."""
        target: Scope = self
        if name in self.globals:
            while target.parent is not None:
                target = target.parent
        elif self.kind == "comprehension" and how == "walrus":
            while target.kind == "comprehension" and target.parent is not None:
                target = target.parent
        target.bindings.setdefault(name, []).append(
            ("value" if how == "walrus" else how, what, where)
        )


@dataclass(slots=True)
class Survey:
    """What one walk over a file found. Nodes live only as long as the survey does."""

    module: Scope
    references: list[tuple[ast.expr, Scope, ast.Call | None]] = field(default_factory=list)
    calls: list[tuple[ast.Call, Scope]] = field(default_factory=list)
    subscripts: list[tuple[ast.Subscript, Scope]] = field(default_factory=list)
    stores: list[tuple[ast.expr, Scope]] = field(default_factory=list)
    strings: list[tuple[ast.Constant, Scope]] = field(default_factory=list)
    passed: list[tuple[ast.Name, Scope]] = field(default_factory=list)
    imports: list[tuple[str, str | None, ast.stmt, Scope]] = field(default_factory=list)
    attributes: dict[str, list[tuple[ast.expr, Scope]]] = field(default_factory=dict)
    functions: list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, Scope]] = field(
        default_factory=list
    )
    bodies: dict[ast.AST, Scope] = field(default_factory=dict)
    returns: dict[ast.AST | None, list[tuple[ast.expr, Scope]]] = field(default_factory=dict)
    local_calls: dict[str, list[tuple[ast.Call, Scope]]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    names: dict[str, list[tuple[ast.Name, Scope, ast.Call | None]]] = field(default_factory=dict)


class Walker:
    """Fills a `Survey`. One instance per tree; `package` is the dotted package of the file."""

    def __init__(self, package: str = "") -> None:
        self.package = package
        self.survey = Survey(Scope("module", None, None))
        self._in_annotation = 0

    def walk(self, tree: ast.Module) -> Survey:
        """Walk the whole of `tree`."""
        module = self.survey.module
        module.node = tree
        self._body(tree.body, module)
        return self.survey

    def visit(self, node: ast.AST, scope: Scope) -> None:
        """Visit one node and what is below it."""
        handler = _HANDLERS.get(node.__class__)
        if handler is not None:
            handler(self, node, scope)
            return
        self.below(node, scope)

    def below(self, node: ast.AST, scope: Scope) -> None:
        """Visit what is below a node that means nothing by itself."""
        for name in fields_of(node.__class__):
            value = getattr(node, name, None)
            if value.__class__ is list:
                for item in value:
                    if item is not None and item.__class__ is not str:
                        self.visit(item, scope)
            elif value is not None and isinstance(value, ast.AST):
                self.visit(value, scope)

    def _body(self, body: list[ast.stmt], scope: Scope) -> None:
        for index, statement in enumerate(body):
            if index == 0 and _is_docstring(statement):
                continue
            self.visit(statement, scope)

    # --- names and references ---

    def _name(self, node: ast.Name, scope: Scope) -> None:
        if node.ctx.__class__ is not ast.Load or self._in_annotation:
            return
        self.survey.names.setdefault(node.id, []).append((node, scope, None))

    def _attribute(self, node: ast.Attribute, scope: Scope) -> None:
        if node.ctx.__class__ is not ast.Load:
            self.survey.stores.append((node, scope))
        elif node.attr in LAST_WORDS and not self._in_annotation:
            self.survey.references.append((node, scope, None))
        value = node.value
        if value.__class__ is ast.Name:
            # The owner of an attribute: only its own name matters, for `from x import os`.
            if value.id in BUILTINS:
                self._name(value, scope)
        else:
            self.visit(value, scope)

    def _call(self, node: ast.Call, scope: Scope) -> None:
        survey = self.survey
        saved, self._in_annotation = self._in_annotation, 0
        survey.calls.append((node, scope))
        function = node.func
        if function.__class__ is ast.Name:
            name = function.id
            survey.names.setdefault(name, []).append((function, scope, node))
            survey.local_calls.setdefault(name, []).append((node, scope))
        elif function.__class__ is ast.Attribute:
            attribute = function.attr
            survey.references.append((function, scope, node))
            survey.local_calls.setdefault(attribute, []).append((node, scope))
            value = function.value
            if value.__class__ is not ast.Name:
                self.visit(value, scope)
        else:
            survey.references.append((function, scope, node))
            self.visit(function, scope)
        for argument in node.args:
            if argument.__class__ is ast.Name:
                survey.passed.append((argument, scope))
            self.visit(argument, scope)
        for keyword in node.keywords:
            if keyword.value.__class__ is ast.Name:
                survey.passed.append((keyword.value, scope))
            self.visit(keyword.value, scope)
        self._in_annotation = saved

    def _constant(self, node: ast.Constant, scope: Scope) -> None:
        value = node.value
        if value.__class__ is str or value.__class__ is bytes:
            self.survey.strings.append((node, scope))

    def _subscript(self, node: ast.Subscript, scope: Scope) -> None:
        if node.ctx.__class__ is ast.Load:
            self.survey.subscripts.append((node, scope))
        else:
            self.survey.stores.append((node, scope))
        self.visit(node.value, scope)
        self.visit(node.slice, scope)

    # --- bindings ---

    def bind(self, target: ast.expr, how: str, value: ast.expr | None, scope: Scope) -> None:
        """Bind every name in `target`."""
        if isinstance(target, ast.Name):
            scope.add(target.id, how, value, scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._bind_each(target.elts, how, value, scope)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, "value", value, scope)
        else:
            if isinstance(target, ast.Attribute) and value is not None:
                self.survey.attributes.setdefault(target.attr, []).append((value, scope))
            elif isinstance(target, ast.Subscript) and value is not None:
                self._bind_element(target.value, value, scope)
            self.visit(target, scope)

    def _bind_each(
        self, targets: list[ast.expr], how: str, value: ast.expr | None, scope: Scope
    ) -> None:
        values = value.elts if how == "value" and isinstance(value, (ast.Tuple, ast.List)) else []
        pairs = len(values) == len(targets) and not any(
            isinstance(each, ast.Starred) for each in (*targets, *values)
        )
        for index, target in enumerate(targets):
            if pairs:
                self.bind(target, how, values[index], scope)
            else:
                self.bind(target, "item", value, scope)

    @staticmethod
    def _bind_element(owner: ast.expr, value: ast.expr, scope: Scope) -> None:
        if isinstance(owner, ast.Name):
            bindings = scope.find(owner.id)
            if bindings is None:
                scope.add(owner.id, "element", value, scope)
            else:
                bindings.append(("element", value, scope))

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        for target in node.targets:
            self.bind(target, "value", node.value, scope)
        if node.value.__class__ is ast.Name:
            self.survey.names.setdefault(node.value.id, []).append((node.value, scope, None))
        else:
            self.visit(node.value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.bind(node.target, "value", node.value, scope)
            self.visit(node.value, scope)
        elif node.target.__class__ is not ast.Name:
            self.visit(node.target, scope)
        self._annotation(node.annotation, scope)

    def _annotation(self, node: ast.AST | None, scope: Scope) -> None:
        if node is None or node.__class__ is ast.Name:
            return
        self._in_annotation += 1
        self.visit(node, scope)
        self._in_annotation -= 1

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        if isinstance(node.target, ast.Name):
            how = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
            ast.copy_location(how, node)
            scope.add(node.target.id, "augmented", how, scope)
        else:
            self.bind(node.target, "value", node.value, scope)
        self.visit(node.value, scope)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> None:
        scope.add(node.target.id, "walrus", node.value, scope)
        self.visit(node.value, scope)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self.bind(node.target, "item", node.iter, scope)
        self.visit(node.iter, scope)
        for statement in (*node.body, *node.orelse):
            self.visit(statement, scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            if item.optional_vars is not None:
                self.bind(item.optional_vars, "value", item.context_expr, scope)
            self.visit(item.context_expr, scope)
        for statement in node.body:
            self.visit(statement, scope)

    def _handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        if node.name:
            scope.add(node.name, "unknown", None, scope)
        if node.type is not None and node.type.__class__ is not ast.Name:
            self.visit(node.type, scope)
        for statement in node.body:
            self.visit(statement, scope)

    def _match(self, node: ast.Match, scope: Scope) -> None:
        self.visit(node.subject, scope)
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                if isinstance(name, str):
                    scope.add(name, "value", node.subject, scope)
                    scope.add(name, "item", node.subject, scope)
                if isinstance(pattern, (ast.MatchValue,)):
                    self.visit(pattern.value, scope)
            if case.guard is not None:
                self.visit(case.guard, scope)
            for statement in case.body:
                self.visit(statement, scope)

    def _global(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        if isinstance(node, ast.Global):
            scope.globals.update(node.names)

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            scope.add(alias.asname or top, "import", alias.name if alias.asname else top, scope)
            self.survey.imports.append((alias.name, None, node, scope))

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = node.module or ""
        if node.level:
            parts = self.package.split(".") if self.package else []
            parts = parts[: len(parts) - node.level + 1] if node.level > 1 else parts
            # The dot keeps a relative module apart from an absolute one of the same name.
            module = "." + ".".join([*parts, module] if module else parts)
        for alias in node.names:
            if alias.name == "*":
                self.survey.stars.append(module)
            else:
                scope.add(alias.asname or alias.name, "import", f"{module}.{alias.name}", scope)
            self.survey.imports.append((module, alias.name, node, scope))

    # --- scopes ---

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        scope.add(node.name, "function", node, scope)
        for decorator in node.decorator_list:
            self._decorator(decorator, scope)
        inner = Scope("function", scope, node)
        inner.function, inner.runs_at_import = node, False
        self.survey.functions.append((node, scope))
        self.survey.bodies[node] = inner
        self._parameters(node.args, scope, inner)
        self._annotation(node.returns, scope)
        self._body(node.body, inner)

    def _decorator(self, decorator: ast.expr, scope: Scope) -> None:
        # A decorator is called with what it decorates.
        self.visit(decorator, scope)

    def _parameters(self, arguments: ast.arguments, outer: Scope, inner: Scope) -> None:
        positional = [*arguments.posonlyargs, *arguments.args]
        for index, argument in enumerate(positional):
            inner.add(argument.arg, "parameter", index, inner)
            if argument.annotation is not None:
                self._annotation(argument.annotation, outer)
        for named in (*arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if named is not None:
                inner.add(named.arg, "parameter", named.arg, inner)
                self._annotation(named.annotation, outer)
        if arguments.defaults:
            for argument, default in zip(
                positional[-len(arguments.defaults) :], arguments.defaults, strict=True
            ):
                inner.add(argument.arg, "value", default, outer)
                self.visit(default, outer)
        for argument, keyword_default in zip(
            arguments.kwonlyargs, arguments.kw_defaults, strict=True
        ):
            if keyword_default is not None:
                inner.add(argument.arg, "value", keyword_default, outer)
                self.visit(keyword_default, outer)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> None:
        inner = Scope("function", scope, node)
        inner.function, inner.runs_at_import = scope.function, False
        self.survey.bodies[node] = inner
        self._parameters(node.args, scope, inner)
        self.survey.returns.setdefault(node, []).append((node.body, inner))
        self.visit(node.body, inner)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.add(node.name, "class", node, scope)
        for decorator in node.decorator_list:
            self._decorator(decorator, scope)
        for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(base, scope)
        inner = Scope("class", scope, node)
        self.survey.bodies[node] = inner
        self._body(node.body, inner)

    def _return(self, node: ast.Return | ast.Yield, scope: Scope) -> None:
        if node.value is not None:
            self.survey.returns.setdefault(scope.function, []).append((node.value, scope))
            self.visit(node.value, scope)

    def _comprehension(self, node: Any, scope: Scope) -> None:
        inner = Scope("comprehension", scope, node)
        for index, generator in enumerate(node.generators):
            self.bind(generator.target, "item", generator.iter, inner)
            self.visit(generator.iter, scope if index == 0 else inner)
            for condition in generator.ifs:
                self.visit(condition, inner)
        for name in ("key", "value", "elt"):
            element = getattr(node, name, None)
            if element is not None:
                self.visit(element, inner)

    def _if(self, node: ast.If, scope: Scope) -> None:
        test = node.test
        inner = scope
        if (
            scope.kind == "module"
            and isinstance(test, ast.Compare)
            and isinstance(test.left, ast.Name)
            and test.left.id == "__name__"
        ):
            inner = Scope("module", scope.parent, node)
            inner.bindings, inner.runs_at_import = scope.bindings, False
        else:
            self.visit(test, scope)
        for statement in node.body:
            self.visit(statement, inner)
        for statement in node.orelse:
            self.visit(statement, scope)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        statement.__class__ is ast.Expr
        and statement.value.__class__ is ast.Constant
        and statement.value.value.__class__ is str
    )


_HANDLERS: dict[type, Callable[[Walker, Any, Scope], None]] = {
    ast.Name: Walker._name,
    ast.Attribute: Walker._attribute,
    ast.Call: Walker._call,
    ast.Constant: Walker._constant,
    ast.Subscript: Walker._subscript,
    ast.Assign: Walker._assign,
    ast.AnnAssign: Walker._annotated,
    ast.AugAssign: Walker._augmented,
    ast.NamedExpr: Walker._walrus,
    ast.For: Walker._for,
    ast.AsyncFor: Walker._for,
    ast.With: Walker._with,
    ast.AsyncWith: Walker._with,
    ast.ExceptHandler: Walker._handler,
    ast.Match: Walker._match,
    ast.Global: Walker._global,
    ast.Nonlocal: Walker._global,
    ast.Import: Walker._import,
    ast.ImportFrom: Walker._import_from,
    ast.FunctionDef: Walker._function,
    ast.AsyncFunctionDef: Walker._function,
    ast.Lambda: Walker._lambda,
    ast.ClassDef: Walker._class,
    ast.Return: Walker._return,
    ast.Yield: Walker._return,
    ast.YieldFrom: Walker._return,
    ast.ListComp: Walker._comprehension,
    ast.SetComp: Walker._comprehension,
    ast.GeneratorExp: Walker._comprehension,
    ast.DictComp: Walker._comprehension,
    ast.If: Walker._if,
}
