from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mai.errors import ModelNotFound, ProviderUnreachable, SettingsError
from mai.protocols import ModelInfo
from mai.providers.fit import GIB, Machine
from mai.providers.reflex import ReflexProvider
from mai.providers.scripted import ScriptedProvider
from mai.providers.select import choose, named, open_provider
from mai.review.choice import reviewer_for
from mai.settings import Settings
from tests.servers.ollama import OllamaServer, ServedModel, closed_port

CODER = ServedModel("qwen2.5-coder:7b", size_bytes=4_700_000_000)
LLAMA = ServedModel("llama3.1:8b", size_bytes=4_900_000_000)
EMBEDDER = ServedModel("nomic-embed-text:latest", size_bytes=270_000_000)


def settings(server: OllamaServer | None = None, **values: object) -> Settings:
    endpoint = server.url if server else f"http://127.0.0.1:{closed_port()}"
    given = {
        "ollama_endpoint": endpoint,
        "lmstudio_endpoint": f"http://127.0.0.1:{closed_port()}",
        "model_cache_dir": "/nonexistent",
        "gpu_vram_available": 8.0,
        **values,
    }
    return Settings.model_validate(given)


def test_without_a_server_reflexes_work_and_it_is_said_once() -> None:
    said: list[str] = []
    provider = open_provider(settings(ollama_endpoint="http://localhost:1"), said.append)
    assert provider.name == "reflex"
    assert said == ["No model server answers at http://localhost:1; I work on reflexes."]


def test_a_password_is_not_said() -> None:
    said: list[str] = []
    open_provider(settings(ollama_endpoint=f"mai:hunter2@127.0.0.1:{closed_port()}"), said.append)
    assert len(said) == 1
    assert "hunter2" not in said[0]


def test_a_server_with_a_code_model_is_used_in_silence() -> None:
    said: list[str] = []
    with OllamaServer(LLAMA, CODER, EMBEDDER) as server:
        provider = open_provider(settings(server), said.append)
    assert (provider.name, provider.model) == ("ollama", "qwen2.5-coder:7b")
    assert said == []


@pytest.mark.parametrize(
    ("model", "fallbacks", "chosen", "is_said"),
    [
        ("llama3.1:8b", "", "llama3.1:8b", False),
        ("gone:1b", "also-gone, llama3.1:8b", "llama3.1:8b", True),
        ("gone:1b", "", "qwen2.5-coder:7b", True),
    ],
)
def test_the_model_asked_for_then_its_fallbacks_then_what_suits(
    model: str, fallbacks: str, chosen: str, *, is_said: bool
) -> None:
    said: list[str] = []
    with OllamaServer(LLAMA, CODER) as server:
        asked = settings(server, model=model, model_fallbacks=fallbacks)
        assert open_provider(asked, said.append).model == chosen
    assert said == ([f"gone:1b is not there; I think with {chosen}."] if is_said else [])


def test_a_server_without_a_chat_model_leaves_the_reflexes() -> None:
    said: list[str] = []
    with OllamaServer(EMBEDDER) as server:
        assert open_provider(settings(server), said.append).name == "reflex"
    assert "has no model yet; I work on reflexes." in said[0]


def test_what_is_forced_is_not_replaced(tmp_path: Path) -> None:
    transcript = tmp_path / "demo.jsonl"
    transcript.write_text('{"text": "one"}\n')
    with OllamaServer(LLAMA) as server:
        played = open_provider(settings(server, provider="scripted", transcript=transcript), print)
        assert played.name == "scripted"
        assert open_provider(settings(server, provider="reflex"), print).name == "reflex"
        with pytest.raises(ModelNotFound, match="`ollama pull gone:1b`"):
            open_provider(settings(server, provider="ollama", model="gone:1b"), print)
    with pytest.raises(ProviderUnreachable, match="`ollama serve`"):
        open_provider(settings(provider="ollama"), print)
    with pytest.raises(SettingsError, match="no provider gpt"):
        open_provider(settings(provider="gpt"), print)


