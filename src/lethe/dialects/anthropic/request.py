"""Messages requests (anthropic 2.13.0 types, MessageCreateParams; API version 2026-10-21)."""

from lethe.dialects.anthropic.blocks import OURS, decode_block, decode_blocks, decode_content, encode_block, is_blank
from lethe.dialects.anthropic.effort import decode_effort, encode_effort, thinks
from lethe.dialects.anthropic.tools import decode_choice, decode_tool, encode_tools
from lethe.dialects.leftovers import merged
from lethe.errors import InvalidRequest
from lethe.ir.content import ContentBlock, JsonObject, Refusal, Signature, Text, Thinking, ToolResult
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Role, Sampling, Turn
from lethe.wire.fields import Fields

# The API requires a limit, other dialects do without. This is the lowest output limit among the models of the Claude 4
# family and later (Opus 4 and 4.1), so none refuses it; the caller can always ask for more.
DEFAULT_MAX_TOKENS = 32_000
ANSWER_ROOM = 8_192  # beside a thinking budget, which counts towards the limit
MAX_TEMPERATURE = 1.0
_STRINGS = list[str]  # made once: it is a new object each time
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def decode_request(body: JsonObject) -> Request:
    """Raises InvalidRequest. A string content becomes one Text block; null fields count as absent."""
    f = Fields(body)
    choice, parallel = decode_choice(f)
    reasoning, output = decode_effort(f)
    metadata = f.child("metadata")
    end_user = metadata.take("user_id", str) if metadata else None
    f.keep("metadata", metadata)
    if f.peek("messages") is None:
        raise InvalidRequest("$.messages", "is required")
    turns = tuple(map(_decode_turn, f.items("messages")))
    return Request(
        model=f.require("model", str),
        system=decode_blocks(f, "system", decode_block),
        turns=turns,
        begun=_begun(turns),
        tools=tuple(map(decode_tool, f.items("tools"))),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        sampling=Sampling(
            max_tokens=f.take("max_tokens", int),
            temperature=f.take("temperature", float),
            top_p=f.take("top_p", float),
            top_k=f.take("top_k", int),
            stop=tuple(f.take("stop_sequences", _STRINGS, [])),
        ),
        reasoning=reasoning,
        output=output,
        end_user=end_user,
        stream=bool(f.take("stream", bool)),
        extras=f.rest(OURS),
    )


def encode_request(request: Request, losses: Losses) -> JsonObject:
    """A body for an upstream; always with `max_tokens`."""
    body: JsonObject = {
        "model": request.model,
        "max_tokens": _max_tokens(request),
        "messages": _joined(
            [m for i, t in enumerate(request.turns) if (m := _encode_turn(t, f"$.turns[{i}]", losses))]
        ),
    }
    if system := _encode_blocks(request.system, "$.system", losses):
        body["system"] = system
    body |= encode_tools(request, losses)
    body |= _encode_sampling(request, losses)
    body |= encode_effort(request.reasoning, request.output, losses)
    if request.end_user is not None:
        body["metadata"] = {"user_id": request.end_user}
    if request.stream:
        body["stream"] = True
    return merged(body, request.extras, OURS, "$", losses)


def _begun(turns: tuple[Turn, ...]) -> bool:
    """Does the conversation end with words of the assistant? The answer goes on from them."""
    return bool(turns) and turns[-1].role == "assistant" and any(isinstance(b, Text) for b in turns[-1].content[-1:])


def _decode_turn(f: Fields) -> Turn:
    role = _ROLES.get(f.require("role", str))
    if role is None:
        raise InvalidRequest(f"{f.path}.role", "expected user, assistant or system")
    if f.peek("content") is None:
        raise InvalidRequest(f"{f.path}.content", "is required")
    return Turn(role=role, content=decode_content(f), extras=f.rest(OURS))


def _encode_turn(turn: Turn, path: str, losses: Losses) -> JsonObject | None:
    """None for a turn of which nothing is left, or that said nothing: the API refuses empty messages."""
    blocks = _encode_blocks(turn.content, f"{path}.content", losses)
    message = merged({"role": turn.role, "content": blocks}, turn.extras, OURS, path, losses)
    return message if blocks else None


