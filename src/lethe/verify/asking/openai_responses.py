"""Questions in OpenAI Responses."""

from lethe.verify.asking.wording import DOCUMENT, IMAGE, Body, Put, arguments_text, constant, document, image, schema
from lethe.verify.positions import Position

TURNS = "input"


def body(put: Put) -> Body:
    name, call = put(Position.TOOL_NAME), put(Position.CALL_ID)
    description = put(Position.TOOL_DESCRIPTION)
    tool = {"type": "function", "name": name, "description": description, "parameters": schema(put), "strict": False}
    return {
        "instructions": put(Position.SYSTEM),
        "store": False,
        "tools": [tool],
        "input": [
            _says({"type": "input_text", "text": put(Position.USER_TEXT)}),
            {"type": "function_call", "call_id": call, "name": name, "arguments": arguments_text(put)},
            {"type": "function_call_output", "call_id": call, "output": put(Position.TOOL_RESULT)},
        ],
    }


def stop_at(body: Body, text: str) -> None:
    """The API has no stop sequences."""


def add(body: Body, position: Position, text: str) -> None:
    match position:
        case Position.METADATA:
            body["user"] = text
        case Position.LABEL:
            body["metadata"] = {"verify": text}
        case Position.SCHEMA_CONST:
            form = {"type": "json_schema", "name": "verify", "schema": constant(text)}
            body["text"] = {"format": form}
        case Position.UNKNOWN_TOOL:
            body["tools"].append({"type": "verify_unknown_20260101", "name": "verify", "note": text})
        case Position.THOUGHT | Position.SEALED:
            summary = [{"type": "summary_text", "text": text}] if position is Position.THOUGHT else []
            sealed = text if position is Position.SEALED else "c2VhbA=="
            thought = {"type": "reasoning", "id": "rs_verify_1", "summary": summary, "encrypted_content": sealed}
            said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]}
            body["input"] += [thought, said, _says({"type": "input_text", "text": "go on"})]
        case _:
            body["input"].append(_says(_part(position, text)))


def forbid(body: Body, text: str) -> None:
    body["prompt"] = {"id": text}
    body["tools"].append({"type": "mcp", "server_label": text, "server_url": f"https://verify.invalid/{text}"})


def _says(part: Body) -> Body:
    return {"type": "message", "role": "user", "content": [part]}


def _part(position: Position, text: str) -> Body:
    match position:
        case Position.IMAGE:
            return {"type": "input_image", "detail": "auto", "image_url": f"data:{IMAGE};base64,{image(text)}"}
        case Position.FILENAME:
            return {"type": "input_file", "filename": text, "file_data": f"data:{DOCUMENT};base64,{document()}"}
        case _:
            return {"type": "verify_unknown", "note": text}
