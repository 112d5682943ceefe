"""Questions in Anthropic Messages."""

from lethe.verify.asking.wording import DOCUMENT, IMAGE, Body, Put, arguments, constant, document, image, schema
from lethe.verify.positions import Position

TURNS = "messages"


def body(put: Put) -> Body:
    name, call = put(Position.TOOL_NAME), put(Position.CALL_ID)
    use = {"type": "tool_use", "id": call, "name": name, "input": arguments(put)}
    result = {"type": "tool_result", "tool_use_id": call, "content": put(Position.TOOL_RESULT)}
    return {
        "system": put(Position.SYSTEM),
        "tools": [{"name": name, "description": put(Position.TOOL_DESCRIPTION), "input_schema": schema(put)}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": put(Position.USER_TEXT)}]},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ],
    }


def stop_at(body: Body, text: str) -> None:
    body["stop_sequences"] = [text]


def add(body: Body, position: Position, text: str) -> None:
    match position:
        case Position.METADATA:
            body["metadata"] = {"user_id": text}
        case Position.SCHEMA_CONST:
            body["output_config"] = {"format": {"type": "json_schema", "schema": constant(text)}}
        case Position.UNKNOWN_TOOL:
            body["tools"].append({"type": "verify_unknown_20260101", "name": "verify", "note": text})
        case Position.THOUGHT | Position.SEALED:
            thought = {"type": "thinking", "thinking": "so", "signature": "c2VhbA=="}
            thought["thinking" if position is Position.THOUGHT else "signature"] = text
            said = [thought, {"type": "text", "text": "so"}]
            body["messages"] += [{"role": "assistant", "content": said}, {"role": "user", "content": "go on"}]
        case _:
            body["messages"].append({"role": "user", "content": [_part(position, text)]})


def forbid(body: Body, text: str) -> None:
    body["mcp_servers"] = [{"type": "url", "url": f"https://verify.invalid/{text}", "name": "verify"}]


def _part(position: Position, text: str) -> Body:
    match position:
        case Position.IMAGE:
            return {"type": "image", "source": {"type": "base64", "media_type": IMAGE, "data": image(text)}}
        case Position.FILENAME:
            source = {"type": "base64", "media_type": DOCUMENT, "data": document()}
            return {"type": "document", "title": text, "source": source}
        case _:
            return {"type": "verify_unknown", "note": text}
