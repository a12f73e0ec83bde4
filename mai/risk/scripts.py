"""Judges files that Mai does not parse: scripts, container files, YAML and other languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mai.proposal import Finding
from mai.risk import sensitive
from mai.risk.paths import finding

_OTHER_LANGUAGES = {
    ".sh": "shell",
    ".bash": "shell",
    ".zsh": "shell",
    ".fish": "shell",
    ".ps1": "PowerShell",
    ".psm1": "PowerShell",
    ".bat": "batch",
    ".cmd": "batch",
    ".js": "JavaScript",
    ".mjs": "JavaScript",
    ".cjs": "JavaScript",
    ".ts": "TypeScript",
    ".tsx": "TypeScript",
    ".jsx": "JavaScript",
    ".rb": "Ruby",
    ".pl": "Perl",
    ".php": "PHP",
    ".lua": "Lua",
    ".c": "C",
    ".h": "C",
    ".cc": "C++",
    ".cpp": "C++",
    ".hpp": "C++",
    ".rs": "Rust",
    ".go": "Go",
    ".java": "Java",
    ".kt": "Kotlin",
    ".swift": "Swift",
    ".m": "Objective-C",
    ".cs": "C#",
    ".pyx": "Cython",
    ".pxd": "Cython",
    ".tcl": "Tcl",
    ".awk": "awk",
    ".r": "R",
    ".jl": "Julia",
    ".vbs": "VBScript",
    ".scpt": "AppleScript",
    ".s": "assembly",
    ".asm": "assembly",
    ".scala": "Scala",
    ".ex": "Elixir",
    ".hs": "Haskell",
    ".sql": "SQL",
}
_TEXTS = (
    ".yml",
    ".yaml",
    ".toml",
    ".cfg",
    ".ini",
    ".conf",
    ".service",
    ".timer",
    ".desktop",
    ".plist",
    ".mk",
    ".j2",
    ".tmpl",
    ".env",
    ".xml",
    ".json",
    ".reg",
)
_NAMES = (
    "dockerfile",
    "containerfile",
    "makefile",
    "procfile",
    "justfile",
    "vagrantfile",
    ".envrc",
    "crontab",
)
_PROSE = (
    *(".md", ".rst", ".txt", ".adoc", ".csv", ".tsv", ".css", ".tcss", ".svg", ".po", ".pot"),
    *(".typed", ".lock", ".log", ".bib", ".tex", ".jsonl", ".in", ".patch", ".diff"),
)
_PROSE_NAMES = frozenset(
    {
        *("authors", "changelog", "changes", "codeowners", "contributing", "contributors"),
        *("copying", "history", "licence", "license", "maintainers", "news", "notice", "readme"),
        *("security", "todo", "version"),
    }
)
#: Lists of paths and settings of tools that name no program.
_LISTS = frozenset(
    {
        *(".gitignore", ".gitattributes", ".gitkeep", ".dockerignore", ".npmignore", ".mailmap"),
        *(".editorconfig", ".git-blame-ignore-revs", ".python-version", "manifest.in"),
    }
)
_NETWORK_TO_SHELL = re.compile(
    r"\b(?:curl|wget|fetch|iwr|Invoke-WebRequest|nc|ncat)\b[^\n|;]*\|\s*(?:sudo\s+)?(?:env\s+)?(?:[\w./]*/)?"
    r"(?:ba|z|k|da|a)?sh\b|\b(?:curl|wget)\b[^\n|]*\|\s*(?:sudo\s+)?(?:python|perl|ruby|node|php)\S*"
    r"|(?:ba|z|da)?sh\s+(?:-c\s+)?[\"']?(?:<\(|\$\(|`)\s*(?:curl|wget)|eval\s+[\"']?(?:\$\(|`)\s*(?:curl|wget)"
    r"|/dev/tcp/|\bnc\b[^\n]*\s-e\b|\b(?:iex|Invoke-Expression)\b|base64\s+(?:-d|--decode|-D)[^\n|]*\|\s*(?:ba|z)?sh\b"
    r"|^\s*ADD\s+https?://",
    re.IGNORECASE | re.MULTILINE,
)
_PRIVILEGE = re.compile(
    r"(?:^|[\s;&|\"'])(?:sudo|doas|pkexec)\s|\bprivileged\s*[:=]\s*true\b|--privileged\b|--cap-add\b|\bcap_add\s*:"
    r"|docker\.sock\b|\bchmod\s+(?:-R\s+)?(?:[0-7]?777|[ugoa]*\+s|[46][0-7]{3})\b|\bsetcap\b"
    r"|(?:network_mode|pid|ipc|userns_mode)\s*:\s*[\"']?host|--(?:net|network|pid|ipc)=host"
    r"|seccomp[:=]unconfined|apparmor[:=]unconfined|^\s*USER\s+(?:root|0)\b|allowPrivilegeEscalation:\s*true"
    r"|hostPath:|runAsUser:\s*0\b|\bpull_request_target\b|permissions:\s*write-all",
    re.IGNORECASE | re.MULTILINE,
)
_WORDS = re.compile(r"[^\s\"'`=,;()\[\]{}<>|&]+")


def judge_script(path: str, data: bytes, base: bytes | None) -> Iterator[Finding]:
    """Yield what a file that is not Python gained, line by line.

    Args:
        path: the file's path.
        data: its content now.
        base: its content before, or None where it is new.
    """
    language = language_of(path, data)
    if language is None and not is_text(path):
        return
    before = set((base or b"").decode("utf-8", "replace").splitlines())
    lines = data.decode("utf-8", "replace").splitlines()
    new = [(number, line) for number, line in enumerate(lines, start=1) if line not in before]
    if language is not None and any(line.strip() for _, line in new):
        yield finding(
            "process.script",
            path,
            f"Mai does not read {language}; only a person can say what this can do now.",
            new[0][0],
        )
    yield from _judge_lines(path, new)


def language_of(path: str, data: bytes) -> str | None:
    """Return the language of a program that is not Python, None where it is no program."""
    name = path.rpartition("/")[2].lower()
    dot = name.rfind(".")
    if dot > 0 and name[dot:] in _OTHER_LANGUAGES:
        return _OTHER_LANGUAGES[name[dot:]]
    if data.startswith(b"#!"):
        first = data[2:200].split(b"\n", 1)[0].decode("utf-8", "replace").split()
        program = first[-1].rpartition("/")[2] if first else "an unknown language"
        return None if "python" in " ".join(first) else program[:20]
    return None


def is_text(path: str) -> bool:
    """Whether `path` names a text that is judged line by line: settings, YAML, container files."""
    name = path.rpartition("/")[2].lower()
    return name.endswith(_TEXTS) or name.startswith(_NAMES)


def is_prose(path: str) -> bool:
    """Whether `path` names a text that people read and nothing runs."""
    name = path.rpartition("/")[2].lower()
    return name.endswith(_PROSE) or name.partition(".")[0] in _PROSE_NAMES or name in _LISTS


def _judge_lines(path: str, new: list[tuple[int, str]]) -> Iterator[Finding]:
    for number, line in new:
        stripped = line[:4000]
        if _NETWORK_TO_SHELL.search(stripped):
            yield finding(
                "shell.network-to-shell",
                path,
                "What a server sends would be run at once, unseen.",
                number,
            )
        if _PRIVILEGE.search(stripped):
            yield finding(
                "shell.privilege",
                path,
                "It would run with more rights than whoever starts it means to give.",
                number,
            )
        for word in _WORDS.findall(stripped)[:200]:
            rule = next((r for r in sensitive.rules_of(word) if not r.startswith("mark.")), None)
            if rule and not word.startswith(("/bin/", "#!")):
                yield finding(
                    rule, path, f"It now names {word[:60]}, which no project's file is.", number
                )
                break
