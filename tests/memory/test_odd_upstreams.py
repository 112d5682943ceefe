"""Upstreams whose HTTP is odd, with canaries wherever HTTP has room for words: nothing of it stays, or is said."""

import gzip
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.served import route, upstream
from tests.memory.cases import ANTHROPIC, CHAT, Case, Tags, mark, path, question
from tests.memory.rig import headers, rig

TAGS = Tags()
WORD = mark(TAGS.answer, "word").encode()
BODY = json.dumps(
    {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": mark(TAGS.answer, "said")}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
).encode()
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def answer(*lines: bytes, status: bytes = b"200 OK", body: bytes = BODY, length: int | None = None) -> bytes:
    framed = b"content-length: %d" % (len(body) if length is None else length)
    return b"\r\n".join((b"HTTP/1.1 " + status, b"content-type: application/json", *lines, framed, b"", body))


# What is written for a request, after which the connection is closed; and the status that a caller gets for it.
ODD: dict[str, tuple[bytes, int]] = {
    "early hints": (b"HTTP/1.1 103 %b\r\nlink: <%b>\r\n\r\n" % (WORD, WORD) * 2 + answer(), 200),
    "another protocol": (b"HTTP/1.1 101 %b\r\nupgrade: %b\r\nconnection: upgrade\r\n\r\n%b" % (WORD, WORD, WORD), 502),
    "extensions and trailers": (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        + CHUNKED
        + b"%x;a=%b\r\n%b\r\n0\r\nx-%b: %b\r\n\r\n" % (len(BODY), WORD, BODY, WORD, WORD),
        200,
    ),
    "names and cookies": (answer(b"x-%b: 1" % WORD, b"set-cookie: a=%b" % WORD, b"server: " + WORD), 200),
    "a phrase": (answer(status=b"418 " + WORD), 418),
    "a redirect": (answer(b"location: http://example.com/?" + WORD, status=b"302 " + WORD, body=WORD), 502),
    "an old server": (b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + BODY, 200),
    "more than was announced": (answer() + answer(body=WORD), 200),
    "less than was announced": (answer(length=len(BODY) + 1), 502),
    "a bomb": (answer(b"content-encoding: gzip", status=b"500 x", body=gzip.compress(WORD + bytes(9_000_000))), 500),
    "a folded line": (answer(b"x-a: b\r\n %b" % WORD), 502),
    "no header": (b"HTTP/1.1 200 OK\r\n%b %b\r\n\r\n" % (WORD, WORD), 502),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"x-a: %b\r\n" % WORD * 3000, 502),
    "no HTTP": (WORD * 9 + b"\r\n", 502),
    "two framings": (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n" + CHUNKED + WORD, 502),
    "an odd status": (answer(status=b"999 " + WORD), 502),
    "events nobody knows": (
        EVENTS + b"event: %b\nid: %b\nretry: %b\n: %b\ndata: {\n\n" % (WORD, WORD, WORD, WORD),
        502,
    ),
}


class Odd:
    """Listens, and says what it is to say."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.says = b""
        self.heard = b""

    def serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with line:
                self.heard = _request(line)
                line.sendall(self.says)


def _request(line: socket.socket) -> bytes:
    read = b""
    while part := line.recv(65536):
        read += part
        head, _, body = read.partition(b"\r\n\r\n")
        if (length := re.search(rb"content-length: (\d+)", head)) and len(body) == int(length[1]):
            break
    return read


@contextmanager
def odd() -> Iterator[tuple[Odd, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Odd(listener)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.slow
def test_what_an_odd_upstream_says_stays_nowhere(tmp_path: Path) -> None:
    """Passed through and translated."""
    with odd() as (server, url), rig(tmp_path, more=upstream("odd", ANTHROPIC, url) + route("odd/*", "odd")) as to:
        for name, (said, status) in ODD.items():
            server.says = said
            for caller in (ANTHROPIC, CHAT):
                case = Case(caller=caller, upstream="odd")
                connection = to.caller.connect()
                body = {**question(case, to.tags.prompt), "stream": False}
                connection.request("POST", path(case, to.tags.prompt), json.dumps(body), headers(to.tags.prompt))
                reply = connection.getresponse()
                read = reply.read()
                assert reply.status == status, (name, caller)
                assert status != 200 or TAGS.answer.encode() in read
                assert TAGS.answer not in str(reply.getheaders()), (name, caller)
                assert to.tags.prompt.encode() in server.heard
        to.tags.answer = TAGS.answer
        assert to.left() == []
        assert not [line for line in (*to.lethe.stdout, *to.lethe.stderr) if TAGS.answer in line]
