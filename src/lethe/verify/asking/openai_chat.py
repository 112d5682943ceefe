"""Questions in OpenAI Chat Completions."""

from lethe.verify.asking.wording import DOCUMENT, IMAGE, Body, Put, arguments_text, constant, document, image, schema
from lethe.verify.positions import Position

TURNS = "messages"


def body(put: Put) -> Body:
    name, call = put(Position.TOOL_NAME), put(Position.CALL_ID)
    called = {"id": call, "type": "function", "function": {"name": name, "arguments": arguments_text(put)}}
    tool = {"name": name, "description": put(Position.TOOL_DESCRIPTION), "parameters": schema(put)}
    return {
        "tools": [{"type": "function", "function": tool}],
        "messages": [
            {"role": "system", "content": put(Position.SYSTEM)},
            {"role": "user", "content": put(Position.USER_TEXT)},
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": call, "content": put(Position.TOOL_RESULT)},
        ],
    }


def stop_at(body: Body, text: str) -> None:
    body["stop"] = [text]


def add(body: Body, position: Position, text: str) -> None:
    match position:
        case Position.METADATA:
            body["user"] = text
        case Position.LABEL:
            body["metadata"] = {"verify": text}
        case Position.SCHEMA_CONST:
            form = {"name": "verify", "schema": constant(text)}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        case Position.UNKNOWN_TOOL:
            body["tools"].append({"type": "verify_unknown_20260101", "name": "verify", "note": text})
        case Position.THOUGHT:
            _think(body, {"reasoning_content": text})
        case Position.SEALED:
            _think(body, {"reasoning_details": [{"type": "reasoning.encrypted", "data": text}]})
        case _:
            body["messages"].append({"role": "user", "content": [_part(position, text)]})


def forbid(body: Body, text: str) -> None:
    body["prompt"] = {"id": text}
    body["web_search_options"] = {"note": text}


def _think(body: Body, thought: Body) -> None:
    said = {"role": "assistant", "content": "so", **thought}
    body["messages"] += [said, {"role": "user", "content": "go on"}]


def _part(position: Position, text: str) -> Body:
    match position:
        case Position.IMAGE:
            return {"type": "image_url", "image_url": {"url": f"data:{IMAGE};base64,{image(text)}"}}
        case Position.FILENAME:
            data = f"data:{DOCUMENT};base64,{document()}"
            return {"type": "file", "file": {"filename": text, "file_data": data}}
        case _:
            return {"type": "verify_unknown", "note": text}
