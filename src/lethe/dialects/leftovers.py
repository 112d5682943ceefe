"""Fields that nobody modelled: merged back into their own dialect, a loss in any other."""

from collections.abc import Iterator, Mapping
from typing import Any

from lethe.dialects.vocabulary import UNWEIGHED
from lethe.errors import MalformedReply
from lethe.ir.content import Dialect, Extras, JsonObject
from lethe.ir.loss import Loss, Losses, Severity
from lethe.wire import lenient

MAX_KEPT = 1024 * 1024

# A leftover counts as dropped unless it stands here: knobs whose absence changes cost or speed, not meaning.
# None: the model says the same thing elsewhere, so nothing is lost.
SEVERITIES: dict[Dialect, dict[str, Severity | None]] = {
    Dialect.ANTHROPIC: {
        "service_tier": Severity.HINT,
        "speed": Severity.HINT,
        "context_management": Severity.HINT,  # trims old tool results and thinking; the conversation stands as sent
        "compaction": Severity.HINT,  # when to summarise; likewise
        "cache_control": Severity.HINT,
        "metadata": Severity.HINT,  # accounting; the model never sees it
        "diagnostics": Severity.HINT,
        "billing_policy": Severity.HINT,
        "fallbacks": Severity.HINT,  # which other models may answer; routes say that here
        "fallback_credit_token": Severity.HINT,
        "user_profile_id": Severity.HINT,
        "workspace_id": Severity.HINT,
        "anthropic_beta": Severity.HINT,  # Bedrock and Vertex carry these headers in the body
        "anthropic_version": Severity.HINT,
        "betas": Severity.HINT,
        "display": Severity.HINT,  # of thinking: how much of it the caller is shown
        "block_binding": Severity.HINT,
        "task_budget": Severity.HINT,
        "type": Severity.HINT,  # of thinking: a way to think that we do not know
        "defer_loading": Severity.HINT,  # the tool is there from the start: more tokens, same tools
        "eager_input_streaming": Severity.HINT,
        "input_examples": Severity.DEGRADED,  # the schema is carried, its illustrations are not
        "allowed_callers": Severity.DEGRADED,  # a tool meant for code only may be called directly
        "tool_reference": Severity.DEGRADED,  # told in words
        "caller": Severity.HINT,
        "toolset_name": Severity.HINT,
        "citations": Severity.DEGRADED,  # the document is carried, the wish to have it cited is not
        "transformations": Severity.HINT,  # how an image is scaled
        # `inference_geo` is not here: where an answer may be computed is not for us to overlook
        # in answers
        "usage": Severity.HINT,  # counters without a counterpart
        "input_transformations": Severity.HINT,
        "container": Severity.DEGRADED,  # in a request: the tools that work in it are losses of their own
        "stop_details": Severity.DEGRADED,
        "stop_reason": Severity.DEGRADED,
    },
    Dialect.OPENAI_CHAT: {
        "service_tier": Severity.HINT,
        "prompt_cache_key": Severity.HINT,
        "prompt_cache_options": Severity.HINT,
        "prompt_cache_retention": Severity.HINT,
        "prompt_cache_breakpoint": Severity.HINT,  # decoded into a cache hint too; its exact lifetime is not
        "cache_control": Severity.HINT,  # OpenRouter's spelling of the same
        "safety_identifier": Severity.HINT,  # for the provider's abuse desk; the model never sees it
        "metadata": Severity.HINT,  # labels for a dashboard of stored completions
        "store": Severity.HINT,  # a translated request is never stored
        "verbosity": Severity.HINT,
        "include_obfuscation": Severity.HINT,
        "prediction": Severity.HINT,  # speeds the answer up, does not change it
        "detail": Severity.HINT,  # how finely an image is read
        "top_k": Severity.HINT,  # not OpenAI's; vLLM and llama.cpp take it
        "min_p": Severity.HINT,
        "repetition_penalty": Severity.HINT,
        "system_fingerprint": Severity.HINT,
        "logit_bias": Severity.DEGRADED,  # may ban or force tokens, but by one tokenizer's numbers
        "reasoning": Severity.HINT,  # OpenRouter: an effort in a request, a copy of reasoning_details in a message
        "custom": Severity.DEGRADED,  # of a custom tool: the grammar that its text obeys
        "name": Severity.DEGRADED,  # what a speaker said is carried, the label of who spoke is not
        "annotations": Severity.DEGRADED,  # where the answer's facts come from; the answer itself is carried
        "format": Severity.HINT,  # provenance of a reasoning detail; the signature names its issuer itself
        "index": Severity.HINT,
        "id": Severity.HINT,
        "role": None,  # developer or system: both are system to others
        "type": None,  # which of two spellings a node had
        "max_tokens": None,  # the older name of max_completion_tokens
        "reasoning_content": None,  # a second copy of reasoning_details
        "field": None,  # which name the reasoning text had
        "object": None,
        "created": None,
        # in answers: how a server came to them, not what they say
        "timings": Severity.HINT,
        "provider": Severity.HINT,
        "native_finish_reason": Severity.HINT,
        "stop_reason": Severity.HINT,
        "token_ids": Severity.HINT,
        "prompt_token_ids": Severity.HINT,
        "prompt_filter_results": Severity.HINT,
        "content_filter_results": Severity.HINT,
        "content_filter_offsets": Severity.HINT,
        "moderation": Severity.HINT,
        "x_groq": Severity.HINT,
    },
    Dialect.OPENAI_RESPONSES: {
        "service_tier": Severity.HINT,
        "prompt_cache_key": Severity.HINT,
        "prompt_cache_options": Severity.HINT,
        "prompt_cache_retention": Severity.HINT,
        "prompt_cache_breakpoint": Severity.HINT,
        "safety_identifier": Severity.HINT,
        "metadata": Severity.HINT,
        "client_metadata": Severity.HINT,  # which installation and session asks; the model never sees it
        "store": Severity.HINT,
        "include": Severity.HINT,  # more to read in the answer
        "truncation": Severity.HINT,  # the conversation stands as sent
        "context_management": Severity.HINT,
        "stream_options": Severity.HINT,
        "verbosity": Severity.HINT,
        "summary": Severity.HINT,  # of reasoning: a wish for one; or one that is carried as text
        "generate_summary": Severity.HINT,
        "content": Severity.HINT,  # of reasoning, beside its summary
        "moderation": Severity.HINT,
        "image": Severity.HINT,
        "detail": Severity.HINT,
        "caller": Severity.HINT,
        "defer_loading": Severity.HINT,
        "annotations": Severity.DEGRADED,
        "format": Severity.DEGRADED,  # the grammar that a custom tool's text obeys
        "namespace": None,  # stands before the tool's own name
        "about_namespace": Severity.DEGRADED,  # what a group of tools says of itself
        "allowed_callers": Severity.DEGRADED,
        "output_schema": Severity.DEGRADED,
        "max_tool_calls": Severity.DEGRADED,
        "id": None,  # of an item: nothing is stored under it
        "status": None,
        "phase": None,
        "role": None,
        "type": None,
        "created_at": None,
    },
    Dialect.GEMINI: {
        "labels": Severity.HINT,  # for billing; the model never sees it
        "serviceTier": Severity.HINT,
        "store": Severity.HINT,  # a translated request is never stored
        "safetySettings": Severity.DEGRADED,  # others filter by rules of their own
        "mediaResolution": Severity.HINT,
        "responseModalities": Severity.DEGRADED,
        "enableEnhancedCivicAnswers": Severity.HINT,
        "audioTimestamp": Severity.HINT,
        "includeThoughts": None,  # thoughts are shown wherever they can be
        "thinkingBudget": None,  # the model says the same in `reasoning`
        "thinkingLevel": None,
        "parameters": None,  # carried as JSON Schema; so is `responseSchema`
        "responseSchema": None,
        "response": Severity.HINT,  # of a declaration: what it returns; of a result, carried as text
        "responseJsonSchema": Severity.HINT,
        "behavior": Severity.HINT,
        "mode": Severity.HINT,  # calls that obey their schemas
        "allowedFunctionNames": Severity.DEGRADED,
        "streamFunctionCallArguments": Severity.HINT,
        "retrievalConfig": Severity.HINT,  # of tools that are losses of their own
        "includeServerSideToolInvocations": Severity.HINT,
        "id": None,  # of a result: its call is known by another
        "name": None,
        "mimeType": None,  # which kind of text a document is
        "partMetadata": Severity.HINT,
        "videoMetadata": Severity.DEGRADED,
        "mediaProcessing": Severity.HINT,
        "willContinue": Severity.HINT,
        "scheduling": Severity.HINT,
        # in answers
        "usageMetadata": Severity.HINT,  # counters by kind of input
        "safetyRatings": Severity.HINT,
        "avgLogprobs": Severity.HINT,
        "tokenCount": Severity.HINT,
        "createTime": Severity.HINT,
        "modelStatus": Severity.HINT,
        "citationMetadata": Severity.DEGRADED,
        "groundingMetadata": Severity.DEGRADED,
        "urlContextMetadata": Severity.DEGRADED,
        "finishMessage": Severity.DEGRADED,
        "promptFeedback": Severity.DEGRADED,  # that the question was refused is carried
    },
    Dialect.CONVERSE: {  # all of them in answers
        "metrics": None,  # how long it took
        "performanceConfig": Severity.HINT,
        "serviceTier": Severity.HINT,
        "cacheDetails": Severity.HINT,
        "trace": Severity.HINT,  # of guardrails and prompt routers
        "additionalModelResponseFields": Severity.HINT,
    },
}

