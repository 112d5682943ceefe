"""A caller's connection fed with any bytes in any cuts, and what an independent parser sees in the same bytes."""

import re
from functools import cache
from typing import TypeAlias

import h11
import msgspec
from tests.fuzz.turns import Paper, Turns, lowered, pieces

from lethe.errors import LetheError
from lethe.server import connection, incoming
from lethe.server.callers import Callers
from lethe.server.connection import Connection
from lethe.server.incoming import CallerGone, Incoming
from lethe.upstream.arrivals import Arrivals

_HEAD, _HEADERS, _WAITING, _WATER, _BODY = 300, 8, 3, 64, 100
_LOW = (
    (connection, "MAX_HEAD", _HEAD), (connection, "MAX_HEADERS", _HEADERS), (connection, "MAX_WAITING", _WAITING),
    (connection, "HIGH_WATER", _WATER), (incoming, "HIGH_WATER", _WATER),
)  # fmt: skip
_SMALLEST = len(b"GET /\r\n\r\n")
_REFUSALS = (connection._MALFORMED, connection._TOO_LARGE)
Answer: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]


class Seen(msgspec.Struct):
    """One request, as whoever answers it sees it."""

    method: bytes
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes | None = None  # none while it is not complete
    refused: bool = False


class Talk(msgspec.Struct):
    """What became of a connection."""

    seen: list[Seen]
    sent: bytes = b""
    closed: bool = False
    paused: bool = False


@cache
def loop() -> Turns:
    return Turns()


_ARRIVALS = Arrivals()


def talk(parts: list[bytes], *, paced: bool = False, lazy: bool = False) -> Talk:
    """`paced`: between two parts the loop takes all turns it can. `lazy`: not all of each body is wanted, or can be."""
    turns, said, wrong = loop(), Talk([]), []

    async def app(asked: Incoming) -> None:
        seen = Seen(asked.method, asked.path, asked.query, asked.headers)
        said.seen.append(seen)
        try:
            await _answer(asked, seen, lazy=lazy)
        except CallerGone:
            return
        except Exception as error:  # noqa: BLE001 - told to whoever runs the target
            wrong.append(error)

    callers = Callers(app, turns, _ARRIVALS, lambda: None)
    line = Connection(callers)
    paper = Paper(turns, line, slow=lazy)
    most = max(map(len, parts), default=0)
    for part in parts:
        if paced or not paper.reading:
            turns.settle()
        if paper.closed:
            break
        assert paper.reading, "nobody reads, and nobody will"
        line.data_received(part)
        _bounded(line, most, low=lazy)
    turns.settle()
    turns.settle(60.0)  # a refused body has had its time
    said.sent, said.closed, said.paused = b"".join(paper.written), paper.closed, paper.paused
    paper.close()
    turns.settle()
    assert not callers.open
    if wrong:
        raise wrong[0]
    return said


async def _answer(asked: Incoming, seen: Seen, *, lazy: bool) -> None:
    if not lazy or not asked.path.startswith("/unread"):
        try:
            seen.body = await asked.body(_BODY if lazy else 1 << 30)
        except LetheError as error:
            seen.refused = True
            text = error.message.encode()
            asked.start(error.status, [], len(text))
            await asked.end(text)
            return
    text = b"%b %b [%b]" % (asked.method, asked.path.encode(), seen.body or b"")
    if asked.path.startswith("/chunks"):
        asked.start(200, [(b"x-kind", b"chunks")])
        await asked.write(text)
        if not asked.push(b"!"):
            await asked.drained()
        await asked.end()
    else:
        asked.start(200, [], len(text))
        await asked.end(text)


def _bounded(line: Connection, came: int, *, low: bool) -> None:
    """What is kept is within the limits, but for what one read may bring."""
    head, water, waiting = (_HEAD, _WATER, _WAITING) if low else (64 * 1024, 256 * 1024, 8)
    assert line._parser is None or line._fed <= head
    kept = len(line._url) + connection._size(line._headers)
    assert kept <= 2 * head + 2 * came if line._parser is not None else not kept  # what one read began another may end
    assert len(line._waiting) <= waiting + came // _SMALLEST
    for asked in (line._current, line._last, *line._waiting):
        assert asked is None or asked._unread <= water + came


