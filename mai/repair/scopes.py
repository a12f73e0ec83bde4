"""Which names can be used in a function, the nearest first, and what is called and read there."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

_MOST_MODULE_NAMES = 12


@dataclass(frozen=True, slots=True)
class Scope:
    """Names by where they come from.

    `arity` holds the number of positional parameters of the module's functions and of the class's
    methods; `attributes` are those of `self`; `dotted` maps a name to the attributes read from it.
    """

    parameters: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    module: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    self_name: str = ""
    arity: dict[str, int] = field(default_factory=dict)
    dotted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    all_attributes: tuple[str, ...] = ()
    is_async: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """Return the names that hold values here, parameters and locals first."""
        own = dict.fromkeys((*self.parameters, *self.local))
        return tuple(name for name in own if name != self.self_name)

    @property
    def outer(self) -> tuple[str, ...]:
        """Return a few names of the module that hold values."""
        return tuple(
            name for name in self.module if name not in self.functions and name not in self.values
        )[:_MOST_MODULE_NAMES]


class _Names(cst.CSTVisitor):
    """Collects what one function, or the module's top level, binds, reads and calls."""

    def __init__(self) -> None:
        self.bound: dict[str, None] = {}
        self.functions: dict[str, int] = {}
        self.dotted: dict[str, dict[str, None]] = {}
        self.attributes: dict[str, None] = {}
        self.depth = 0

    def _bind(self, node: cst.CSTNode) -> None:
        match node:
            case cst.Name(value=name):
                self.bound[name] = None
            case cst.Tuple(elements=elements) | cst.List(elements=elements):
                for element in elements:
                    self._bind(element.value)
            case cst.StarredElement(value=value):
                self._bind(value)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:  # noqa: N802 - libcst's names
        self._bind(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:  # noqa: N802
        self._bind(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:  # noqa: N802
        self._bind(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:  # noqa: N802
        self._bind(node.target)

    def visit_For(self, node: cst.For) -> None:  # noqa: N802
        self._bind(node.target)

    def visit_CompFor(self, node: cst.CompFor) -> None:  # noqa: N802
        self._bind(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:  # noqa: N802
        self._bind(node.name)

    def visit_ImportAlias(self, node: cst.ImportAlias) -> None:  # noqa: N802
        if node.asname is None:
            self.bound[node.evaluated_name.partition(".")[0]] = None

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802
        self.bound[node.name.value] = None
        self.functions[node.name.value] = _arity(node)
        return True

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802
        self.bound[node.name.value] = None
        self.functions[node.name.value] = -1
        return True

    def visit_Attribute(self, node: cst.Attribute) -> None:  # noqa: N802
        self.attributes[node.attr.value] = None
        if isinstance(node.value, cst.Name):
            self.dotted.setdefault(node.value.value, {})[node.attr.value] = None


class _TopLevel(_Names):
    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802
        super().visit_FunctionDef(node)
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802
        super().visit_ClassDef(node)
        return False


def _arity(node: cst.FunctionDef) -> int:
    return len(node.params.params) + len(node.params.posonly_params)


def module_scope(module: cst.Module) -> Scope:
    """Return the names of a module's top level."""
    top, everything = _TopLevel(), _Names()
    module.visit(top)
    module.visit(everything)
    return Scope(
        module=tuple(top.bound),
        functions=tuple(top.functions),
        arity=dict(top.functions),
        dotted=_fixed(everything.dotted),
        all_attributes=tuple(everything.attributes),
    )


class Owners:
    """Collects the names of each class once."""

    def __init__(self) -> None:
        self._known: dict[cst.ClassDef, _Names] = {}

    def __call__(self, owner: cst.ClassDef) -> _Names:
        """Return what is bound and read in a class."""
        if owner not in self._known:
            names = _Names()
            owner.body.visit(names)
            self._known[owner] = names
        return self._known[owner]


def function_scope(
    node: cst.FunctionDef, owner: cst.ClassDef | None, outer: Scope, of_owner: Owners
) -> Scope:
    """Return the names that a function can use; `outer` are those around it."""
    names = _Names()
    node.body.visit(names)
    params = node.params
    given = [*params.posonly_params, *params.params, *params.kwonly_params]
    parameters = [one.name.value for one in given]
    parameters += [
        star.name.value
        for star in (params.star_arg, params.star_kwarg)
        if isinstance(star, cst.Param)
    ]
    methods: dict[str, int] = {}
    attributes: dict[str, None] = {}
    self_name = ""
    is_static = any(
        isinstance(one.decorator, cst.Name) and one.decorator.value == "staticmethod"
        for one in node.decorators
    )
    if owner is not None and parameters and not is_static:
        self_name = parameters[0]
        of_class = of_owner(owner)
        methods = {
            one.name.value: _arity(one) - 1
            for one in owner.body.body
            if isinstance(one, cst.FunctionDef)
        }
        attributes = {
            name: None for name in of_class.dotted.get(self_name, {}) if name not in methods
        }
    return Scope(
        parameters=(*parameters, *outer.parameters),
        local=(*(name for name in names.bound if name not in parameters), *outer.local),
        module=outer.module,
        functions=tuple(dict.fromkeys((*names.functions, *outer.functions))),
        methods=tuple(methods),
        attributes=tuple(attributes),
        self_name=self_name,
        arity={**outer.arity, **names.functions, **{f".{k}": v for k, v in methods.items()}},
        dotted=outer.dotted,
        all_attributes=outer.all_attributes,
        is_async=node.asynchronous is not None,
    )


def _fixed(found: dict[str, dict[str, None]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in found.items()}
