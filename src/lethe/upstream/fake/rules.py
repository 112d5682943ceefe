"""What a provider refuses although its schema allows it: tool calls and results that don't pair up."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from lethe.ir.content import Dialect


def fault(dialect: Dialect, body: dict[str, Any]) -> str | None:
    """Why the vendor would answer 400 to this request; None if it would not. Names positions, never content."""
    if dialect is Dialect.ANTHROPIC and not isinstance(body.get("max_tokens"), int):
        return "max_tokens: required"
    if dialect is Dialect.OPENAI_RESPONSES:
        return _unpaired(body["input"])
    if dialect is Dialect.CONVERSE and (wrong := _not_conversing(body)):
        return wrong
    if dialect is Dialect.GEMINI:
        return _uncounted(body["contents"]) or (_unsigned(body["contents"]) if _signs(body["model"]) else None)
    open_calls: set[str] = set()
    read = {Dialect.ANTHROPIC: _anthropic, Dialect.CONVERSE: _converse}.get(dialect, _openai)
    for index, message in enumerate(body["messages"]):
        called, answered = read(message)
        if not answered <= open_calls:
            return f"messages.{index}: a tool result without its call"
        open_calls -= answered
        if open_calls and message["role"] not in {"tool", "system"}:
            return f"messages.{index}: tool calls without a result"
        open_calls |= called
    return "messages: tool calls without a result" if open_calls else None


def _unpaired(items: Any) -> str | None:
    """Of a Responses request: every call has its output, later on, and every output its call."""
    open_calls: set[Any] = set()
    for index, item in enumerate(items if isinstance(items, list) else []):
        kind = str(item.get("type"))
        if kind.endswith("_call_output"):
            if item["call_id"] not in open_calls:
                return f"input.{index}: a tool result without its call"
            open_calls.discard(item["call_id"])
        elif kind in {"function_call", "custom_tool_call"}:
            open_calls.add(item["call_id"])
    return "input: tool calls without a result" if open_calls else None


def _uncounted(contents: list[dict[str, Any]]) -> str | None:
    """Of a Gemini request: as many responses as calls, of those names, and right after them."""
    open_calls: list[str] = []
    for index, content in enumerate(contents):
        parts = content.get("parts", [])
        answered = [part["functionResponse"]["name"] for part in parts if "functionResponse" in part]
        if sorted(answered) != sorted(open_calls):
            return f"contents.{index}: the number of function responses is not that of function calls"
        open_calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
    return "contents: function calls without a response" if open_calls else None


def _unsigned(contents: list[dict[str, Any]]) -> str | None:
    """Since the user last spoke, the first call of every step is signed (ai.google.dev, "Thought Signatures")."""
    for index in range(len(contents) - 1, -1, -1):
        content = contents[index]
        parts = content.get("parts", [])
        if content.get("role") != "model" and any("functionResponse" not in part for part in parts):
            break
        calls = [part for part in parts if "functionCall" in part]
        if calls and "thoughtSignature" not in calls[0]:
            return f"contents.{index}: a function call is missing a thought_signature"
    return None


def _signs(model: str) -> bool:
    return not model.startswith(("gemini-1", "gemini-2", "gemma"))


def _not_conversing(body: dict[str, Any]) -> str | None:
    """What Converse says before any model is asked."""
    roles = [message["role"] for message in body["messages"]]
    if not roles or roles[0] != "user":
        return "A conversation must start with a user message."
    if any(one == other for one, other in pairwise(roles)):
        return "A conversation must alternate between user and assistant roles."
    blocks = [block for message in body["messages"] for block in _parts(message)]
    if any("text" in block and not block["text"].strip() for block in blocks):
        return "The text field in the ContentBlock object is blank."
    if any("toolUse" in block or "toolResult" in block for block in blocks) and not body.get("toolConfig"):
        return "The toolConfig field must be defined when using toolUse and toolResult content blocks."
    return None


def _converse(message: dict[str, Any]) -> tuple[set[str], set[str]]:
    blocks = list(_parts(message))
    called = {block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block}
    return called, {block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block}


def _anthropic(message: dict[str, Any]) -> tuple[set[str], set[str]]:
    blocks = [block for block in _parts(message) if isinstance(block, dict)]
    called = {block["id"] for block in blocks if block.get("type") == "tool_use"}
    return called, {block["tool_use_id"] for block in blocks if block.get("type") == "tool_result"}


def _openai(message: dict[str, Any]) -> tuple[set[str], set[str]]:
    called = {call["id"] for call in message.get("tool_calls") or ()}
    return called, {message["tool_call_id"]} if message["role"] == "tool" else set()


def _parts(message: dict[str, Any]) -> Iterator[Any]:
    content = message.get("content")
    return iter(content if isinstance(content, list) else ())
