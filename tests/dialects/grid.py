"""Whatever a conversation may hold, in the hub's terms: what the property tests of the grid draw from.

Every text is or holds a word that says CANARY and stands nowhere else.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from hypothesis import strategies as st

from lethe.dialects.codec import CODECS
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import (
    CacheHint,
    ContentBlock,
    Dialect,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import unfold
from lethe.ir.loss import Losses
from lethe.ir.request import OutputFormat, Reasoning, Request, Sampling, Tool, ToolChoice, Turn
from lethe.ir.response import Response
from lethe.ir.usage import Usage
from lethe.wire import lenient
from lethe.wire.eventstream import encode_event

T = TypeVar("T")
CONTEXT = ReplyContext(id="0123456789abcdef0123456789abcdef", created=1)

ORDER: tuple[type[ContentBlock], ...] = (Thinking, Text, Refusal, ToolCall)
FORMS = ("plain", "sealed", "redacted")
TAILS = ("", " ", "\n", " é", " \u2028", ' "\\/', " 👩‍👩‍👧", " \ud83d", " \u0000", " <|end|>")
TOOL_NAMES = ("lookup", "save", "mcp__a__b", "a.b:c/d", "x" * 70, "_private", "1st", "日本")
# What its provider runs, as each caller's dialect says it.
NATIVE: dict[Dialect, JsonObject] = {
    Dialect.ANTHROPIC: {"type": "web_search_20250305", "name": "web_search"},
    Dialect.OPENAI_RESPONSES: {"type": "web_search"},
    Dialect.GEMINI: {"googleSearch": {}},
}
BLOCKS: dict[Dialect, JsonObject] = {
    Dialect.ANTHROPIC: {"type": "search_result", "source": "s", "title": "t", "content": []},
    Dialect.OPENAI_CHAT: {"type": "file", "file": {"file_id": "f"}},
    Dialect.OPENAI_RESPONSES: {"type": "input_file", "file_id": "f"},
    Dialect.GEMINI: {"videoMetadata": {"startOffset": "1s"}, "inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
}


class Drawn:
    """One example while it is being drawn."""

    def __init__(self, draw: Callable[..., Any], source: Dialect) -> None:
        self._draw = draw
        self.source = source
        self._number = itertools.count()
        self.calls: list[ToolCall] = []
        self.seals = False
        self.replied = False  # an upstream seals what it thinks itself
        self.odd = self.chance()  # with what not every API has

    def one(self, of: st.SearchStrategy[T]) -> T:
        made: T = self._draw(of)
        return made

    def chance(self) -> bool:
        return self.one(st.booleans())

    def of(self, *choices: T) -> T:
        return self.one(st.sampled_from(choices))

    def some(self, make: Callable[[], T], most: int = 3, least: int = 0) -> tuple[T, ...]:
        return tuple(make() for _ in range(self.one(st.integers(least, most))))

    def maybe(self, make: Callable[[], T]) -> T | None:
        return make() if self.chance() else None

    def word(self) -> str:
        return f"CANARY_{next(self._number)}x{self.of(*TAILS)}"

    def bytes(self) -> str:
        """Base64, which the word itself is."""
        return f"CANARY{next(self._number):06d}"

    # Blocks

    def text(self) -> Text:
        return Text(text=self.word(), cache=self.of(None, None, CacheHint(), CacheHint("1h"), CacheHint("5m")))

    def image(self) -> Media:
        if self.chance():
            return Media(kind="image", url=f"https://example.com/CANARY_{next(self._number)}.png")
        return Media(kind="image", media_type=self.of("image/png", "image/jpeg"), data=self.bytes())

    def document(self) -> Media:
        title = self.maybe(lambda: f"CANARY_{next(self._number)}.pdf")
        match self.of("inline", "url", "plain"):
            case "inline":
                return Media(kind="document", media_type="application/pdf", data=self.bytes(), title=title)
            case "url":
                url = f"https://example.com/CANARY_{next(self._number)}.pdf"
                return Media(kind="document", media_type="application/pdf", url=url, title=title)
            case _:
                return Media(kind="document", media_type="text/plain", data=self.word(), title=title)

    def asked(self) -> ContentBlock:
        match self.of("text", "text", "image", *(("document", "audio", "opaque") if self.odd else ())):
            case "image":
                return self.image()
            case "document":
                return self.document()
            case "audio":
                return Media(kind="audio", media_type="audio/wav", data=self.bytes())
            case "opaque":
                return Opaque(dialect=self.source, data=BLOCKS[self.source])
            case _:
                return self.text()

    def thought(self, *issuers: Dialect) -> Thinking:
        issuer = self.of(*issuers)
        # Gemini's and Bedrock's seals are bytes
        seal = Signature(issuer, self.bytes())
        match self.of(*(("sealed", "redacted") if self.seals else ("plain",) if self.replied else FORMS)):
            case "plain":
                return Thinking(text=self.word())
            case "sealed":
                return Thinking(text=self.word(), signature=seal)
            case _:
                return Thinking(text="", signature=seal, redacted=True)

    def call(self) -> ToolCall:
        arguments = self.of(
            "",
            "{}",
            json.dumps({"q": self.word()}),
            '{"q": "' + f"CANARY_{next(self._number)}x",
            json.dumps([self.word()]),
        )
        call = ToolCall(id=f"call_{next(self._number)}", name=self.of(*TOOL_NAMES), arguments=arguments)
        self.calls.append(call)
        return call

    def answered(self) -> ContentBlock:
        match self.of("text", "thought", "refusal", "call", "call"):
            case "thought":
                return self.thought(*((self.source,) if self.replied else Dialect))
            case "refusal":
                return Refusal(text=self.word())
            case "call":
                return self.call()
            case _:
                return Text(text=self.word())

    def result(self, call: ToolCall) -> ToolResult:
        def part() -> ContentBlock:
            makers: tuple[Callable[[], ContentBlock], ...] = (self.text, self.image, self.document)
            return self.of(*makers)()

        return ToolResult(call_id=call.id, content=self.some(part), is_error=self.chance())

    # Requests

    def turns(self) -> tuple[Turn, ...]:
        """Every call is answered, sometimes late or in another order."""
        turns = [Turn(role="user", content=self.some(self.asked, least=1))]
        for _ in range(self.one(st.integers(0, 3))):
            self.calls.clear()
            turns.append(Turn(role="assistant", content=self.some(self.answered, least=1, most=4)))
            calls = self.one(st.permutations(self.calls))
            if self.chance() and not (calls and self.source is Dialect.OPENAI_CHAT):  # which wants results first
                turns.append(Turn(role="system", content=(Text(text=self.word()),)))
            said = self.some(self.asked, least=0 if calls else 1)
            turns.append(Turn(role="user", content=(*map(self.result, calls), *said)))
        return tuple(turns)

    def schema(self) -> JsonObject:
        property_: JsonObject = self.of(
            {"type": "string"},
            {"type": ["string", "null"]},
            {"anyOf": [{"type": "integer"}, {"const": "x"}]},
            {"enum": [1, 2]},
        )
        schema: JsonObject = {"type": "object", "properties": {"q": {**property_, "description": self.word()}}}
        return {
            **schema,
            **self.of({}, {"required": ["q"], "additionalProperties": False}, {"$defs": {"d": {"type": "object"}}}),
        }

    def tool(self, name: str) -> Tool:
        return Tool(
            name=name,
            description=self.maybe(self.word),
            parameters=self.maybe(self.schema),
            strict=self.of(None, None, True, False),
            cache=self.of(None, CacheHint("1h")),
        )

    def tools(self) -> tuple[Tool, ...]:
        names = self.one(st.lists(st.sampled_from(TOOL_NAMES), unique=True, max_size=4))
        tools = tuple(self.tool(name) for name in names)
        if self.odd and self.source in NATIVE and self.chance():
            tools += (Tool(name="native", native=Opaque(dialect=self.source, data=NATIVE[self.source])),)
        return tools

    def choice(self, tools: tuple[Tool, ...]) -> ToolChoice | None:
        named = [tool.name for tool in tools if tool.native is None]
        if not named:
            return None
        return self.of(
            None, ToolChoice("auto"), ToolChoice("none"), ToolChoice("required"), ToolChoice("named", named[0])
        )

    def sampling(self) -> Sampling:
        return Sampling(
            max_tokens=self.of(None, 1, 4096),
            temperature=self.of(None, 0.0, 0.5, 1.0, 1.7),
            top_p=self.of(None, 0.9),
            top_k=self.of(None, 40),
            seed=self.of(None, 7),
            frequency_penalty=self.of(None, 0.5),
            presence_penalty=self.of(None, -0.5),
            stop=self.some(self.word, most=6) if self.odd else (),
        )

    def reasoning(self) -> Reasoning | None:
        return self.of(
            None,
            Reasoning(),
            Reasoning(enabled=False),
            Reasoning(budget_tokens=2048),
            *(Reasoning(effort=word) for word in ("minimal", "low", "medium", "high", "xhigh", "max")),
        )

    def output(self) -> OutputFormat | None:
        schema = OutputFormat(
            kind="json_schema",
            name="n",
            description=self.maybe(self.word),
            schema=self.schema(),
            strict=self.of(None, True),
        )
        return self.of(None, OutputFormat(kind="json_object"), schema)

    def request(self) -> Request:
        tools = self.tools()
        return Request(
            model=self.of("m", "claude-opus-4-6", "claude-sonnet-5", "gpt-6", "gemini-3-pro", "amazon.nova-pro-v1:0"),
            turns=self.turns(),
            system=self.some(self.text),
            tools=tools,
            tool_choice=self.choice(tools),
            parallel_tool_calls=self.of(None, True, False),
            sampling=self.sampling(),
            reasoning=self.reasoning(),
            output=self.output(),
            end_user=self.maybe(lambda: f"CANARY_{next(self._number)}" + "0" * self.of(1, 90)),
            stream=self.chance(),
            extras=Extras(self.source, {"novel": self.word()}) if self.odd and self.chance() else None,
        )

    # Replies

    def response(self) -> Response:
        self.replied = True
        self.seals = self.chance()  # all thoughts, or none
        content = self.some(self.answered, most=4)
        if self.source is Dialect.OPENAI_CHAT:  # which has one order, and one refusal
            refused = [block for block in content if isinstance(block, Refusal)][:1]
            said = [block for block in content if not isinstance(block, Refusal)]
            content = tuple(sorted([*said, *refused], key=lambda block: ORDER.index(type(block))))
        reason = self.of(StopReason.END_TURN, StopReason.MAX_TOKENS, StopReason.REFUSAL, StopReason.STOP_SEQUENCE)
        if any(isinstance(block, ToolCall) for block in content):
            reason = self.of(StopReason.TOOL_USE, StopReason.MAX_TOKENS)
        output = self.one(st.integers(0, 50))
        usage = Usage(
            input=self.one(st.integers(0, 99)),
            cache_read=self.one(st.integers(0, 99)),
            output=output,
            reasoning=self.one(st.integers(0, output)),
        )
        return Response(id="reply-1", model="m", content=content, finish=Finish(reason=reason, usage=usage))


@st.composite
def requests(draw: Callable[..., Any], source: Dialect) -> Request:
    return Drawn(draw, source).request()


@st.composite
def responses(draw: Callable[..., Any], source: Dialect) -> Response:
    return Drawn(draw, source).response()


# Replies as upstreams write them


def reply(response: Response, source: Dialect) -> bytes:
    """Buffered."""
    if source is Dialect.CONVERSE:
        return lenient.encode(_converse_reply(response))
    return lenient.encode(CODECS[source].encode_response(response, CONTEXT, Losses()))


def stream(response: Response, source: Dialect) -> bytes:
    """Streamed, in the framing of its dialect."""
    if source is Dialect.CONVERSE:
        return b"".join(encode_event(kind, lenient.encode(payload)) for kind, payload in _converse_events(response))
    encoder = CODECS[source].stream_encoder(CONTEXT, Losses())
    return b"".join(frame for event in unfold(response) for frame in encoder.encode(event))


STOPS = {
    StopReason.END_TURN: "end_turn",
    StopReason.MAX_TOKENS: "max_tokens",
    StopReason.REFUSAL: "content_filtered",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.TOOL_USE: "tool_use",
}


def _converse_reply(response: Response) -> JsonObject:
    blocks = [_converse_block(block) for block in response.content]
    return {
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": STOPS[response.finish.reason],
        "usage": _converse_usage(response),
        "metrics": {"latencyMs": 1},
    }


def _converse_usage(response: Response) -> JsonObject:
    usage = response.finish.usage
    return {
        "inputTokens": usage.input,
        "cacheReadInputTokens": usage.cache_read,
        "outputTokens": usage.output,
        "totalTokens": usage.prompt + usage.output,
    }


def _converse_block(block: ContentBlock) -> JsonObject:
    match block:
        case ToolCall():
            return {"toolUse": {"toolUseId": block.id, "name": block.name, "input": _object(block.arguments)}}
        case Thinking(redacted=True):
            return {"reasoningContent": {"redactedContent": block.signature.value if block.signature else ""}}
        case Thinking():
            seal = {"signature": block.signature.value} if block.signature else {}
            return {"reasoningContent": {"reasoningText": {"text": block.text, **seal}}}
        case Text(text=text) | Refusal(text=text):
            return {"text": text}
        case _:
            raise NotImplementedError


def _object(arguments: str) -> JsonObject:
    """The buffered API has parsed them."""
    try:
        value = json.loads(arguments)
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def _converse_events(response: Response) -> Iterator[tuple[str, JsonObject]]:
    yield "messageStart", {"role": "assistant"}
    for index, block in enumerate(response.content):
        at = {"contentBlockIndex": index}
        made = _converse_block(block)
        match made:
            case {"toolUse": dict(use)}:
                start = {"toolUse": {name: value for name, value in use.items() if name != "input"}}
                yield "contentBlockStart", {**at, "start": start}
                yield "contentBlockDelta", {**at, "delta": {"toolUse": {"input": json.dumps(use["input"])}}}
            case {"reasoningContent": {"reasoningText": dict(told)}}:
                for name, value in told.items():
                    yield "contentBlockDelta", {**at, "delta": {"reasoningContent": {name: value}}}
            case _:
                yield "contentBlockDelta", {**at, "delta": made}
        yield "contentBlockStop", at
    yield "messageStop", {"stopReason": STOPS[response.finish.reason]}
    yield "metadata", {"usage": _converse_usage(response), "metrics": {"latencyMs": 1}}
