"""The register's data as a whole: nothing forgotten, nothing that the official types do not have, no empty promise."""

import sys
import typing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from anthropic._constants import ANTHROPIC_API_VERSION
from anthropic.types import anthropic_beta_param, message_count_tokens_params, message_create_params
from anthropic.types import beta as anthropic_beta
from anthropic.types.beta import message_count_tokens_params as beta_count
from anthropic.types.beta import message_create_params as beta_create
from openai.types import embedding_create_params
from openai.types import responses as openai_responses
from openai.types.chat import chat_completion_content_part_param as chat_part
from openai.types.chat import chat_completion_tool_union_param as chat_tool
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params, response_input_param

from lethe.config import register
from lethe.ir.content import Dialect
from lethe.providers.envelopes import BEDROCK_INVOKE, VERTEX_CLAUDE
from lethe.retention.globs import matches
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.paths import parse
from lethe.retention.surface import Action, EvidenceKind, Surface

SURFACES = {surface.id: surface for surface in register.all_surfaces()}
ON = {dialect: [s for s in SURFACES.values() if s.dialect is dialect] for dialect in Dialect}
REVIEW = timedelta(days=90)
PROBES = {
    "xai.response_header", "bedrock.data_retention", "bedrock.invocation_logging", "openai.data_retention",
    "azure.content_logging", "vertex.cache_config", "cloudflare.gateway", "openrouter.zdr_endpoints",
    "llamacpp.flags", "vllm.flags", "ollama.flags",
}  # fmt: skip
STRICTNESS = {
    Action.ALLOW: 0,
    Action.PSEUDONYM: 1,
    Action.STRIP: 2,
    Action.REPLACE: 2,
    Action.FORCE: 2,
    Action.SALT: 2,
    Action.REFUSE: 3,
}
HEADER_PARAMS = {"betas", "user_profile_id", "workspace_id"}  # of the SDK's methods; they travel as headers


EVERY = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)


def test_every_provider_that_was_asked_for_is_there() -> None:
    wanted = {
        "anthropic.messages", "anthropic.count_tokens", "openai.chat", "openai.responses", "openai.embeddings",
        "azure.chat", "azure.responses", "bedrock.converse", "bedrock.invoke", "bedrock.chat", "bedrock.messages",
        "vertex.generate", "vertex.messages", "gemini.generate", "openrouter.chat", "cloudflare.chat", "vercel.chat",
        "xai.chat", "groq.chat", "together.chat", "fireworks.chat", "mistral.chat", "deepseek.chat", "cohere.chat",
        "cerebras.chat", "llamacpp.chat", "vllm.chat", "ollama.chat", "embedded.chat", "generic.chat",
        "generic.messages", "generic.embeddings", "generic.count_tokens",
    }  # fmt: skip
    assert wanted - SURFACES.keys() == set()


@EVERY
def test_sources_and_reviews(surface: Surface) -> None:
    assert surface.expires - surface.reviewed == REVIEW
    assert surface.reviewed <= datetime.now(UTC).date()
    assert max(source.read for source in surface.sources) >= surface.reviewed, "reviewed, but nothing was read"
    assert all(source.url.startswith("https://") for source in surface.sources)


@EVERY
def test_evidence_is_better_than_the_default_and_can_be_had(surface: Surface) -> None:
    for row in surface.evidence:
        assert row.upstream_class < surface.upstream_class or row.kind in (
            EvidenceKind.PUBLISHED,
            EvidenceKind.LOCAL_FLAGS,
        )
        assert {row.probe, *row.also} - {""} <= PROBES
    assert {probe for row in surface.evidence for probe in (row.probe, *row.also)} - {""} <= PROBES


def test_every_probe_proves_something() -> None:
    used = {probe for s in SURFACES.values() for row in s.evidence for probe in (row.probe, *row.also)}
    assert PROBES - used == set()


@EVERY
def test_a_stricter_level_is_never_looser(surface: Surface) -> None:
    for rule in surface.fields:
        steps = [STRICTNESS[rule.actions[level]] for level in Level]
        assert list(rule.actions) == list(Level)
        assert steps == sorted(steps, reverse=True), rule.path


@EVERY
def test_who_is_refused_is_told_why_and_what_to_do(surface: Surface) -> None:
    for rule in surface.fields:
        assert rule.because.strip(), rule.path
        assert rule.instead.strip() or Action.REFUSE not in rule.actions.values(), rule.path
        assert not any(text.endswith(".") or text != text.strip() for text in (rule.because, rule.instead))


