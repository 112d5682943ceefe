"""The top level of a JSON object: read what routing needs, splice what it changes, keep every other byte."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from lethe.errors import InvalidRequest
from lethe.ir.content import JsonObject

_TOP_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])
# From the end of one value (or the opening brace) to the start of the next.
_KEY = re.compile(rb'[ \t\n\r]*[,{][ \t\n\r]*"((?:[^"\\]|\\.)*)"[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_END = re.compile(rb"[ \t\n\r]*}")
_Span = tuple[int, int]


class TopLevel:
    """One body, its values unparsed. Raises InvalidRequest if it is not a JSON object."""

    __slots__ = ("_fields", "body")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._fields = _decode(body)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def value(self, name: str) -> Any:
        """The decoded value; None where it is absent or null."""
        raw = self._fields.get(name)
        return None if raw is None else _loads(bytes(raw))

    def whole(self) -> JsonObject:
        """The whole body, decoded."""
        decoded: JsonObject = _loads(self.body)
        return decoded

    def spliced(self, changes: Mapping[str, Any]) -> bytes:
        """The body with top-level fields replaced or appended.

        Where a key stands twice, what is forwarded is what was read here: the last, once.
        """
        compact = self._is_compact()
        if compact and not changes:
            return self.body
        new = {name: msgspec.json.encode(value) for name, value in changes.items()}
        spans = None if compact else _spans(self.body, self._fields)
        if spans is None:
            fields = self._fields | {name: msgspec.Raw(value) for name, value in new.items()}
            return msgspec.json.encode(fields)
        return _replace(self.body, spans, new)

    def _is_compact(self) -> bool:
        """No space between tokens and no key twice: then encoding `_fields` again gives the same bytes."""
        fields = self._fields
        size = 1 + 4 * len(fields)  # braces; quotes, colon and comma of each field, but one comma
        return size + sum(map(len, fields)) + sum(map(len, fields.values())) == len(self.body)


def _decode(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _TOP_LEVEL.decode(body)
    except msgspec.ValidationError:
        raise InvalidRequest("$", "expected an object") from None
    except msgspec.DecodeError:
        pass
    # Clients written in JavaScript send lone surrogates, which msgspec refuses and JSON's grammar allows.
    whole = _loads(body)
    if not isinstance(whole, dict):
        raise InvalidRequest("$", "expected an object")
    return {name: msgspec.Raw(json.dumps(value, separators=(",", ":")).encode()) for name, value in whole.items()}


def _loads(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("$", "the body is not valid JSON") from None


def _spans(body: bytes, fields: Mapping[str, msgspec.Raw]) -> dict[str, _Span] | None:
    """Where each value stands, walking the keys in their order; None if the walk does not fit (a key stands twice)."""
    spans: dict[str, _Span] = {}
    if not fields:
        return spans
    end = 0
    for name, raw in fields.items():
        key = _KEY.match(body, end)
        if key is None or not (key[1] == name.encode() or (b"\\" in key[1] and _loads(b'"%b"' % key[1]) == name)):
            return None
        start = key.end()
        if not body.startswith(raw, start):
            return None
        end = start + len(raw)
        spans[name] = (start, end)
    return spans if _END.match(body, end) else None


def _replace(body: bytes, spans: Mapping[str, _Span], new: Mapping[str, bytes]) -> bytes:
    out: list[bytes] = []
    at = 0
    for name, (start, end) in spans.items():
        if name in new:
            out += (body[at:start], new[name])
            at = end
    added = [msgspec.json.encode(name) + b":" + value for name, value in new.items() if name not in spans]
    brace = body.rindex(b"}")
    out.append(body[at:brace])
    if added:
        out.append((b"," if spans else b"") + b",".join(added))
    out.append(body[brace:])
    return b"".join(out)
