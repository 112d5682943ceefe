"""Streams that never end, each made to grow what somebody keeps: `python -m tests.fuzz.growth NAME TARGET BYTES`."""

import itertools
import resource
import sys
from collections.abc import Callable, Iterator

from tests.fuzz.seeds import CONTEXT

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.errors import LetheError
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.transcode import StreamTranscoder
from lethe.wire.eventstream import encode_event
from lethe.wire.framing import Framing

READ = 64 * 1024
ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
GEMINI, CONVERSE = Dialect.GEMINI, Dialect.CONVERSE


def sse(data: str, event: str = "") -> bytes:
    return (f"event: {event}\n" if event else "").encode() + f"data: {data}\n\n".encode()


def message(kind: str, data: str) -> bytes:
    return encode_event(kind, data.encode())


BEGUN = {
    ANTHROPIC: sse('{"type":"message_start","message":{"id":"m","model":"m","usage":{}}}', "message_start"),
    CHAT: sse('{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}'),
    RESPONSES: sse('{"type":"response.created","response":{"id":"r","model":"m"}}'),
    GEMINI: sse('{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"responseId":"r"}'),
    CONVERSE: message("messageStart", '{"role":"assistant"}'),
}


def _start(n: int, block: str) -> bytes:
    return sse(f'{{"type":"content_block_start","index":{n},"content_block":{block}}}', "content_block_start")


