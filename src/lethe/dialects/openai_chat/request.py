"""Chat Completions requests (openai 3.57.0 types, CompletionCreateParams)."""

from typing import Any, assert_never

from lethe.dialects.openai import DEFAULT_SCHEMA_NAME, NO_REASONING, effort_of
from lethe.dialects.openai_chat.messages import decode_messages, encode_system, encode_turn
from lethe.dialects.openai_chat.overlay import leftovers, overlaid, own, present, without
from lethe.dialects.openai_chat.tools import decode_choice, decode_tool, encode_tools
from lethe.errors import InvalidRequest
from lethe.ir.content import JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import OutputFormat, Reasoning, Request, Sampling
from lethe.wire.fields import Fields

MAX_STOPS = 4  # "Up to 4 sequences", API reference of `stop`
MAX_USER = 64  # characters; OpenAI answers a longer `user` with 400


def decode_request(body: JsonObject) -> Request:
    """Raises InvalidRequest."""
    f = Fields(body)
    model = f.require("model", str)
    if f.peek("messages") is None:
        raise InvalidRequest("$.messages", "is required")
    system, turns = decode_messages(f.items("messages"))
    tools = tuple(decode_tool(t) for t in f.items("tools"))
    choice = decode_choice(f.peek("tool_choice"))
    if choice is not None:
        f.raw("tool_choice")
    output = _decode_output(f)
    options = f.child("stream_options")
    include_usage = options.take("include_usage", bool, False) if options else False  # noqa: FBT003 - the default
    return Request(
        model=model,
        system=system,
        turns=turns,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=f.take("parallel_tool_calls", bool),
        sampling=_decode_sampling(f),
        reasoning=_decode_reasoning(f),
        output=output,
        end_user=f.take("user", str),
        stream=f.take("stream", bool, False),  # noqa: FBT003 - the default
        include_usage=include_usage,
        extras=leftovers(f, stream_options=options),
    )


def encode_request(request: Request, losses: Losses) -> JsonObject:
    """A body for an upstream: it stores nothing, and a stream always reports its usage."""
    turns = [m for i, t in enumerate(request.turns) for m in encode_turn(t, f"$.turns[{i}]", losses)]
    body: JsonObject = {
        "model": request.model,
        "messages": [*encode_system(request.system, losses), *turns],
        **encode_tools(request, losses),
        **_encode_sampling(request, losses),
        **present(
            reasoning_effort=_encode_effort(request.reasoning, losses),
            response_format=_encode_output(request.output, losses),
            user=_encode_user(request.end_user, losses),
            stream=request.stream or None,
            stream_options={"include_usage": True} if request.stream else None,
        ),
    }
    if request.begun:
        losses.degraded(f"$.turns[{len(request.turns) - 1}]", "beginning of the answer")
    if own(request.extras).get("store"):
        losses.hint("$.store", "stored completion")
    drop = ("store",) if request.stream else ("store", "stream_options")
    return {**overlaid(body, without(request.extras, *drop), "$", losses), "store": False}


def _decode_sampling(f: Fields) -> Sampling:
    longest = f.take("max_completion_tokens", int)
    if longest is None and f.peek("max_tokens") is not None:
        # the older name, which old servers know and new models refuse: it also stays among the leftovers
        longest = Fields({"max_tokens": f.peek("max_tokens")}, f.path).take("max_tokens", int)
    return Sampling(
        max_tokens=longest,
        temperature=f.take("temperature", float),
        top_p=f.take("top_p", float),
        seed=f.take("seed", int),
        frequency_penalty=f.take("frequency_penalty", float),
        presence_penalty=f.take("presence_penalty", float),
        stop=_decode_stop(f),
        logprobs=f.take("logprobs", bool),
        top_logprobs=f.take("top_logprobs", int),
    )


def _decode_stop(f: Fields) -> tuple[str, ...]:
    stop = f.peek("stop")
    if isinstance(stop, str):
        f.raw("stop")
        return (stop,)
    return tuple(f.take("stop", list[str], []))


def _encode_sampling(request: Request, losses: Losses) -> JsonObject:
    s, path = request.sampling, "$.sampling"
    if s.top_k is not None:
        losses.hint(f"{path}.top_k", "top_k")
    if len(s.stop) > MAX_STOPS:
        losses.degraded(f"{path}.stop", "more than four stop sequences")
    older = own(request.extras).get("max_tokens")
    return present(
        max_completion_tokens=None if older == s.max_tokens else s.max_tokens,
        temperature=s.temperature,
        top_p=s.top_p,
        seed=s.seed,
        frequency_penalty=s.frequency_penalty,
        presence_penalty=s.presence_penalty,
        stop=list(s.stop[:MAX_STOPS]),
        logprobs=s.logprobs,
        top_logprobs=s.top_logprobs,
    )


def _decode_reasoning(f: Fields) -> Reasoning | None:
    effort = f.take("reasoning_effort", str)
    return None if effort is None else Reasoning(enabled=effort != NO_REASONING, effort=effort)


def _encode_effort(reasoning: Reasoning | None, losses: Losses) -> str | None:
    if reasoning is None:
        return None
    path = "$.reasoning"
    overlaid({}, reasoning.extras, path, losses)
    match reasoning:
        case Reasoning(enabled=False, effort=effort) if effort != NO_REASONING:
            # most Chat servers refuse the word "none"
            losses.hint(path, "thinking disabled")
            return None
        case Reasoning(effort=str(effort)):
            if reasoning.budget_tokens is not None:
                losses.hint(f"{path}.budget_tokens", "thinking budget beside an effort")
            return effort
        case Reasoning(budget_tokens=int(budget)):
            losses.hint(f"{path}.budget_tokens", "thinking budget as effort")
            return effort_of(budget)
        case _:
            losses.hint(path, "thinking as the model likes")
            return None


def _decode_output(f: Fields) -> OutputFormat | None:
    """Plain text, and kinds of servers we do not know, stay among the leftovers."""
    match f.peek("response_format"):
        case {"type": "json_object"}:
            form = Fields(f.raw("response_format"), "$.response_format")
            form.raw("type")
            return OutputFormat(kind="json_object", extras=leftovers(form))
        case {"type": "json_schema"}:
            form = Fields(f.raw("response_format"), "$.response_format")
            form.raw("type")
            schema = Fields(form.raw("json_schema"), "$.response_format.json_schema")
            return OutputFormat(
                kind="json_schema",
                name=schema.take("name", str),
                description=schema.take("description", str),
                schema=schema.take("schema", dict[str, Any]),
                strict=schema.take("strict", bool),
                extras=leftovers(form, json_schema=schema),
            )
        case None | dict():
            return None
        case _:
            raise InvalidRequest("$.response_format", "expected an object")


def _encode_output(output: OutputFormat | None, losses: Losses) -> JsonObject | None:
    if output is None:
        return None
    encoded: JsonObject = {"type": output.kind}
    match output.kind:
        case "json_object":
            pass
        case "json_schema":
            encoded["json_schema"] = {
                "name": output.name or DEFAULT_SCHEMA_NAME,
                **present(description=output.description, schema=output.schema, strict=output.strict),
            }
        case _:
            assert_never(output.kind)
    return overlaid(encoded, output.extras, "$.output", losses)


def _encode_user(end_user: str | None, losses: Losses) -> str | None:
    if end_user is not None and len(end_user) > MAX_USER:
        losses.hint("$.end_user", "end-user id of more than 64 characters")
        return None
    return end_user
