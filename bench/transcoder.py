"""What translation costs: `python -m bench.transcoder` prints CPU time, best of several rounds, in this process.

Streams: a long answer (thinking, text in pieces of about four tokens, a tool call in forty pieces) from every upstream
dialect to every caller, read event by event and in reads of 16 KB. Requests: one of 1 MB like Claude Code's, decoded
and encoded. Cold start: from exec to the first good answer of /health, best of five, by the clock and in CPU time.
"""

import argparse
import gc
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from bench.conversation import STREAMS, request_body
from bench.processes import cpu_seconds
from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import UpstreamClass
from lethe.transcode import StreamTranscoder, decode_request, encode_request
from lethe.wire.framing import Framing
from lethe.wire.rawjson import TopLevel

READ = 16 * 1024
CONTEXT = ReplyContext(id="0123456789abcdef0123456789abcdef", created=1_790_000_000)


def framing(dialect: Dialect) -> Framing:
    return Framing.EVENT_STREAM if dialect is Dialect.CONVERSE else Framing.SSE


def reads(frames: Sequence[bytes], size: int) -> list[bytes]:
    """The stream in reads of `size` bytes."""
    whole = b"".join(frames)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def transcoded(source: Dialect, target: Dialect, chunks: Sequence[bytes]) -> bytes:
    transcoder = StreamTranscoder(UPSTREAM_CODECS[source], CODECS[target], CONTEXT, Losses(), framing(source))
    out = [transcoder.feed(chunk) for chunk in chunks]
    return b"".join((*out, transcoder.finish()))


def translated(caller: Dialect, upstream: Dialect, body: bytes) -> bytes:
    """From the bytes of a caller's request to those that the upstream gets."""
    request = decode_request(caller, TopLevel(body).whole())
    to = Upstream(name="up", dialect=upstream, base_url="http://x", auth=Auth.NONE, upstream_class=UpstreamClass.U5)
    return encode_request(request, to, "claude-sonnet-5", Losses()).body


def best(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of the quickest round; garbage is collected between rounds, as in a worker between requests."""
    took = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def pairs() -> Iterator[tuple[Dialect, Dialect]]:
    """Who is asked and who asks, where something is to be translated."""
    yield from ((source, target) for source in UPSTREAM_CODECS for target in CODECS if source is not target)


def stream_rows(rounds: int) -> Iterator[tuple[str, float, float]]:
    """A pair, with CPU µs an event where a read brings one, and where it brings 16 KB."""
    for source, target in pairs():
        frames = STREAMS[source]
        single, many = (
            best(partial(transcoded, source, target, chunks), rounds) / len(frames) * 1e6
            for chunks in (frames, reads(frames, READ))
        )
        yield f"{source} to {target}", single, many


def request_rows(rounds: int) -> Iterator[tuple[str, float, float]]:
    """A pair, with CPU ms and the size in MB."""
    for upstream, caller in pairs():
        body = request_body(caller)
        took = best(partial(translated, caller, upstream, body), rounds)
        yield f"{caller} to {upstream}", took * 1e3, len(body) / 1e6


def cold(rounds: int) -> tuple[float, float]:
    """Seconds from exec until /health is good: by the clock, and of CPU in all processes."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write('[upstreams.anthropic]\napi_key = "env:ANTHROPIC_API_KEY"\n')
        config.flush()
        taken = [_cold(config.name) for _ in range(rounds)]
    return min(clock for clock, _ in taken), min(cpu for _, cpu in taken)


def _cold(config: str) -> tuple[float, float]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "lethe.cli.main", "serve", "--config", config, "--port", str(port)]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "ANTHROPIC_API_KEY": "none"}
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not _healthy(port):
                if process.poll() is not None or time.perf_counter() - began > 30:
                    raise SystemExit("lethe serve did not start")
                time.sleep(0.002)
            return time.perf_counter() - began, cpu_seconds(process.pid)
        finally:
            process.terminate()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sections", default="streams,requests,cold")
    asked = parser.parse_args()
    sections = asked.sections.split(",")
    if "streams" in sections:
        rows = [(pair, f"{one:.1f}", f"{many:.1f}") for pair, one, many in stream_rows(asked.rounds)]
        print(table(("upstream to caller, CPU µs an event", "one a read", "16 KB a read"), rows))
    if "requests" in sections:
        sized = [(pair, f"{took:.1f}", f"{size:.2f}") for pair, took, size in request_rows(asked.rounds)]
        print(table(("caller to upstream, CPU ms a request", "decode and encode", "MB"), sized))
    if "cold" in sections:
        clock, cpu = cold(5)
        print(f"cold start to /health: {clock:.2f} s by the clock, {cpu:.2f} s of CPU")


if __name__ == "__main__":
    main()