# What each repetition adds: by name, the dialect and the bytes of the n-th event.
GROWING: dict[str, tuple[Dialect, Callable[[int], bytes]]] = {
    "a line without an end": (ANTHROPIC, lambda n: b"data: " if n == 0 else b"x" * 4000),
    "lines without a blank one": (CHAT, lambda n: b"data: x\n" * 100),
    "pings": (ANTHROPIC, lambda n: sse('{"type":"ping"}', "ping")),
    "unknown events": (ANTHROPIC, lambda n: sse(f'{{"type":"new_{n}","x":"{"y" * 500}"}}')),
    "blocks": (
        ANTHROPIC,
        lambda n: _start(n, '{"type":"text","text":""}') + sse(f'{{"type":"content_block_stop","index":{n}}}'),
    ),
    "open blocks": (ANTHROPIC, lambda n: _start(n, '{"type":"thinking","thinking":"x"}')),
    "opaque blocks": (ANTHROPIC, lambda n: _start(n, f'{{"type":"server_tool_use","x":"{"y" * 20_000}"}}')),
    "whole calls": (
        ANTHROPIC,
        lambda n: _start(n, f'{{"type":"tool_use","id":"t{n}","name":"f","input":{{"x":"{"y" * 100_000}"}}}}'),
    ),
    "leftovers of the end": (
        ANTHROPIC,
        lambda n: sse(f'{{"type":"message_delta","delta":{{"x{n}":"{"y" * 2000}"}},"usage":{{}}}}'),
    ),
    "kinds of usage": (
        ANTHROPIC,
        lambda n: sse(f'{{"type":"message_delta","delta":{{}},"usage":{{"x{n}":"{"y" * 2000}"}}}}'),
    ),
    "citations": (
        ANTHROPIC,
        lambda n: _start(0, '{"type":"text","text":""}')
        if n == 0
        else sse('{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"x":1}}}'),
    ),
    "deltas of another kind": (
        ANTHROPIC,
        lambda n: _start(0, '{"type":"text","text":""}')
        if n == 0
        else sse('{"type":"content_block_delta","index":0,"delta":{"type":"new","x":1}}'),
    ),
    "text": (CHAT, lambda n: sse('{"choices":[{"index":0,"delta":{"content":"abcd"}}]}')),
    "names of chunks": (CHAT, lambda n: sse(f'{{"choices":[{{"index":0,"delta":{{"x{n}":"{"y" * 500}"}}}}]}}')),
    "names of choices": (CHAT, lambda n: sse(f'{{"choices":[{{"index":0,"delta":{{}},"x{n}":"{"y" * 500}"}}]}}')),
    "lists of choices": (CHAT, lambda n: sse(f'{{"choices":[{{"index":0,"delta":{{}},"x":["{"y" * 50_000}"]}}]}}')),
    "calls": (
        CHAT,
        lambda n: sse(
            f'{{"choices":[{{"delta":{{"tool_calls":[{{"index":{n},"id":"i{n}","function":{{"name":"f","arguments":"{{}}"}}}}]}}}}]}}'
        ),
    ),
    "a call's name": (
        CHAT,
        lambda n: sse(f'{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"function":{{"name":"n{n}"}}}}]}}}}]}}'),
    ),
    "a call's arguments without its name": (
        CHAT,
        lambda n: sse('{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"xxxxxxxxxxxx"}}]}}]}'),
    ),
    "a custom call": (
        CHAT,
        lambda n: sse(
            '{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","type":"custom","custom":{"name":"f","input":"xxxxxxx"}}]}}]}'
        ),
    ),
    "probabilities": (
        CHAT,
        lambda n: sse('{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-1}]}}]}'),
    ),
    "sealed details": (
        CHAT,
        lambda n: sse(
            f'{{"choices":[{{"delta":{{"reasoning_details":[{{"type":"reasoning.encrypted","data":"{"y" * 9000}","index":{n}}}]}}}}]}}'
        ),
    ),
    "thoughts": (
        RESPONSES,
        lambda n: sse(
            f'{{"type":"response.output_item.added","output_index":{n},"item":{{"type":"reasoning","id":"{"y" * 500}"}}}}'
        ),
    ),
    "items": (
        RESPONSES,
        lambda n: sse(
            f'{{"type":"response.output_item.done","output_index":{n},"item":{{"type":"new","x":"{"y" * 9000}"}}}}'
        ),
    ),
    "candidates' leftovers": (
        GEMINI,
        lambda n: sse(f'{{"candidates":[{{"content":{{"parts":[{{"text":"a"}}]}},"x{n}":"{"y" * 500}"}}]}}'),
    ),
    "calls of Gemini": (
        GEMINI,
        lambda n: sse(f'{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f{n}","args":{{}}}}}}]}}}}]}}'),
    ),
    "redacted blocks": (
        CONVERSE,
        lambda n: message(
            "contentBlockDelta", f'{{"contentBlockIndex":{n},"delta":{{"reasoningContent":{{"redactedContent":"eA=="}}}}}}'
        ),
    ),
    "a redacted block": (
        CONVERSE,
        lambda n: message(
            "contentBlockDelta", '{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"eA=="}}}'
        ),
    ),
    "arguments": (
        CONVERSE,
        lambda n: message("contentBlockStart", '{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}')
        if n == 0
        else message("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"toolUse":{"input":"xxxxxxxx"}}}'),
    ),
}  # fmt: skip


def grow(name: str, target: Dialect, total: int) -> int:
    """Bytes taken until an error, or all of them."""
    source, event = GROWING[name]
    framing = Framing.EVENT_STREAM if source is CONVERSE else Framing.SSE
    losses = Losses()
    transcoder = StreamTranscoder(UPSTREAM_CODECS[source], CODECS[target], CONTEXT, losses, framing)
    taken = 0
    try:
        for chunk in itertools.chain([BEGUN[source]], reads(event)):
            transcoder.feed(chunk)
            taken += len(chunk)
            if taken > total:
                break
        transcoder.finish()
    except LetheError:
        pass
    return taken


def reads(event: Callable[[int], bytes]) -> Iterator[bytes]:
    part = bytearray()
    for n in itertools.count():
        part += event(n)
        if len(part) > READ:
            yield bytes(part)
            part.clear()


def main(name: str, target: str, total: str) -> None:
    """How many bytes were taken, and by how many the process has grown at most."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = grow(name, Dialect(target), int(total))
    print(taken, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