@pytest.mark.parametrize(
    "surface", [*ON[Dialect.ANTHROPIC], SURFACES["bedrock.converse"], SURFACES["bedrock.invoke"]], ids=lambda s: s.id
)
def test_covered_models_are_kept_everywhere(surface: Surface) -> None:
    spellings = [
        "claude-fable-5", "claude-fable-5-1", "claude-mythos-5-2", "claude-mythos-preview",
        "anthropic.claude-fable-5-v1:0", "us.anthropic.claude-mythos-5-1-v1:0", "global.anthropic.claude-fable-5-v1",
        "claude-fable-5-1@20260609", "anthropic/claude-fable-5.1", "anthropic/claude-mythos-5:beta",
    ]  # fmt: skip
    capped = [rule for rule in surface.models if rule.upstream_class >= UpstreamClass.U6]
    assert [name for name in spellings if not any(matches(rule.models, name) for rule in capped)] == []
    assert not any(matches(rule.models, "claude-opus-5-5") for rule in surface.models)


@pytest.mark.parametrize("surface", ON[Dialect.ANTHROPIC], ids=lambda s: s.id)
def test_threads_are_refused_at_every_level(surface: Surface) -> None:
    rule = next(rule for rule in surface.fields if rule.path == "thread")
    assert set(rule.actions.values()) == {Action.REFUSE}


FORCED = ("openai.chat", "azure.chat", "xai.chat", "openrouter.chat", "bedrock.chat", "cloudflare.chat", "vercel.chat")
CHATS = [s for s in ON[Dialect.OPENAI_CHAT] if s.endpoint == "chat"]


@pytest.mark.parametrize("surface", [*CHATS, *ON[Dialect.OPENAI_RESPONSES]], ids=lambda s: s.id)
def test_nothing_is_stored_where_something_can_be(surface: Surface) -> None:
    rule = next(rule for rule in surface.fields if rule.path == "store")
    if surface.id in FORCED or surface.dialect is Dialect.OPENAI_RESPONSES:
        assert (set(rule.actions.values()), rule.value) == ({Action.FORCE}, False)
    elif surface.provider == "mistral":
        assert set(rule.actions.values()) == {Action.STRIP}
    else:
        assert (set(rule.actions.values()), rule.value) == ({Action.REPLACE}, False)


def test_headers_are_cloudflare_s_four() -> None:
    sent = {s.id: {h.name: h.value for h in s.headers} for s in SURFACES.values() if s.headers}
    assert set(sent) == {name for name in SURFACES if name.startswith("cloudflare.")}
    for headers in sent.values():
        assert headers == {
            "cf-aig-collect-log": "false",
            "cf-aig-collect-log-payload": "false",
            "cf-aig-skip-cache": "true",
            "cf-aig-zdr": "true",
        }
    assert all(h.levels == tuple(Level) for s in SURFACES.values() for h in s.headers)


def fields_of(*kinds: Any) -> set[str]:
    return {name for kind in kinds for name in typing.get_type_hints(kind)}


def literals(kind: Any) -> Iterator[str]:
    """The texts of a Literal, however deep in unions."""
    if typing.get_origin(kind) is typing.Literal:
        yield from (text for text in typing.get_args(kind) if isinstance(text, str))
    else:
        for inner in typing.get_args(kind):
            yield from literals(inner)


def types_in(union: Any) -> set[str]:
    """The values of `type` of every TypedDict in a union."""
    found: set[str] = set()
    for member in typing.get_args(union):
        if hasattr(member, "__total__"):  # a TypedDict, of whichever module made it
            names = {**vars(typing), **vars(sys.modules[member.__module__])}
            found |= set(literals(typing.get_type_hints(member, names).get("type")))
        elif not isinstance(member, type):
            found |= types_in(member)
    return found


def types_held(kind: Any, seen: set[Any]) -> set[str]:
    """Those of every TypedDict in it, and in the content and sources of each."""
    found: set[str] = set()
    if hasattr(kind, "__total__") and kind not in seen:
        seen.add(kind)
        hints = typing.get_type_hints(kind, {**vars(typing), **vars(sys.modules[kind.__module__])})
        found |= set(literals(hints.get("type")))
        for name in ("content", "source"):
            found |= types_held(hints.get(name), seen)
    for inner in typing.get_args(kind):
        found |= types_held(inner, seen)
    return found


def ruled_values(surface: Surface, *paths: str) -> tuple[str, ...]:
    return tuple(value for rule in surface.fields if rule.path in paths for value in rule.values)


def top_names(surface: Surface) -> set[str]:
    return {parse(rule.path)[0] for rule in surface.fields}