# What happens anyway: a leftover that asks for no more than this is no loss.
DEFAULTS: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: {},
    Dialect.OPENAI_CHAT: {
        "n": 1,
        "modalities": ["text"],
        "response_format": {"type": "text"},
        "store": False,
        "custom": {"format": {"type": "text"}},
    },
    Dialect.OPENAI_RESPONSES: {
        "background": False,
        "format": {"type": "text"},
        "store": False,
        "truncation": "disabled",
        "include": ["reasoning.encrypted_content"],  # sealed reasoning is carried anyway
    },
    Dialect.GEMINI: {"candidateCount": 1, "responseModalities": ["TEXT"], "store": False},
    Dialect.CONVERSE: {},
}

# Objects that decoders read into: what is left of them is reported field by field.
PARTLY_READ: dict[Dialect, frozenset[str]] = {
    Dialect.ANTHROPIC: frozenset({"output_config", "format", "source"}),
    Dialect.OPENAI_CHAT: frozenset(
        {"image_url", "input_audio", "file", "function", "json_schema", "stream_options", "message", "logprobs"}
    ),
    Dialect.OPENAI_RESPONSES: frozenset({"text", "message"}),
    Dialect.GEMINI: frozenset(
        {
            "generationConfig",
            "toolConfig",
            "systemInstruction",
            "functionCall",
            "functionResponse",
            "inlineData",
            "fileData",
        }
    ),
    Dialect.CONVERSE: frozenset(),
}


