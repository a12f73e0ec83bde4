"""Recognises strings that name private files, the system's files, and Mai's own gate."""

from __future__ import annotations

import re

# Compiled when a file has a string that needs a look: a parser's process starts once a change.
_PRIVATE_FILES = (
    r"(?:^|[/\\~])\.(?:ssh|gnupg|aws|kube|docker|azure|netrc|pgpass|git-credentials|npmrc|pypirc|"
    r"password-store|mozilla|bash_history|zsh_history|python_history|config/(?:gcloud|gh|google-chrome|"
    r"chromium|discord|hub|BraveSoftware))(?:[/\\]|$|\b)"
    r"|\bid_(?:rsa|dsa|ecdsa|ed25519)\b|\bauthorized_keys\b"
    r"|(?:^|/)etc/(?:shadow|gshadow|sudoers|ssl/private|krb5\.keytab|master\.passwd)"
    r"|[/\\]Cookies$|(?-i:^Cookies$)"
    r"|(?:^|[/\\])(?:Login Data|logins\.json|key[34]\.db|cookies\.sqlite|wallet\.dat)$"
    r"|(?:^|[/\\])(?:Local Storage|User Data|keystore|\.(?:electrum|bitcoin|ethereum|thunderbird)|"
    r"\.local[/\\]share[/\\](?:keyrings|kwalletd)|\.pki|\.vnc)(?:[/\\]|$)"
    r"|\bkeychain(?:-db)?\b|(?:^|[/\\])\.env(?:\.[a-z]+)?$|169\.254\.169\.254|metadata\.google\.internal"
    r"|/var/run/secrets/|/run/secrets/|(?:^|/)docker\.sock\b|(?:^|[/\\])\.config[/\\]mai\b"
)
_SYSTEM_FILES = (
    r"^/(?:home|Users)/[^/]+/|^/(?:var/)?run/[uw]tmp|^/(?:etc|root|boot|home|proc|sys|Users|var/log)/?$|^[A-Z]:[/\\]+(?:Users|Windows)[/\\]*$"
    r"|^/etc/(?!localtime|timezone|os-release|mime\.types|ssl/certs)[\w.-]+|^/proc/(?!cpuinfo|meminfo|stat\b|loadavg|"
    r"self/(?:status|stat|fd)\b)[\w*\[?-]+|^/sys/(?:kernel|firmware|module)|^/dev/(?:mem|kmem|sd[a-z]|nvme|"
    r"disk|input|tcp|udp|port|kmsg|hidraw|video|snd|bus|tty[A-Z])|^/(?:root|boot|sbin|usr/s?bin|lib|usr/lib)/|^[A-Z]:[/\\]+Windows|^/var/(?:log|"
    r"spool|lib)/|\\\\System32\b|\bHKEY_|/dev/tcp/|^/(?:bin)/(?:ba|z|k|da)?sh$"
)
_STARTUP_FILES = (
    r"(?:^|[/\\~])\.(?:bashrc|bash_profile|bash_login|profile|zshrc|zshenv|zprofile|config/autostart|"
    r"config/systemd|config/fish|pythonrc|pythonstartup|gitconfig|vimrc|xinitrc|xsession|inputrc|tmux\.conf|"
    r"condarc|pip|config/pip)\b|^/etc/(?:cron|rc\.|init|systemd|profile|ld\.so|environment|hosts|passwd|shadow|sudoers"
    r"|crontab|pam|ssh|xdg/autostart)|\bcrontab\b|(?:^|[/\\])(?:sitecustomize|usercustomize)\.py$|\.pth$"
    r"|Start Menu[/\\]+Programs[/\\]+Startup|CurrentVersion\\+Run|LaunchAgents|LaunchDaemons"
    r"|\bauthorized_keys\b|^/var/spool/cron|(?:^|[/\\])\.git[/\\](?:hooks|config)|/site-packages/|/dist-packages/"
    r"|/etc/apt/|^/(?:usr/)?(?:local/)?s?bin/"
)
_GATE = re.compile(
    r"\brefs/mai/|\bMAI_(?:HEADLESS_APPROVAL|APPROVAL_PIN|AUTO_LAND_LOW|RISK_LEVELS|CONFIG_DIR)\b"
    r"|\bcore\.(?:hooksPath|fsmonitor|sshCommand)\b|(?:^|[/\\])\.git[/\\]hooks\b"
    r"|\bmai\.toml$|^mai (?:approve|submit)\b"
    r"|\bmai\.(?:risk|store|repo|sandbox|pipeline)\.",
)
# Ways to write one path: `//etc//x`, `/etc/./x`, `/tmp/../etc/x`, `../../../etc/x`, `file:///etc/x`.
_REPEATS = re.compile(r"/(?:\.?/)+|/[^/.]+/\.\./")
_FROM_ABOVE = re.compile(r"^(?:file:/|(?:\.\./){2,})(?=\w)")
# What a class is called is on no way anywhere: `{self.__class__.__name__}`.
_FORMAT_LADDER = re.compile(
    r"\{[^{}]*?[.\[]__(?!(?:class__\.__)?(?:name|qualname|module|doc)__\b)\w+__"
)
_SECRET_WORDS = re.compile(
    r"token|secret|passw|api_?key|credential|private|auth|access_?key|session|cookie|_key$|^key|_pat$|dsn|"
    r"database_url|conn(?:ection)?_?str",
    re.IGNORECASE,
)
_PLAIN_VARIABLES = frozenset(
    {
        "HOME",
        "TERM",
        "COLUMNS",
        "LINES",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "TZ",
        "NO_COLOR",
        "DEBUG",
        "TMPDIR",
        "TEMP",
        "TMP",
        "SHELL",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "DISPLAY",
        "CI",
        "FORCE_COLOR",
        "COLORTERM",
        "PWD",
        "USER",
        "LOGNAME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR",
        "APPDATA",
        "LOCALAPPDATA",
        "SYSTEMROOT",
        "WINDIR",
        "PATH",
        "PATHEXT",
        "PYTEST_CURRENT_TEST",
        "VIRTUAL_ENV",
        "PYTHONHASHSEED",
        "PYTHONUTF8",
        "PYTHONIOENCODING",
        "TERM_PROGRAM",
        "WT_SESSION",
        "CLICOLOR",
        "LOG_LEVEL",
        "SOURCE_DATE_EPOCH",
        "GITHUB_ACTIONS",
        "USERPROFILE",
        "LC_CTYPE",
        "LC_MESSAGES",
        "OS",
        "COMSPEC",
    }
)
_LOADER_VARIABLES = re.compile(
    r"^(?:LD_|DYLD_)|^PYTHON(?:STARTUP|PATH|HOME|INSPECT|BREAKPOINT|WARNINGS|USERBASE|PLATLIBDIR)$|^(?:BASH_ENV|ENV|"
    r"PROMPT_COMMAND|GIT_SSH(?:_COMMAND)?|GIT_EXEC_PATH|GIT_CONFIG\w*|GIT_DIR|PIP_\w*INDEX_URL|NODE_OPTIONS|PERL5LIB|"
    r"RUBYOPT|JAVA_TOOL_OPTIONS|SSH_ASKPASS|GCONV_PATH)$"
)
# One look at a whole file tells whether any of its strings need a closer one.
ANY = re.compile(
    r"ssh|gnupg|aws|kube|docker|azure|netrc|pgpass|credentials|npmrc|pypirc|password|mozilla|history|gcloud|chrom|id_|"
    r"authorized|/etc|etc/|proc/|/sys/|/dev/|/root|/boot|bin/|lib/|windows|/var/|system32|hkey|rc\b|profile|autostart|"
    r"cron|customize|\.pth|startup|run|launch|hooks|\.git|packages|refs/mai|MAI_|core\.|mai|__|Login|cookies|keychain|\.env|"
    r"169\.254|metadata|wallet|logins|key[34]|zshenv|pip|sbin|https?:|/bash|"
    r"home|users|local storage|user data|electrum|bitcoin|ethereum|thunderbird|keystore|keyring|"
    r"pki|vnc",
    re.IGNORECASE,
)