MACHINE = Machine(16 * GIB, 8 * GIB)


def model(name: str, gigabytes: float = 4.7, provider: str = "ollama") -> ModelInfo:
    return ModelInfo(name, provider, round(gigabytes * 1e9), 8_192)


def names(models: tuple[ModelInfo, ...]) -> list[str]:
    return [model.name for model in models]


def test_what_is_wanted_comes_first_and_smaller_ones_stand_in() -> None:
    models = [model("big:7b", 5.5), model("coder:3b", 2), model("tiny:1b", 1)]
    assert names(choose(models, ("big:7b",), MACHINE)) == ["big:7b", "coder:3b", "tiny:1b"]
    assert names(choose(models, ("tiny:1b",), MACHINE)) == ["tiny:1b"]
    assert names(choose(models, (), MACHINE)) == ["coder:3b", "tiny:1b"]


def test_named_stand_ins_are_the_only_ones_and_none_pins_the_model() -> None:
    models = [model("big:7b", 5.5), model("coder:3b", 2), model("tiny:1b", 1)]
    assert names(choose(models, ("big:7b", "tiny:1b"), MACHINE)) == ["big:7b", "tiny:1b"]
    assert names(choose(models, ("big:7b", "none"), MACHINE)) == ["big:7b"]
    assert names(choose(models, ("gone", "tiny:1b"), MACHINE)) == ["tiny:1b"]


def test_a_name_may_say_its_provider_and_leave_its_tag_out() -> None:
    models = [model("coder"), model("coder", provider="lmstudio"), model("a/b", provider="gguf")]
    models += [model("qwen:latest")]
    assert named("lmstudio/coder", models) == models[1]
    assert named("coder", models) == models[0]
    assert named("qwen", models) == models[3]
    assert named("gguf/a/b.gguf", models) == models[2]
    assert named("ollama/gone", models) is None


def test_the_reviewer_is_another_model_where_there_is_one(tmp_path: Path) -> None:
    with OllamaServer(LLAMA, CODER) as server:
        author = open_provider(settings(server), print)
        other = reviewer_for(settings(server), author)
        assert other is not None
        assert other.model == "llama3.1:8b"
        named = reviewer_for(settings(server, reviewer="qwen2.5-coder:7b"), author)
        assert named is not None
        assert named.model == "qwen2.5-coder:7b"
        assert reviewer_for(settings(server, reviewer="gone:1b"), author) is None
        assert reviewer_for(settings(server, reviewer="none"), author) is None
    with OllamaServer(CODER) as server:
        alone = reviewer_for(settings(server), ReflexProvider())
        assert alone is not None
        assert alone.model == "qwen2.5-coder:7b"
    assert reviewer_for(settings(), ReflexProvider()) is None


def test_a_transcript_reviews_only_where_it_is_asked_to(tmp_path: Path) -> None:
    transcript = tmp_path / "demo.jsonl"
    transcript.write_text('{"text": "one"}\n')
    author = ScriptedProvider(transcript)
    assert reviewer_for(settings(), author) is None
    assert reviewer_for(settings(reviewer="scripted"), author) is author
    own = reviewer_for(settings(reviewer="scripted", transcript=transcript), ReflexProvider())
    assert isinstance(own, ScriptedProvider)


def test_a_start_on_reflexes_imports_no_model_client() -> None:
    script = (
        "import json, sys\n"
        "from mai.settings import Settings\n"
        "from mai.providers.select import open_provider\n"
        "from mai.review.choice import reviewer_for\n"
        f"settings = Settings(ollama_endpoint='http://127.0.0.1:{closed_port()}')\n"
        "provider = open_provider(settings, lambda text: None)\n"
        "reviewer_for(settings, provider)\n"
        "print(json.dumps([provider.name, sorted(sys.modules)]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=60
    )
    name, modules = json.loads(ran.stdout)
    assert name == "reflex"
    assert not {"ollama", "httpx", "lmstudio", "textual"} & set(modules)
