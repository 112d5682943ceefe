"""What a scripted upstream answers: with a canary in every place that an answer has, in every way that one can fail."""

import gzip
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from lethe.ir.content import Dialect
from lethe.upstream.fake import Close, Cut, Hang, Head, Recorded, Send, Step, Wait, openai_chat
from lethe.upstream.fake.replies import REQUEST_IDS, content, document
from lethe.upstream.fake.said import Called, Said
from lethe.verify.cases import Case
from lethe.verify.modes import PROCESS, STATUSES, Mode
from lethe.verify.positions import Position
from lethe.verify.voices import VOICES, Voice, voice

_ECHO = 1500  # bytes of the question that an error quotes
HOLD = 0.5  # seconds that the instance holds back the status line of a stream
_PAUSE = 0.02  # seconds between two parts, so that they are two reads
_FILLER = ("and ",) * 8
_LARGE = ("and so on " * 1000,) * 16
# How the paths of counting endpoints end.
_COUNTS = ("/count_tokens", "/input_tokens", ":countTokens", "/count-tokens", "/count-tokens:rawPredict")
_STALLS = frozenset({Mode.IDLE_TIMEOUT, Mode.GONE_AT_FIRST, Mode.GONE_MIDSTREAM, *PROCESS})

Steps: TypeAlias = Sequence[Step]


class Speaker(Protocol):
    """Gives the text of a position, the same each time, and knows what it has given."""

    def say(self, position: Position) -> str: ...
    def said(self, position: Position) -> str | None: ...


def answer(case: Case, request: Recorded, by: Speaker) -> Steps:
    """The script of one answer; the request tells what is asked for (a translated one may differ from the case)."""
    mode = case.mode
    if (status := STATUSES.get(mode)) is not None:
        return _refusal(case, status, request, by)
    match mode:
        case Mode.LATE_ERROR:
            return Wait(HOLD * 1.5), *_refusal(case, 500, request, by)
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
        case Mode.MALFORMED_HEAD:
            return Send(b"HTTP/1.1 twohundred %b\r\n\r\n" % by.say(Position.MALFORMED_HEAD).encode()), Close()
        case Mode.COMPRESSED:
            return _compressed(case, by)
        case Mode.LATE:
            return Wait(HOLD * 1.5), *_good(case, request, by)
        case Mode.GONE_BEFORE | Mode.FIRST_BYTE_TIMEOUT:
            return (Hang(),)
        case _:
            return _good(case, request, by)


def _refusal(case: Case, status: int, request: Recorded, by: Speaker) -> Steps:
    quoting = _quoting(by.say(Position.ERROR_BODY), request)
    return tuple(VOICES[case.pair.errors].error(status, quoting))


def _good(case: Case, request: Recorded, by: Speaker) -> Steps:
    if request.path.endswith(_COUNTS):
        return _whole(case, {case.pair.counts: 17}, by)
    if request.path.endswith("/embeddings"):
        return _whole(case, openai_chat.embeddings((0.25, 0.5)), by)
    if case.stream:
        return _stream(case, by)
    return _whole(case, _document(case, by), by)


def _voice(case: Case) -> Voice:
    return voice(case.pair.dialect, case.pair.framing)


def _quoting(text: str, request: Recorded) -> str:
    """As some providers do: the error shows what was sent."""
    return f"{text} in {request.body[:_ECHO].decode('utf-8', 'replace')}"


def _headers(case: Case, by: Speaker) -> tuple[tuple[str, str], ...]:
    """One that nobody knows, one that a client would keep, and one that callers get."""
    passed = _voice(case).passed
    return tuple((name, by.say(Position.RESPONSE_HEADER)) for name in ("x-note", "set-cookie", passed) if name)