def check(data: bytes) -> None:
    """The same however it is cut; answers that can be read; what was seen is what is there."""
    whole = talk([data])
    parts = pieces(data)
    cut, paced = talk(parts), talk(parts, paced=True)
    told = answers(whole)
    # Only an upgrade within a pipeline depends on whether what is before it has been answered.
    upgrades = any(name == b"upgrade" for seen in (*whole.seen, *paced.seen) for name, _ in seen.headers)
    if not cut.paused and not whole.paused and not upgrades:
        assert whole == cut
    if not upgrades:
        assert whole.seen == paced.seen
        assert whole.closed == paced.closed
        assert told == answers(paced)
    answers(cut)
    same(whole, data)
    with lowered(_LOW):
        for lazy in (talk(parts, lazy=True), talk(parts, paced=True, lazy=True)):
            answers(lazy)


def answers(said: Talk) -> list[Answer]:
    """Each request's, read by another's client; behind them at most one refusal of what is no request."""
    sent = said.sent
    refused = next((refusal for refusal in _REFUSALS if sent.endswith(refusal)), b"")
    sent = sent.removesuffix(refused)
    assert said.closed or not refused
    client, found = h11.Connection(h11.CLIENT), list[Answer]()
    if sent:
        client.receive_data(sent)
    if said.closed:
        client.receive_data(b"")
    for seen in said.seen:
        client.send(h11.Request(method=seen.method, target="/", headers=[("host", "h")]))
        client.send(h11.EndOfMessage())
        if (answer := _read(client)) is None:
            break
        found.append(answer)
        if seen.refused:
            assert 400 <= answer[0] < 500
        if client.our_state is not h11.DONE or client.their_state is not h11.DONE:
            assert said.closed
            break
        client.start_next_cycle()
    assert client.trailing_data[0] == b"", "more than the answers"
    return found


def _read(client: h11.Connection) -> Answer | None:
    status, headers, body = 0, list[tuple[bytes, bytes]](), b""
    while True:
        match client.next_event():
            case h11.Response() as event:
                status = event.status_code
                headers = [header for header in event.headers if header[0] != b"connection"]
            case h11.Data() as event:
                body += event.data
            case h11.EndOfMessage():
                return status, headers, body
            case h11.InformationalResponse():
                pass
            case _:
                assert not status, "half an answer"
                return None


def same(said: Talk, data: bytes) -> None:
    """What is seen is what another's parser sees, as far as both take it for requests."""
    theirs, fault = requests(data)
    mine = [seen for seen in said.seen if seen.body is not None]
    for seen, other in zip(mine, theirs, strict=False):
        headers = [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in seen.headers]
        assert msgspec.structs.replace(seen, headers=headers) == other
    if len(theirs) > len(mine) and theirs[len(mine)].method != b"PRI":  # of HTTP/2, whose head is longer
        assert said.closed
    if len(mine) > len(theirs):
        assert any(reason in fault for reason in _LENIENT), (fault, mine[len(theirs)])


_LENIENT = (
    "trailers: ",  # nobody uses them
    "Host",  # one host is all that is here
    "illegal chunk header",  # zeros, more than it counts
)
_SPACES = re.compile(rb"\A([^ \r\n]+) +([^ \r\n]+) +(?=HTTP/)")  # RFC 9112, 3: may be more than one


def requests(data: bytes) -> tuple[list[Seen], str]:
    """The whole ones, and why there are no more."""
    found: list[Seen] = []
    while data := data.lstrip(b"\r\n"):  # as RFC 9112, 2.2, wants it of servers
        data = _SPACES.sub(rb"\1 \2 ", data)
        server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        server.receive_data(data)
        request, body = None, b""
        try:
            while not isinstance(event := server.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    return found, ""
        except h11.RemoteProtocolError as error:
            return found, ("trailers: " if request is not None and "-" in str(error) else "") + str(error)
        assert request is not None
        found.append(_as_seen(request, body))
        if server.their_state is h11.MUST_CLOSE or request.method == b"CONNECT":
            return found, "close"
        data = server.trailing_data[0]
    return found, ""


def _as_seen(request: h11.Request, body: bytes) -> Seen:
    read = Incoming(Connection(Callers(_nobody, loop(), _ARRIVALS, lambda: None)), request.method, request.target, [])
    return Seen(request.method, read.path, read.query, list(request.headers), body)


async def _nobody(_: Incoming) -> None:
    """Never called."""
