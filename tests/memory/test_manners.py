"""Callers that do not send one request after another, read the answer and go: nothing of theirs stays either."""

import asyncio
import hashlib
import json
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.e2e.served import route, upstream
from tests.memory.cases import ANTHROPIC, CHAT, GEMINI, LONG, RESPONSES, Case, answer, mark, path, question
from tests.memory.rig import Rig, headers, rig

from lethe.upstream.fake import FakeThread, openai_chat
from lethe.upstream.fake.replies import document
from lethe.upstream.fake.script import Until

PAIRS = [(ANTHROPIC, ANTHROPIC), (CHAT, CHAT), (ANTHROPIC, CHAT), (CHAT, GEMINI), (RESPONSES, ANTHROPIC)]
CASES = [Case(caller=c, upstream=u, stream=s) for c, u in PAIRS for s in (False, True)]
Manner: TypeAlias = Callable[[Rig, Case], None]


class Wire:
    """A connection and the bytes of a case."""

    def __init__(self, to: Rig, case: Case, *more: str) -> None:
        to.fakes[case.upstream].answer(answer(case, to.tags.answer))
        lines = [f"POST {path(case, to.tags.prompt)} HTTP/1.1", "host: lethe"]
        lines += [f"{name}: {value}" for name, value in headers(to.tags.prompt).items()]
        self.head = "\r\n".join([*lines, *more, ""]).encode()
        self.body = json.dumps(question(case, to.tags.prompt)).encode()
        self.whole = self.head + b"content-length: %d\r\n\r\n" % len(self.body) + self.body
        self.socket = to.caller.socket()

    def statuses(self, count: int = 1) -> list[int]:
        """Of so many answers, read to the last one's head."""
        read = b""
        while read.count(b"HTTP/1.1 ") < count and (part := self.socket.recv(65536)):
            read += part
        return [int(after[:3]) for after in read.split(b"HTTP/1.1 ")[1:]]


def in_chunks(to: Rig, case: Case) -> None:
    """With extensions and a trailer."""
    wire, tag = Wire(to, case), to.tags.prompt.encode()
    wire.socket.sendall(wire.head + b"transfer-encoding: chunked\r\n\r\n")
    for at in range(0, len(wire.body), 701):
        part = wire.body[at : at + 701]
        wire.socket.sendall(b"%x;%b=%b\r\n%b\r\n" % (len(part), tag, tag, part))
    wire.socket.sendall(b"0\r\nx-trailer: %b-trailer-%b\r\n\r\n" % (tag, tag))
    assert wire.statuses() == [200]


def asking_first(to: Rig, case: Case) -> None:
    wire = Wire(to, case, "expect: 100-continue")
    wire.socket.sendall(wire.whole[: -len(wire.body)])
    assert wire.statuses() == [100]
    wire.socket.sendall(wire.body)
    assert wire.statuses() == [200]


def upgrading(to: Rig, case: Case) -> None:
    wire = Wire(to, case, "upgrade: h2c", "connection: upgrade")
    wire.socket.sendall(wire.whole)
    assert wire.statuses() == [200]


def pipelined(to: Rig, case: Case) -> None:
    wire = Wire(to, case)
    wire.socket.sendall(wire.whole * 3)
    assert wire.statuses(3) == [200, 200, 200]


def pipelined_and_gone(to: Rig, case: Case) -> None:
    """While the first of them waits for its answer."""
    fake = to.fakes[case.upstream]
    before = len(fake.requests)
    wire = Wire(to, Case(caller=case.caller, upstream=case.upstream, ending="cancel"))
    wire.socket.sendall(wire.whole * 3)
    fake.until(lambda: len(fake.requests) > before)
    wire.socket.close()
    fake.until(lambda: fake.requests[-1].gone_at is not None)


def half_a_head(to: Rig, case: Case) -> None:
    wire = Wire(to, case)
    wire.socket.sendall(wire.head[:-10])
    wire.socket.close()