def _said(case: Case, by: Speaker) -> Said:
    """With everything in it; Gemini gives calls no ids."""
    dialect, filler = case.pair.dialect, _LARGE if case.mode is Mode.LARGE else _FILLER
    text = by.say(Position.TEXT_HALVES)
    half = len(text) // 2
    pieces = (by.say(Position.TEXT), " ", by.say(Position.TEXT_SPLIT), " ", text[:half], text[half:], " ", *filler)
    arguments = msgspec.json.encode({"note": by.say(Position.CALL_ARGUMENTS)}).decode()
    return Said(
        text=pieces,
        thinking=by.say(Position.THINKING),
        sealed=by.say(Position.SIGNATURE),
        calls=(Called("" if dialect is Dialect.GEMINI else by.say(Position.CALLED), "lookup", arguments),),
        id=by.say(Position.ANSWER_ID),
        model=by.say(Position.ANSWER_MODEL),
    )


def _cut_short(by: Speaker) -> Said:
    """An answer of which not all will come: what counts stands first."""
    return Said(text=(by.say(Position.TEXT), " ", *_FILLER))


def _document(case: Case, by: Speaker) -> dict[str, Any]:
    speaks = _voice(case)
    return speaks.refusing(by.say(Position.REFUSAL)) if case.mode is Mode.REFUSAL else speaks.whole(_said(case, by))


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


def _compressed(case: Case, by: Speaker) -> Steps:
    """Although nobody has asked for that."""
    speaks, said = _voice(case), Said(text=(by.say(Position.COMPRESSED), *_FILLER))
    kind = speaks.kind if case.stream else "application/json"
    plain = b"".join(speaks.frames(said)) if case.stream else msgspec.json.encode(speaks.whole(said))
    return tuple(content(kind, gzip.compress(plain), 200, ("content-encoding", "gzip")))


def _stream(case: Case, by: Speaker) -> Steps:
    frames = _frames(case, by)
    if case.mode is Mode.TRAILER:
        return _trailed(_voice(case).kind, b"".join(frames), by)
    head = Head(200, (("content-type", _voice(case).kind), *REQUEST_IDS, *_headers(case, by)))
    half = len(frames) // 2
    begun = tuple(Send(frame) for frame in frames[:half])
    match case.mode:
        case mode if mode in _STALLS:
            return head, *begun, Hang()
        case Mode.RESET:
            return head, *begun, Send(frames[half][:9]), Wait(0.05), Cut()
        case Mode.ERROR_EVENT:
            return head, *begun, Send(_voice(case).error_event(by.say(Position.ERROR_EVENT)))
        case Mode.MALFORMED_SSE:
            bad = _voice(case).garbled(by.say(Position.MALFORMED_SSE))
            return head, *begun, Send(bad), *(Send(frame) for frame in frames[half:])
        case _:
            data = b"".join(frames)
            cut = _middle(data, by)
            return head, Send(data[:cut]), Wait(_PAUSE), Send(data[cut:])


def _frames(case: Case, by: Speaker) -> list[bytes]:
    speaks = _voice(case)
    if case.mode is Mode.REFUSAL:
        return speaks.refused(by.say(Position.REFUSAL))
    short = case.mode in _STALLS or case.mode in {Mode.RESET, Mode.ERROR_EVENT, Mode.MALFORMED_SSE}
    return speaks.frames(_cut_short(by) if short else _said(case, by))


def _middle(data: bytes, by: Speaker) -> int:
    """In the middle of a canary, where there is one that wants to be cut."""
    text = (by.said(Position.TEXT_SPLIT) or "").encode()
    return data.find(text) + len(text) // 2 if text else len(data) // 2


def _trailed(kind: str, data: bytes, by: Speaker) -> Steps:
    """In chunks, with a trailer after the last one."""
    head = Head(200, (("content-type", kind), ("transfer-encoding", "chunked"), ("trailer", "x-note")))
    trailer = b"0\r\nx-note: %b\r\n\r\n" % by.say(Position.TRAILER).encode()
    return head, Send(b"%x\r\n%b\r\n" % (len(data), data)), Send(trailer)
