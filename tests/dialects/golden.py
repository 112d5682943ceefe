"""Golden translations: every case below `tests/golden` sent to every other dialect. `make golden` writes them anew.

`<source>/<kind>/<case>.json` is what a caller (requests) or an upstream (replies, streams, errors) of that dialect
says, `<case>.<target>.json` what Lethe makes of it. A golden is stored only where it says something new: a case whose
statements stand in goldens of earlier cases of its source, kind and target has none. The wire form of the rest is what
the property test of the grid covers.
"""

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from tests.dialects.generated import GENERATED
from tests.dialects.pretty import pretty

from lethe import transcode
from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.dialects.reply import ReplyContext
from lethe.errors import LetheError, UpstreamAnswered
from lethe.ir.content import Dialect, JsonObject
from lethe.ir.grammar import StreamFailed
from lethe.ir.loss import Losses
from lethe.ir.request import Request
from lethe.policies.state import refuse_state
from lethe.providers.envelopes import PLAIN
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import UpstreamClass
from lethe.server import failures
from lethe.wire import lenient
from lethe.wire.eventstream import encode_event, encode_exception
from lethe.wire.framing import Framing
from lethe.wire.sse import FrameDecoder, format_frame

ROOT = Path(__file__).parent.parent / "golden"
CONTEXT = ReplyContext(id="0123456789abcdef0123456789abcdef", created=1_790_000_000, tool_names={"f_short": "f.long"})
INDEX = re.compile(r"\[\d+\]")
SHORT = 40  # a longer text is content, which says nothing new
REQUESTS, REPLIES, STREAMS, ERRORS = "requests", "replies", "streams", "errors"


class Case(Struct, frozen=True):
    source: Dialect
    kind: str
    name: str

    @property
    def path(self) -> Path:
        return ROOT / folder(self.source) / self.kind / f"{self.name}.json"

    def golden(self, target: Dialect) -> Path:
        return self.path.with_name(f"{self.name}.{target}.json")

    def body(self) -> JsonObject:
        if (self.source, self.name) in GENERATED:
            return GENERATED[self.source, self.name]()
        body: JsonObject = json.loads(self.path.read_text(encoding="utf-8"))
        return body

    def targets(self) -> tuple[Dialect, ...]:
        """Whom a request may go to, or who may have asked. The same dialect passes untranslated."""
        everyone = UPSTREAM_CODECS if self.kind == REQUESTS else CODECS
        return tuple(target for target in everyone if target is not self.source)

    def __str__(self) -> str:
        return f"{folder(self.source)}/{self.kind}/{self.name}"


def folder(dialect: Dialect) -> str:
    return dialect.value.replace("-", "_")


def cases(kind: str) -> Iterator[Case]:
    """Every case of a kind, in the order in which they are compared."""
    for dialect in CODECS if kind == REQUESTS else UPSTREAM_CODECS:
        stored = (path.name.removesuffix(".json") for path in (ROOT / folder(dialect) / kind).glob("*.json"))
        made = {name for source, name in GENERATED if source is dialect and kind == REQUESTS}
        for name in sorted({name for name in stored if "." not in name} | made):
            yield Case(dialect, kind, name)


# What Lethe makes of a case


def encoded(body: JsonObject, source: Dialect, target: Dialect) -> tuple[Request, JsonObject, Losses]:
    """A caller's request, its body for an upstream and the losses at paths of the hub."""
    request, losses = CODECS[source].decode_request(body), Losses()
    refuse_state(request)
    upstream = Upstream(
        name="u", dialect=target, base_url="https://u.example", auth=Auth.NONE, upstream_class=UpstreamClass.U0
    )
    made = transcode.encode_request(request, upstream, request.model, losses)
    decoded: JsonObject = lenient.decode(made.body)
    return request, decoded, losses


def asked(body: JsonObject, source: Dialect, target: Dialect) -> JsonObject:
    """The upstream's body, or the answer that refuses; losses as `severity path: feature` in the caller's own body."""
    try:
        _, made, losses = encoded(body, source, target)
    except LetheError as error:
        return refused(error, source)
    return {"body": made, "losses": told(transcode.located(losses, source, body))}


def answered(body: JsonObject, source: Dialect, target: Dialect) -> JsonObject:
    losses = Losses()
    try:
        made = transcode.translate_reply(UPSTREAM_CODECS[source], CODECS[target], lenient.encode(body), CONTEXT, losses)
    except LetheError as error:
        return refused(error, target, source)
    return {"body": lenient.decode(made.body), "losses": told(losses)}


