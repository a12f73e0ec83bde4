"""Other names for the same thing, and the attributes that lead from one object to all others."""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A ladder climbs from any object to everything loaded. One of these is enough.
STRONG_RUNGS = _words(
    """
    __builtins__ __globals__ __subclasses__ ag_frame cr_frame f_builtins f_globals f_locals
    func_code func_globals gi_frame
    """
)
# These are rungs too, and ordinary by themselves.
WEAK_RUNGS = _words(
    """
    __base__ __bases__ __class__ __closure__ __code__ __defaults__ __dict__ __func__
    __getattribute__ __init_subclass__ __kwdefaults__ __loader__ __mro__ __reduce__
    __reduce_ex__ __self__ __wrapped__ cell_contents co_code f_back mro tb_frame
    """
)
# Of those, the ones that tell where an object comes from.
INSIDE_RUNGS = _words(
    """
    __base__ __bases__ __closure__ __code__ __loader__ __mro__ __reduce__ __reduce_ex__
    cell_contents co_code f_back tb_frame
    """
)

# Modules that are dangerous to reach through anything: `anything.os` is taken for `os`,
POWERFUL = _words(
    """
    __builtins__ builtins ctypes importlib marshal nt os pickle posix pty runpy shutil socket
    subprocess sys
    """
)
# except through these, which have something of their own by that name.
OWN_SUBMODULES = _words(
    """
    asyncio.subprocess copy_reg.pickle copyreg.pickle curio.socket eventlet.green.os
    pickle.pickle socket.socket trio.socket
    """
)
# How standard modules import what they do not want to export.
PRIVATE_COPIES = _words("_os _sys _subprocess _builtins _socket")

ALIASES: Mapping[str, str] = {
    "posix": "os",
    "nt": "os",
    "_io": "io",
    "__builtins__": "builtins",
    "__builtin__": "builtins",
    "_pickle": "pickle",
    "six.moves.urllib": "urllib",
    "six.moves.builtins": "builtins",
    "_socket": "socket",
}
SAME: Mapping[str, str] = {
    "io.open": "builtins.open",
    "codecs.open": "builtins.open",
    "io.open_code": "builtins.open",
    "io.OpenWrapper": "builtins.open",
    "importlib.__import__": "builtins.__import__",
    "importlib._bootstrap.__import__": "builtins.__import__",
    "importlib._bootstrap._gcd_import": "importlib.import_module",
    "io.FileIO": "builtins.open",
    "os.fdopen": "builtins.open",
    "gzip.open": "builtins.open",
    "bz2.open": "builtins.open",
    "lzma.open": "builtins.open",
    "tarfile.open": "builtins.open",
    "zipfile.ZipFile": "builtins.open",
    "zipfile.PyZipFile": "builtins.open",
    "bz2.BZ2File": "builtins.open",
    "lzma.LZMAFile": "builtins.open",
    "tarfile.TarFile": "builtins.open",
    "gzip.GzipFile": "builtins.open",
    "aiofiles.open": "builtins.open",
    "pathlib.Path().open": "pathlib.open",
    "inspect.getattr_static": "builtins.getattr",
    "pydoc.locate": "importlib.import_module",
    "pkgutil.resolve_name": "importlib.import_module",
    "importlib.util.resolve_name": "",
    "logging.config._resolve": "importlib.import_module",
    "pytest.importorskip": "",
    "django.utils.module_loading.import_string": "importlib.import_module",
    "django.utils.importlib.import_module": "importlib.import_module",
    "werkzeug.utils.import_string": "importlib.import_module",
}
# Packages carry copies of others: `pip._vendor.requests` is `requests`.
_BUNDLES = ("._vendor.", ".vendored.", ".vendor.", "requests.packages.")
# Names that need a look at how they are used.
SPECIAL = _words(
    """
    builtins.__getattr__ builtins.__import__ builtins.delattr builtins.eval builtins.exec
    builtins.getattr builtins.globals builtins.locals builtins.open builtins.setattr
    builtins.vars importlib.import_module operator.attrgetter operator.methodcaller os.fdopen
    os.open sys.modules os.environ os.environb os.getenv os.getenvb logging.config.dictConfig
    logging.config.dictConfigClass logging.config.DictConfigurator logging.config.fileConfig
    numpy.load
    """
)
# Stand-ins that tests put in place of what they do not look at.
EQUAL_TO_ALL = _words(
    """
    dirty_equals.AnyThing dirty_equals.IsAnyStr hamcrest.anything mock.ANY mock.mock.ANY
    pytest.approx pytest_mock.ANY unittest.mock.ANY
    """
)
# Built-ins that matter when nothing else binds the name.
BUILTINS = _words(
    """
    __builtins__ __import__ __loader__ breakpoint bytes compile delattr dict eval exec execfile
    exit file filter getattr getattribute globals hasattr help id input isinstance iter len list
    locals map memoryview next object open print quit reversed setattr sorted str super tuple
    type vars zip
    """
)


def canonical(name: str) -> str:
    """Return the name a thing is best known by: `posix.system` is `os.system`."""
    same = SAME.get(name)
    if same is not None:
        return same
    top, dot, rest = name.partition(".")
    alias = ALIASES.get(top)
    if alias is not None:
        return canonical(f"{alias}{dot}{rest}")
    if name.startswith("six.moves."):
        return name.removeprefix("six.moves.")
    by_itself = _without_owner(name) if rest else name
    return name if by_itself == name else canonical(by_itself)


def _without_owner(name: str) -> str:
    """Return what a module that somebody else imported, or carries a copy of, is by itself."""
    if "vendor" in name or ".packages." in name:
        for bundle in _BUNDLES:
            _, found, own = name.partition(bundle)
            if found:
                return own
    last = name.rpartition(".")[2]
    if last in PRIVATE_COPIES:
        return last[1:]
    if last in POWERFUL and name not in OWN_SUBMODULES:
        return ALIASES.get(last, last)
    return name
