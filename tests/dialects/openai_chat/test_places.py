"""Paths of the hub, and where they stand in a Chat request."""

import pytest

from lethe.dialects.openai_chat import locator
from lethe.ir.content import JsonObject

TEXTS = [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]
THOUGHT, SEAL = {"type": "reasoning.text", "text": "x", "index": 0}, {"type": "reasoning.encrypted", "data": "x"}
CALLS = [{"id": c, "type": "function", "function": {"name": "f", "arguments": "{}"}} for c in "ab"]
BODY: JsonObject = {
    "messages": [
        {"role": "system", "content": "x"},
        {"role": "developer", "content": ""},  # says nothing, and so is no block
        {"role": "system", "content": "", "name": "n"},
        {"role": "developer", "content": TEXTS, "name": "n"},
        {"role": "user", "content": "x"},
        {"role": "assistant", "reasoning": "x", "content": TEXTS, "refusal": "x", "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "a", "content": TEXTS, "name": "n"},
        {"role": "tool", "tool_call_id": "b", "content": "x"},
        {"role": "assistant", "reasoning_details": [THOUGHT, SEAL], "content": "x"},
        {"role": "assistant", "reasoning_details": [THOUGHT, THOUGHT], "content": None, "tool_calls": CALLS},
        {"role": "function", "name": "f", "content": "x"},
        {"role": "developer", "content": TEXTS},
        {"role": "assistant", "content": None, "audio": {"id": "a"}},
    ]
}

CASES: list[tuple[str, str]] = [
    ("$.system[0]", "$.messages[0].content"),
    ("$.system[1].message.name", "$.messages[2].name"),
    ("$.system[2].message.name", "$.messages[3].name"),
    ("$.system[2].cache", "$.messages[3].content[0].cache"),
    ("$.system[3].cache", "$.messages[3].content[1].cache"),
    ("$.system[4]", "$.messages"),
    ("$.turns[0]", "$.messages[4]"),
    ("$.turns[0].name", "$.messages[4].name"),
    ("$.turns[0].content[0]", "$.messages[4].content"),
    ("$.turns[1].content[0]", "$.messages[5].reasoning"),
    ("$.turns[1].content[2]", "$.messages[5].content[1]"),
    ("$.turns[1].content[3]", "$.messages[5].refusal"),
    ("$.turns[1].content[5].function.novel", "$.messages[5].tool_calls[1].function.novel"),
    ("$.turns[1].content[6]", "$.messages[5]"),
    ("$.turns[2].name", "$.messages[6].name"),
    ("$.turns[2].content[0]", "$.messages[6]"),
    ("$.turns[2].content[0].content[1]", "$.messages[6].content[1]"),
    ("$.turns[3].content[0].content[0]", "$.messages[7].content"),
    ("$.turns[4].content[1]", "$.messages[8].reasoning_details[1]"),
    ("$.turns[4].content[2]", "$.messages[8].content"),
    ("$.turns[5].content[0]", "$.messages[9].reasoning_details"),
    ("$.turns[5].content[1]", "$.messages[9].tool_calls[0]"),
    ("$.turns[6].content[0]", "$.messages[10]"),
    ("$.turns[7].content[1]", "$.messages[11].content[1]"),
    ("$.turns[8].audio", "$.messages[12].audio"),
    ("$.sampling.max_tokens", "$.max_completion_tokens"),
    ("$.sampling.logprobs", "$.logprobs"),
    ("$.reasoning.effort", "$.reasoning_effort"),
    ("$.reasoning", "$.reasoning_effort"),
    ("$.output.description", "$.response_format.json_schema.description"),
    ("$.output.json_schema.novel", "$.response_format.json_schema.novel"),
    ("$.output", "$.response_format"),
    ("$.end_user", "$.user"),
    ("$.tools[0].function.novel", "$.tools[0].function.novel"),
    ("$.tool_choice", "$.tool_choice"),
    ("$.web_search_options", "$.web_search_options"),
]


@pytest.mark.parametrize(("path", "expected"), CASES)
def test_locate(path: str, expected: str) -> None:
    assert locator(BODY)(path) == expected


def test_a_conversation_without_turns() -> None:
    assert locator({"messages": BODY["messages"][2:4]})("$.system[0].message.name") == "$.messages[0].name"