def streamed(body: JsonObject, source: Dialect, target: Dialect) -> JsonObject:
    """The caller's events; where nothing had begun, the answer that a failure becomes."""
    losses, framing = Losses(), PLAIN[source].framing
    transcoder = transcode.StreamTranscoder(UPSTREAM_CODECS[source], CODECS[target], CONTEXT, losses, framing)
    out = b""
    try:
        out += transcoder.feed(FRAMED[framing](body["frames"]))
        out += transcoder.finish()
    except LetheError as error:
        if not transcoder.begun:
            return refused(error, target, source)
        out += failures.error_event(error, target, source)
    return {"frames": frames(out), "losses": told(losses)}


def failed(body: JsonObject, source: Dialect, target: Dialect) -> JsonObject:
    data = body["body"] if isinstance(body["body"], str) else json.dumps(body["body"])
    return refused(UpstreamAnswered(body["status"], [], data.encode()), target, source)


def refused(error: LetheError, caller: Dialect, upstream: Dialect | None = None) -> JsonObject:
    reply = failures.reply(error, caller, upstream if isinstance(error, UpstreamAnswered | StreamFailed) else None)
    return {"status": reply.status, "body": lenient.decode(reply.body)}


TRANSLATIONS: Mapping[str, Callable[[JsonObject, Dialect, Dialect], JsonObject]] = {
    REQUESTS: asked,
    REPLIES: answered,
    STREAMS: streamed,
    ERRORS: failed,
}


def told(losses: Losses) -> list[str]:
    return [f"{loss.severity} {loss.path}: {loss.feature}" for loss in losses]


def frames(data: bytes) -> list[Any]:
    """Server-sent events, as name and data."""
    decoder = FrameDecoder()
    return [[frame.event, _parsed(frame.data)] for frame in (*decoder.feed(data), *decoder.finish())]


def _parsed(data: str) -> Any:
    return data if data == "[DONE]" else lenient.decode(data)


def sse(listed: list[Any]) -> bytes:
    """The inverse."""
    return b"".join(
        format_frame(data.encode() if isinstance(data, str) else lenient.encode(data), name) for name, data in listed
    )


def event_stream(listed: list[Any]) -> bytes:
    """AWS's events and exceptions."""
    return b"".join(
        (encode_exception if name.endswith("Exception") else encode_event)(name, lenient.encode(data))
        for name, data in listed
    )


FRAMED: Mapping[Framing, Callable[[list[Any]], bytes]] = {Framing.SSE: sse, Framing.EVENT_STREAM: event_stream}


# What is stored


@cache
def goldens() -> Mapping[Path, str]:
    """Every golden that ought to be stored."""
    made: dict[Path, str] = {}
    for kind, translate in TRANSLATIONS.items():
        said: dict[tuple[Dialect, Dialect], set[Any]] = {}
        for case in cases(kind):
            for target in case.targets():
                golden = translate(case.body(), case.source, target)
                known = said.setdefault((case.source, target), set())
                new = set(statements(golden)) - known
                if new and (case.source, case.name) not in GENERATED:
                    known |= new
                    made[case.golden(target)] = pretty(golden)
    return made


def statements(node: Any, path: str = "") -> Iterator[Any]:
    """What a golden says, less its content: values at their paths, and what follows what in its lists."""
    match node:
        case dict():
            for name, value in node.items():
                yield from statements(value, f"{path}.{name}")
        case list():
            kinds = [None, *map(_kind, node), None]
            yield from ((path, pair) for pair in itertools.pairwise(kinds))
            for value in node:
                yield from statements(value, f"{path}[]")
        case str() if path == ".losses[]":
            yield path, INDEX.sub("[]", node)
        case str() if len(node) > SHORT or "CANARY" in node:
            yield path, "text"
        case _:
            yield path, node


def _kind(node: Any) -> Any:
    if isinstance(node, dict):
        return node.get("type", node.get("role", tuple(node)))
    return node[0] if isinstance(node, list) and node else type(node).__name__


def write() -> Iterator[str]:
    """Stores what ought to be, removes what ought not; yields what has changed."""
    wanted = goldens()
    for path in sorted(set(ROOT.rglob("*.*.json")) - set(wanted)):
        path.unlink()
        yield f"- {path.relative_to(ROOT)}"
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            yield f"+ {path.relative_to(ROOT)}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in write())
