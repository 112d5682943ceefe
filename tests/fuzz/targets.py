"""What is fuzzed: each target takes any bytes, and raises only where a promise is broken."""

import itertools
import json
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Protocol, TypeVar

import msgspec
from tests.fuzz import answers, callers, http_seeds, secured, seeds
from tests.fuzz.mutation import mutated
from tests.fuzz.seeds import CONTEXT
from tests.fuzz.turns import damaged

from lethe import transcode
from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.dialects.passage import FRAMES, Opening, Passthrough, Reframing
from lethe.errors import CallerError, LetheError, MalformedReply, ReplyTooLarge, StreamCut, UpstreamAnswered
from lethe.ir.content import Dialect
from lethe.ir.events import Event
from lethe.ir.grammar import Grammar, StreamFailed, fold, unfold
from lethe.ir.loss import Losses
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import UpstreamClass
from lethe.server import failures
from lethe.transcode import StreamTranscoder
from lethe.wire.framing import Framing
from lethe.wire.rawjson import TopLevel
from lethe.wire.sse import Frame, FrameDecoder

T = TypeVar("T")
# What a caller may be told of an upstream's answer, and what of its own request.
ANSWERED = (MalformedReply, StreamCut, StreamFailed, ReplyTooLarge)
ASKED = (CallerError,)
_PATH = re.compile(r"\$[A-Za-z0-9_.*\[\]-]*")
_CANARY = "CANARY"
_TOLERATED = (  # what crosses as it came, although Chat's own decoder takes none such
    "the upstream called a tool without naming it",
    "the upstream went on with a tool call that it had ended",
)


class Target(msgspec.Struct, frozen=True):
    """`check` raises AssertionError, or whatever the code under test should not have."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    mend: Callable[[bytes], bytes] = bytes  # what would make all damage look alike
    damage: Callable[[bytes, Sequence[bytes], Random], bytes] = mutated


def cuts(data: bytes) -> list[bytes]:
    """The data in pieces, always the same for the same data."""
    step = max(1 + zlib.crc32(data) % 97, len(data) // 2000)
    edges = [*range(0, len(data), step), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def fault(work: Callable[[], Any], allowed: tuple[type[LetheError], ...]) -> LetheError | None:
    """The typed error that `work` ends with; it quotes nothing."""
    found = None
    try:
        work()
    except allowed as error:
        found = error
    assert _CANARY not in str(found), "an error quotes content"
    return found


def _whole(text: str) -> int | str:
    """Python reads no number of thousands of digits; as text they can be compared."""
    return int(text) if len(text) < 4000 else text


def parsed(text: bytes | str) -> Any:
    """JSON as a tolerant client reads it: at any depth, broken UTF-8 replaced."""
    with _room():
        return json.loads(text if isinstance(text, str) else text.decode("utf-8", "replace"), parse_int=_whole)


@contextmanager
def _room() -> Iterator[None]:
    """More depth for the test than the code under test has."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


# Frames


def frames(framing: Framing) -> Callable[[bytes], None]:
    """The same frames however the bytes are cut."""

    def read(chunks: Sequence[bytes], found: list[Frame]) -> LetheError | None:
        reader = FRAMES[framing]()

        def work() -> None:
            for chunk in chunks:
                found.extend(reader.feed(chunk))
            found.extend(reader.finish())

        return fault(work, ANSWERED)

    def check(data: bytes) -> None:
        once: list[Frame] = []
        pieces: list[Frame] = []
        assert type(read([data], once)) is type(read(cuts(data), pieces))
        assert once == pieces
        for frame in once:
            frame.data.encode()

    return check


# Streams


def stream(source: Dialect, pick: "Pick") -> Callable[[bytes], None]:
    """To every caller: whole JSON events, in an order that the caller's own dialect reads back."""

    def check(data: bytes) -> None:
        for target in pick(tuple(CODECS), data):
            out: list[bytes] = []
            whole = fault(lambda o=out, t=target: _transcoded(source, t, [data], o), ANSWERED)  # type: ignore[misc]
            pieces: list[bytes] = []
            cut = fault(lambda o=pieces, t=target: _transcoded(source, t, cuts(data), o), ANSWERED)  # type: ignore[misc]
            assert type(whole) is type(cut), (target, whole, cut)
            assert b"".join(pieces).startswith(b"".join(out)), target
            _read_back(target, b"".join(pieces))
        _opened(source, data)

    return check


def _transcoded(source: Dialect, target: Dialect, chunks: Sequence[bytes], out: list[bytes]) -> None:
    losses = Losses()
    transcoder = StreamTranscoder(UPSTREAM_CODECS[source], CODECS[target], CONTEXT, losses)
    try:
        out.extend(transcoder.feed(chunk) for chunk in chunks)
        out.append(transcoder.finish())
    finally:
        transcoder.usage()
        named(losses)


