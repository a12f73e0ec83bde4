"""Every rule: what it is called, what it guards, how serious it is, and one example.

`docs/risk.md` is generated from this table. A rule's `summary` completes the sentence "With this
change the code can now …" for capabilities, and stands by itself for the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from mai.proposal import Level

CAPABILITIES = (
    "net",
    "process",
    "fs-write",
    "dynamic-code",
    "reflection",
    "native",
    "env",
    "sensitive-path",
    "deserialise",
    "gate-tampering",
    "test-tampering",
    "build-hook",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `level` is what it asks for alone; combinations have rules of their own."""

    id: str
    capability: str
    level: Level
    summary: str
    example: str


def _table(level: Level, text: str) -> list[Rule]:
    """Read `id | capability | summary | example` lines."""
    rules = []
    for line in text.strip().splitlines():
        identity, capability, summary, example = (cell.strip() for cell in line.split(" | "))
        rules.append(Rule(identity, capability, level, summary, example))
    return rules


_BLOCKED = """
path.mai-settings   | gate-tampering | `mai.toml` decides how Mai judges this repository; only a person edits it | `mai.toml`
path.git            | gate-tampering | git's own files decide what git runs | `.git/config`, `sub/.GIT/hooks/x`
path.hook           | gate-tampering | a hook runs on a person's machine at their next commit | `.githooks/pre-commit`
path.git-driver     | gate-tampering | `.gitattributes` would make git run a filter, diff or merge driver | `* filter=x`
path.submodule      | gate-tampering | a submodule brings code that nobody here has seen | `.gitmodules`, a gitlink
path.link           | gate-tampering | a symbolic link can point out of the tree | `notes -> /etc`
path.startup        | build-hook | Python runs this file at every start, before any other code | `sitecustomize.py`, `x.pth`
path.unsafe         | gate-tampering | the path leaves the tree or is read differently on another system | `../x`, `a\\b`, `git~1`
path.case           | gate-tampering | the path differs from another only by case or Unicode form | `Readme.md` beside `README.md`
path.leave-alone    | gate-tampering | the user or the repository told Mai to leave this path alone | `leave_alone = ["vendor/**"]`
path.protected-core | gate-tampering | this is the part of Mai that judges changes; only a person edits it | `mai/risk/score.py`
text.nul            | gate-tampering | a NUL byte makes tools see different code than Python does | `b"x = 1\\0"`
text.encoding       | gate-tampering | the file is not in the encoding it declares, or in one that makes other code of plain characters | `# coding: utf-7`
text.bidi           | gate-tampering | a bidirectional or invisible control makes code read differently than it runs | U+202E in a comment
text.look-alike     | gate-tampering | a name mixes scripts and looks like another name | `аdmin` with a Cyrillic a
text.unreadable     | gate-tampering | the file cannot be parsed, so it cannot be judged | a syntax error
text.hostile        | gate-tampering | the file crashed the parser or used up its time or memory | 10,000 nested brackets
text.too-large      | gate-tampering | the file is too large to be judged | a Python file of 5 MB
"""  # noqa: E501 - a table is read across

