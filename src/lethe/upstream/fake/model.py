"""A scripted model that behaves like a provider: it calls a tool once, then reports what the tool said."""

from typing import Any
from urllib.parse import unquote

from lethe.ir.content import Dialect
from lethe.upstream.fake import anthropic, converse, gemini, openai_chat, openai_responses
from lethe.upstream.fake.replies import content, document
from lethe.upstream.fake.rules import fault
from lethe.upstream.fake.said import Called, Said
from lethe.upstream.fake.script import Head, Recorded, Script

MODELS = ("claude-fake-1", "vendor/claude-fake-2:free")
CALL_ID = "toolu_fake_1"
QUOTED = 2000  # characters of a tool's result in the final text
_GENERATE = (":generateContent", ":streamGenerateContent")


WIRES: dict[Dialect, Any] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.CONVERSE: converse,
    Dialect.GEMINI: gemini,
}


class Model:
    """An `Answer` for every endpoint of one dialect.

    Where the request offers `tool` and the last turn holds no tool result, it calls the tool with `arguments` (JSON
    text); where the last turn holds one, it answers `marker` and the result's text; otherwise just `marker`. What
    the vendor would refuse (`rules`) is a 400.
    """

    def __init__(self, dialect: Dialect, *, tool: str, arguments: str, marker: str) -> None:
        self._dialect = dialect
        self._tool = tool
        self._arguments = arguments
        self._marker = marker

    def __call__(self, request: Recorded) -> Script:
        match request.method, request.path.rstrip("/"):
            case "HEAD", _:
                return (Head(200, (("content-length", "0"),)),)
            case "GET", path if path.endswith("/models"):
                return document(self._wire.models(*MODELS))
            case "GET", path if "/models/" in path:
                return document(self._wire.model(unquote(path.partition("/models/")[2])))
            case "POST", path:
                return self._posted(path, request)
            case _:
                return content("text/plain", b"not found", 404)

    def _posted(self, path: str, request: Recorded) -> Script:
        match path:
            case "/v1/messages/count_tokens" if self._dialect is Dialect.ANTHROPIC:
                return document({"input_tokens": len(request.body) // 4})
            case path if path.endswith("/embeddings"):
                return document(openai_chat.embeddings((0.25, 0.5)))
            case "/v1/messages" if self._dialect is Dialect.ANTHROPIC:
                return self._messages(request.json())
            case path if path.endswith("/chat/completions") and self._dialect is Dialect.OPENAI_CHAT:
                return self._chat(request.json())
            case path if path.startswith("/model/"):
                return self._bedrock(path, request.json())
            case path if path.endswith("/responses") and self._dialect is Dialect.OPENAI_RESPONSES:
                return self._responses(request.json())
            case path if self._dialect is Dialect.GEMINI and path.endswith(":countTokens"):
                return gemini.counted(request.body)
            case path if self._dialect is Dialect.GEMINI and path.endswith(_GENERATE):
                return self._generate(path, request.json())
            case _:
                return content("text/plain", b"not found", 404)

    @property
    def _wire(self) -> Any:
        return WIRES[self._dialect]

    def _messages(self, body: dict[str, Any]) -> Script:
        if wrong := fault(self._dialect, body):
            return anthropic.error(400, wrong)
        tools = {tool.get("name") for tool in body.get("tools", ())}
        said = self._say(tools, _anthropic_result(body["messages"]), body["model"])
        return anthropic.streamed(said) if body.get("stream") else anthropic.buffered(said)

    def _bedrock(self, path: str, body: dict[str, Any]) -> Script:
        """Converse, or Claude by InvokeModel: the last step of the path says which, and whether to stream."""
        _, _, model, operation = path.split("/")
        if wrong := fault(self._dialect, body):
            return converse.error(400, wrong)
        name = unquote(model)
        match operation, self._dialect:
            case "converse" | "converse-stream", Dialect.CONVERSE:
                declared = (body.get("toolConfig") or {}).get("tools", ())
                tools = {tool.get("toolSpec", {}).get("name") for tool in declared}
                said = self._say(tools, _converse_result(body["messages"]), name)
                return converse.buffered(said) if operation == "converse" else converse.streamed(said)
            case "invoke" | "invoke-with-response-stream", Dialect.ANTHROPIC:
                tools = {tool.get("name") for tool in body.get("tools", ())}
                said = self._say(tools, _anthropic_result(body["messages"]), name)
                return converse.invoked(said) if operation == "invoke" else converse.invoked_stream(said)
            case _:
                return converse.error(404, "no such operation")

    def _chat(self, body: dict[str, Any]) -> Script:
        if wrong := fault(self._dialect, body):
            return openai_chat.error(400, wrong)
        tools = {tool.get("function", {}).get("name") for tool in body.get("tools") or ()}
        said = self._say(tools, _openai_result(body["messages"]), body["model"])
        if not body.get("stream"):
            return openai_chat.buffered(said)
        return openai_chat.streamed(said, usage=bool((body.get("stream_options") or {}).get("include_usage")))

    def _responses(self, body: dict[str, Any]) -> Script:
        if wrong := fault(self._dialect, body):
            return openai_responses.error(400, wrong)
        tools = {tool.get("name") for tool in body.get("tools") or ()}
        said = self._say(tools, _responses_result(body["input"]), body["model"])
        return openai_responses.streamed(said) if body.get("stream") else openai_responses.buffered(said)

    def _generate(self, path: str, body: dict[str, Any]) -> Script:
        name, _, method = unquote(path.partition("/models/")[2]).rpartition(":")
        if wrong := fault(self._dialect, {**body, "model": name}):
            return gemini.error(400, wrong)
        declared = [f for tool in body.get("tools") or () for f in tool.get("functionDeclarations") or ()]
        said = self._say({f.get("name") for f in declared}, _gemini_result(body["contents"]), name)
        return gemini.streamed(said) if method == "streamGenerateContent" else gemini.buffered(said)

    def _say(self, tools: set[str | None], result: str | None, model: str) -> Said:
        if result is not None:
            return Said(text=(self._marker, " ", result[:QUOTED]), model=model, id="msg_fake_2")
        if self._tool in tools:
            return Said(calls=(Called(CALL_ID, self._tool, self._arguments),), model=model, id="msg_fake_1")
        return Said(text=(self._marker,), model=model, id="msg_fake_3")


def _anthropic_result(messages: list[dict[str, Any]]) -> str | None:
    """The text of the tool results after the last assistant turn; None if there are none."""
    found: list[str] = []
    for message in reversed(messages):
        if message["role"] == "assistant":
            break
        blocks = message["content"] if isinstance(message["content"], list) else []
        found += [_plain(block.get("content")) for block in blocks if block.get("type") == "tool_result"]
    return "\n".join(found) if found else None


def _converse_result(messages: list[dict[str, Any]]) -> str | None:
    results = [block["toolResult"] for block in messages[-1]["content"] if "toolResult" in block]
    return "\n".join(_plain(result["content"]) for result in results) if results else None


def _openai_result(messages: list[dict[str, Any]]) -> str | None:
    found: list[str] = []
    for message in reversed(messages):
        if message["role"] == "assistant":
            break
        if message["role"] == "tool":
            found.append(_plain(message.get("content")))
    return "\n".join(found) if found else None


def _responses_result(items: Any) -> str | None:
    found: list[str] = []
    for item in reversed(items if isinstance(items, list) else []):
        if item.get("role") == "assistant" or str(item.get("type")).endswith("_call"):
            break
        if str(item.get("type")).endswith("_call_output"):
            found.append(_plain(item.get("output")))
    return "\n".join(found) if found else None


def _gemini_result(contents: list[dict[str, Any]]) -> str | None:
    last = contents[-1].get("parts", []) if contents else []
    found = [part["functionResponse"]["response"] for part in last if "functionResponse" in part]
    return "\n".join(str(response.get("output", response)) for response in found) if found else None


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "".join(part.get("text", "") for part in value or () if isinstance(part, dict))