def _read_back(target: Dialect, out: bytes) -> None:
    """What was sent is a beginning of a stream of the caller's dialect."""
    reader, decoder, grammar = FrameDecoder(), CODECS[target].stream_decoder(), Grammar()
    for frame in itertools.chain(reader.feed(out), reader.finish()):
        if frame.data != "[DONE]":
            parsed(frame.data)
        try:
            found = list(decoder.feed(frame))
        except MalformedReply as error:
            if error.message in _TOLERATED:
                return
            raise
        for event in found:
            grammar.admit(event)


def _opened(source: Dialect, data: bytes) -> None:
    """The ways that go through in one dialect: nothing is lost or added, and a failure is told apart."""
    codec = UPSTREAM_CODECS[source]
    passing, opening, out, looking = Passthrough(codec), Opening(codec), b"", True
    for chunk in cuts(data):
        out += passing.feed(chunk)
        try:
            looking = looking and not opening.feed(chunk)
        except StreamFailed:
            looking = False
    assert out + passing.finish() == data
    passing.usage()
    reframing = Reframing(codec, Framing.SSE)
    fault(lambda: ([reframing.feed(chunk) for chunk in cuts(data)], reframing.finish()), ANSWERED)


# Buffered replies


def reply(source: Dialect, pick: "Pick") -> Callable[[bytes], None]:
    """To every caller, buffered and as the stream that it amounts to."""

    def check(data: bytes) -> None:
        codec = UPSTREAM_CODECS[source]
        codec.buffered_usage(data)
        codec.streamed_usage(data[: len(data) // 2], data[len(data) // 3 :])
        for target in pick(tuple(CODECS), data):
            caller = CODECS[target]
            losses = Losses()
            whole = fault(lambda c=caller, o=losses: transcode.translate_reply(codec, c, data, CONTEXT, o), ANSWERED)  # type: ignore[misc]
            streamed: list[bytes] = []
            made = fault(
                lambda c=caller, o=losses, s=streamed: s.append(  # type: ignore[misc]
                    transcode.stream_of(codec, c, data, CONTEXT, o).body
                ),
                ANSWERED,
            )
            assert type(whole) is type(made) or _is_deep(data), (target, whole, made)
            named(losses)
            _read_back(target, b"".join(streamed))

    return check


_DEEP = re.compile(rb'(\[\s*){500}|(\{\s*"a"\s*:\s*){500}')  # as mutations nest; those that are mended have spaces


def _is_deep(data: bytes) -> bool:
    """So deep that it depends on the stack's depth whether it can be read and written?"""
    return _DEEP.search(data) is not None


# Requests


def request(caller: Dialect, pick: "Pick") -> Callable[[bytes], None]:
    """To every upstream: a JSON body with a model, losses at paths that quote nothing."""

    def check(data: bytes) -> None:
        for upstream in pick(UPSTREAMS, data):
            fault(lambda u=upstream: _translated(caller, u, data), ASKED)  # type: ignore[misc]

    return check


def _translated(caller: Dialect, upstream: Upstream, data: bytes) -> None:
    body = TopLevel(data)
    decoded = transcode.decode_request(caller, body.whole())
    losses = Losses()
    encoded = transcode.encode_request(decoded, upstream, "m", losses)
    assert parsed(encoded.body)["model"] == "m"
    TopLevel(encoded.body)
    named(transcode.located(losses, caller, body.whole()))


UPSTREAMS = tuple(
    Upstream(
        name=dialect, dialect=dialect, base_url="http://127.0.0.1:1", auth=Auth.NONE, upstream_class=UpstreamClass.U5
    )
    for dialect in UPSTREAM_CODECS
)


def named(losses: Losses) -> None:
    """Losses go into a header: names of fields and fixed words only."""
    for loss in losses:
        assert _PATH.fullmatch(loss.path), "a loss quotes content"
        assert _CANARY not in loss.feature


# Errors


def error(source: Dialect) -> Callable[[bytes], None]:
    """Whatever came with a status of failure, each caller gets an error of its dialect."""

    def check(data: bytes) -> None:
        for status in (400, 404, 429, 500, 529, 599):
            failure = UPSTREAM_CODECS[source].decode_error(status, data)
            answered = UpstreamAnswered(status, (), data)
            for caller in CODECS:
                told(caller, StreamFailed(failure), source)
                told(caller, answered, source)

    return check


def told(caller: Dialect, failed: LetheError, source: Dialect) -> None:
    reply = failures.reply(failed, caller, source)
    if caller is not source or isinstance(failed, StreamFailed):  # else it is the upstream's own, whatever that is
        assert isinstance(parsed(reply.body), dict | list)
    said = list(FrameDecoder().feed(failures.error_event(failed, caller, source)))
    assert said
    for frame in said:
        parsed(frame.data)


# JSON


def top_level(data: bytes) -> None:
    """What is spliced says what was read, but for the change."""

    def work() -> None:
        body = TopLevel(data)
        fields = {name: parsed(bytes(raw)) for name, raw in body.fields.items()}
        assert _same(parsed(body.spliced({})), fields)
        changed = parsed(body.spliced({"model": "m"}, {"stream"}))
        assert _same(changed, {n: v for n, v in fields.items() if n != "stream"} | {"model": "m"})
        body.value("model")
        body.whole()

    fault(work, ASKED)


def _same(a: Any, b: Any) -> bool:
    """NaN equals itself here."""
    with _room():
        return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


# Events


def grammatical(source: Dialect, pick: "Pick") -> Callable[[bytes], None]:
    """Events that the grammar admits never break an encoder, and fold to a reply that unfolds to a stream."""

    def check(data: bytes) -> None:
        found: list[Event] = []
        if fault(lambda: found.extend(_admitted(source, data)), ANSWERED) is not None:
            return
        for target in pick(tuple(CODECS), data):
            encoder = CODECS[target].stream_encoder(CONTEXT, Losses())
            _read_back(target, b"".join(frame for event in found for frame in encoder.encode(event)))
        folded = []
        if fault(lambda: folded.append(fold(found, UPSTREAM_CODECS[source].join_deltas)), ANSWERED) is None:
            assert fold(unfold(folded[0]), UPSTREAM_CODECS[source].join_deltas) == folded[0]

    return check


def _admitted(source: Dialect, data: bytes) -> list[Event]:
    grammar, found = Grammar(), seeds.events(source, data)
    for event in found:
        grammar.admit(event)
    return found


def mended(data: bytes) -> bytes:
    """Right checksums in most messages of AWS's framing, so that what is behind them is reached."""
    out, at = bytearray(data), 0
    while at + 16 <= len(out) and zlib.crc32(data) % 5:
        total, inner = struct.unpack_from(">II", out, at)
        total = total if 16 <= total <= len(out) - at else len(out) - at
        struct.pack_into(">III", out, at, total, inner % (total - 15), 0)
        struct.pack_into(">I", out, at + 8, zlib.crc32(out[at : at + 8]))
        struct.pack_into(">I", out, at + total - 4, zlib.crc32(out[at : at + total - 4]))
        at += total
    return bytes(out)


class Pick(Protocol):
    """Which of several peers an input is tried with."""

    def __call__(self, peers: tuple[T, ...], data: bytes, /) -> tuple[T, ...]: ...


def every(peers: tuple[T, ...], _: bytes) -> tuple[T, ...]:
    return peers


def one(peers: tuple[T, ...], data: bytes) -> tuple[T, ...]:
    """Always the same for the same input: more inputs in the same time."""
    return (peers[zlib.crc32(data) % len(peers)],)


def targets(pick: Pick) -> dict[str, Target]:
    return {
        "frames sse": Target(frames(Framing.SSE), lambda: seeds.streams(Dialect.ANTHROPIC)),
        **{
            f"frames {f}": Target(frames(f), lambda f=f: seeds.messages(f), mended)  # type: ignore[misc]
            for f in (Framing.EVENT_STREAM, Framing.INVOKED)
        },
        **{f"stream {d}": Target(stream(d, pick), lambda d=d: seeds.streams(d)) for d in UPSTREAM_CODECS},  # type: ignore[misc]
        **{f"events {d}": Target(grammatical(d, pick), lambda d=d: seeds.streams(d)) for d in UPSTREAM_CODECS},  # type: ignore[misc]
        **{f"reply {d}": Target(reply(d, pick), lambda d=d: seeds.replies(d)) for d in UPSTREAM_CODECS},  # type: ignore[misc]
        **{f"request {d}": Target(request(d, pick), lambda d=d: seeds.requests(d)) for d in CODECS},  # type: ignore[misc]
        **{f"error {d}": Target(error(d), seeds.errors) for d in UPSTREAM_CODECS},
        "callers": Target(callers.check, lambda: http_seeds.REQUESTS, damage=damaged),
        "answers": Target(answers.check, lambda: http_seeds.RESPONSES, damage=damaged),
        "secured": Target(secured.check, lambda: http_seeds.RESPONSES, damage=damaged),
        "top level": Target(top_level, lambda: [body for d in CODECS for body in seeds.requests(d)]),
    }


TARGETS = targets(one)