_HIGH = """
path.own-code       | gate-tampering | Mai changes its own code | `mai/agent/turn.py`
path.test-settings  | test-tampering | it decides which tests run and how | `conftest.py`, `pytest.ini`
path.build          | build-hook | it runs when the project is built or installed | `setup.py`, `[build-system]`
path.ci             | build-hook | it runs on the CI's machines with the CI's secrets | `.github/workflows/x.yml`
path.agents         | gate-tampering | it tells coding agents, a reviewing one too, what to do and what to start | `AGENTS.md`, `.mcp.json`
path.container      | build-hook | it decides what a container is made of and may do | `Dockerfile`
path.pre-commit     | build-hook | it runs on a person's machine at their next commit | `.pre-commit-config.yaml`
path.git-attributes | gate-tampering | it changes how git reads and shows files | `*.py -diff`
path.binary         | native | a binary file cannot be read before it is used | `lib.so`, `x.pyc`
path.executable     | process | a file became executable | mode 100755
path.shadow         | dynamic-code | the new module is imported in place of another one | `json.py` at the root, `app/` beside `app.py`
deps.changed        | build-hook | a dependency is code from elsewhere that runs on installation | `dependencies = ["x"]`
deps.source         | build-hook | packages come from another index, a URL or a repository | `--index-url …`, `x @ git+https://…`
deps.entry-point    | build-hook | a command or plug-in is put in place on installation | `[project.scripts]`
process.privilege   | process | change which user it runs as, or step out of its confinement | `os.setuid(0)`
reflection.ladder   | reflection | climb from a harmless object to everything Python has loaded | `().__class__.__base__.__subclasses__()`
reflection.builtins | reflection | replace a built-in or a standard function for all code | `builtins.open = mine`
env.loader          | env | make other programs load its code through the environment | `os.environ["LD_PRELOAD"] = …`
gate-tampering.mai  | gate-tampering | reach into Mai's own gate: approvals, refs, settings or git hooks | `"refs/mai/proposals"`
text.new-encoding   | gate-tampering | the file declares a one-byte encoding that it was not in before | `# coding: latin-1`
text.line-break     | gate-tampering | a line that runs is hidden behind a line break which no diff shows as one | a lone CR, U+2028
text.unread-words   | dynamic-code | code in syntax that Mai's Python does not read gains a word that can do harm | `eval` in a file for Python 3.14
test-tampering.exit | test-tampering | end the test run early, or after it has decided | `os._exit(0)` in a test
test-tampering.hook | test-tampering | change how pytest collects, runs or reports | `def pytest_runtest_makereport(…)`
test-tampering.dropped | test-tampering | a test is gone or collects no longer | `def test_x` deleted
test-tampering.weaker | test-tampering | an assert is gone or holds for more values than before | `assert x == 3` → `assert x`
test-tampering.skip | test-tampering | a test that ran is skipped or expected to fail | `@pytest.mark.skip`
combination.leak    | net | send what it reads from the environment or from private files to another machine | `requests.post(url, data=os.environ)`
combination.remote-code | dynamic-code | run what it received from another machine or kept encoded | `exec(urlopen(url).read())`
combination.persistence | fs-write | write to a place that is run or trusted later | `open("~/.bashrc", "a")`
combination.wipe    | fs-write | delete or overwrite whole folders of the person | `shutil.rmtree("/")`
shell.network-to-shell | process | hand what the network sends straight to a shell | `curl … \\| sh`
shell.privilege     | process | run with more rights than its caller | `sudo`, `privileged: true`
"""  # noqa: E501 - a table is read across

