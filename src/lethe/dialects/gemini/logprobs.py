"""Probabilities of tokens (google-genai 3.6.1 types, LogprobsResult), and in OpenAI's shape, which is the model's."""

from collections.abc import Iterable
from typing import Any

from lethe.ir.content import JsonObject


def decode_logprobs(result: Any) -> tuple[JsonObject, ...]:
    """One object a token; none where the result is of another shape."""
    if not isinstance(result, dict):
        return ()
    chosen, top = _objects(result.get("chosenCandidates")), _objects(result.get("topCandidates"))
    tokens = [_decoded(each) for each in chosen]
    for token, others in zip(tokens, top, strict=False):
        token["top_logprobs"] = [_decoded(each) for each in _objects(others.get("candidates"))]
    return tuple(tokens)


def encode_logprobs(tokens: Iterable[JsonObject]) -> JsonObject:
    held = list(tokens)
    result: JsonObject = {"chosenCandidates": [_encoded(token) for token in held]}
    if any(token.get("top_logprobs") for token in held):
        others = [{"candidates": [_encoded(each) for each in _objects(token.get("top_logprobs"))]} for token in held]
        result["topCandidates"] = others
    return result


def _decoded(candidate: JsonObject) -> JsonObject:
    return {"token": candidate.get("token", ""), "logprob": candidate.get("logProbability", 0.0)}


def _encoded(token: JsonObject) -> JsonObject:
    return {"token": token.get("token"), "logProbability": token.get("logprob")}


def _objects(values: Any) -> list[JsonObject]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
