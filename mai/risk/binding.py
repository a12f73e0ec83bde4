"""The half of the walk that says which names a statement binds, and to what."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from mai.risk.scopes import Scope, Survey


class Binder:
    """Binds names in scopes while a file is walked; `visit` is the walker's."""

    def __init__(self, package: str, renamed: Mapping[str, str] | None = None) -> None:
        self.package = package
        self.survey = Survey(Scope("module", None, None), package=package, renamed=renamed or {})

    def visit(self, node: ast.AST, scope: Scope) -> None:
        """Visit one node and what is below it."""
        raise NotImplementedError

    def bind(self, target: ast.expr, how: str, value: ast.expr | None, scope: Scope) -> None:
        """Bind every name in `target`."""
        if isinstance(target, ast.Name):
            scope.add(target.id, how, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._bind_each(target.elts, how, value, scope)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, "value", value, scope)
        else:
            if isinstance(target, ast.Attribute) and value is not None:
                self.survey.attributes.setdefault(target.attr, []).append((value, scope))
            elif isinstance(target, ast.Subscript) and value is not None:
                _bind_element(target.value, value, scope)
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

    def assign(self, node: ast.Assign, scope: Scope) -> None:
        """`a = b = value`."""
        for target in node.targets:
            self.bind(target, "value", node.value, scope)
        # What a module exports are names of its own, not of files.
        if not _is_export(node):
            self.visit(node.value, scope)

    def augment(self, node: ast.AugAssign, scope: Scope) -> None:
        """`a += value`."""
        target = node.target
        if isinstance(target, ast.Name):
            before = scope.find(target.id)
            if before and len(before) == 1 and before[0][0] == "value" and before[0][2] is scope:
                # One step of a constant built up line by line, which folds like one expression.
                whole = ast.BinOp(before[0][1], node.op, node.value)
                before[0] = ("value", ast.copy_location(whole, node), scope)
            else:
                scope.add(target.id, "augmented", node.value)
        else:
            self.bind(target, "value", node.value, scope)
        self.visit(node.value, scope)

    def bind_walrus(self, node: ast.NamedExpr, scope: Scope) -> None:
        """`(a := value)`."""
        target = scope.around()
        target.bindings.setdefault(node.target.id, []).append(("value", node.value, scope))
        self.visit(node.value, scope)

    def bind_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        """`for a in values`."""
        self.bind(node.target, "item", node.iter, scope)
        self.visit(node.iter, scope)
        for statement in (*node.body, *node.orelse):
            self.visit(statement, scope)

    def bind_with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        """`with value as a`: entering mostly gives the value itself."""
        for item in node.items:
            if item.optional_vars is not None:
                self.bind(item.optional_vars, "value", item.context_expr, scope)
            self.visit(item.context_expr, scope)
        for statement in node.body:
            self.visit(statement, scope)

    def bind_handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        """`except Kind as a`."""
        if node.name:
            scope.add(node.name, "unknown", None)
        if node.type is not None and not isinstance(node.type, ast.Name):
            self.visit(node.type, scope)
        for statement in node.body:
            self.visit(statement, scope)

    def bind_match(self, node: ast.Match, scope: Scope) -> None:
        """`match value: case a`: a captured name may be the value or any part of it."""
        self.visit(node.subject, scope)
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                if isinstance(name, str):
                    scope.add(name, "value", node.subject)
                    scope.add(name, "item", node.subject)
                if isinstance(pattern, ast.MatchValue):
                    self.visit(pattern.value, scope)
                elif isinstance(pattern, ast.MatchClass):
                    self._bind_attributes(pattern, node.subject, scope)
            if case.guard is not None:
                self.visit(case.guard, scope)
            for statement in case.body:
                self.visit(statement, scope)

    def _bind_attributes(self, pattern: ast.MatchClass, subject: ast.expr, scope: Scope) -> None:
        """`case Point(x=a)`: `a` is the subject's `x`."""
        for word, inner in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
            read = ast.copy_location(ast.Attribute(subject, word, ast.Load()), inner)
            self.visit(read, scope)
            if isinstance(inner, ast.MatchAs) and inner.name:
                scope.add(inner.name, "value", read)

    def bind_globals(self, node: ast.Global, scope: Scope) -> None:
        """`global a`."""
        scope.globals.update(node.names)

    def bind_import(self, node: ast.Import, scope: Scope) -> None:
        """`import a.b as c`."""
        for alias in node.names:
            top = alias.name.partition(".")[0]
            scope.add(alias.asname or top, "import", alias.name if alias.asname else top)
            self.survey.imports.append((alias.name, None, node, scope))

    def bind_import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        """`from a import b as c`. A leading dot keeps a relative module apart from others."""
        module = node.module or ""
        if node.level:
            parts = self.package.split(".") if self.package else []
            parts = parts[: max(len(parts) - node.level + 1, 0)]
            module = "." + ".".join([*parts, module] if module else parts)
        for alias in node.names:
            if alias.name == "*":
                self.survey.stars.append(module)
            else:
                scope.add(alias.asname or alias.name, "import", f"{module}.{alias.name}")
            self.survey.imports.append((module, alias.name, node, scope))

    @staticmethod
    def fill(owner: ast.Name, call: ast.Call, scope: Scope) -> None:
        """`owner.append(value)`: what is put in is an element from here on."""
        for value in (*call.args, *(keyword.value for keyword in call.keywords)):
            _bind_element(owner, value, scope)

    def bind_parameters(self, arguments: ast.arguments, outer: Scope, inner: Scope) -> None:
        """Bind a function's parameters to their defaults and, by position, to its calls."""
        positional = [*arguments.posonlyargs, *arguments.args]
        for index, argument in enumerate(positional):
            inner.add(argument.arg, "parameter", index)
        for named in (*arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if named is not None:
                inner.add(named.arg, "parameter", named.arg)
        defaults = arguments.defaults
        pairs = list(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
        pairs.extend(
            (argument, default)
            for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None
        )
        for argument, default in pairs:
            inner.bindings[argument.arg].append(("value", default, outer))
            self.visit(default, outer)


def _is_export(node: ast.Assign) -> bool:
    return (
        isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "__all__"
        and isinstance(node.value, (ast.List, ast.Tuple))
        and all(isinstance(each, ast.Constant) for each in node.value.elts)
    )


def _bind_element(owner: ast.expr, value: ast.expr, scope: Scope) -> None:
    if isinstance(owner, ast.Name):
        bindings = scope.find(owner.id)
        if bindings is None:
            scope.add(owner.id, "element", value)
        elif not any(how in {"import", "function", "class"} for how, _, _ in bindings):
            bindings.append(("element", value, scope))
