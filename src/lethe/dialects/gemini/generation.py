"""The generation config: sampling, and the shape of the answer (google-genai 3.6.1 types, GenerationConfig)."""

from typing import Any

from lethe.dialects.gemini.overlay import marked, own
from lethe.dialects.gemini.schema import from_subset, unheeded
from lethe.dialects.overlay import present
from lethe.ir.content import JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import OutputFormat, Sampling
from lethe.wire.fields import Fields

MAX_STOPS = 5  # API reference of `stopSequences`
JSON, PLAIN = "application/json", "text/plain"
MIME, SCHEMA, SUBSET = "responseMimeType", "responseJsonSchema", "responseSchema"
# The model's fields by the API's; those that need more than another name are read apart.
FIELDS: dict[str, str] = {
    "maxOutputTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "seed": "seed",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("maxOutputTokens", "seed", "logprobs"), int),
    **dict.fromkeys(("temperature", "topP", "topK", "frequencyPenalty", "presencePenalty"), float),
    "responseLogprobs": bool,
}


def decode_sampling(f: Fields) -> Sampling:
    taken = {ours: f.take(name, _KINDS[name]) for name, ours in FIELDS.items()}
    if (top_k := taken["top_k"]) is not None:
        taken["top_k"] = int(top_k)  # a float in the SDK's types, an integer to everybody else
    return Sampling(**taken, stop=tuple(f.take("stopSequences", list[str], [])))


def encode_sampling(sampling: Sampling, losses: Losses) -> JsonObject:
    made = present(**{name: getattr(sampling, ours) for name, ours in FIELDS.items()})
    if sampling.top_logprobs is not None:
        made["responseLogprobs"] = True
    if sampling.stop:
        made["stopSequences"] = list(sampling.stop[:MAX_STOPS])
    if len(sampling.stop) > MAX_STOPS:
        losses.degraded("$.sampling.stop", "more than five stop sequences")
    return made


def decode_output(f: Fields) -> OutputFormat | None:
    """JSON, by a schema or by none; any other type of answer is left over."""
    mime = f.peek(MIME)
    if mime == PLAIN:
        f.raw(MIME)
        return None
    if mime != JSON:
        return None
    f.raw(MIME)
    schema, subset = f.take(SCHEMA, dict), f.raw(SUBSET)
    found = schema if schema is not None else from_subset(subset, f"{f.path}.{SUBSET}")
    if not isinstance(found, dict):
        return OutputFormat(kind="json_object")
    return OutputFormat(kind="json_schema", schema=found, extras=marked(None, responseSchema=subset))


def encode_output(output: OutputFormat | None, losses: Losses) -> JsonObject:
    if output is None:
        return {}
    if output.kind == "json_object" or output.schema is None:
        return {MIME: JSON}
    if (subset := own(output.extras).get(SUBSET)) is not None:
        return {MIME: JSON, SUBSET: subset}
    path, schema = "$.output", output.schema
    if output.description is not None and "description" not in schema:
        schema = {"description": output.description, **schema}
    elif output.description is not None:
        losses.degraded(f"{path}.description", "description of the answer's schema")
    if output.name is not None:
        losses.hint(f"{path}.name", "name of the answer's schema")
    if output.strict is False:
        losses.hint(f"{path}.strict", "schema as advice: it binds here")
    if unheeded(schema):
        losses.hint(f"{path}.schema", "schema keywords that do not bind")
    return {MIME: JSON, SCHEMA: schema}