def rules_of(text: str) -> tuple[str, ...]:
    """Return the rules that a string falls under by naming a file.

    `mark.startup` stands for a start-up file, which only counts where something is written.
    """
    if len(text) > 2000 or len(text) < 3:  # noqa: PLR2004 - prose and single letters name no file
        return ()
    if "//" in text or "./" in text:
        text = _FROM_ABOVE.sub("/", _REPEATS.sub("/", text))
    if _GATE.search(text):
        return ("gate-tampering.mai",)
    if " " in text.strip() and "/" not in text and "\\" not in text:
        return ()
    return tuple(
        rule
        for rule, pattern in (
            ("mark.startup", _STARTUP_FILES),
            ("sensitive-path.secrets", _PRIVATE_FILES),
            ("sensitive-path.system", _SYSTEM_FILES),
        )
        if re.search(pattern, text, re.IGNORECASE)
    )


def is_ladder(text: str) -> bool:
    """Whether a format string climbs through dunder attributes."""
    return "__" in text and _FORMAT_LADDER.search(text) is not None


def variable_rule(name: str | None, *, is_write: bool) -> str:
    """Return the rule for reading or writing the environment variable `name`, None if unknown."""
    if is_write:
        return "env.loader" if name and _LOADER_VARIABLES.search(name) else "env.write"
    if name is None:
        return "env.secret"
    if name.upper() in _PLAIN_VARIABLES:
        return "env.plain"
    return "env.secret" if _SECRET_WORDS.search(name) else "env.read"