_WORDS = UNWEIGHED.union(*SEVERITIES.values(), *DEFAULTS.values(), *PARTLY_READ.values())


def merged(encoded: JsonObject, extras: Extras | None, ours: Dialect, path: str, losses: Losses) -> JsonObject:
    """`encoded` with its own dialect's leftovers, at any depth; those of another dialect are reported at `path`."""
    if extras is None:
        return encoded
    if extras.dialect is ours:
        return _overlaid(encoded, extras.fields)
    losses.extend(_lost(extras.dialect, extras.fields, path))
    return encoded


def _overlaid(encoded: JsonObject, fields: JsonObject) -> JsonObject:
    result = dict(encoded)
    for name, value in fields.items():
        inner = result.get(name)
        result[name] = _overlaid(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def _lost(dialect: Dialect, fields: Mapping[str, Any], path: str) -> Iterator[Loss]:
    severities, defaults = SEVERITIES.get(dialect, {}), DEFAULTS.get(dialect, {})
    for name, value in fields.items():
        # null and empty ask for nothing
        if value in (None, [], {}) or (name in defaults and defaults[name] == value):
            continue
        if isinstance(value, dict) and name in PARTLY_READ.get(dialect, ()):
            yield from _lost(dialect, value, f"{path}.{name}")
        elif (severity := severities.get(name, Severity.DROPPED)) is not None:
            yield Loss(f"{path}.{shown(name)}", "field without a counterpart", severity)


def kept(left: JsonObject) -> JsonObject:
    """What a stream has left over so far, to be told at its end. Raises MalformedReply where that is too much."""
    try:
        fits = len(lenient.encode(left)) <= MAX_KEPT
    except lenient.Unwritable:  # nested too deeply
        fits = False
    if not fits:
        raise MalformedReply("the upstream's stream says too much beside its answer")
    return left


def shown(name: str) -> str:
    """A field's name as a path may show it: one that no API knows is its writer's own text, not to be repeated."""
    return name if name in _WORDS else "*"
