"""The rows of `docs/losses.md` for callers of Responses: features as its requests say them."""

from typing import Any

from lethe.ir.content import JsonObject

FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}
CUSTOM = {"type": "custom", "name": "p"}
CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
PATCH = {"type": "custom_tool_call", "call_id": "a", "name": "p", "input": "x"}
SCHEMA = {"type": "object", "properties": {}}


def said(*items: JsonObject, **fields: Any) -> JsonObject:
    return {"input": [{"role": "user", "content": "x"}, *items], **fields}


def user(*parts: JsonObject) -> JsonObject:
    return {"input": [{"role": "user", "content": list(parts)}]}


def output(call: JsonObject, value: Any) -> JsonObject:
    return {"type": f"{call['type']}_output", "call_id": "a", "output": value}


def reasoning(**fields: Any) -> JsonObject:
    return said({"type": "reasoning", "id": "r", "summary": [], **fields}, {"role": "assistant", "content": "y"})


REQUESTS: list[tuple[str, JsonObject]] = [
    ("instructions", {"instructions": "a"}),
    ("developer message", {"input": [{"role": "developer", "content": "a"}, {"role": "user", "content": "x"}]}),
    ("text", user({"type": "input_text", "text": "x"})),
    ("image, inline", user({"type": "input_image", "image_url": "data:image/png;base64,AA"})),
    ("image, by URL", user({"type": "input_image", "image_url": "https://example.com/i.png"})),
    ("file, inline", user({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"})),
    ("file, by URL", user({"type": "input_file", "file_url": "https://example.com/d.pdf"})),
    ("uploaded file", user({"type": "input_file", "file_id": "f"})),
    ("function calls and results", said(CALL, output(CALL, "r"), tools=[FUNCTION])),
    (
        "function result, image",
        said(CALL, output(CALL, [{"type": "input_image", "image_url": "data:image/png;base64,AA"}]), tools=[FUNCTION]),
    ),
    ("custom tool calls and results", said(PATCH, output(PATCH, "r"), tools=[CUSTOM])),
    ("reasoning, its summary only", reasoning(summary=[{"type": "summary_text", "text": "t"}])),
    ("reasoning, sealed by OpenAI", reasoning(encrypted_content="s")),
    ("functions", {"tools": [FUNCTION]}),
    ("custom tools", {"tools": [CUSTOM]}),
    ("custom tools with a grammar", {"tools": [{**CUSTOM, "format": {"type": "grammar", "syntax": "lark"}}]}),
    ("namespaces of tools", {"tools": [{"type": "namespace", "name": "n", "tools": [FUNCTION]}]}),
    ("tools that the provider runs", {"tools": [{"type": "web_search"}]}),
    ("tool choice", {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "f"}}),
    ("one call at a time", {"tools": [FUNCTION], "parallel_tool_calls": False}),
    ("most tool calls", {"max_tool_calls": 3}),
    ("output limit", {"max_output_tokens": 9}),
    ("temperature up to 1", {"temperature": 0.5}),
    ("top_p", {"top_p": 0.5}),
    ("logprobs", {"top_logprobs": 2}),
    ("effort", {"reasoning": {"effort": "high"}}),
    ("reasoning summary", {"reasoning": {"summary": "auto"}}),
    ("JSON schema for the answer", {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}}),
    ("verbosity", {"text": {"verbosity": "low"}}),
    ("sealed reasoning in the answer", {"include": ["reasoning.encrypted_content"]}),
    ("end-user id", {"user": "u"}),
    ("metadata", {"metadata": {"k": "v"}}),
    ("prompt cache key", {"prompt_cache_key": "k"}),
    ("what the client says of itself", {"client_metadata": {"k": "v"}}),
    ("automatic truncation", {"truncation": "auto"}),
    ("a field that Lethe does not know", {"novel": 1}),
]
