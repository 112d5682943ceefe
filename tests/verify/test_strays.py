"""What goes to an upstream or a caller that it is not for is seen, in whatever form: a clumsy proxy for each way."""

import base64
import hashlib
import os
import re
import socket
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.verify import ground
from tests.verify.ground import near

from lethe.errors import UpstreamAnswered
from lethe.server import failures, outgoing
from lethe.server.exchange import Exchange
from lethe.server.inference import Inference
from lethe.upstream.call import Call
from lethe.upstream.pool import Pool
from lethe.verify import traffic
from lethe.verify.canary import CREDENTIAL, Mint
from lethe.verify.cases import Case, pairs
from lethe.verify.modes import Front, Mode
from lethe.verify.search import Search
from lethe.verify.sinks import Sink
from lethe.wire.rawjson import TopLevel

PLAN = ground.settings().plan
FIRST = Case(front=Front.MESSAGES, mode=Mode.SERVED, pair=pairs(PLAN)[0])
SECOND = Case(front=Front.CHAT, mode=Mode.SERVED, pair=pairs(PLAN)[0])
BEHIND = Case(front=Front.MESSAGES, mode=Mode.SERVED, pair=pairs(PLAN)[1])  # the first upstream refuses before
_CANARY = re.compile(rb"ZDR[A-Z2-7]{20,32}")