def half_a_body(to: Rig, case: Case) -> None:
    wire = Wire(to, Case(caller=case.caller, upstream=case.upstream, size=LONG))
    wire.socket.sendall(wire.whole[: -len(wire.body) // 2])
    wire.socket.close()


def not_reading(to: Rig, case: Case) -> None:
    """More than the buffers on the way hold, so that some of it waits in the worker."""
    wire = Wire(to, Case(caller=case.caller, upstream=case.upstream, stream=case.stream, size=LONG))
    wire.socket.sendall(wire.head + b"content-length: %d\r\n\r\n" % len(wire.body) + wire.body)
    fake = to.fakes[case.upstream]
    fake.until(lambda: fake.requests[-1].sent > 0)
    wire.socket.close()


def malformed(to: Rig, case: Case) -> None:
    tag = to.tags.prompt.encode()
    for sent in (
        b"POST /v1/messages HTTP/1.1\r\nno header %b\r\n\r\n" % tag,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + tag,
        b"POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n4\r\n%b\r\n" % tag,
        b"POST /%b HTTP/1.1\r\n\r\n" % (tag * 6000),
        b"CONNECT %b:443 HTTP/1.1\r\n\r\n%b" % (tag, tag),
        b"POST /v1/messages HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n" + tag,
        b"GET /v1/models/%b HTTP/1.1\r\nhost: lethe\r\n\r\n" % tag,
        b"GET /v1/%b?%b HTTP/1.1\r\nhost: lethe\r\n\r\n" % (tag, tag),
        b'POST /v1/messages HTTP/1.1\r\nhost: lethe\r\ncontent-length: 15\r\n\r\n{"%b"' % tag,
    ):
        wire = Wire(to, case)
        wire.socket.sendall(sent)
        assert wire.statuses()[0] >= 400
        wire.socket.close()


def counting(to: Rig, case: Case) -> None:
    """Nobody counts at an upstream of Chat, so the words are looked up here."""
    tag = to.tags.prompt
    body = question(Case(upstream=CHAT, size=case.size), tag)
    connection = to.caller.connect()
    connection.request("POST", "/v1/messages/count_tokens", json.dumps(body), headers(tag))
    reply = connection.getresponse()
    assert (reply.status, b"input_tokens" in reply.read()) == (200, True)


def embedding(to: Rig, case: Case) -> None:
    tag = to.tags.prompt
    to.fakes[CHAT].answer(document({**openai_chat.embeddings((0.5,)), "note": mark(to.tags.answer, "note")}))
    body = {"model": f"{CHAT}/{mark(tag, 'model')}", "input": [mark(tag, "input")] * 100}
    connection = to.caller.connect()
    connection.request("POST", "/v1/embeddings", json.dumps(body), headers(tag))
    reply = connection.getresponse()
    assert (reply.status, to.tags.answer.encode() in reply.read()) == (200, True)


MANNERS: tuple[Manner, ...] = (
    in_chunks,
    asking_first,
    upgrading,
    pipelined,
    pipelined_and_gone,
    half_a_head,
    half_a_body,
    not_reading,
    malformed,
    counting,
    embedding,
)


@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_no_manner_leaves_anything(tmp_path: Path, *, tls: bool) -> None:
    with rig(tmp_path, tls=tls, callers_tls=tls) as to:
        for manner in MANNERS:
            for case in CASES:
                manner(to, case)
        assert to.arrived()
        assert to.left() == []


@pytest.mark.slow
def test_what_a_proxy_says_does_not_stay(tmp_path: Path) -> None:
    """It refuses the tunnel, in words of its own."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        lines = (f'proxy = "http://127.0.0.1:{proxy.getsockname()[1]}"',)
        more = upstream("far", ANTHROPIC, "https://far.example", *lines) + route("far/*", "far")
        with rig(tmp_path, more=more) as to:
            said = f"HTTP/1.1 407 {mark(to.tags.answer, 'reason')}\r\n\r\n{mark(to.tags.answer, 'body')}".encode()

            def refuse() -> None:
                with proxy.accept()[0] as line:
                    line.recv(65536)
                    line.sendall(said)

            refusing = threading.Thread(target=refuse)
            refusing.start()
            connection = to.caller.connect()
            body = json.dumps(question(Case(upstream="far"), to.tags.prompt))
            connection.request("POST", "/v1/messages", body, headers(to.tags.prompt))
            assert b"upstream_unreachable" in connection.getresponse().read()
            refusing.join()
            assert to.left() == []


def asked(fake: FakeThread, count: int) -> bool:
    return len(fake.requests) == count


@pytest.mark.slow
def test_two_hundred_streams_at_once_leave_nothing(tmp_path: Path) -> None:
    cases = CASES[1::2] * 40
    with rig(tmp_path) as to:
        go = {name: asyncio.Event() for name in to.fakes}
        wires = []
        for case in cases:
            wires.append(wire := Wire(to, case))
            head, *rest = answer(case, to.tags.answer)
            to.fakes[case.upstream].answer([head, Until(go[case.upstream]), *rest])
            wire.socket.sendall(wire.whole)
        for name, fake in to.fakes.items():
            fake.until(partial(asked, fake, sum(case.upstream == name for case in cases)))
            fake.set(go[name])
        assert [wire.statuses() for wire in wires] == [[200]] * 200
        assert to.left() == []


REFUSING = f"""
[retention]
level = "B"
accept_classes = ["U6"]
[[keys]]
name = "one"
hash = "sha256:{hashlib.sha256(b"key").hexdigest()}"
[[keys]]
name = "limited"
hash = "sha256:{hashlib.sha256(b"limited").hexdigest()}"
limits = {{ requests_per_minute = 1 }}
"""


@pytest.mark.slow
def test_who_is_refused_leaves_nothing(tmp_path: Path) -> None:
    """By key, by limit, by what a level promises."""
    with rig(tmp_path, more=REFUSING) as to:
        assert refused(to, CASES[0], "limited") == 400  # all that it may ask for in a minute
        for case in CASES:
            assert refused(to, case, mark(to.tags.prompt, "wrong")) == 401
            assert refused(to, case, "limited") == 429
            if case.caller == case.upstream:  # else the field has no place in what goes out
                assert refused(to, case, "key") == 400
        assert to.left() == []


def refused(to: Rig, case: Case, key: str) -> int:
    """The status for a body with a field that nobody knows."""
    tag, connection = to.tags.prompt, to.caller.connect()
    body = {**question(case, tag), mark(tag, "field"): {mark(tag, "key"): mark(tag, "value")}}
    connection.request("POST", path(case, tag), json.dumps(body), {**headers(tag), "x-api-key": key})
    reply = connection.getresponse()
    reply.read()
    return reply.status
