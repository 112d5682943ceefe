"""The rows of `docs/losses.md` for callers of Gemini: features as its requests say them."""

from typing import Any

from lethe.ir.content import JsonObject

SCHEMA = {"type": "object", "properties": {}}
FUNCTION = {"name": "f", "parametersJsonSchema": SCHEMA}
TOOLS = [{"functionDeclarations": [FUNCTION]}]
CALL = {"functionCall": {"name": "f", "args": {}}}


def user(*parts: JsonObject) -> JsonObject:
    return {"contents": [{"role": "user", "parts": list(parts)}]}


def said(*parts: JsonObject) -> JsonObject:
    """What the model said, between two questions."""
    asked, again = ({"role": "user", "parts": [{"text": text}]} for text in ("x", "y"))
    return {"contents": [asked, {"role": "model", "parts": list(parts)}, again]}


def answered(**response: Any) -> JsonObject:
    result = {"functionResponse": {"name": "f", **response}}
    asked, called = {"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": [CALL]}
    return {"tools": TOOLS, "contents": [asked, called, {"role": "user", "parts": [result]}]}


def inline(media_type: str) -> JsonObject:
    return {"inlineData": {"mimeType": media_type, "data": "AAAA"}}


def by_url(media_type: str, url: str) -> JsonObject:
    return {"fileData": {"mimeType": media_type, "fileUri": url}}


def generation(**fields: Any) -> JsonObject:
    return {"generationConfig": fields}


def choice(**fields: Any) -> JsonObject:
    return {"tools": TOOLS, "toolConfig": {"functionCallingConfig": fields}}


REQUESTS: list[tuple[str, JsonObject]] = [
    ("system instruction", {"systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]}}),
    ("text", user({"text": "x"}, {"text": "y"})),
    ("image, inline", user(inline("image/png"))),
    ("image, by URL", user(by_url("image/png", "https://example.com/i.png"))),
    ("document, PDF inline", user(inline("application/pdf"))),
    ("document, plain text", user(inline("text/plain"))),
    ("document, by URL", user(by_url("application/pdf", "https://example.com/d.pdf"))),
    ("uploaded file", user(by_url("application/pdf", "https://generativelanguage.googleapis.com/v1beta/files/f"))),
    ("audio", user(inline("audio/wav"))),
    ("video", user(inline("video/mp4"))),
    ("function calls and responses", answered(response={"output": "x"})),
    ("function response, error", answered(response={"error": "x"})),
    ("function response, image", answered(response={"output": "x"}, parts=[inline("image/png")])),
    ("thoughts in history, unsigned", said({"text": "t", "thought": True}, {"text": "x"})),
    ("thought signatures of calls", said({**CALL, "thoughtSignature": "AAAA"})),
    ("thought signatures of text", said({"text": "x", "thoughtSignature": "AAAA"})),
    ("code that the provider ran", said({"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "x"})),
    ("functions", {"tools": TOOLS}),
    (
        "functions, OpenAPI schema",
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]},
    ),
    ("schema of a response", {"tools": [{"functionDeclarations": [{**FUNCTION, "responseJsonSchema": SCHEMA}]}]}),
    ("tools that the provider runs", {"tools": [{"googleSearch": {}}]}),
    ("mode AUTO", choice(mode="AUTO")),
    ("mode ANY", choice(mode="ANY")),
    ("mode NONE", choice(mode="NONE")),
    ("mode VALIDATED", choice(mode="VALIDATED")),
    ("one allowed function", choice(mode="ANY", allowedFunctionNames=["f"])),
    ("output limit", generation(maxOutputTokens=9)),
    ("temperature up to 1", generation(temperature=0.5)),
    ("temperature above 1", generation(temperature=1.5)),
    ("topP", generation(topP=0.5)),
    ("topK", generation(topK=5)),
    ("stop sequences, up to four", generation(stopSequences=["a"])),
    ("stop sequences, five", generation(stopSequences=list("abcde"))),
    ("seed", generation(seed=1)),
    ("penalties", generation(frequencyPenalty=0.5, presencePenalty=0.5)),
    ("logprobs", generation(responseLogprobs=True, logprobs=2)),
    ("several candidates", generation(candidateCount=2)),
    ("thinking level", generation(thinkingConfig={"thinkingLevel": "HIGH"})),
    ("thinking budget", generation(thinkingConfig={"thinkingBudget": 2048})),
    ("thinking switched off", generation(thinkingConfig={"thinkingBudget": 0})),
    ("thoughts in the answer", generation(thinkingConfig={"includeThoughts": True})),
    ("JSON schema for the answer", generation(responseMimeType="application/json", responseJsonSchema=SCHEMA)),
    ("JSON without a schema", generation(responseMimeType="application/json")),
    (
        "one of several words",
        generation(responseMimeType="text/x.enum", responseSchema={"type": "STRING", "enum": ["a"]}),
    ),
    ("images in the answer", generation(responseModalities=["TEXT", "IMAGE"])),
    ("media resolution", generation(mediaResolution="MEDIA_RESOLUTION_LOW")),
    ("safety settings", {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}),
    ("cached content", {"cachedContent": "cachedContents/c"}),
    ("labels", {"labels": {"k": "v"}}),
    ("service tier", {"serviceTier": "flex"}),
    ("a field that Lethe does not know", {"novel": 1}),
]
