"""Cases that are too large to store."""

from collections.abc import Callable, Mapping
from typing import Any

from lethe.ir.content import Dialect, JsonObject

MEGABYTE = "CANARY_result " + "0123456789 abcdef\n" * (1_000_000 // 18)
NAMES = [f"CANARY_tool_{n}" for n in range(200)]
SCHEMA: JsonObject = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
ASK = "CANARY_question"


def _anthropic(**fields: Any) -> JsonObject:
    return {"model": "m", "max_tokens": 9, **fields}


def _anthropic_result() -> JsonObject:
    call = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": MEGABYTE}
    return _anthropic(
        tools=[{"name": "f", "input_schema": SCHEMA}],
        messages=[
            {"role": "user", "content": ASK},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ],
    )


def _anthropic_tools() -> JsonObject:
    return _anthropic(
        tools=[{"name": name, "description": "d", "input_schema": SCHEMA} for name in NAMES],
        messages=[{"role": "user", "content": ASK}],
    )


def _chat_result() -> JsonObject:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return {
        "model": "m",
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "messages": [
            {"role": "user", "content": ASK},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": MEGABYTE},
        ],
    }


def _chat_tools() -> JsonObject:
    functions = [{"name": name, "description": "d", "parameters": SCHEMA} for name in NAMES]
    return {
        "model": "m",
        "tools": [{"type": "function", "function": function} for function in functions],
        "messages": [{"role": "user", "content": ASK}],
    }


def _responses_result() -> JsonObject:
    return {
        "model": "m",
        "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
        "input": [
            {"role": "user", "content": ASK},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": MEGABYTE},
        ],
    }


def _responses_tools() -> JsonObject:
    tools = [{"type": "function", "name": name, "description": "d", "parameters": SCHEMA} for name in NAMES]
    return {"model": "m", "tools": tools, "input": ASK}


def _gemini_result() -> JsonObject:
    answer = {"name": "f", "response": {"output": MEGABYTE}}
    return {
        "model": "m",
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}],
        "contents": [
            {"role": "user", "parts": [{"text": ASK}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": answer}]},
        ],
    }


def _gemini_tools() -> JsonObject:
    functions = [{"name": name, "description": "d", "parametersJsonSchema": SCHEMA} for name in NAMES]
    return {
        "model": "m",
        "tools": [{"functionDeclarations": functions}],
        "contents": [{"role": "user", "parts": [{"text": ASK}]}],
    }


GENERATED: Mapping[tuple[Dialect, str], Callable[[], JsonObject]] = {
    (Dialect.ANTHROPIC, "result_of_1_mb"): _anthropic_result,
    (Dialect.ANTHROPIC, "tools_200"): _anthropic_tools,
    (Dialect.OPENAI_CHAT, "result_of_1_mb"): _chat_result,
    (Dialect.OPENAI_CHAT, "tools_200"): _chat_tools,
    (Dialect.OPENAI_RESPONSES, "result_of_1_mb"): _responses_result,
    (Dialect.OPENAI_RESPONSES, "tools_200"): _responses_tools,
    (Dialect.GEMINI, "result_of_1_mb"): _gemini_result,
    (Dialect.GEMINI, "tools_200"): _gemini_tools,
}