# Left out of the newest types, and what Claude Code sends besides; clients send them.
ANTHROPIC_OLD = {"temperature", "top_k", "top_p", "output_format", "safeguards"}
CHAT_PARAMS = completion_create_params
DRIFT: dict[str, tuple[set[str], set[str]]] = {
    "anthropic.messages": (
        fields_of(
            message_create_params.MessageCreateParamsBase,
            beta_create.MessageCreateParamsBase,
            message_create_params.MessageCreateParamsStreaming,
        )
        - HEADER_PARAMS,
        ANTHROPIC_OLD,
    ),
    "anthropic.count_tokens": (
        fields_of(message_count_tokens_params.MessageCountTokensParams, beta_count.MessageCountTokensParams) - HEADER_PARAMS,
        set(),
    ),
    "openai.chat": (fields_of(CHAT_PARAMS.CompletionCreateParamsBase, CHAT_PARAMS.CompletionCreateParamsStreaming), set()),
    "openai.responses": (
        fields_of(
            response_create_params.ResponseCreateParamsBase, response_create_params.ResponseCreateParamsStreaming
        ),
        set(),
    ),
    "openai.embeddings": (fields_of(embedding_create_params.EmbeddingCreateParams), set()),
}  # fmt: skip


@pytest.mark.parametrize("surface_id", DRIFT)
def test_fields_are_those_of_the_official_types(surface_id: str) -> None:
    official, older = DRIFT[surface_id]
    surface = SURFACES[surface_id]
    known = set(surface.known.fields)
    assert official - known - top_names(surface) == set(), "neither known nor ruled"
    assert known - official - older == set(), "known, and not in the API's types"


TOOLS: dict[str, tuple[Any, set[str]]] = {
    "anthropic.messages": (types_in(anthropic_beta.BetaToolUnionParam), set()),
    "openai.chat": (types_in(chat_tool.ChatCompletionToolUnionParam), set()),
    "openai.responses": (types_in(openai_responses.ToolParam), {"skills"}),
}
BLOCKS = types_held(anthropic_beta.BetaContentBlockParam, set())
PARTS: dict[str, tuple[Any, set[str]]] = {
    "anthropic.messages": (BLOCKS, set()),
    "openai.chat": (types_in(chat_part.ChatCompletionContentPartParam) | {"refusal"}, set()),
    "openai.responses": (
        types_in(response_input_param.ResponseInputItemParam)
        | types_in(openai_responses.ResponseInputContentParam)
        | {"output_text", "refusal", "reasoning_text", "summary_text", "text", "computer_screenshot"},
        set(),
    ),
}


@pytest.mark.parametrize("surface_id", TOOLS)
def test_tools_are_those_of_the_official_types(surface_id: str) -> None:
    official, other = TOOLS[surface_id]
    surface = SURFACES[surface_id]
    ruled = ruled_values(surface, "tools[].type")
    assert {t for t in official if t not in surface.known.tools and not matches(ruled, t)} == set()
    assert set(surface.known.tools) - official - other == set()
    assert [tool for tool in surface.known.tools if matches(ruled, tool)] == [], "known, and ruled besides"


@pytest.mark.parametrize("surface_id", PARTS)
def test_parts_are_those_of_the_official_types(surface_id: str) -> None:
    official, _ = PARTS[surface_id]
    surface = SURFACES[surface_id]
    ruled = ruled_values(surface, "input[].type", "messages[].content[].type", "messages[].content[].source.type")
    assert {part for part in official if part not in surface.known.parts and not matches(ruled, part)} == set()
    assert set(surface.known.parts) - official == set()


def test_versions_are_those_of_the_official_sdk_and_of_what_is_sent() -> None:
    """What a preset puts into a body is no caller's, and a caller may say the same."""
    sent = {made["anthropic_version"] for made in (BEDROCK_INVOKE.added, VERTEX_CLAUDE.added)}
    for surface in ON[Dialect.ANTHROPIC]:
        assert {ANTHROPIC_API_VERSION, "2023-06-01"} <= set(surface.known.versions)
    assert sent <= {version for surface in ON[Dialect.ANTHROPIC] for version in surface.known.versions}


def test_beta_tokens_are_those_of_the_official_type_and_of_claude_code() -> None:
    official = set(literals(anthropic_beta_param.AnthropicBetaParam))
    claude_code = {
        "claude-code-20250219", "prompt-caching-scope-2026-01-05", "mid-conversation-system-2026-04-07",
        "effort-2025-11-24", "fine-grained-tool-streaming-2025-05-14", "oauth-2025-04-20",
        "advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19", "structured-outputs-2025-12-15",
        "redact-thinking-2026-02-12", "web-search-2025-03-05", "code-execution-2025-08-25", "per-turn-control-2026-07-01",
        "timing-2026-09-09", "dangerous-tool-use-2026-09-03", "afk-mode-2026-01-31", "prompt-caching-evict-2026-05-12",
    }  # fmt: skip
    assert len(official) > 40
    for surface in ON[Dialect.ANTHROPIC]:
        assert set(surface.known.betas) == official | claude_code


def test_no_token_is_both_known_and_left_out() -> None:
    for surface in ON[Dialect.ANTHROPIC]:
        ruled = {row.beta for row in surface.fields if row.beta} | set(surface.known.betas)
        assert {rule.token for rule in surface.betas} & ruled == set()
        assert len({rule.token for rule in surface.betas}) == len(surface.betas) > 0
