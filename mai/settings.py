"""Every setting, and where it came from.

Order, strongest first: command line, environment, `.env`, the user's `config.toml`, default.
`.env` is read from the user's configuration directory and, where git ignores it there, from Mai's
own checkout; never from another repo.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path, user_state_path
from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mai.errors import SettingsError
from mai.proposal import Level
from mai.settings_sources import config_dir, is_checkout, own_checkout, sources
from mai.text import one_line


def _named(name: str, default: Any = None, **more: Any) -> Any:
    """Declare a field whose environment name has no prefix."""
    return Field(default, validation_alias=AliasChoices(name, name.lower()), **more)


#: What pydantic's words for a value of the wrong kind are to a person.
_PROBLEMS = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "it must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "it must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "it must be true or false"),
    **dict.fromkeys(("string_type", "string_sub_type"), "it must be a text"),
    **dict.fromkeys(("tuple_type", "list_type"), "it must be a list"),
    **dict.fromkeys(("mapping_type", "dict_type"), "it must be a table of names and values"),
}


class Settings(BaseSettings):
    """The user's settings. Units stand in the names; paths are absolute once loaded."""

    model_config = SettingsConfigDict(
        env_prefix="MAI_",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    discord_bot_token: SecretStr | None = _named(
        "DISCORD_BOT_TOKEN", description="The bot's token. Unset: no Discord."
    )
    discord_user_id: int | None = _named(
        "DISCORD_USER_ID", description="The one person whose reaction counts."
    )
    ollama_endpoint: str = _named(
        "OLLAMA_ENDPOINT", "http://localhost:11434", description="Ollama's URL."
    )
    lmstudio_endpoint: str | None = _named(
        "LMSTUDIO_ENDPOINT", description="LM Studio's URL. Unset: localhost:1234, then :8000."
    )
    model_cache_dir: Path = _named(
        "MODEL_CACHE_DIR", user_data_path("mai") / "models", description="Where GGUF files lie."
    )
    memory_db_path: Path = _named(
        "MEMORY_DB_PATH", user_data_path("mai") / "mai.db", description="The SQLite file."
    )
    cpu_cores_available: float | None = _named(
        "CPU_CORES_AVAILABLE", gt=0, description="Overrides the measured cores."
    )
    gpu_vram_available: float | None = _named(
        "GPU_VRAM_AVAILABLE", ge=0, description="Overrides the measured VRAM, in GB."
    )
    sandbox_docker_image: str | None = _named(
        "SANDBOX_DOCKER_IMAGE",
        description="Image to run trials in. Unset: built from `Dockerfile.sandbox`.",
    )

    model: str | None = Field(None, description="The model to use. Unset: chosen by what fits.")
    model_fallbacks: str = Field(
        "", description="Models to try after it, separated by commas; `none`: no other."
    )
    provider: str | None = Field(
        None, description="Force a provider: ollama, lmstudio, gguf, reflex, scripted."
    )
    transcript: Path | None = Field(
        None, description='The JSONL file (`{"text": …}` a line) that `scripted` plays.'
    )
    reviewer: str | None = Field(
        None,
        description="The model that reviews, or none, claude or opencode; the last two send the "
        "change away. Unset: another model than the author, if one is there.",
    )
    anthropic_api_key: SecretStr | None = _named(
        "ANTHROPIC_API_KEY",
        description="For MAI_REVIEWER=claude. By itself it switches nothing on.",
    )
    claude_model: str = Field("claude-sonnet-4-5", description="The model that reviews as claude.")
    claude_endpoint: str = Field(
        "https://api.anthropic.com", description="Where Claude is asked, another gateway perhaps."
    )
    opencode_endpoint: str = Field(
        "http://127.0.0.1:4096", description="opencode's server, which must be on this machine."
    )
    opencode_model: str = Field(
        "", description="The model opencode uses, as provider/model. Unset: its own choice."
    )
    opencode_server_password: SecretStr | None = _named(
        "OPENCODE_SERVER_PASSWORD", description="The password of opencode's server, if it has one."
    )
    embedding_model: str | None = Field(
        None,
        description="The Ollama model that embeds memories. Unset: they are searched by words.",
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_dir: Path | None = Field(
        None, description="Unset: `.logs/` in Mai's own checkout, else the user's state directory."
    )
    headless_approval: bool = Field(
        default=False, description="Allow approvals without a terminal. Environment only."
    )
    approval_pin: SecretStr | None = Field(
        None, description="Asked for before every yes in a terminal or without one."
    )
    auto_land_low: bool = Field(
        default=False, description="Let LOW proposals with a passing trial land by themselves."
    )
    expiry_hours: float = Field(24.0, gt=0, le=24 * 30, description="No answer by then is a no.")
    max_patch_mb: float = Field(8.0, gt=0, le=64, description="A larger patch is refused.")
    backup_hours: float = Field(24.0, gt=0, description="How often the database is backed up.")
    backups_kept: int = Field(7, ge=1, le=1000, description="How many backups stay.")
    discord_api: str | None = Field(
        None, description="Another Discord-compatible REST server. Environment only."
    )
    discord_gateway: str | None = Field(
        None, description="Another Discord-compatible gateway. Environment only."
    )
    discord_channel: int | None = Field(
        None, description="The channel that cards go to. Unset: a direct message to you."
    )
    discord_status_channel: int | None = Field(
        None, description="A channel for one message that says what Mai does and what waits."
    )
    discord_strangers: Literal["refuse", "silence"] = Field(
        "refuse", description="What others hear who talk to Mai there: `refuse` or `silence`."
    )
    discord_undo_s: float = Field(
        5.0,
        ge=0,
        le=600,
        description="For how many seconds a yes there can be taken back before it counts.",
    )
    sandbox_dependencies: bool = Field(
        default=True,
        description="Put what a repo's manifests name (pyproject.toml, requirements files and the "
        "like) into the image of its trials, as binary wheels.",
    )
    sandbox_git: bool = Field(
        default=True,
        description="Have git in the sandbox image, for tests that need it.",
    )
    sandbox_runtime: str | None = Field(
        None,
        description="The engine's runtime for trials. Unset: gVisor (`runsc`) where it is there "
        "and keeps to limits, else the engine's own.",
    )
    sandbox_pool: int | None = Field(
        None,
        ge=0,
        le=64,
        description="Containers that wait for a trial while the console or `mai serve` runs. "
        "Unset: two per core, at most 8.",
    )
    limits: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="Per profile (trusted, untrusted, unknown): cpus, memory_mb, cpu_s, wall_s, "
        "pids, disk_mb, output_mb, test_s.",
    )
    limits_at_most: dict[str, float] = Field(
        default_factory=dict,
        description="How far Mai may raise a limit by itself for a repo whose own tests need more "
        "than a profile has: cpu_s (1800), wall_s (7200), memory_mb (4096, half of the machine's "
        "at most), pids (400), test_s (30), disk_mb (1024), output_mb (64).",
    )
    risk_levels: dict[str, Level] = Field(
        default_factory=dict, description="Levels per rule, raised or (outside BLOCKED) lowered."
    )

    @field_validator("model_cache_dir", "memory_db_path", "log_dir", "transcript")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        if level.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            msg = "it must be DEBUG, INFO, WARNING or ERROR"
            raise ValueError(msg)
        return level.upper()

    @property
    def data_dir(self) -> Path:
        """Where the database, its backups and the private repositories lie."""
        return self.memory_db_path.parent

    @property
    def logs(self) -> Path:
        """The folder that log files go to."""
        if self.log_dir:
            return self.log_dir
        return own_checkout() / ".logs" if is_checkout() else user_state_path("mai") / "logs"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Replace pydantic's own order by ours."""
        return (init_settings, *(source for _, source in sources(settings_cls)))


def load(**overrides: Any) -> Settings:
    """Load the settings; `overrides` are the command line's, None meaning not given.

    Raises:
        SettingsError: a value cannot be used; the sentence names the setting, never a secret.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(sentence_of(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        path = config_dir() / "config.toml"
        msg = f"The settings file {path} cannot be read: {one_line(str(error))}."
        raise SettingsError(msg) from error
    except ValueError as error:  # pydantic-settings' SettingsError is one
        raise SettingsError(f"A setting cannot be read: {one_line(str(error))}.") from error


def sentence_of(error: ValidationError) -> str:
    """Say what is wrong with the first value that cannot be used, without the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "a setting"
    if first["type"] == "extra_forbidden":
        return f"There is no setting {name}."
    problem = _PROBLEMS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    problem = problem.replace("Input should be", "it must be")
    return f"The setting {name} cannot be used: {problem}."


@dataclass(frozen=True, slots=True)
class Explained:
    """A setting as `mai config` shows it. `value` of a secret is `set`, never the secret."""

    name: str
    variable: str
    value: str
    source: str
    description: str


def variable_of(name: str) -> str:
    """Return the environment variable of the field `name`."""
    alias = Settings.model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"MAI_{name.upper()}"


def explain(settings: Settings, **overrides: Any) -> list[Explained]:
    """Say for every setting what it is and where it came from."""
    found = {name: "command line" for name, value in overrides.items() if value is not None}
    for source_name, source in sources(Settings):
        for key in source():
            for name in Settings.model_fields:
                if key.lower() in {name, variable_of(name).lower()}:
                    found.setdefault(name, source_name)
    return [
        Explained(
            name,
            variable_of(name),
            _shown(getattr(settings, name)),
            found.get(name, "default"),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _shown(value: object) -> str:
    if value is None:
        return "–"
    return "set" if isinstance(value, SecretStr) else str(value)
