"""Questions in Gemini's generateContent."""

from lethe.verify.asking.wording import DOCUMENT, IMAGE, Body, Put, arguments, constant, document, image, schema
from lethe.verify.positions import Position

TURNS = "contents"


def body(put: Put) -> Body:
    name, call = put(Position.TOOL_NAME), put(Position.CALL_ID)
    called = {"functionCall": {"id": call, "name": name, "args": arguments(put)}}
    result = {"functionResponse": {"id": call, "name": name, "response": {"result": put(Position.TOOL_RESULT)}}}
    tool = {"name": name, "description": put(Position.TOOL_DESCRIPTION), "parametersJsonSchema": schema(put)}
    return {
        "systemInstruction": {"parts": [{"text": put(Position.SYSTEM)}]},
        "tools": [{"functionDeclarations": [tool]}],
        "contents": [
            {"role": "user", "parts": [{"text": put(Position.USER_TEXT)}]},
            {"role": "model", "parts": [called]},
            {"role": "user", "parts": [result]},
        ],
    }


def stop_at(body: Body, text: str) -> None:
    body["generationConfig"] = {"stopSequences": [text]}


def add(body: Body, position: Position, text: str) -> None:
    match position:
        case Position.LABEL:
            body["labels"] = {"verify": text}
        case Position.SCHEMA_CONST:
            form = {"responseMimeType": "application/json", "responseJsonSchema": constant(text)}
            body["generationConfig"] = {**body.get("generationConfig", {}), **form}
        case Position.UNKNOWN_TOOL:
            body["tools"].append({"verifyUnknown": {"note": text}})
        case Position.THOUGHT:
            _think(body, {"text": text, "thought": True}, {"text": "so"})
        case Position.SEALED:
            _think(body, {"text": "so", "thoughtSignature": text + "=" * (-len(text) % 4)})
        case _:
            body["contents"].append({"role": "user", "parts": [_part(position, text)]})


def forbid(body: Body, text: str) -> None:
    body["cachedContent"] = f"cachedContents/{text}"
    body["tools"].append({"fileSearch": {"fileSearchStoreNames": [f"fileSearchStores/{text}"]}})


def _think(body: Body, *parts: Body) -> None:
    body["contents"] += [{"role": "model", "parts": list(parts)}, {"role": "user", "parts": [{"text": "go on"}]}]


def _part(position: Position, text: str) -> Body:
    match position:
        case Position.IMAGE:
            return {"inlineData": {"mimeType": IMAGE, "data": image(text)}}
        case Position.FILENAME:
            return {"inlineData": {"mimeType": DOCUMENT, "data": document(), "displayName": text}}
        case _:
            return {"verifyUnknown": {"note": text}}
