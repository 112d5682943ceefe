"""Tool calls of a stream, put together from deltas that servers number, name and identify in many ways."""

from collections.abc import Iterator
from typing import Any

from lethe.dialects.freetext import CLOSING, CUSTOM, OPENING, escaped
from lethe.dialects.openai_chat.overlay import OURS
from lethe.dialects.openai_chat.response import call_id
from lethe.errors import MalformedReply
from lethe.ir.content import Extras, JsonObject, ToolCall
from lethe.ir.events import ArgumentsDelta, BlockStart, BlockStop, Event
from lethe.wire import lenient

MAX_HELD = 64 * 1024  # characters kept back while a call is not yet identified

_MARKS = {False: None, True: Extras(OURS, {"type": CUSTOM})}


class _Call:
    """A call is announced once it has a name and an id, or when nothing more of either can come."""

    __slots__ = ("block", "closed", "custom", "held", "id", "name", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.id = self.name = self.held = ""
        self.block = -1  # until it is announced
        self.custom = self.closed = False


class CallAssembler:
    """Parallel calls stay open together, until text follows or the choice finishes."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_number: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._open: list[_Call] = []  # announced, and not ended
        self.reply_id = ""

    def __bool__(self) -> bool:
        """Has there been any call?"""
        return bool(self._calls)

    def opens(self, delta: JsonObject) -> bool:
        """Does this delta begin a call?"""
        return self._find(delta) is None

    def feed(self, delta: JsonObject, next_block: int) -> Iterator[Event]:
        """`next_block` is the index of a block that may be opened now."""
        call = self._find(delta)
        if call is None:
            if self._calls and self._calls[-1].block < 0:
                yield from self._announce(next_block)
                next_block += 1
            call = _Call(len(self._calls))
            self._calls.append(call)
        if isinstance(number := delta.get("index"), int):
            self._by_number[number] = call
        name, arguments = _said(delta)
        call.custom = call.custom or CUSTOM in delta
        if call.block < 0:
            call.id = call.id or _text(delta, "id")
            self._by_id.setdefault(call.id, call)
            if name != call.name:  # some repeat it in every chunk, some cut it in pieces
                call.name += name
                if len(call.name) > MAX_HELD:
                    raise MalformedReply("the upstream called a tool whose name does not end")
        if not arguments:
            return
        if call.closed:
            raise MalformedReply("the upstream went on with a tool call that it had ended")
        if call.block >= 0:
            yield ArgumentsDelta(call.block, arguments)
            return
        call.held += arguments
        if call.id or len(call.held) > MAX_HELD:
            yield from self._announce(next_block)

    def close(self, next_block: int) -> Iterator[Event]:
        """End every call that is still open."""
        yield from self._announce(next_block)
        for call in self._open:
            call.closed = True
            if call.custom:
                yield ArgumentsDelta(call.block, CLOSING)
            yield BlockStop(call.block)
        self._open.clear()

    def _find(self, delta: JsonObject) -> _Call | None:
        """The call that a delta goes on with; None if it begins one."""
        id, number = _text(delta, "id"), delta.get("index")
        name, _ = _said(delta)
        if isinstance(number, int):
            call = self._by_number.get(number)
            # some number every call 0; but some give a new id in every chunk, without a name
            return None if call and call.id and id not in ("", call.id) and name else call
        if id:
            return self._by_id.get(id)
        last = self._calls[-1] if self._calls else None
        return None if last and name and (last.block >= 0 or last.held) else last

    def _announce(self, next_block: int) -> Iterator[Event]:
        """The last call, unless it is: whenever one begins, those before it have been."""
        if not self._calls or (call := self._calls[-1]).block >= 0:
            return
        if not call.name:
            raise MalformedReply("the upstream called a tool without naming it")
        call.block = next_block
        self._open.append(call)
        id = call.id or call_id(self.reply_id, call.position)
        yield BlockStart(call.block, ToolCall(id=id, name=call.name, arguments="", extras=_MARKS[call.custom]))
        if call.custom:
            yield ArgumentsDelta(call.block, OPENING)
        if call.held:
            yield ArgumentsDelta(call.block, call.held)
            call.held = ""


def _said(delta: JsonObject) -> tuple[str, str]:
    """What a delta adds to a name and to arguments."""
    if isinstance(function := delta.get("function"), dict):
        return _text(function, "name"), _text(function, "arguments")
    if isinstance(custom := delta.get(CUSTOM), dict):
        return _text(custom, "name"), escaped(_text(custom, "input"))
    return "", ""


def _text(fields: JsonObject, name: str) -> str:
    """A string field, or nothing; an object's JSON where a server forgot to write it as text."""
    value: Any = fields.get(name)
    if isinstance(value, dict):
        return lenient.encode(value).decode()
    return value if isinstance(value, str) else ""
