"""Where a model server is, taken apart so that its password is never shown."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass, field
from typing import Self

from mai.errors import SettingsError
from mai.text import one_line


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address. `user` and `password` stay out of every message and `repr`."""

    scheme: str
    host: str
    port: int
    path: str = ""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, default_port: int) -> Self:
        """Read `http://host:port/path`, of which only the host is needed.

        Raises:
            SettingsError: it is no address.
        """
        has_scheme = "://" in text
        try:
            parts = urllib.parse.urlsplit(text if has_scheme else f"http://{text}")
            port = parts.port
        except ValueError as error:
            raise SettingsError("The model server's address cannot be read.") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            shown = one_line(text.rpartition("@")[2], 80)
            raise SettingsError(f"The model server's address {shown} is not an http(s) URL.")
        if port is None:
            own = 443 if parts.scheme == "https" else 80
            port = own if has_scheme else default_port
        return cls(
            parts.scheme,
            parts.hostname,
            port,
            parts.path.rstrip("/"),
            urllib.parse.unquote(parts.username or ""),
            urllib.parse.unquote(parts.password or ""),
        )

    @property
    def url(self) -> str:
        """The address without credentials: for clients and for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. The first token waits for the model to load and the prompt to be read.

    `facts_s` is for questions that need no model: what there is, and what it can hold.
    """

    connect_s: float = 2.0
    facts_s: float = 10.0
    first_token_s: float = 600.0
    stall_s: float = 60.0
