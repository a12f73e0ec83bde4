"""Walks a tree once and collects the places that are worth resolving later."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from mai.risk.aliases import BUILTINS
from mai.risk.binding import Binder
from mai.risk.scopes import Scope, Survey, fields_of
from mai.risk.sinks import LAST_WORDS


class Walker(Binder):
    """Fills a `Survey`. One instance per tree.

    Args:
        package: the dotted package of the file.
        renamed: what modules were called before the change, by what they are called now.
    """

    def __init__(self, package: str = "", renamed: Mapping[str, str] | None = None) -> None:
        super().__init__(package, renamed)
        self._in_annotation = 0

    def walk(self, tree: ast.Module) -> Survey:
        """Walk the whole of `tree`."""
        module = self.survey.module
        module.node = tree
        self._body(tree.body, module)
        return self.survey

    def visit(self, node: ast.AST, scope: Scope) -> None:
        """Visit one node and what is below it."""
        handler = self._handlers.get(node.__class__)
        if handler is not None:
            handler(self, node, scope)
            return
        for name in fields_of(node.__class__):
            value = getattr(node, name, None)
            if value.__class__ is list:
                for item in value:
                    if item is not None and item.__class__ is not str:
                        self.visit(item, scope)
            elif isinstance(value, ast.AST):
                self.visit(value, scope)

    def _body(self, body: list[ast.stmt], scope: Scope) -> None:
        for index, statement in enumerate(body):
            if index or not _is_docstring(statement):
                self.visit(statement, scope)

    # --- what is read ---

    def _name(self, node: ast.Name, scope: Scope) -> None:
        if self._in_annotation:
            self.survey.annotated.add(node.id)
        elif node.ctx.__class__ is ast.Load:
            self.survey.names.setdefault(node.id, []).append((node, scope, None))

    def _attribute(self, node: ast.Attribute, scope: Scope) -> None:
        if node.ctx.__class__ is not ast.Load:
            self.survey.stores.append((node, scope))
        elif node.attr in LAST_WORDS and not self._in_annotation:
            self.survey.references.append((node, scope, None))
        value = node.value
        # The owner of an attribute is no use of its own: `os` in `os.path` hands nothing around.
        if not isinstance(value, ast.Name):
            self.visit(value, scope)
        elif value.id in BUILTINS:
            self._name(value, scope)

    def _call(self, node: ast.Call, scope: Scope) -> None:
        # Python runs a call in an annotation like any other.
        saved, self._in_annotation = self._in_annotation, 0
        survey, function = self.survey, node.func
        survey.calls.append((node, scope))
        if isinstance(function, ast.Name):
            survey.names.setdefault(function.id, []).append((function, scope, node))
            survey.local_calls.setdefault(function.id, []).append((node, scope))
        else:
            survey.references.append((function, scope, node))
            if isinstance(function, ast.Attribute):
                survey.local_calls.setdefault(function.attr, []).append((node, scope))
                if not isinstance(function.value, ast.Name):
                    self.visit(function.value, scope)
                elif function.attr in _FILLERS:
                    self.fill(function.value, node, scope)
            else:
                self.visit(function, scope)
        for argument in node.args:
            self.visit(argument, scope)
        for keyword in node.keywords:
            self.visit(keyword.value, scope)
        self._in_annotation = saved

    def _constant(self, node: ast.Constant, scope: Scope) -> None:
        if self._in_annotation:
            self._annotation_text(node, scope)
        elif node.value.__class__ is str or node.value.__class__ is bytes:
            self.survey.strings.append((node, scope))

    def _subscript(self, node: ast.Subscript, scope: Scope) -> None:
        if node.ctx.__class__ is ast.Load:
            self.survey.subscripts.append((node, scope))
        else:
            self.survey.stores.append((node, scope))
        self.visit(node.value, scope)
        self.visit(node.slice, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.bind(node.target, "value", node.value, scope)
            self.visit(node.value, scope)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target, scope)
        self._annotation(node.annotation, scope)

    def _annotation_text(self, node: ast.Constant, scope: Scope) -> None:
        """Visit what `x: "C"` says: `typing.get_type_hints` runs it, so it is code, not a text."""
        if not isinstance(node.value, str) or len(node.value) > _LONGEST_ANNOTATION:
            return
        try:
            inner = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return
        for each in ast.walk(inner):
            ast.copy_location(each, node)
        self.visit(inner, scope)

    def _annotation(self, node: ast.AST | None, scope: Scope) -> None:
        if node is None:
            return
        self._in_annotation += 1
        self.visit(node, scope)
        self._in_annotation -= 1

    # --- scopes ---

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        scope.add(node.name, "function", node)
        for decorator in node.decorator_list:
            self.visit(decorator, scope)
        inner = Scope("function", scope, node)
        inner.function, inner.runs_at_import = node, False
        self.survey.functions.append((node, scope))
        self.survey.bodies[node] = inner
        self.bind_parameters(node.args, scope, inner)
        arguments = node.args
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            self._annotation(each.annotation, scope)
        for rest in (arguments.vararg, arguments.kwarg):
            self._annotation(rest.annotation if rest else None, scope)
        self._annotation(node.returns, scope)
        self._body(node.body, inner)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> None:
        inner = Scope("function", scope, node)
        inner.runs_at_import = False
        self.survey.bodies[node] = inner
        self.bind_parameters(node.args, scope, inner)
        self.survey.returns.setdefault(node, []).append((node.body, inner))
        self.visit(node.body, inner)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.add(node.name, "class", node)
        for each in (*node.decorator_list, *node.bases, *(word.value for word in node.keywords)):
            self.visit(each, scope)
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
            self.visit(generator.iter, inner if index else scope)
            for condition in generator.ifs:
                self.visit(condition, inner)
        for name in ("key", "value", "elt"):
            element = getattr(node, name, None)
            if element is not None:
                self.visit(element, inner)

    def _if(self, node: ast.If, scope: Scope) -> None:
        test, inner = node.test, scope
        if scope.kind == "module" and ast.dump(test) in _MAIN_GUARDS:
            # The same names, but importing the file does not run it.
            inner = Scope("module", scope.parent, node)
            inner.bindings, inner.runs_at_import = scope.bindings, False
        else:
            self.visit(test, scope)
        imports = len(self.survey.imports)
        for statement in node.body:
            self.visit(statement, inner)
        if self._is_for_typing(test, scope):
            del self.survey.imports[imports:]  # at run time nobody imports them
        for statement in node.orelse:
            self.visit(statement, scope)

    @staticmethod
    def _is_for_typing(test: ast.expr, scope: Scope) -> bool:
        """Whether a condition is the `TYPE_CHECKING` of `typing`, which is false at run time."""
        name = test.value if isinstance(test, ast.Attribute) else test
        bound = (scope.find(name.id) if isinstance(name, ast.Name) else None) or []
        says = test.attr if isinstance(test, ast.Attribute) else ""
        return bool(bound) and all(
            how == "import" and f"{what}.{says}".rstrip(".") == "typing.TYPE_CHECKING"
            for how, what, _ in bound
        )

    _handlers: ClassVar[dict[type[ast.AST], Callable[[Any, Any, Scope], None]]] = {
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Call: _call,
        ast.Constant: _constant,
        ast.Subscript: _subscript,
        ast.AnnAssign: _annotated,
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.Lambda: _lambda,
        ast.ClassDef: _class,
        ast.Return: _return,
        ast.Yield: _return,
        ast.YieldFrom: _return,
        ast.ListComp: _comprehension,
        ast.SetComp: _comprehension,
        ast.GeneratorExp: _comprehension,
        ast.DictComp: _comprehension,
        ast.If: _if,
        ast.Assign: Binder.assign,
        ast.AugAssign: Binder.augment,
        ast.NamedExpr: Binder.bind_walrus,
        ast.For: Binder.bind_for,
        ast.AsyncFor: Binder.bind_for,
        ast.With: Binder.bind_with,
        ast.AsyncWith: Binder.bind_with,
        ast.ExceptHandler: Binder.bind_handler,
        ast.Match: Binder.bind_match,
        ast.Global: Binder.bind_globals,
        ast.Import: Binder.bind_import,
        ast.ImportFrom: Binder.bind_import_from,
    }


_LONGEST_ANNOTATION = 1000
_FILLERS = frozenset({"append", "extend", "insert", "add", "update", "appendleft", "put"})
_MAIN_GUARDS = frozenset(
    ast.dump(ast.parse(text, mode="eval").body)
    for text in ("__name__ == '__main__'", "'__main__' == __name__")
)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