_MEDIUM = """
net.socket          | net | open network connections | `socket.create_connection(…)`
net.http            | net | send requests over the network | `requests.get(url)`
net.listen          | net | accept network connections | `http.server.HTTPServer(…)`
net.unverified      | net | talk to servers without checking who they are | `verify=False`
process.shell       | process | run shell commands | `os.system(command)`
process.start       | process | start other programs | `subprocess.run(command)`
process.signal      | process | stop or steer other processes | `os.kill(pid, 9)`
process.script      | process | do what this script in another language does, which Mai does not read | `deploy.sh`
fs-write.write      | fs-write | write files | `open(path, "w")`
fs-write.delete     | fs-write | delete files or folders | `shutil.rmtree(path)`
fs-write.move       | fs-write | move or copy files over others | `os.rename(a, b)`
fs-write.mode       | fs-write | change permissions, owners or links | `os.chmod(path, 0o777)`
dynamic-code.run    | dynamic-code | run text as code | `eval(text)`
dynamic-code.import | dynamic-code | import a module whose name is only known when it runs | `__import__(name)`
dynamic-code.load   | dynamic-code | load code from a file or from bytes | `importlib.util.spec_from_file_location(…)`
dynamic-code.lookup | dynamic-code | reach something by a name that is only known when it runs | `getattr(module, name)`
dynamic-code.decode | dynamic-code | carry encoded bytes that nobody can read in a diff | `base64.b64decode("aW1wb3J0…")`
reflection.inside   | reflection | look behind an object at what made it | `type(x).__mro__`, `sys._getframe()`
reflection.patch    | reflection | change another module or class while it runs | `setattr(module, name, value)`
reflection.module   | reflection | hand a powerful module around as a value | `helper(os)`
reflection.hook     | reflection | watch or steer all code that runs later | `sys.settrace(f)`, `atexit.register(f)`
reflection.reduce   | reflection | decide what unpickling it runs | `def __reduce__(self)`
native.load         | native | run machine code, past every check Python makes | `ctypes.CDLL("x.so")`
env.secret          | env | read a secret, or the whole environment | `os.environ["API_TOKEN"]`
env.read            | env | read settings from the environment | `os.getenv("CACHE_DIR")`
env.write           | env | change the environment of programs started later | `os.environ["PATH"] = …`
sensitive-path.secrets | sensitive-path | reach keys, passwords or other private files | `"~/.ssh/id_rsa"`
sensitive-path.system | sensitive-path | reach files that belong to the system | `"/etc/passwd"`, `"/proc/self/mem"`
deserialise.pickle  | deserialise | run code hidden in data it loads | `pickle.loads(data)`
deserialise.yaml    | deserialise | build any object a YAML file names | `yaml.load(text)`
flow.changed        | dynamic-code | give other data than before to something dangerous that already stood | `exec(x)` where `x` changed
removed.safeguard   | gate-tampering | a timeout, limit or verification is gone | `timeout=5` deleted
removed.limit       | gate-tampering | a list of what is allowed says something else | `ALLOWED = {"ls", "rm"}`
removed.check       | gate-tampering | a check about permission, identity or validity is gone | `if not allowed: raise` deleted
test-tampering.patch | test-tampering | replace the code under test with something else | `monkeypatch.setattr(app, "check", …)`
test-tampering.equal | test-tampering | be equal to whatever a test compares it with | `def __eq__(self, other): return True`
test-tampering.swallow | test-tampering | swallow the failure of whatever is run in it, a test's assert too | `def __exit__(…): return True`
notebook.magic      | process | run shell commands from a notebook | `!pip install x`
text.one-byte       | gate-tampering | a line has characters of the one-byte encoding that the file was in before | `# coding: latin-1`
text.unread-syntax  | gate-tampering | a valid file has syntax that not every parser of Mai's reads, so look closer | lone CRs, syntax of Python 3.14
text.invisible      | gate-tampering | invisible characters hide something from a reader | a zero-width space in a name
path.environment    | env | it sets the environment of what is started here | `.env`
path.device         | gate-tampering | Windows takes the name for a device, so the tree cannot be checked out there | `aux.py`, `COM1`
path.lock           | build-hook | it pins what is installed | `uv.lock`
"""  # noqa: E501 - a table is read across

_LOW = """
env.plain           | env | read an ordinary variable such as HOME | `os.environ.get("HOME")`
flow.write          | fs-write | write other data or to another path than before | `open(path, "w")` where `path` changed
removed.assert      | gate-tampering | an assert is gone | `assert n > 0` deleted
removed.handler     | gate-tampering | an error is no longer caught | `except OSError` deleted
removed.raise       | gate-tampering | an error is no longer raised | `raise ValueError` deleted
"""  # noqa: E501 - a table is read across

RULES: tuple[Rule, ...] = (
    *_table(Level.BLOCKED, _BLOCKED),
    *_table(Level.HIGH, _HIGH),
    *_table(Level.MEDIUM, _MEDIUM),
    *_table(Level.LOW, _LOW),
)
RULE: dict[str, Rule] = {rule.id: rule for rule in RULES}
