"""Contents, each a turn, and the system instruction (google-genai 3.6.1 types, Content)."""

from collections.abc import Sequence

from lethe.dialects.anthropic.attribution import is_attribution
from lethe.dialects.gemini.calls import (
    NAMELESS,
    Called,
    Pairing,
    calls_of,
    encode_call,
    id_in_request,
    is_made,
    response_of,
)
from lethe.dialects.gemini.models import Family
from lethe.dialects.gemini.overlay import leftovers, overlaid, own, without
from lethe.dialects.gemini.parts import Blocks, decode_parts, encode_spoken, report_cache
from lethe.dialects.gemini.proto import several
from lethe.dialects.gemini.seals import SIGNATURE, UNSIGNED, is_foreign, is_own, seated
from lethe.errors import InvalidRequest
from lethe.ir.content import ContentBlock, JsonObject, Opaque, Thinking, ToolCall, ToolResult
from lethe.ir.loss import Losses
from lethe.ir.request import Role, Turn
from lethe.wire.fields import Fields

# `function` and `tool` are what results used to be under; a lone content may say nothing.
ROLES: dict[str | None, Role] = {"user": "user", "model": "assistant", "function": "user", "tool": "user", None: "user"}
NAMES: dict[Role, str] = {"user": "user", "assistant": "model", "system": "user"}


def decode_system(f: Fields | None) -> tuple[ContentBlock, ...]:
    return tuple(decode_parts(several(f, "parts"), Pairing(), "")) if f is not None else ()


def decode_contents(contents: Sequence[Fields]) -> tuple[Turn, ...]:
    """Raises InvalidRequest."""
    pairing = Pairing()
    return tuple(decode_content(f, number, pairing)[0] for number, f in enumerate(contents))


def decode_content(f: Fields, number: int, pairing: Pairing) -> tuple[Turn, Blocks]:
    """The turn, and its blocks with where they come from."""
    role = f.take("role", str) or None
    if role not in ROLES:
        raise InvalidRequest(f"{f.path}.role", "expected user or model")
    blocks = decode_parts(several(f, "parts"), pairing, id_in_request(number, 0)[:-1])
    return Turn(role=ROLES[role], content=tuple(blocks), extras=leftovers(f)), blocks


# Encoding


def encode_system(blocks: Sequence[ContentBlock], losses: Losses) -> JsonObject | None:
    """Without what names Claude Code's session, which is for its own provider only."""
    numbered = [(f"$.system[{i}]", block) for i, block in enumerate(blocks) if not is_attribution(block)]
    parts = [part for path, block in numbered if (part := encode_spoken(block, path, losses)) is not None]
    return {"parts": parts} if parts else None


def encode_contents(turns: Sequence[Turn], family: Family, losses: Losses) -> list[JsonObject]:
    """The conversation; what is empty in the end is left out, as the API refuses it."""
    calls = calls_of(turns)
    encoder = _Encoder(calls, family, losses)
    made = [encoder.turn(turn, f"$.turns[{i}]") for i, turn in enumerate(turns)]
    joined = _joined([content for content in made if content is not None])
    return [_in_order(content, calls) if _answers(content) else content for content in joined]