class Leaky:
    """The data plane with a place to keep the first canary that it sees, and ways to let it out."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.raw = self.first = self.latest = self.failed = b""
        plain = Inference.answer

        async def answer(inference: Inference, exchange: Exchange, raw: bytes) -> None:
            self.raw, self.latest = raw, _canary(raw)
            self.first = self.first or self.latest
            await plain(inference, exchange, raw)

        patch.setattr(Inference, "answer", answer)

    def upstream_header(self, name: bytes, value: Callable[[Exchange, dict[str, str]], bytes]) -> None:
        plain = outgoing.headers

        def headers(exchange: Exchange, lane: Any, callers: Any, credentials: Any) -> list[tuple[bytes, bytes]]:
            return [*plain(exchange, lane, callers, credentials), (name, value(exchange, credentials))]

        self._patch.setattr(outgoing, "headers", headers)

    def answer_header(self, value: Callable[[], bytes]) -> None:
        plain = Exchange.lethe_headers
        self._patch.setattr(Exchange, "lethe_headers", lambda exchange: [*plain(exchange), (b"x-lethe-note", value())])

    def body(self, value: Callable[[], bytes]) -> None:
        plain = TopLevel.spliced

        def spliced(body: Any, *given: Any) -> bytes:
            return plain(body, *given)[:-1] + b',"note":"' + value() + b'"}'

        self._patch.setattr(TopLevel, "spliced", spliced)

    def opened(self, again: Callable[[Pool, Call], Any]) -> None:
        plain = Pool.open

        async def opened(pool: Pool, call: Call, *given: Any) -> Any:
            reply = await plain(pool, call, *given)
            if (more := again(pool, call)) is not None:
                (await plain(*more)).close()
            return reply

        self._patch.setattr(Pool, "open", opened)


def _canary(data: bytes) -> bytes:
    found = _CANARY.search(data)
    return found[0] if found else b""


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def kept_from_the_last(leaky: Leaky) -> None:
    leaky.upstream_header(b"openai-beta", lambda *_: leaky.first)


def encoded(leaky: Leaky) -> None:
    leaky.upstream_header(b"x-app", lambda *_: base64.b64encode(leaky.first))


def hashed(leaky: Leaky) -> None:
    leaky.upstream_header(b"x-app", lambda *_: _sha(leaky.latest))


def hashed_as_a_whole(leaky: Leaky) -> None:
    leaky.upstream_header(b"x-app", lambda *_: _sha(leaky.raw))


def address_of_the_caller(leaky: Leaky) -> None:
    leaky.upstream_header(b"x-forwarded-for", lambda *_: b"192.0.2.7")


def header_of_the_caller(leaky: Leaky) -> None:
    leaky.upstream_header(b"x-app", lambda exchange, _: base64.b64encode(exchange.named[b"user-agent"]))


def in_the_next_body(leaky: Leaky) -> None:
    leaky.body(lambda: leaky.first.hex().encode())


def hash_in_the_body(leaky: Leaky) -> None:
    leaky.body(lambda: _sha(leaky.raw))


def twice(leaky: Leaky) -> None:
    leaky.opened(lambda pool, call: (pool, call))


def without_being_asked(leaky: Leaky) -> None:
    leaky.opened(lambda pool, _: (pool, Call(path=b"/telemetry", headers=[], body=b"one more")))


def no_http(leaky: Leaky) -> None:
    def say(pool: Pool, _: Call) -> None:
        address = pool._way.address
        with socket.create_connection((address.host, address.port)) as upstream:
            upstream.sendall(b"\0\1 gossip")
            upstream.recv(1)

    leaky.opened(say)


def error_in_the_next_attempt(leaky: Leaky) -> None:
    plain = Inference._ask

    async def ask(*given: Any) -> Any:
        try:
            return await plain(*given)
        except UpstreamAnswered as error:
            leaky.failed = _canary(error.body)
            raise

    leaky._patch.setattr(Inference, "_ask", ask)
    leaky.body(lambda: leaky.failed)


def to_the_next_caller(leaky: Leaky) -> None:
    leaky.answer_header(lambda: base64.b64encode(leaky.first))


def back_in_a_header(leaky: Leaky) -> None:
    leaky.answer_header(lambda: leaky.latest)


def hash_in_an_answer(leaky: Leaky) -> None:
    leaky.answer_header(lambda: _sha(leaky.raw))


def same_id(leaky: Leaky) -> None:
    plain = Exchange.lethe_headers

    def lethe_headers(exchange: Exchange) -> list[tuple[bytes, bytes]]:
        exchange.facts.request_id = hashlib.blake2b(b"of what was said", digest_size=16, key=b"secret").digest()
        return plain(exchange)

    leaky._patch.setattr(Exchange, "lethe_headers", lethe_headers)


def quoted_in_an_error(leaky: Leaky) -> None:
    plain = failures.reply

    def reply(*given: Any) -> Any:
        told = plain(*given)
        return msgspec.structs.replace(told, body=told.body + leaky.latest)

    leaky._patch.setattr(failures, "reply", reply)


LEAKS: dict[Callable[[Leaky], None], tuple[Sink, str, str]] = {
    kept_from_the_last: (Sink.EGRESS, "sent upstream with another request", "raw"),
    encoded: (Sink.EGRESS, "sent upstream with another request", "base64"),
    hashed: (Sink.EGRESS, "sent upstream in a header", "sha256 in hex"),
    hashed_as_a_whole: (Sink.EGRESS, "sent upstream in a header", "sha256 in hex"),
    address_of_the_caller: (Sink.EGRESS, "a header that is none of ours", ""),
    header_of_the_caller: (Sink.EGRESS, "sent upstream", "base64"),
    in_the_next_body: (Sink.EGRESS, "sent upstream with another request", "hex"),
    hash_in_the_body: (Sink.EGRESS, "a digest of it sent upstream", "sha256 in hex"),
    without_being_asked: (Sink.EGRESS, "a request to anthropic that nobody has asked for", ""),
    to_the_next_caller: (Sink.CALLERS, "answered to another caller", "base64"),
    back_in_a_header: (Sink.CALLERS, "answered in a header", "raw"),
    hash_in_an_answer: (Sink.CALLERS, "answered in a header", "sha256 in hex"),
    same_id: (Sink.CALLERS, "a request id that has been there before", ""),
}


@pytest.mark.parametrize(("leak", "hit"), LEAKS.items(), ids=[leak.__name__ for leak in LEAKS])
def test_a_leak_is_seen(
    leak: Callable[[Leaky], None], hit: tuple[Sink, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(Leaky(monkeypatch))
    with near(ground.settings()) as (site, upstreams):
        first = traffic.follow(site, upstreams, ground.mint(), [FIRST])
        second = traffic.follow(site, upstreams, ground.mint(), [SECOND])  # of another mint, as further load is
    assert hit in {(each.sink, each.what, each.where) for each in (*first.hits, *second.hits)}


def test_what_is_no_http_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    no_http(Leaky(monkeypatch))
    of = ground.settings()
    plain = tuple(replace(each, base_url=each.base_url.replace("https:", "http:")) for each in of.plan.upstreams)
    with near(replace(of, plan=replace(of.plan, upstreams=plain))) as (site, upstreams):
        hits = traffic.follow(site, upstreams, ground.mint(), [FIRST]).hits
    assert [hit.what for hit in hits] == ["something that is no HTTP sent to anthropic"]


def test_nothing_is_seen_where_nothing_leaks() -> None:
    with near(ground.settings()) as (site, upstreams):
        account = traffic.follow(site, upstreams, ground.mint(), [FIRST, SECOND, BEHIND])
    assert (account.hits, account.faults, account.served) == ((), (), 3)


def test_what_is_sent_twice_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    twice(Leaky(monkeypatch))
    with near(ground.settings()) as (site, upstreams):
        faults = traffic.follow(site, upstreams, ground.mint(), [FIRST]).faults
    assert [fault.rpartition(": ")[2] for fault in faults] == ["sent upstream more than once"]


def test_an_error_that_is_told_to_the_next_upstream_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    error_in_the_next_attempt(Leaky(monkeypatch))
    with near(ground.settings()) as (site, upstreams):
        hits = traffic.follow(site, upstreams, ground.mint(), [BEHIND]).hits
    assert [(hit.what, hit.position) for hit in hits] == [("an answer sent upstream", "answer-elsewhere")]


def test_a_copy_to_an_upstream_to_which_no_route_leads_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    pools: list[Pool] = []
    plain = Inference.__init__

    def made(inference: Inference, plan: Any, transports: Any, *more: Any) -> None:
        pools[:] = transports
        plain(inference, plan, transports, *more)

    monkeypatch.setattr(Inference, "__init__", made)
    Leaky(monkeypatch).opened(lambda _, call: (pools[0], call))
    only_openai = Case(front=Front.CHAT, mode=Mode.SERVED, pair=pairs(PLAN)[2])
    with near(ground.settings()) as (site, upstreams):
        hits = traffic.follow(site, upstreams, ground.mint(), [only_openai]).hits
    assert "sent to anthropic, to which no route leads" in {hit.what for hit in hits}


def test_what_an_error_of_ours_quotes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    quoted_in_an_error(Leaky(monkeypatch))
    wrong = Case(front=Front.CHAT, mode=Mode.WRONG_TYPE, pair=pairs(PLAN)[1])
    with near(ground.settings()) as (site, upstreams):
        hits = traffic.follow(site, upstreams, ground.mint(), [wrong]).hits
    assert {(hit.sink, hit.what) for hit in hits} == {(Sink.CALLERS, "quoted in an answer of the proxy's own")}


def test_secrets_are_for_their_own_upstream_only() -> None:
    secrets = Mint(os.urandom)
    mine, other = secrets.new(CREDENTIAL, "mine").text, secrets.new(CREDENTIAL, "other").text
    key = secrets.new("caller's key", "configured").text
    with near(ground.settings()) as (_, upstreams):
        strays = upstreams.errands.strays
        strays.secrets = Search(secrets)
        strays.at_upstream("mine", "/v1", [("authorization", f"Bearer {mine}")], b"{}", None)
        assert strays.take() == ()
        strays.at_upstream("mine", "/v1", [("x-api-key", other)], key.encode(), None)
        strays.at_caller(
            upstreams.errands.begin(FIRST, ground.mint()).own(),
            f"HTTP/1.1 200 OK\r\nx-key: {mine}\r\n\r\n".encode(),
            of_ours=False,
        )
    assert [hit.what for hit in strays.take()] == [
        "a credential sent to mine",
        "a caller's key sent in a body",
        "a credential answered",
    ]
