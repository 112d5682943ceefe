"""The fake provider, read by the load and by the vendors' own types."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from bench.answers import ANSWERS, LAST_CHUNK, PIECES, PLAIN_TEXT, WORD, Wire, wire_of
from bench.load import Load
from bench.mock import Connection, Mock, Pace
from lethe.wire.sse import FrameDecoder


@asynccontextmanager
async def serving(pace: Pace) -> AsyncIterator[tuple[Mock, int]]:
    mock = Mock(pace)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(mock), "127.0.0.1", 0)
    try:
        yield mock, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def request(path: str, body: bytes) -> bytes:
    return b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


def unchunked(data: bytes) -> bytes:
    body = data.partition(b"\r\n\r\n")[2]
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return whole


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not in time")


async def exchange(port: int, sent: bytes, end: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    data = await reader.readuntil(end)
    writer.close()
    return data


@pytest.mark.parametrize(
    ("path", "wire"),
    [
        ("/v1/chat/completions", Wire.CHAT),
        ("/openai/deployments/x/chat/completions", Wire.CHAT),
        ("/v1/messages", Wire.MESSAGES),
        ("/v1/messages/count_tokens", None),
        ("/v1/models", None),
    ],
)
def test_the_path_says_the_dialect(path: str, wire: Wire | None) -> None:
    assert wire_of(path) == wire


def test_plain_answers_are_what_the_sdks_expect() -> None:
    message = Message.model_validate_json(ANSWERS[Wire.MESSAGES].plain.partition(b"\r\n\r\n")[2], strict=True)
    chat = ChatCompletion.model_validate_json(ANSWERS[Wire.CHAT].plain.partition(b"\r\n\r\n")[2], strict=True)
    assert message.content[0].type == "text"
    assert message.content[0].text == chat.choices[0].message.content == PLAIN_TEXT


async def test_a_chat_stream_holds_the_pieces_asked_for_and_usage_on_request() -> None:
    body = b'{"stream": true, "stream_options": {"include_usage": true}}'
    async with serving(Pace(pieces=3)) as (mock, port):
        data = unchunked(await exchange(port, request("/v1/chat/completions", body), LAST_CHUNK))
        plain = unchunked(await exchange(port, request("/v1/chat/completions", b'{"stream":true}'), LAST_CHUNK))
    frames = [frame.data for frame in FrameDecoder().feed(data)]
    assert frames.pop() == "[DONE]"
    chunks = [ChatCompletionChunk.model_validate_json(frame, strict=True) for frame in frames]
    assert [chunk.choices[0].delta.content for chunk in chunks[:-1]] == ["", PIECES[0], PIECES[1], PIECES[0], None]
    assert chunks[-1].usage is not None
    assert b"usage" not in plain
    assert (mock.counts.requests, mock.counts.pieces, mock.counts.open) == (2, 6, 0)


async def test_a_messages_stream_begins_and_ends_as_the_vendors_does() -> None:
    async with serving(Pace(pieces=2)) as (_, port):
        data = unchunked(await exchange(port, request("/v1/messages", b'{"stream":true}'), LAST_CHUNK))
    names = [frame.event for frame in FrameDecoder().feed(data)]
    pieces = ["content_block_delta"] * 2
    ends = ["content_block_stop", "message_delta", "message_stop"]
    assert names == ["message_start", "content_block_start", *pieces, *ends]


async def test_paced_streams_come_whole_and_not_at_once() -> None:
    async with serving(Pace(pieces=4, interval=0.02)) as (mock, port):
        load = Load(port, request("/v1/messages", b'{"stream":true}'), 4, again=False)
        begin = asyncio.get_running_loop().time()
        await load.start(25)
        assert mock.counts.pieces < 100
        await load.finish(limit=5)
        taken = asyncio.get_running_loop().time() - begin
    assert (load.tally.answers, load.tally.faults, load.tally.pieces) == (25, 0, 100)
    assert mock.counts.open == 0
    assert taken > 0.06


async def test_a_slow_reader_is_waited_for_and_still_gets_every_piece() -> None:
    async with serving(Pace(pieces=1000, interval=60)) as (mock, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/v1/messages", b'{"stream":true}'))
        await reader.readuntil(b"message_start")
        (stream,) = mock.wheel.streams()
        stream.held = True
        for _ in range(5):
            stream.step()
        assert mock.counts.pieces == 0
        stream.release()
        for _ in range(5):
            await reader.readuntil(WORD)
        assert mock.counts.pieces == 5
        writer.close()


async def test_a_cut_stream_is_forgotten() -> None:
    async with serving(Pace(pieces=1000, interval=0.01)) as (mock, port):
        load = Load(port, request("/v1/messages", b'{"stream":true}'), 1000, again=False)
        await load.start(3)
        await until(lambda: mock.counts.open == 3)
        await load.stop()
        await until(lambda: mock.counts.open == 0)
    assert load.tally.faults == 0


async def test_the_pace_can_be_set_and_the_counts_be_read() -> None:
    async with serving(Pace()) as (mock, port):
        await exchange(port, b"GET /set?pieces=7&interval=0.5 HTTP/1.1\r\nhost: x\r\n\r\n", b"{}")
        counts = await exchange(port, b"GET /count HTTP/1.1\r\nhost: x\r\n\r\n", b"}")
    assert mock.pace == Pace(pieces=7, interval=0.5)
    assert counts.endswith(b'{"requests":0,"pieces":0,"open":0}')
