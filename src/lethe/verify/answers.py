"""What a scripted upstream answers: with a canary in every place that an answer has, in every way that one can fail."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from lethe.ir.content import Dialect
from lethe.upstream.fake import Cut, Hang, Head, Recorded, Send, Step, Wait, anthropic, openai_chat, openai_responses
from lethe.upstream.fake.replies import EVENTS, REQUEST_IDS, content, document
from lethe.upstream.fake.said import Called, Said
from lethe.verify.cases import Case
from lethe.verify.modes import PROCESS, STATUSES, Mode
from lethe.verify.positions import Position

_ECHO = 1500  # bytes of the question that an error quotes
_PAUSE = 0.02  # seconds between two parts, so that they are two reads
_FILLER = ("and ",) * 8
_PASSED = {
    Dialect.ANTHROPIC: "anthropic-ratelimit-requests-limit",
    Dialect.OPENAI_CHAT: "x-ratelimit-limit-requests",
    Dialect.OPENAI_RESPONSES: "x-ratelimit-limit-requests",
}
_STALLS = frozenset({Mode.IDLE_TIMEOUT, Mode.GONE_AT_FIRST, Mode.GONE_MIDSTREAM, *PROCESS})

_FRAMES: dict[Dialect, Callable[[Said], list[bytes]]] = {
    Dialect.ANTHROPIC: anthropic.frames,
    Dialect.OPENAI_CHAT: openai_chat.frames,
    Dialect.OPENAI_RESPONSES: openai_responses.frames,
}

Steps: TypeAlias = Sequence[Step]


class Speaker(Protocol):
    """Gives the text of a position, the same each time, and knows what it has given."""

    def say(self, position: Position) -> str: ...
    def said(self, position: Position) -> str | None: ...


def answer(case: Case, request: Recorded, by: Speaker) -> Steps:
    """The script of one answer; the request tells what is asked for (a translated one may differ from the case)."""
    mode = case.mode
    if (status := STATUSES.get(mode)) is not None:
        return _error(case.pair.dialect, status, _quoting(by.say(Position.ERROR_BODY), request))
    match mode:
        case Mode.HTML:
            page = f"<html><body>{_quoting(by.say(Position.HTML), request)}</body></html>"
            return tuple(content("text/html", page.encode(), 502))
        case Mode.REDIRECT:
            target = f"http://127.0.0.1:9/{by.say(Position.LOCATION)}"
            return Head(307, (("location", target), ("content-length", "0"))), Send(b"")
        case Mode.MALFORMED_JSON:
            return tuple(
                content("application/json", b'{"id": "%b", "choices": [' % by.say(Position.MALFORMED_JSON).encode())
            )
        case Mode.GONE_BEFORE | Mode.FIRST_BYTE_TIMEOUT:
            return (Hang(),)
        case _:
            return _good(case, request, by)


def _good(case: Case, request: Recorded, by: Speaker) -> Steps:
    if request.path.endswith("/count_tokens"):
        return _whole(case, {"input_tokens": 17}, by)
    if request.path.endswith("/embeddings"):
        return _whole(case, openai_chat.embeddings((0.25, 0.5)), by)
    if case.stream:
        return _stream(case, by)
    return _whole(case, _document(case, by), by)


def _error(dialect: Dialect, status: int, text: str) -> Steps:
    made = anthropic.error(status, text) if dialect is Dialect.ANTHROPIC else openai_chat.error(status, text)
    return tuple(made)


def _quoting(text: str, request: Recorded) -> str:
    """As some providers do: the error shows what was sent."""
    return f"{text} in {request.body[:_ECHO].decode('utf-8', 'replace')}"


def _headers(case: Case, by: Speaker) -> tuple[tuple[str, str], ...]:
    """One that nobody knows, and one that callers get."""
    text = by.say(Position.RESPONSE_HEADER)
    return ("x-note", text), (_PASSED[case.pair.dialect], text)


def _said(by: Speaker) -> Said:
    text = by.say(Position.TEXT_HALVES)
    half = len(text) // 2
    pieces = (by.say(Position.TEXT), " ", by.say(Position.TEXT_SPLIT), " ", text[:half], text[half:], " ", *_FILLER)
    arguments = msgspec.json.encode({"note": by.say(Position.CALL_ARGUMENTS)}).decode()
    return Said(text=pieces, thinking=by.say(Position.THINKING), calls=(Called("toolu_verify_2", "lookup", arguments),))


def _cut_short(by: Speaker) -> Said:
    """An answer of which not all will come: what counts stands first."""
    return Said(text=(by.say(Position.TEXT), " ", *_FILLER))


def _document(case: Case, by: Speaker) -> dict[str, Any]:
    said = Said(text=("I must not. ",)) if case.mode is Mode.REFUSAL else _said(by)
    if case.pair.dialect is Dialect.ANTHROPIC:
        body = anthropic.message(said)
        if case.mode is Mode.REFUSAL:
            body["content"] = [{"type": "text", "text": by.say(Position.REFUSAL)}]
            body["stop_reason"] = "refusal"
        return body
    if case.pair.dialect is Dialect.OPENAI_RESPONSES:
        made = openai_responses.response(said)
        if case.mode is Mode.REFUSAL:
            made["output"][0]["content"] = [{"type": "refusal", "refusal": by.say(Position.REFUSAL)}]
        return made
    body = openai_chat.completion(said)
    if case.mode is Mode.REFUSAL:
        body["choices"][0]["message"] |= {"content": None, "refusal": by.say(Position.REFUSAL)}
    return body


def _whole(case: Case, body: dict[str, Any], by: Speaker) -> Steps:
    data = msgspec.json.encode(body)
    if case.mode is Mode.TRAILER:
        return _trailed("application/json", data, by)
    head, _ = document(body, 200, *_headers(case, by))
    half = _middle(data, by)
    first, rest = Send(data[:half]), Send(data[half:])
    if case.mode in _STALLS:
        return head, first, Hang()
    if case.mode is Mode.RESET:
        return head, first, Wait(_PAUSE), Cut()
    return head, first, Wait(_PAUSE), rest


def _stream(case: Case, by: Speaker) -> Steps:
    frames = _frames(case, by)
    if case.mode is Mode.TRAILER:
        return _trailed("text/event-stream", b"".join(frames), by)
    head = Head(200, (EVENTS, *REQUEST_IDS, *_headers(case, by)))
    half = len(frames) // 2
    begun = tuple(Send(frame) for frame in frames[:half])
    match case.mode:
        case mode if mode in _STALLS:
            return head, *begun, Hang()
        case Mode.RESET:
            return head, *begun, Send(frames[half][:9]), Wait(0.05), Cut()
        case Mode.ERROR_EVENT:
            return head, *begun, Send(_error_event(case.pair.dialect, by.say(Position.ERROR_EVENT)))
        case Mode.MALFORMED_SSE:
            bad = b'data: {"type": "%b\n\n' % by.say(Position.MALFORMED_SSE).encode()
            return head, *begun, Send(bad), *(Send(frame) for frame in frames[half:])
        case _:
            data = b"".join(frames)
            cut = _middle(data, by)
            return head, Send(data[:cut]), Wait(_PAUSE), Send(data[cut:])


def _frames(case: Case, by: Speaker) -> list[bytes]:
    if case.mode in _STALLS or case.mode in {Mode.RESET, Mode.ERROR_EVENT, Mode.MALFORMED_SSE}:
        said = _cut_short(by)
    elif case.mode is Mode.REFUSAL:
        return _refusal(case.pair.dialect, by.say(Position.REFUSAL))
    else:
        said = _said(by)
    return _FRAMES[case.pair.dialect](said)


def _refusal(dialect: Dialect, text: str) -> list[bytes]:
    if dialect is Dialect.ANTHROPIC:
        return anthropic.frames(Said(text=(text,), stop="refusal"))
    if dialect is Dialect.OPENAI_RESPONSES:
        frames = openai_responses.frames(Said(text=("I",)))
        return [
            frame.replace(b"output_text", b"refusal")
            .replace(b'"text":"', b'"refusal":"')
            .replace(b'"I"', b'"%b"' % text.encode())
            for frame in frames
        ]
    frames = openai_chat.frames(Said(text=("I",)))
    return [frame.replace(b'{"content":"I"}', b'{"refusal":"%b"}' % text.encode()) for frame in frames]


def _error_event(dialect: Dialect, text: str) -> bytes:
    if dialect is Dialect.ANTHROPIC:
        return anthropic.error_event("overloaded_error", text)
    return openai_responses.error_event(text) if dialect is Dialect.OPENAI_RESPONSES else openai_chat.error_event(text)


def _middle(data: bytes, by: Speaker) -> int:
    """In the middle of a canary, where there is one that wants to be cut."""
    text = (by.said(Position.TEXT_SPLIT) or "").encode()
    return data.find(text) + len(text) // 2 if text else len(data) // 2


def _trailed(kind: str, data: bytes, by: Speaker) -> Steps:
    """In chunks, with a trailer after the last one."""
    head = Head(200, (("content-type", kind), ("transfer-encoding", "chunked"), ("trailer", "x-note")))
    trailer = b"0\r\nx-note: %b\r\n\r\n" % by.say(Position.TRAILER).encode()
    return head, Send(b"%x\r\n%b\r\n" % (len(data), data)), Send(trailer)
