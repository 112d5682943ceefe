"""The top level of a JSON object: read what routing needs, splice what it changes, keep every other byte."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from lethe.errors import InvalidRequest
from lethe.ir.content import JsonObject
from lethe.wire import lenient

_TOP_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])
# From the end of one value (or the opening brace) to the start of the next.
_KEY = re.compile(rb'[ \t\n\r]*[,{][ \t\n\r]*"((?:[^"\\]|\\.)*)"[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_END = re.compile(rb"[ \t\n\r]*}")
_WRITTEN_KEY = re.compile(rb'(?<!\\)(?:\\\\)*"[ \t\n\r]*:')
_AFTER_OBJECT = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*\Z")
_SPACE = b" \t\n\r"
_OPENING = re.compile(rb'\{[ \t\n\r]*["}]')
_Span = tuple[int, int]


class TopLevel:
    """One body, its values unparsed. Raises InvalidRequest if it is not a JSON object."""

    __slots__ = ("_fields", "body")

    def __init__(self, body: bytes) -> None:
        self._fields, self.body = _decode(body)

    @property
    def fields(self) -> Mapping[str, msgspec.Raw]:
        """The values' own bytes, by name."""
        return self._fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def value(self, name: str) -> Any:
        """The decoded value; None where it is absent or null."""
        raw = self._fields.get(name)
        return None if raw is None else loads(raw)

    def whole(self) -> JsonObject:
        """The whole body, decoded."""
        decoded: JsonObject = loads(self.body)
        return decoded

    def spliced(self, changes: Mapping[str, Any], removals: Collection[str] = ()) -> bytes:
        """The body with top-level fields replaced, appended or taken out.

        Where a key stands twice, what is forwarded is what was read here: the last, once.
        """
        compact = self._is_compact()
        removed = self._fields.keys() & set(removals) if removals else ()
        if compact and not changes and not removed:
            return self.body
        spans = None if compact or removed else _spans(self.body, self._fields)
        if spans is not None:
            return _replace(self.body, spans, {name: encode(value) for name, value in changes.items()})
        fields = dict(self._fields)
        for name, value in changes.items():
            fields[name] = msgspec.Raw(encode(value))
        for name in removed:
            del fields[name]
        return msgspec.json.encode(fields)

    def _is_compact(self) -> bool:
        """No space between tokens and no key twice: then encoding `_fields` again gives the same bytes."""
        size = 1 + 4 * len(self._fields)  # braces; quotes, colon and comma of each field, but one comma
        for name, raw in self._fields.items():
            size += len(name) + len(raw)
        return size == len(self.body)


def encode(value: Any) -> bytes:
    """JSON without spaces; text that UTF-8 cannot hold is escaped. Raises InvalidRequest for what JSON cannot hold."""
    try:
        return lenient.encode(value)
    except ValueError:
        raise InvalidRequest("$", "the body is not valid JSON") from None


def loads(text: bytes | msgspec.Raw) -> Any:
    """A decoded value; text that UTF-8 cannot hold is kept. Raises InvalidRequest."""
    try:
        return lenient.decode(text)
    except ValueError:
        raise InvalidRequest("$", "the body is not valid JSON") from None


def is_flat(array: bytes) -> bool:
    """Is this a list whose elements, if they are objects, hold no objects? A doubt is a no.

    Looks at braces only. An object begins with a brace before a quote or a brace, which text cannot hold unless it ends
    there. An element of the list itself comes first in it or after another object; the first object inside of
    something else comes after a bracket, a colon, or what is no object.
    """
    at = array.find(b"{")
    if array[:1] != b"[" or (at > 1 and array[1:at].strip(_SPACE)):
        return False
    looks = 32 + len(array) // 2048  # beyond that decoding is cheaper
    while (at := array.find(b"{", at + 1)) >= 0:
        looks -= 1
        if looks < 0 or (_OPENING.match(array, at) and not _AFTER_OBJECT.search(array, max(0, at - 64), at)):
            return False
    return True


def keys_written(text: bytes) -> int:
    """How many keys stand in a JSON text, those that stand twice counted twice."""
    return len(_WRITTEN_KEY.findall(text))


def _decode(body: bytes) -> tuple[dict[str, msgspec.Raw], bytes]:
    """The fields, and the body that they are from: the one given, or one that says the same and can be read."""
    try:
        fields = _TOP_LEVEL.decode(body)
        if not body.isascii():
            body.decode("utf-8", "surrogatepass")  # values are not read here, and not everybody stumbles over bad bytes
    except msgspec.ValidationError:
        raise InvalidRequest("$", "expected an object") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    else:
        return fields, body
    # Clients written in JavaScript send lone surrogates, which msgspec refuses and JSON's grammar allows.
    whole = loads(body)
    if not isinstance(whole, dict):
        raise InvalidRequest("$", "expected an object")
    try:
        fields = {name: msgspec.Raw(encode(value)) for name, value in whole.items()}
        return fields, msgspec.json.encode(fields)
    except UnicodeEncodeError:
        raise InvalidRequest("$", "has a field whose name is no text") from None


def _spans(body: bytes, fields: Mapping[str, msgspec.Raw]) -> dict[str, _Span] | None:
    """Where each value stands, walking the keys in their order; None if the walk does not fit (a key stands twice)."""
    spans: dict[str, _Span] = {}
    if not fields:
        return spans
    end = 0
    for name, raw in fields.items():
        key = _KEY.match(body, end)
        if key is None or not (key[1] == name.encode() or (b"\\" in key[1] and loads(b'"%b"' % key[1]) == name)):
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