class _Encoder:
    def __init__(self, calls: dict[str, Called], family: Family, losses: Losses) -> None:
        self._calls = calls
        self._family = family
        self._losses = losses

    def turn(self, turn: Turn, path: str) -> JsonObject | None:
        if turn.role == "system":
            self._losses.degraded(path, "system turn in the user's name")
        parts = self._parts(turn.content, f"{path}.content") or ([{"text": ""}] if not turn.content else [])
        content = overlaid({"role": NAMES[turn.role], "parts": parts}, turn.extras, path, self._losses)
        return content if parts else None

    def _parts(self, blocks: Sequence[ContentBlock], path: str) -> list[JsonObject]:
        """Signatures go where they came from; the first call of others gets a word that stands for one."""
        seats, parts = seated(blocks), list[JsonObject]()
        results: list[JsonObject] = []
        beside: list[JsonObject] = []
        called = False
        placed = set(seats.values())
        for number, block in enumerate(blocks):
            where = f"{path}[{number}]"
            if isinstance(block, ToolResult):
                response, media = self._result(block, where)
                results.append(response)
                beside += media
                continue
            if number in placed:
                continue
            part = self._part(block, where)
            if part is None:
                continue
            if number in seats:
                part[SIGNATURE] = _value(blocks[seats[number]])
            elif isinstance(block, ToolCall) and not called and self._family.signs:
                part[SIGNATURE] = UNSIGNED
            called = called or isinstance(block, ToolCall)
            parts.append(part)
        return [*results, *beside, *parts]

    def _part(self, block: ContentBlock, path: str) -> JsonObject | None:
        match block:
            case ToolCall(id=id):
                report_cache(block, path, self._losses)
                part = encode_call(block, path, self._losses, id=None if is_made(id) else id)
                return overlaid(part, block.extras, path, self._losses)
            case Thinking() if is_own(block):
                return {"text": "", SIGNATURE: _value(block)}
            case Thinking() if is_foreign(block) or block.redacted:
                self._losses.degraded(path, "thinking sealed by another API")
                return None
            case Thinking(text=text, signature=signature):
                sealed = {SIGNATURE: signature.value} if signature is not None else {}
                thought = {"text": text, "thought": True, **sealed}
                return overlaid(thought, block.extras, path, self._losses) if text or sealed else None
            case _:
                spoken = encode_spoken(block, path, self._losses)
                return dict(spoken) if spoken is not None else None

    def _result(self, result: ToolResult, path: str) -> tuple[JsonObject, list[JsonObject]]:
        """The response, and the media that stand beside it where the model takes none within."""
        report_cache(result, path, self._losses)
        called, marks = self._calls.get(result.call_id), dict(own(result.extras).get("functionResponse", {}))
        id = marks.pop("id", result.call_id)
        name = marks.pop("name", called.name if called is not None else NAMELESS)
        response = marks.pop("response", None)
        said, media = self._inside(result, path)
        made = {
            "id": id,
            "name": name,
            "response": response_of(said, failed=result.is_error) if response is None else response,
            **marks,
        }
        if media and self._family.nests_media:
            made["parts"], media = media, []
        extras = without(result.extras, "functionResponse")
        return overlaid({"functionResponse": made}, extras, path, self._losses), media

    def _inside(self, result: ToolResult, path: str) -> tuple[str, list[JsonObject]]:
        """What a result says, and its media."""
        text: list[str] = []
        media: list[JsonObject] = []
        for i, block in enumerate(result.content):
            part = encode_spoken(block, f"{path}.content[{i}]", self._losses)
            if part is None:
                continue
            if "text" in part and not isinstance(block, Opaque):
                text.append(part["text"])
            else:
                media.append(part)
        if media and not self._family.nests_media:
            self._losses.hint(path, "media beside a tool's result")
        return "\n".join(text), media


def _value(block: ContentBlock) -> str:
    return block.signature.value if isinstance(block, Thinking) and block.signature is not None else ""


def _joined(contents: list[JsonObject]) -> list[JsonObject]:
    """All results of one turn's calls in one content right after it: the API counts them. Chat has many messages."""
    joined: list[JsonObject] = []
    after = 0  # the model's last turn
    for content in contents:
        if not (_answers(content) and _is_plain(content) and after < len(joined) and _calls(joined[after - 1])):
            joined.append(content)
            after = len(joined) if content["role"] == "model" else after
        elif _answers(joined[after]) and _is_plain(joined[after]):
            joined[after] = {"role": "user", "parts": [*joined[after]["parts"], *content["parts"]]}
        else:  # something was said in between
            joined.insert(after, content)
    return joined


def _in_order(content: JsonObject, calls: dict[str, Called]) -> JsonObject:
    """With the responses first. Those whose calls had no ids lose theirs, and stand in the order of their calls."""
    parts = sorted(content["parts"], key=lambda part: "functionResponse" not in part)
    made = [part["functionResponse"] for part in parts if _is_made(part)]
    made.sort(key=lambda response: calls[response["id"]].number if response["id"] in calls else -1)
    ordered = ({name: value for name, value in response.items() if name != "id"} for response in made)
    return {**content, "parts": [{**p, "functionResponse": next(ordered)} if _is_made(p) else p for p in parts]}


def _is_made(part: JsonObject) -> bool:
    match part.get("functionResponse"):
        case {"id": str(id)}:
            return is_made(id)
        case _:
            return False


def _is_plain(content: JsonObject) -> bool:
    return content.keys() == {"role", "parts"}


def _calls(content: JsonObject) -> bool:
    return content["role"] == "model" and any("functionCall" in part for part in content["parts"])


def _answers(content: JsonObject) -> bool:
    return any("functionResponse" in part for part in content["parts"])