def _joined(messages: list[JsonObject]) -> list[JsonObject]:
    """All results of one assistant turn in one message directly after it: so the API pairs calls and results.

    Chat has a message for each result. What else was said in between comes after the results.
    """
    joined: list[JsonObject] = []
    for message in messages:
        if not _answers(message):
            last = joined[-1] if joined else {}
            if _answers(last) and _is_plain(last) and _is_plain(message) and message["role"] == "user":
                joined[-1] = {**last, "content": [*last["content"], *message["content"]]}
            else:
                joined.append(message)
            continue
        after = max((i for i, each in enumerate(joined) if each["role"] == "assistant"), default=-1) + 1
        if after == len(joined) or not _is_plain(message):
            joined.append(message)
        elif _answers(joined[after]) and _is_plain(joined[after]):
            blocks = [*joined[after]["content"], *message["content"]]
            blocks.sort(key=lambda block: block["type"] != "tool_result")
            joined[after] = {**message, "content": blocks}
        else:
            joined.insert(after, message)
    return joined


def _answers(message: JsonObject) -> bool:
    """Does this message hold results of tool calls?"""
    return message.get("role") == "user" and any(block["type"] == "tool_result" for block in message["content"])


def _is_plain(message: JsonObject) -> bool:
    """A message that says nothing of itself, so that it can be one with another."""
    return message.keys() == {"role", "content"}


def _encode_blocks(content: tuple[ContentBlock, ...], path: str, losses: Losses) -> list[JsonObject]:
    numbered = list(enumerate(content))
    if any(isinstance(b, ToolResult) for b in content):
        # the API wants the results that answer the last turn before anything else
        numbered.sort(key=lambda item: not isinstance(item[1], ToolResult))
    blocks = (_encode_past(b, f"{path}[{i}]", losses) for i, b in numbered)
    return [b for b in blocks if b is not None]


def _encode_past(block: ContentBlock, path: str, losses: Losses) -> JsonObject | None:
    """A block of the conversation so far."""
    match block:
        case Thinking(signature=None):
            losses.degraded(path, "thinking without a signature")
            return None
        case Thinking(signature=Signature(issuer=issuer)) if issuer is not OURS:
            # the API verifies signatures; thinking only advises, and the answer that it led to is still there
            losses.degraded(path, "thinking sealed by another API")
            return None
        case Refusal():
            losses.degraded(path, "refusal as text")
            return encode_block(block, path, losses) if block.text else None
        case _:
            return None if is_blank(block) else encode_block(block, path, losses)


def _max_tokens(request: Request) -> int:
    given, reasoning = request.sampling.max_tokens, request.reasoning
    if given is not None:
        return given
    budget = (reasoning.budget_tokens or 0) if reasoning else 0
    return max(DEFAULT_MAX_TOKENS, budget + ANSWER_ROOM)


def _encode_sampling(request: Request, losses: Losses) -> JsonObject:
    s, path = request.sampling, "$.sampling"
    for name, value in (
        ("seed", s.seed),
        ("frequency_penalty", s.frequency_penalty),
        ("presence_penalty", s.presence_penalty),
    ):
        if value:
            losses.hint(f"{path}.{name}", f"{name} has no counterpart")
    if s.logprobs or s.top_logprobs:
        losses.dropped(f"{path}.logprobs", "logprobs")
    encoded: JsonObject = {}
    if (temperature := _temperature(request, losses)) is not None:
        encoded["temperature"] = temperature
    if s.top_p is not None:
        encoded["top_p"] = s.top_p
    if s.top_k is not None:
        encoded["top_k"] = s.top_k
    if s.stop:
        encoded["stop_sequences"] = list(s.stop)
    return encoded


def _temperature(request: Request, losses: Losses) -> float | None:
    """The API takes 0 to 1 where others go to 2, and nothing but 1 while thinking."""
    wanted = request.sampling.temperature
    if wanted is None or wanted == MAX_TEMPERATURE:
        return wanted
    if thinks(request.reasoning):
        losses.hint("$.sampling.temperature", "temperature while thinking")
        return None
    if wanted > MAX_TEMPERATURE:
        losses.hint("$.sampling.temperature", "temperature above 1")
        return MAX_TEMPERATURE
    return wanted
