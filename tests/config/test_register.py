"""The register as it is installed: the right files for an upstream, and no others."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

import lethe.retention
from lethe.config import register
from lethe.ir.content import Dialect
from lethe.providers.envelopes import PLAIN
from lethe.providers.offers import Offer, Provider
from lethe.providers.rows import PRESETS, PROVIDERS
from lethe.retention.register import RegisterFault, Vendor
from lethe.retention.surface import Action, EvidenceKind

ANTHROPIC, CHAT = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT
FOLDER = Path(lethe.retention.__file__).parent / "surfaces"


def found(provider: str, host: str, dialect: Dialect, *, loopback: bool = False) -> list[str]:
    return [surface.id for surface in register.surfaces_for(provider, host, dialect, loopback=loopback)]


WAYS: list[tuple[str, str, Dialect, bool, list[str]]] = [
    ("anthropic", "api.anthropic.com", ANTHROPIC, False, ["anthropic.messages", "anthropic.count_tokens"]),
    ("", "api.anthropic.com", ANTHROPIC, False, ["anthropic.messages", "anthropic.count_tokens"]),
    ("", "API.Anthropic.com", ANTHROPIC, False, ["anthropic.messages", "anthropic.count_tokens"]),
    ("anthropic", "127.0.0.1", ANTHROPIC, True, ["anthropic.messages", "anthropic.count_tokens"]),
    ("openai", "api.openai.com", CHAT, False, ["openai.chat", "openai.embeddings"]),
    ("", "eu.api.openai.com", CHAT, False, ["openai.chat", "openai.embeddings"]),
    (
        "openai",
        "api.openai.com",
        Dialect.OPENAI_RESPONSES,
        False,
        ["openai.responses", "openai.input_tokens", "openai.embeddings"],
    ),
    ("", "acme.openai.azure.com", CHAT, False, ["azure.chat", "azure.embeddings"]),
    ("", "acme.services.ai.azure.com", ANTHROPIC, False, ["azure.messages", "azure.count_tokens"]),
    ("", "bedrock-mantle.eu-west-1.api.aws", ANTHROPIC, False, ["bedrock.messages", "bedrock.count_tokens"]),
    (
        "",
        "bedrock-runtime.eu-west-1.amazonaws.com",
        Dialect.CONVERSE,
        False,
        ["bedrock.converse", "bedrock.converse_tokens"],
    ),
    (
        "",
        "europe-west1-aiplatform.googleapis.com",
        Dialect.GEMINI,
        False,
        ["vertex.generate", "vertex.generate_tokens"],
    ),
    ("", "gateway.ai.cloudflare.com", CHAT, False, ["cloudflare.chat", "cloudflare.embeddings"]),
    ("groq", "api.groq.com", CHAT, False, ["groq.chat", "generic.embeddings"]),
    ("ollama", "127.0.0.1", CHAT, True, ["ollama.chat", "ollama.embeddings"]),
    ("ollama", "10.0.0.7", CHAT, False, ["generic.chat", "generic.embeddings"]),
    ("vllm", "unix:/run/vllm.sock", CHAT, True, ["vllm.chat", "vllm.embeddings"]),
    ("", "127.0.0.1", CHAT, True, ["generic.chat", "generic.embeddings"]),
    ("", "llm.example", CHAT, False, ["generic.chat", "generic.embeddings"]),
    ("", "llm.example", ANTHROPIC, False, ["generic.messages", "generic.count_tokens"]),
    ("", "api.anthropic.com.evil.example", ANTHROPIC, False, ["generic.messages", "generic.count_tokens"]),
    ("", "evilapi.openai.com.example", CHAT, False, ["generic.chat", "generic.embeddings"]),
    ("nobody", "api.openai.com", CHAT, False, ["generic.chat", "generic.embeddings"]),
    ("../anthropic", "api.openai.com", CHAT, False, ["generic.chat", "generic.embeddings"]),
    ("", "llm.example", Dialect.GEMINI, False, ["generic.generate", "generic.generate_tokens"]),
    ("", "llm.example", Dialect.CONVERSE, False, []),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}@{way[1]}:{way[2]}")
def test_surfaces_of_an_upstream(way: tuple[str, str, Dialect, bool, list[str]]) -> None:
    provider, host, dialect, loopback, wanted = way
    assert found(provider, host, dialect, loopback=loopback) == wanted


def test_hosts_come_from_the_list_of_vendors() -> None:
    (surface, _) = register.surfaces_for("openai", "", CHAT, loopback=False)
    assert surface.hosts == ("api.openai.com", "*.api.openai.com")


def test_every_preset_is_in_the_register() -> None:
    assert PRESETS.keys() - set(register.providers()) == set()


OFFERS = [(row, offer) for row in PROVIDERS for offer in row.offers]


@pytest.mark.parametrize(("row", "offer"), OFFERS, ids=lambda value: getattr(value, "name", None) or value.base_url)
def test_what_is_offered_has_surfaces_of_its_own(row: Provider, offer: Offer) -> None:
    """All of it but what some compatible servers may have besides."""
    local = register.vendors()[row.name].local
    surfaces = register.surfaces_for(row.name, "", offer.dialect, loopback=local, envelope=offer.envelope)
    served = offer.envelope or PLAIN[offer.dialect]
    assert [surface.endpoint for surface in surfaces] == [served.surface(each) for each in served.endpoints()]
    asides = ("embeddings", "tokens")  # which may be asked in another dialect
    assert {surface.dialect for surface in surfaces if not surface.endpoint.endswith(asides)} == {offer.dialect}
    others = {surface.endpoint for surface in surfaces if surface.provider != row.name}
    assert others <= {"embeddings"}


def test_generic_is_no_name_for_an_upstream() -> None:
    assert "generic" not in register.providers()
    assert "anthropic" in register.providers()


def test_local_engines_alone_rest_on_their_flags() -> None:
    local = {name for name, vendor in register.vendors().items() if vendor.local}
    by_flags = {s.provider for s in register.all_surfaces() for e in s.evidence if e.kind is EvidenceKind.LOCAL_FLAGS}
    assert by_flags == local - {"lmstudio"}
    assert all(not register.vendors()[name].hosts for name in local)


def test_every_file_is_in_use() -> None:
    assert {f"{surface.id}.toml" for surface in register.all_surfaces()} == {
        path.name for path in FOLDER.glob("*.toml")
    }
    shared = {name for path in FOLDER.glob("*.toml") for name in tomllib.loads(path.read_text()).get("shares", [])}
    assert {path.stem for path in (FOLDER / "shared").glob("*.toml")} == shared | {"vendors"}


def test_every_file_is_packaged() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    globs = project["tool"]["setuptools"]["package-data"]["lethe"]
    packaged = {path for glob in globs for path in FOLDER.parents[1].glob(glob)}
    assert set(FOLDER.rglob("*.toml")) <= packaged


def test_no_other_provider_s_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = Path.read_text

    def watched(path: Path, *args: Any, **named: Any) -> str:
        read.append(path.name)
        return whole(path, *args, **named)

    for kept in (register._surface, register._rows, register._files, register.vendors):
        kept.cache_clear()
    monkeypatch.setattr(Path, "read_text", watched)
    found("openai", "", CHAT)
    assert set(read) == {
        "vendors.toml", "openai.chat.toml", "openai.embeddings.toml", "openai-chat.toml", "openai-embeddings.toml",
        "openai-prompt-cache.toml",
    }  # fmt: skip
    assert len(read) == len(set(read)), "read twice"


def test_a_file_that_is_called_wrongly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "acme.chat.toml").write_text((FOLDER / "groq.chat.toml").read_text())
    monkeypatch.setattr(register, "_FOLDER", tmp_path)
    monkeypatch.setattr(register, "vendors", lambda: {"acme": Vendor()})
    with pytest.raises(RegisterFault, match=r"acme\.chat\.toml: is not called after its id"):
        register._surface.__wrapped__("acme.chat.toml")


def test_every_surface_can_be_found() -> None:
    ways = [(row.name, offer.dialect, offer.envelope) for row, offer in OFFERS]
    ways += [(name, dialect, None) for name in register.vendors() for dialect in Dialect]
    found = {
        surface.id
        for name, dialect, envelope in ways
        for surface in register.surfaces_for(
            name, "", dialect, loopback=register.vendors()[name].local, envelope=envelope
        )
    }
    assert {surface.id for surface in register.all_surfaces()} - found == set()


def test_the_page_names_every_provider_and_every_word() -> None:
    page = (Path(__file__).parents[2] / "docs" / "register.md").read_text(encoding="utf-8")
    words = [*register.providers(), *Action, *EvidenceKind]
    assert [word for word in words if f"`{word}`" not in page] == []
