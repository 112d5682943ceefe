"""Where the hub's fields stand in a request, in either spelling of its names."""

import pytest

from lethe.dialects import gemini
from lethe.ir.content import JsonObject

RESPONSE = {"name": "f", "response": {"output": "x"}}
BODY: JsonObject = {
    "systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "q"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA", "displayName": "t"}}]},
        {
            "role": "model",
            "parts": [
                {"text": "so", "thought": True},
                {"functionCall": {"name": "f"}, "thoughtSignature": "c2Vs"},
                {"functionCall": {"name": "f"}},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": RESPONSE}, {"functionResponse": RESPONSE}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}, {"googleSearch": {}, "functionDeclarations": [{"name": "h"}]}],
    "generationConfig": {"thinkingConfig": {"thinkingBudget": 1}, "responseMimeType": "application/json"},
}  # fmt: skip
SNAKE: JsonObject = {
    "system_instruction": {"parts": {"text": "a"}},
    "contents": {
        "parts": [{"text": "q"}, {"file_data": {"mime_type": "image/png", "file_uri": "https://example.com/"}}]
    },
    "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {}}]},
    "tool_config": {"function_calling_config": {"mode": "ANY"}},
    "generation_config": {"max_output_tokens": 9},
}

PLACES: list[tuple[JsonObject, str, str]] = [
    (BODY, "$.system[1]", "$.systemInstruction.parts[1]"),
    (BODY, "$.turns[1]", "$.contents[1]"),
    (BODY, "$.turns[1].novel", "$.contents[1].novel"),
    (BODY, "$.turns[0].content[1].title", "$.contents[0].parts[1].inlineData.displayName"),
    (BODY, "$.turns[0].content[1].media_type", "$.contents[0].parts[1].inlineData.mimeType"),
    (BODY, "$.turns[0].content[1].mediaResolution", "$.contents[0].parts[1].mediaResolution"),
    (BODY, "$.turns[1].content[0]", "$.contents[1].parts[0]"),
    (BODY, "$.turns[1].content[1]", "$.contents[1].parts[1]"),  # the signature
    (BODY, "$.turns[1].content[2]", "$.contents[1].parts[1]"),  # and what it stands on
    (BODY, "$.turns[1].content[3]", "$.contents[1].parts[2]"),
    (BODY, "$.turns[2].content[1].is_error", "$.contents[2].parts[1].functionResponse"),
    (BODY, "$.turns[2].content[0].content[0].cache", "$.contents[2].parts[0].functionResponse"),
    (BODY, "$.tools[1]", "$.tools[0].functionDeclarations[1]"),
    (BODY, "$.tools[2].response", "$.tools[1].functionDeclarations[0].response"),
    (BODY, "$.tools[3]", "$.tools[1].googleSearch"),
    (BODY, "$.sampling.stop", "$.generationConfig.stopSequences"),
    (BODY, "$.sampling.top_k", "$.generationConfig.topK"),
    (BODY, "$.reasoning.budget_tokens", "$.generationConfig.thinkingConfig.thinkingBudget"),
    (BODY, "$.reasoning", "$.generationConfig.thinkingConfig"),
    (BODY, "$.output", "$.generationConfig.responseMimeType"),
    (BODY, "$.tool_choice", "$.toolConfig.functionCallingConfig"),
    (BODY, "$.cachedContent", "$.cachedContent"),
    (SNAKE, "$.system[0]", "$.system_instruction.parts"),
    (SNAKE, "$.turns[0].content[1]", "$.contents.parts[1]"),
    (SNAKE, "$.turns[0].content[1].media_type", "$.contents.parts[1].file_data.mime_type"),
    (SNAKE, "$.tools[0]", "$.tools.function_declarations[0]"),
    (SNAKE, "$.tools[0].parameters", "$.tools.function_declarations[0].parameters_json_schema"),
    (SNAKE, "$.sampling.max_tokens", "$.generation_config.max_output_tokens"),
    (SNAKE, "$.tool_choice", "$.tool_config.function_calling_config"),
    (SNAKE, "$.tools[0].list[3].x", "$.tools.function_declarations[0].list[3].x"),
]


@pytest.mark.parametrize(("body", "path", "place"), PLACES)
def test_places(body: JsonObject, path: str, place: str) -> None:
    assert gemini.locator(body)(path) == place
