"""Keeps secrets out of the logs: by the name they stand under, by their value, by their look."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from mai.settings import Settings
from mai.text import plain

HIDDEN = "[hidden]"
_DEPTH_MOST = 8
_CHARACTERS_MOST = 20_000

# Whole words of a name: `api_token` hides, `prompt_tokens` is a count and stays.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SECRET_WORDS = frozenset(
    {"token", "secret", "password", "passwd", "passphrase", "pin", "authorization", "cookie"}
)
_SECRET_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key")})

# What secrets look like wherever they stand. Each keeps what tells a reader which kind it was.
_LOOKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL),
        HIDDEN,
    ),
    # Discord: base64 of the bot's id, a timestamp, an HMAC (developer docs, "Authentication").
    (re.compile(r"\b[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"), HIDDEN),
    (re.compile(r"(/webhooks/\d+/)[\w-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(sk|pk|rk)-[\w-]{16,}"), rf"\1-{HIDDEN}"),
    (
        re.compile(r"\b(gh[opusr]_|github_pat_|glpat-|hf_|xox[abprs]-|AIza)[\w-]{16,}"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(Bearer)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(Bot|Basic)\s+[\w.~+/=-]{16,}"), rf"\1 {HIDDEN}"),
    # The part of a URL before its host; everything there counts, user names are often the token.
    (
        re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://)(?:[^\s/?#]+|[^\s/?#:]*:[^\s@]*)@"),
        rf"\1{HIDDEN}@",
    ),
    (
        re.compile(
            r"""((?:\b|_)(?:token|secret|password|passwd|pin|api[_-]?key|authorization)["']?"""
            r"""\s*[=:]\s*["']?)(?:Bearer\s+|Bot\s+|Basic\s+)?[^\s"'&,;}\]]+""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)


class Redactor:
    """A structlog processor that rewrites a whole event, names, values and nested ones alike.

    Strings also lose terminal controls and bidirectional marks (`mai.text.plain`): a log is read
    in a terminal, and what is in it was often written by somebody else.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""))}
        # The longest first: one secret may be the beginning of another.
        parts = [self._pattern(form) for form in sorted(forms, key=len, reverse=True)]
        self._known = re.compile("|".join(parts)) if parts else None

    @classmethod
    def for_settings(cls, settings: Settings) -> Redactor:
        """Return one that knows every secret among `settings`."""
        values = (getattr(settings, name) for name in type(settings).model_fields)
        return cls(value.get_secret_value() for value in values if isinstance(value, SecretStr))

    @staticmethod
    def _pattern(secret: str) -> str:
        # A short PIN within a longer number or word is not the PIN.
        whole = r"(?<!\w){}(?!\w)" if len(secret) < 8 else "{}"  # noqa: PLR2004 - a token's length
        return whole.format(re.escape(secret))

    def __call__(self, _logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return `event` without its secrets."""
        return {self.text(str(name)): self._under(name, value) for name, value in event.items()}

    def text(self, text: str) -> str:
        """Return `text` plain, bounded and with every secret in it hidden."""
        # Controls go first: an invisible character inside a secret must not save it.
        text = plain(text)
        if self._known:
            text = self._known.sub(HIDDEN, text)
        for look, replacement in _LOOKS:
            text = look.sub(replacement, text)
        return text if len(text) <= _CHARACTERS_MOST else text[:_CHARACTERS_MOST] + "…"

    def _under(self, name: object, value: Any, depth: int = 0) -> Any:
        if _names_a_secret(str(name)) and value is not None:
            return HIDDEN
        return self._value(value, depth)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._nested(value, depth + 1) if depth < _DEPTH_MOST else "…"
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float) and math.isfinite(value):
            # A PIN is a number as well.
            return value if self.text(str(value)) == str(value) else HIDDEN
        is_bytes = isinstance(value, bytes)
        return self.text(value.decode("utf-8", "backslashreplace") if is_bytes else str(value))

    def _nested(self, value: Mapping[Any, Any] | Iterable[Any], depth: int) -> Any:
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): self._under(name, item, depth) for name, item in value.items()
            }
        return [self._value(item, depth) for item in value]


def _names_a_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or not _SECRET_PAIRS.isdisjoint(pairwise(words))
