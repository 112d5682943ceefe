"""Tool calls of a stream, put together from deltas that servers number, name and identify in many ways."""

from collections.abc import Iterator
from typing import Any

from lethe.dialects.openai_chat.messages import CALL
from lethe.dialects.openai_chat.overlay import slotted
from lethe.dialects.openai_chat.response import call_id
from lethe.errors import MalformedReply
from lethe.ir.content import JsonObject, ToolCall
from lethe.ir.events import ArgumentsDelta, BlockStart, BlockStop, Event
from lethe.wire import lenient

MAX_HELD = 1024 * 1024  # characters kept back while a call is not yet identified, or is of a kind held whole


class _Call:
    """A call is announced once it has a name and an id, or when nothing more of either can come."""

    __slots__ = ("block", "closed", "custom", "held", "id", "name", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.id = self.name = self.held = ""
        self.block: int | None = None
        self.custom: JsonObject | None = None
        self.closed = False


class CallAssembler:
    """Parallel calls stay open together, until text follows or the choice finishes."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_number: dict[int, _Call] = {}
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
            yield from self._announce_all(next_block)
            call = _Call(len(self._calls))
            self._calls.append(call)
        if isinstance(number := delta.get("index"), int):
            self._by_number[number] = call
        if isinstance(custom := delta.get("custom"), dict):
            self._hold(call, delta, custom)
            return
        function = delta.get("function")
        name, arguments = (
            (_text(function, "name"), _text(function, "arguments")) if isinstance(function, dict) else ("", "")
        )
        if call.block is None:
            call.id = call.id or _text(delta, "id")
            if name != call.name:  # some repeat it in every chunk, some cut it in pieces
                call.name += name
        if not arguments:
            return
        if call.closed:
            raise MalformedReply("the upstream went on with a tool call that it had ended")
        if call.block is not None:
            yield ArgumentsDelta(call.block, arguments)
            return
        call.held += arguments
        if call.id or len(call.held) > MAX_HELD:
            yield from self._announce_all(next_block)

    def close(self, next_block: int) -> Iterator[Event]:
        """End every call that is still open."""
        yield from self._announce_all(next_block)
        for call in self._calls:
            if not call.closed and call.block is not None:
                call.closed = True
                yield BlockStop(call.block)

    def _find(self, delta: JsonObject) -> _Call | None:
        """The call that a delta goes on with; None if it begins one."""
        id, number, function = _text(delta, "id"), delta.get("index"), delta.get("function")
        name = _text(function, "name") if isinstance(function, dict) else ""
        if isinstance(number, int):
            call = self._by_number.get(number)
            # some number every call 0; but some give a new id in every chunk, without a name
            return None if call and call.id and id not in ("", call.id) and name else call
        if id:
            return next((c for c in self._calls if c.id == id), None)
        last = self._calls[-1] if self._calls else None
        return None if last and name and (last.block is not None or last.held) else last

    def _announce_all(self, next_block: int) -> Iterator[Event]:
        for call in self._calls:
            if call.block is not None:
                continue
            call.block = next_block
            next_block += 1
            id = call.id or call_id(self.reply_id, call.position)
            if call.custom is not None:
                yield BlockStart(call.block, slotted(CALL, {**call.custom, "id": id}))
                continue
            if not call.name:
                raise MalformedReply("the upstream called a tool without naming it")
            yield BlockStart(call.block, ToolCall(id=id, name=call.name, arguments=""))
            if call.held:
                yield ArgumentsDelta(call.block, call.held)
                call.held = ""

    @staticmethod
    def _hold(call: _Call, delta: JsonObject, custom: JsonObject) -> None:
        """Only Chat understands a custom call: it is handed on whole, once it is."""
        if call.custom is None:
            call.custom = {k: v for k, v in delta.items() if k != "index"} | {"custom": dict(custom)}
            call.id = _text(delta, "id")
            return
        held = call.custom["custom"]
        held["input"] = _text(held, "input") + _text(custom, "input")
        if len(held["input"]) > MAX_HELD:
            raise MalformedReply("the upstream sent a tool call that is too long")


def _text(fields: JsonObject, name: str) -> str:
    """A string field, or nothing; an object's JSON where a server forgot to write it as text."""
    value: Any = fields.get(name)
    if isinstance(value, dict):
        return lenient.encode(value).decode()
    return value if isinstance(value, str) else ""
